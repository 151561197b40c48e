//! What a tree of files holds, as a list.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Links that are followed on one path, as in Linux.
const MOST_LINKS: usize = 40;

/// One file, folder or link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path from the top of the tree, without a `/` at its ends.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with set-id and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// SHA-256 of its content, in hex.
        sha256: String,
    },
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: String,
    },
    /// A device, pipe or socket.
    Special,
}

/// A tree of files, sorted so that what is in a folder comes right after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    entries: Vec<Entry>,
}

/// Orders paths part by part, which keeps a folder's content together.
fn compare(a: &str, b: &str) -> Ordering {
    a.split('/').cmp(b.split('/'))
}

/// Whether `path` lies in the folder `parent`, the top holding everything.
#[must_use]
pub fn is_below(path: &str, parent: &str) -> bool {
    parent.is_empty() && !path.is_empty()
        || path
            .strip_prefix(parent)
            .is_some_and(|rest| rest.starts_with('/') && !parent.is_empty())
}

/// A path without `.`, `..` and doubled `/`, and without `/` at its ends; `..` at the top is the
/// top.
#[must_use]
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl Index {
    /// Sorts the entries; of two with one path the later counts.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.retain(|entry| !entry.path.is_empty());
        entries.sort_by(|a, b| compare(&a.path, &b.path));
        entries.reverse();
        entries.dedup_by(|later, earlier| later.path == earlier.path);
        entries.reverse();
        Self { entries }
    }

    /// All entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All entries, in order.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The entry with this path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        let found = self
            .entries
            .binary_search_by(|entry| compare(&entry.path, path));
        found.ok().map(|at| &self.entries[at])
    }

    /// Everything below a folder.
    #[must_use]
    pub fn below(&self, path: &str) -> &[Entry] {
        if path.is_empty() {
            return &self.entries;
        }
        let start = self
            .entries
            .partition_point(|e| compare(&e.path, path) != Ordering::Greater);
        let len = self.entries[start..].partition_point(|e| is_below(&e.path, path));
        &self.entries[start..start + len]
    }

    /// Whether there is a folder of this path; the top always is.
    #[must_use]
    pub fn is_directory(&self, path: &str) -> bool {
        path.is_empty()
            || self
                .get(path)
                .is_some_and(|entry| entry.kind == Kind::Directory)
    }

    /// Follows the links on a path, all of them, within the tree; `None` if nothing is there.
    #[must_use]
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut waiting: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut found: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = waiting.pop() {
            match &part[..] {
                "" | "." => continue,
                ".." => {
                    found.pop();
                    continue;
                }
                _ => found.push(part),
            }
            match &self.get(&found.join("/"))?.kind {
                Kind::Symlink { target } => {
                    links += 1;
                    if links > MOST_LINKS {
                        return None;
                    }
                    found.pop();
                    if target.starts_with('/') {
                        found.clear();
                    }
                    waiting.extend(target.split('/').rev().map(str::to_owned));
                }
                Kind::Directory => {}
                _ if waiting.iter().any(|part| !part.is_empty()) => return None,
                _ => {}
            }
        }
        Some(found.join("/"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An index from lines: `path/` is a folder, `path -> target` a link, `path=content` a file
    /// whose "digest" is its content, `path` an empty one.
    pub(crate) fn index(lines: &[&str]) -> Index {
        let entries = lines.iter().map(|line| {
            let (path, kind) = if let Some(path) = line.strip_suffix('/') {
                (path, Kind::Directory)
            } else if let Some((path, target)) = line.split_once(" -> ") {
                let target = target.to_owned();
                (path, Kind::Symlink { target })
            } else {
                let (path, content) = line.split_once('=').unwrap_or((line, ""));
                let sha256 = content.to_owned();
                (path, Kind::File { size: 1, sha256 })
            };
            let mode = if kind == Kind::Directory {
                0o755
            } else {
                0o644
            };
            Entry {
                path: path.to_owned(),
                kind,
                mode,
                uid: 0,
                gid: 0,
            }
        });
        Index::new(entries.collect())
    }

    #[test]
    fn a_folders_content_is_together() {
        let index = index(&["a-b", "a/", "a/x", "a.c", "a/b/", "a/b/y", "b"]);
        let below: Vec<&str> = index.below("a").iter().map(|e| &e.path[..]).collect();
        assert_eq!(below, ["a/b", "a/b/y", "a/x"]);
        assert_eq!(index.below("").len(), 7);
        assert!(index.below("b").is_empty() && index.below("zzz").is_empty());
        assert!(index.get("a/b/y").is_some() && index.get("a/b/z").is_none());
    }

    #[test]
    fn links_are_followed_inside_the_tree() {
        let index = index(&[
            "d/",
            "d/f",
            "l -> d",
            "d/up -> ../../../d/f",
            "abs -> /d/up",
            "loop -> loop",
            "out -> /x",
        ]);
        assert_eq!(index.resolve("l/f").as_deref(), Some("d/f"));
        assert_eq!(index.resolve("l/up").as_deref(), Some("d/f"));
        assert_eq!(index.resolve("abs").as_deref(), Some("d/f"));
        assert_eq!(index.resolve("").as_deref(), Some(""));
        for nothing in ["loop", "out", "d/f/x", "none"] {
            assert_eq!(index.resolve(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn paths_are_cleaned_by_the_letter() {
        for (path, cleaned) in [
            ("./a//b/", "a/b"),
            ("../../x", "x"),
            ("a/../..", ""),
            ("/", ""),
        ] {
            assert_eq!(clean(path), cleaned);
        }
    }
}
