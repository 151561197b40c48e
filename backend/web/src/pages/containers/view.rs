//! A container's state in words, for lists and headings. Pure.

use orlop_model::container::{Container, State};
use orlop_model::lifecycle::Status;
use orlop_model::network::PublishedPort;

use crate::words::{Moment, plain};

/// What is said of a container's state beside the badge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// Why or how: `code 1`, `out of memory`.
    pub(crate) text: String,
    /// Since when.
    pub(crate) since: Moment,
    /// It goes on: `3 minutes`, not `3 minutes ago`.
    pub(crate) lasts: bool,
}

/// Characters of a note that a row of a list has room for.
const BRIEF_CHARS: usize = 24;

impl Note {
    /// The text as far as a row has room for it.
    pub(crate) fn brief(&self) -> String {
        if self.text.chars().count() <= BRIEF_CHARS {
            return self.text.clone();
        }
        let cut = self.text.chars().take(BRIEF_CHARS - 1);
        cut.chain(['…']).collect()
    }
}

/// The note of a state.
pub(crate) fn note(state: &State) -> Note {
    let since = match (state.status, &state.exit) {
        (Status::Exited | Status::Dead | Status::Restarting, Some(exit)) => Some(exit.at),
        (Status::Running | Status::Paused, _) => state.started_at,
        _ => None,
    };
    let lasts = state.status.is_alive();
    let mut since = Moment::maybe(since);
    if lasts && let Some(words) = since.words.strip_suffix(" ago") {
        since.words = words.to_owned();
    }
    Note {
        text: ending(state).unwrap_or_default(),
        since,
        lasts,
    }
}

/// What the health check of a running container says; empty without one.
pub(crate) fn health(state: &State) -> &'static str {
    let health = state.health.as_ref().filter(|_| state.status.is_alive());
    health.map_or("", |health| health.status.as_str())
}

/// What the last check said, if it failed.
pub(crate) fn complaint(state: &State) -> String {
    let health = state.health.as_ref().filter(|_| state.status.is_alive());
    let last = health
        .and_then(|health| health.log.last())
        .filter(|last| last.code != 0);
    last.map_or_else(String::new, |last| {
        let output = plain(&last.output.replace('\n', " "));
        let output = output.trim();
        match last.code {
            -1 => output.to_owned(),
            code if output.is_empty() => format!("code {code}"),
            code => format!("code {code}: {output}"),
        }
    })
}

/// How an ended container ended.
fn ending(state: &State) -> Option<String> {
    let exit = state.exit.as_ref()?;
    if state.status.is_alive() || state.status == Status::Created && exit.error.is_none() {
        return None;
    }
    if let Some(error) = exit.error.as_ref().filter(|error| !error.is_empty()) {
        return Some(error.clone());
    }
    if exit.oom_killed {
        return Some("out of memory".to_owned());
    }
    Some(match exit.signal {
        Some(signal) => format!("code {} (signal {signal})", exit.code),
        None => format!("code {}", exit.code),
    })
}

/// What can be done with a container in its state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Can {
    /// Start it.
    pub(crate) start: bool,
    /// Stop, restart or kill it.
    pub(crate) stop: bool,
    /// Pause it, look at its processes, open a shell.
    pub(crate) pause: bool,
    /// Let it go on.
    pub(crate) unpause: bool,
    /// Remove it without killing it first.
    pub(crate) remove: bool,
}

impl Can {
    /// What can be done in this state.
    pub(crate) fn when(status: Status) -> Self {
        Self {
            start: matches!(status, Status::Created | Status::Exited),
            stop: matches!(
                status,
                Status::Running | Status::Paused | Status::Restarting
            ),
            pause: status == Status::Running,
            unpause: status == Status::Paused,
            remove: !status.is_alive() && status != Status::Restarting,
        }
    }
}

/// Published ports as people read them: `8080 → 80/tcp`, the address only where it matters.
pub(crate) fn ports(container: &Container) -> Vec<String> {
    container.ports.iter().map(port).collect()
}

fn port(port: &PublishedPort) -> String {
    let host = match (port.host_ip.is_unspecified(), port.host_port) {
        (_, 0) => "any".to_owned(),
        (true, number) => number.to_string(),
        (false, number) if port.host_ip.is_ipv6() => format!("[{}]:{number}", port.host_ip),
        (false, number) => format!("{}:{number}", port.host_ip),
    };
    format!("{host} → {}", port.port)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use orlop_model::lifecycle::Exit;

    use super::*;

    fn exited(change: impl FnOnce(&mut Exit)) -> String {
        let mut exit = Exit {
            code: 137,
            signal: Some(9),
            oom_killed: false,
            at: Timestamp::UNIX_EPOCH,
            error: None,
        };
        change(&mut exit);
        let state = State {
            status: Status::Exited,
            exit: Some(exit),
            ..State::default()
        };
        note(&state).text
    }

    #[test]
    fn an_ending_says_what_is_known_of_it() {
        assert_eq!(exited(|_| {}), "code 137 (signal 9)");
        assert_eq!(
            exited(|exit| {
                exit.signal = None;
                exit.code = 0;
            }),
            "code 0"
        );
        assert_eq!(exited(|exit| exit.oom_killed = true), "out of memory");
        assert_eq!(
            exited(|exit| exit.error = Some("no such program".to_owned())),
            "no such program"
        );
    }

    #[test]
    fn a_running_container_does_not_tell_of_its_last_end() {
        let state = State {
            status: Status::Running,
            started_at: Some(Timestamp::UNIX_EPOCH),
            exit: Some(Exit {
                code: 1,
                signal: None,
                oom_killed: false,
                at: Timestamp::UNIX_EPOCH,
                error: None,
            }),
            ..State::default()
        };
        assert_eq!(note(&state).text, "");
        assert_eq!(note(&state).since.at, "1970-01-01T00:00:00Z");
    }

    #[test]
    fn ports_name_the_address_only_where_it_matters() {
        for (text, words) in [
            ("8080:80", "8080 → 80/tcp"),
            ("127.0.0.1:53:53/udp", "127.0.0.1:53 → 53/udp"),
            ("[::1]:81:80", "[::1]:81 → 80/tcp"),
            ("80", "any → 80/tcp"),
        ] {
            let parsed = PublishedPort::parse(text).expect("valid");
            assert_eq!(port(&parsed[0]), words);
        }
    }
}
