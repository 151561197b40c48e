//! `user[:group]` as Dockerfiles have it, by number or by the names in an image's own
//! `/etc/passwd` and `/etc/group`.

use std::fs::File;
use std::io::Read as _;

use rustix::io::Errno;

use crate::confine::{FileError, Root, failed, look, open_regular};

/// These files may be this long.
const MAX_BYTES: u64 = 4 << 20;

/// Why a name means nobody.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The image does not know the user.
    #[error("user {0:?} is not in the image's /etc/passwd")]
    User(String),
    /// The image does not know the group.
    #[error("group {0:?} is not in the image's /etc/group")]
    Group(String),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The user and group that `text` names in the tree `root`. A user without a group brings its own
/// group; a number that the tree does not know means the group of the same number.
pub fn resolve(root: &Root, text: &str) -> Result<(u32, u32), AccountError> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (text, None),
    };
    let passwd = read(root, "etc/passwd")?;
    let (uid, own_group) = match id(user) {
        Some(uid) => (uid, uid),
        None if user.is_empty() => (0, 0),
        None => find_user(&passwd, user).ok_or_else(|| AccountError::User(user.to_owned()))?,
    };
    let gid = match group {
        None => own_group,
        Some(group) => match id(group) {
            Some(gid) => gid,
            None => find_group(&read(root, "etc/group")?, group)
                .ok_or_else(|| AccountError::Group(group.to_owned()))?,
        },
    };
    Ok((uid, gid))
}

/// A number that can be an id; -1 cannot, it means "leave it" to the kernel.
fn id(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id != u32::MAX)
}

/// passwd(5): name, password, uid, gid, …
fn find_user(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next() == Some(name);
        let (uid, gid) = (fields.nth(1)?, fields.next()?);
        found.then_some((id(uid)?, id(gid)?))
    })
}

/// group(5): name, password, gid, …
fn find_group(group: &str, name: &str) -> Option<u32> {
    group.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next() == Some(name);
        let gid = fields.nth(1)?;
        if found { id(gid) } else { None }
    })
}

/// A file's text; a file that is not there is empty.
fn read(root: &Root, path: &'static str) -> Result<String, FileError> {
    let open = || {
        let (parent, name) = root.follow(path.as_bytes())?;
        let stat = look(&parent, &name)?.ok_or(Errno::NOENT)?;
        open_regular(&parent, &name, &stat)
    };
    let file = match open() {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(String::new()),
        Err(errno) => return Err(failed("opening", path)(errno)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed("reading", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_resolved_in_the_tree_itself() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("usr/etc")).unwrap();
        std::os::unix::fs::symlink("/usr/etc", dir.path().join("etc")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:44:::\nbad:x:nine:9:::\n";
        std::fs::write(dir.path().join("usr/etc/passwd"), passwd).unwrap();
        std::fs::write(
            dir.path().join("usr/etc/group"),
            "root:x:0:\nstaff:x:50:web\n",
        )
        .unwrap();
        let root = Root::open(dir.path()).unwrap();
        for (text, expected) in [
            ("root", (0, 0)),
            ("web", (33, 44)),
            ("web:staff", (33, 50)),
            ("web:7", (33, 7)),
            ("1000", (1000, 1000)),
            ("1000:staff", (1000, 50)),
            (":staff", (0, 50)),
            ("web:", (33, 44)),
        ] {
            assert_eq!(resolve(&root, text).unwrap(), expected, "{text}");
        }
        for text in ["nobody", "web:nogroup", "bad", "-1", "4294967295", "+5"] {
            assert!(resolve(&root, text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_tree_without_accounts_knows_numbers_only() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        assert_eq!(resolve(&root, "5:6").unwrap(), (5, 6));
        assert!(matches!(resolve(&root, "web"), Err(AccountError::User(_))));
    }
}
