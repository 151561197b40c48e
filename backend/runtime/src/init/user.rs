//! Users and groups by the container's own files.

use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;

use orlop_wire::reply::Failure;

use crate::failure::{Step as _, invalid};

/// Most bytes of `/etc/passwd` and `/etc/group` that are looked at.
const MOST_BYTES: u64 = 8 << 20;

/// The largest number of a user or group, as elsewhere.
const LARGEST_ID: u32 = i32::MAX.cast_unsigned();

/// Who a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary groups.
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
}

/// Resolves `user[:group]` against the files of this root.
pub(crate) fn resolve(text: &str, more: &[String]) -> Result<Account, Failure> {
    find(text, more, &read("/etc/passwd")?, &read("/etc/group")?)
}

fn read(path: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    // A pipe of that name must not make the start wait.
    let file = std::fs::File::options()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
        .open(path);
    match file {
        Ok(file) if file.metadata().is_ok_and(|found| found.is_file()) => file
            .take(MOST_BYTES)
            .read_to_end(&mut bytes)
            .step(format!("reading {path}"))?,
        // Images of a single program have no users.
        Ok(_) | Err(_) => 0,
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

fn find(text: &str, more: &[String], passwd: &str, group: &str) -> Result<Account, Failure> {
    let (user, own_group) = text
        .split_once(':')
        .map_or((text, None), |(u, g)| (u, Some(g)));
    let user = if user.is_empty() { "0" } else { user };
    let number = user.parse::<u32>().ok();
    // passwd(5): name, password, uid, gid, comment, home, shell.
    let entry = passwd
        .lines()
        .map(fields)
        .find(|f| f.len() >= 6 && (f[0] == user || number.is_some_and(|n| f[2].parse() == Ok(n))));
    let (uid, gid, name, home) = match (&entry, number) {
        (Some(f), _) => {
            let broken = || {
                invalid(format!(
                    "the entry of user {user:?} in /etc/passwd is malformed"
                ))
            };
            let uid = f[2].parse().map_err(|_| broken())?;
            let gid = f[3].parse().map_err(|_| broken())?;
            (uid, gid, f[0], if f[5].is_empty() { "/" } else { f[5] })
        }
        (None, Some(uid)) => (uid, 0, "", if uid == 0 { "/root" } else { "/" }),
        (None, None) => {
            return Err(invalid(format!(
                "unable to find user {user}: no matching entries in passwd file"
            )));
        }
    };
    let mut groups = Vec::new();
    let gid = match own_group {
        Some(wanted) => group_number(wanted, group)?,
        None => {
            // group(5): name, password, gid, members.
            for f in group
                .lines()
                .map(fields)
                .filter(|f| f.len() >= 4 && !name.is_empty())
            {
                if f[3].split(',').any(|member| member == name) {
                    groups.extend(f[2].parse::<u32>());
                }
            }
            gid
        }
    };
    for wanted in more {
        groups.push(group_number(wanted, group)?);
    }
    groups.sort_unstable();
    groups.dedup();
    // (uid_t) -1 means "leave as it is" to setresuid(2), which would be root.
    if let Some(wrong) = [uid, gid]
        .iter()
        .chain(&groups)
        .find(|id| **id > LARGEST_ID)
    {
        return Err(invalid(format!(
            "uids and gids must be in range 0-{LARGEST_ID}, and {wrong} is not"
        )));
    }
    Ok(Account {
        uid,
        gid,
        groups,
        home: home.to_owned(),
    })
}

fn group_number(wanted: &str, group: &str) -> Result<u32, Failure> {
    let entry = group
        .lines()
        .map(fields)
        .find(|f| f.len() >= 3 && f[0] == wanted);
    entry
        .and_then(|f| f[2].parse().ok())
        .or_else(|| wanted.parse().ok())
        .ok_or_else(|| {
            invalid(format!(
                "unable to find group {wanted}: no matching entries in group file"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nada:x:1000:\nstaff:x:50:grace,ada\naudio:x:29:ada\n";

    fn look(text: &str, more: &[&str]) -> Result<(u32, u32, Vec<u32>, String), String> {
        let more: Vec<_> = more.iter().map(ToString::to_string).collect();
        find(text, &more, PASSWD, GROUP)
            .map(|a| (a.uid, a.gid, a.groups, a.home))
            .map_err(|f| f.message)
    }

    #[test]
    fn names_numbers_and_groups_are_found_in_the_images_files() {
        let expect =
            |uid, gid, groups: &[u32], home: &str| Ok((uid, gid, groups.to_vec(), home.to_owned()));
        assert_eq!(look("", &[]), expect(0, 0, &[], "/root"));
        assert_eq!(look("ada", &[]), expect(1000, 1000, &[29, 50], "/home/ada"));
        assert_eq!(
            look("1000", &[]),
            expect(1000, 1000, &[29, 50], "/home/ada")
        );
        assert_eq!(look("ada:staff", &[]), expect(1000, 50, &[], "/home/ada"));
        assert_eq!(
            look("1234", &["audio", "77"]),
            expect(1234, 0, &[29, 77], "/")
        );
        assert_eq!(look("1234:4321", &[]), expect(1234, 4321, &[], "/"));
    }

    #[test]
    fn unknown_names_are_told() {
        assert!(look("grace", &[]).is_err_and(|e| e.contains("user grace")));
        assert!(look("ada:wheel", &[]).is_err_and(|e| e.contains("group wheel")));
    }

    #[test]
    fn numbers_that_would_leave_root_in_place_are_refused() {
        for text in [
            "4294967295",
            "0:4294967295",
            "2147483648",
            "evil",
            "-1",
            "ada:-1",
        ] {
            let passwd = format!("{PASSWD}evil:x:4294967295:0::/:/bin/sh\n");
            assert!(find(text, &[], &passwd, GROUP).is_err(), "{text}");
        }
        assert!(look("ada", &["4294967295"]).is_err());
    }

    #[test]
    fn an_image_without_files_has_root_and_numbers() {
        assert_eq!(find("", &[], "", "").expect("root").uid, 0);
        assert!(find("root", &[], "", "").is_err());
    }
}
