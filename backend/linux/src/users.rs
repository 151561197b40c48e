//! User namespaces: their maps are written from outside, by whoever keeps rights there.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::sched::CloneFlags;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use orlop_model::namespace::{IdMap, IdSpan};

use crate::process;

/// The text of a map, a line for each span (user_namespaces(7)).
fn text(spans: &[IdSpan]) -> String {
    let mut text = String::new();
    for span in spans {
        // Writing to a String never fails.
        let _ = writeln!(text, "{} {} {}", span.inside, span.outside, span.count);
    }
    text
}

/// Writes the maps of a child that was born into a user namespace of its own.
///
/// # Errors
/// If the maps overlap, or were written before.
pub fn write_maps(child: u32, map: &IdMap) -> io::Result<()> {
    std::fs::write(format!("/proc/{child}/gid_map"), text(&map.groups))?;
    std::fs::write(format!("/proc/{child}/uid_map"), text(&map.users))
}

/// A user namespace with these maps and nobody in it.
///
/// # Errors
/// If there can be no further namespace, or the maps overlap.
pub fn make(map: &IdMap) -> io::Result<OwnedFd> {
    let holder = process::clone(CloneFlags::CLONE_NEWUSER, None, || {
        if process::die_with_parent_signal().is_err() {
            return 1;
        }
        loop {
            std::thread::park();
        }
    })?;
    let made = write_maps(holder.pid, map)
        .and_then(|()| File::open(format!("/proc/{}/ns/user", holder.pid)));
    process::send_signal(holder.pidfd.as_fd(), libc::SIGKILL)?;
    process::wait(holder.pidfd.as_fd())?;
    made.map(OwnedFd::from)
}

/// Becomes root of the own user namespace, whose maps are written. Ends the binding to the
/// parent's life (prctl(2), `PR_SET_PDEATHSIG`).
///
/// # Errors
/// If the namespace has no root.
pub fn become_root() -> io::Result<()> {
    setgroups(&[])?;
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(gid, gid, gid)?;
    Ok(setresuid(uid, uid, uid)?)
}

/// User and group on the host of the root of a process's user namespace; `None` when the process
/// shares the caller's namespace.
///
/// # Errors
/// If the process has ended, or its namespace has no root.
pub fn root_of(pid: u32) -> io::Result<Option<(u32, u32)>> {
    let namespace = |who: &str| std::fs::read_link(format!("/proc/{who}/ns/user"));
    let pid = pid.to_string();
    if namespace("self")? == namespace(&pid)? {
        return Ok(None);
    }
    let outside = |file: &str| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/{file}"))?;
        root(&text).ok_or_else(|| io::Error::other(format!("{file} of {pid} maps no root")))
    };
    Ok(Some((outside("uid_map")?, outside("gid_map")?)))
}

/// The id behind 0 in the text of a map.
fn root(map: &str) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut numbers = line.split_ascii_whitespace();
        (numbers.next()? == "0").then(|| numbers.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> IdMap {
        let spans = vec![IdSpan {
            inside: 0,
            outside: 300_000,
            count: 1000,
        }];
        IdMap {
            users: spans.clone(),
            groups: spans,
        }
    }

    #[test]
    fn the_root_of_a_map_is_found() {
        assert_eq!(root("         0     100000      65536\n"), Some(100_000));
        assert_eq!(root("1 5 1\n0 7 1\n"), Some(7));
        assert_eq!(root("1 5 1\n"), None);
    }

    #[test]
    fn root_of_a_namespace_is_somebody_else_outside() {
        assert_eq!(root_of(std::process::id()).expect("own"), None);
        let child = process::clone(CloneFlags::CLONE_NEWUSER, None, || {
            loop {
                std::thread::park();
            }
        });
        let child = child.expect("clone");
        write_maps(child.pid, &map()).expect("maps");
        assert_eq!(root_of(child.pid).expect("maps"), Some((300_000, 300_000)));
        process::send_signal(child.pidfd.as_fd(), 9).expect("kill");
        process::wait(child.pidfd.as_fd()).expect("wait");
    }

    #[test]
    fn owners_are_shown_as_a_namespace_maps_them() {
        use std::os::fd::AsRawFd as _;
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("file"), "").expect("file");
        let namespace = make(&map()).expect("namespace");
        let shown = crate::mount::copy_of(folder.path(), false).expect("copy");
        crate::mount::map_ids(&shown, namespace.as_fd()).expect("map");
        let path = format!("/proc/self/fd/{}/file", shown.as_raw_fd());
        assert_eq!(std::fs::metadata(path).expect("stat").uid(), 300_000);
        let own = std::fs::metadata(folder.path().join("file")).expect("stat");
        assert_eq!(own.uid(), 0);
    }
}
