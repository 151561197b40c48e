//! How `docker history` spells the instructions that made an image.

use super::{Effect, Health};

/// The text for an instruction that changes only the configuration.
#[must_use]
pub fn created_by(effect: &Effect) -> String {
    match effect {
        Effect::Env(pairs) => format!("ENV {}", assignments(pairs)),
        Effect::Labels(pairs) => format!("LABEL {}", assignments(pairs)),
        Effect::Cmd(command) => format!("CMD {}", list(command)),
        Effect::Entrypoint { command, .. } => format!("ENTRYPOINT {}", list(command)),
        Effect::Shell(shell) => format!("SHELL {}", list(shell)),
        Effect::Expose(ports) => {
            let ports: Vec<String> = ports.iter().map(|port| format!("{port}:{{}}")).collect();
            format!("EXPOSE map[{}]", ports.join(" "))
        }
        Effect::Volumes(paths) => format!("VOLUME [{}]", paths.join(" ")),
        Effect::User(user) => format!("USER {user}"),
        Effect::WorkingDir(path) => format!("WORKDIR {path}"),
        Effect::StopSignal(signal) => format!("STOPSIGNAL {signal}"),
        Effect::Author(author) => format!("MAINTAINER {author}"),
        Effect::Health(health) => healthcheck(health),
        Effect::OnBuild(trigger) => format!("ONBUILD {trigger}"),
    }
}

fn assignments(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(" ")
}

fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", words.join(" "))
}

fn healthcheck(health: &Health) -> String {
    let times = [
        ("interval", health.interval),
        ("timeout", health.timeout),
        ("start-period", health.start_period),
        ("start-interval", health.start_interval),
    ];
    let mut text = String::from("HEALTHCHECK");
    for (name, nanos) in times.into_iter().filter(|(_, nanos)| *nanos != 0) {
        let (seconds, millis) = (nanos / 1_000_000_000, nanos / 1_000_000);
        let time = match nanos % 1_000_000_000 {
            0 => format!("{seconds}s"),
            _ => format!("{millis}ms"),
        };
        text.push_str(&format!(" --{name}={time}"));
    }
    if health.retries != 0 {
        text.push_str(&format!(" --retries={}", health.retries));
    }
    match &health.test[..] {
        [kind, line] if kind == "CMD-SHELL" => format!("{text} CMD {line}"),
        [kind, rest @ ..] if kind == "CMD" => format!("{text} CMD {}", list(rest)),
        _ => format!("{text} NONE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_docker_history() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        for (effect, text) in [
            (
                Effect::Cmd(words(&["python3", "/server.py"])),
                r#"CMD ["python3" "/server.py"]"#,
            ),
            (
                Effect::Expose(words(&["50000/tcp"])),
                "EXPOSE map[50000/tcp:{}]",
            ),
            (Effect::Env(vec![("A".into(), "b c".into())]), "ENV A=b c"),
            (Effect::Volumes(words(&["/a", "/b"])), "VOLUME [/a /b]"),
        ] {
            assert_eq!(created_by(&effect), text);
        }
    }
}
