//! Subordinate ids for the server's user, which user namespaces of containers are mapped to.

use std::fs;
use std::process::{Command, Stdio};

/// Ids that one user gets (login.defs(5), `SUB_UID_COUNT`).
const COUNT: u32 = 65_536;
/// The first that is given to anybody (login.defs(5), `SUB_UID_MIN`).
const FIRST: u32 = 100_000;

/// Gives a user subordinate ids when it has none. Best effort: a container that needs them says
/// what is missing.
pub(crate) fn ensure(user: &str) {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (users, groups) = (read("/etc/subuid"), read("/etc/subgid"));
    let mut command = Command::new("usermod");
    let mut missing = false;
    for (text, option) in [(&users, "--add-subuids"), (&groups, "--add-subgids")] {
        if !has(text, user)
            && let Some(first) = free(&[&users, &groups])
        {
            missing = true;
            command.args([option, &format!("{first}-{}", first + COUNT - 1)]);
        }
    }
    if missing {
        // Its words would only confuse: whoever needs the ids is told.
        let _ = command
            .args(["--", user])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// Owner, first id and count of each line (subuid(5)).
fn spans(text: &str) -> impl Iterator<Item = (&str, u32, u32)> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        Some((
            owner,
            fields.next()?.parse().ok()?,
            fields.next()?.parse().ok()?,
        ))
    })
}

fn has(text: &str, user: &str) -> bool {
    spans(text).any(|(owner, _, _)| owner == user)
}

/// The first id behind all that were given, when there is room for a whole span.
fn free(texts: &[&str]) -> Option<u32> {
    let ends = texts
        .iter()
        .flat_map(|text| spans(text))
        .map(|(_, first, count)| first.checked_add(count));
    let last = ends.max().unwrap_or(Some(FIRST))?.max(FIRST);
    last.checked_add(COUNT).map(|_| last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_behind_all_others_is_free() {
        assert_eq!(free(&["", ""]), Some(100_000));
        assert_eq!(
            free(&["a:100000:65536\n", "b:200000:10\n# odd\n"]),
            Some(200_010)
        );
        assert_eq!(free(&["a:5:10\n"]), Some(100_000));
        assert_eq!(free(&["a:4294900000:65536\n"]), None);
    }

    #[test]
    fn whoever_has_ids_gets_no_more() {
        assert!(has("orlop:1:2\n", "orlop"));
        assert!(!has("orlop2:1:2\n", "orlop"));
    }
}
