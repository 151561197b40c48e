//! A process with all that it has started: found in `/proc`, ended by pidfd.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use crate::process::{open_pid, send_signal};

/// How often [`kill`] looks for more: what is born while it looks is found by the next look.
const LOOKS: u32 = 8;

/// Where a living process stands: fields 4 and 6 of proc_pid_stat(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    pid: u32,
    parent: u32,
    session: u32,
}

/// Kills a process that leads a session (setsid(2)), every process of that session, and what those
/// have started, also in sessions of their own. A leader that has ended may be named as long as
/// nobody else can have its number.
///
/// # Errors
/// If `/proc` cannot be listed.
pub fn kill(leader: u32) -> io::Result<()> {
    let mut held: Vec<(u32, OwnedFd)> = Vec::new();
    // Stopped first, so that none ends, or starts another, because of another's end.
    for _ in 0..LOOKS {
        let before = held.len();
        for place in members(leader, &places()?) {
            if held.iter().any(|(pid, _)| *pid == place.pid) {
                continue;
            }
            let Ok(pidfd) = open_pid(place.pid) else {
                continue;
            };
            // The descriptor is there: a place that is the same now is of this process.
            if place_of(place.pid) == Some(place)
                && send_signal(pidfd.as_fd(), libc::SIGSTOP).is_ok()
            {
                held.push((place.pid, pidfd));
            }
        }
        if held.len() == before {
            break;
        }
    }
    for (_, pidfd) in held {
        // It may have ended by itself.
        let _ = send_signal(pidfd.as_fd(), libc::SIGKILL);
    }
    Ok(())
}

/// Those that belong to the leader, from the leader itself to the outermost branches.
fn members(leader: u32, all: &[Place]) -> Vec<Place> {
    let (mut pids, mut sessions) = (HashSet::from([leader]), HashSet::from([leader]));
    let mut found: Vec<Place> = Vec::new();
    loop {
        let more: Vec<Place> = all
            .iter()
            .filter(|place| !found.contains(place))
            .filter(|place| {
                place.pid == leader
                    || pids.contains(&place.parent)
                    || sessions.contains(&place.session)
            })
            .copied()
            .collect();
        if more.is_empty() {
            return found;
        }
        for place in &more {
            pids.insert(place.pid);
            // A session that one of them leads is theirs too.
            if place.session == place.pid {
                sessions.insert(place.session);
            }
        }
        found.extend(more);
    }
}

fn places() -> io::Result<Vec<Place>> {
    let entries = std::fs::read_dir("/proc")?.flatten();
    Ok(entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(place_of)
        .collect())
}

fn place_of(pid: u32) -> Option<Place> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some(Place {
        pid,
        parent,
        session,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_its_session_and_all_descendants() {
        let place = |pid, parent, session| Place {
            pid,
            parent,
            session,
        };
        let all = [
            place(1, 0, 1),
            place(10, 1, 10),
            place(11, 10, 10),
            place(12, 11, 12),
            place(13, 12, 12),
            // An orphan of the session, and one of a session that a member leads.
            place(14, 1, 10),
            place(15, 1, 12),
            place(20, 1, 20),
            place(21, 20, 20),
        ];
        let mut pids: Vec<u32> = members(10, &all).iter().map(|p| p.pid).collect();
        assert_eq!(pids.first(), Some(&10));
        pids.sort_unstable();
        assert_eq!(pids, [10, 11, 12, 13, 14, 15]);
    }

    #[test]
    fn this_process_has_a_place() {
        let place = place_of(std::process::id()).expect("alive");
        assert_eq!(
            place.parent,
            nix::unistd::getppid().as_raw().cast_unsigned()
        );
    }
}
