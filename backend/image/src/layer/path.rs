//! Names in archives, made safe: relative, without `.` and `..`, bounded.

use std::ffi::{CString, OsStr};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The longest path that is accepted, in bytes: what the kernel takes in one call.
pub const MAX_PATH_BYTES: usize = 4095;
/// The longest single name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;
/// The deepest nesting that is accepted.
pub const MAX_DEPTH: usize = 512;

/// A path inside a tree: names separated by single slashes, with no slash at either end; empty
/// for the top of the tree itself. No name is empty, `.` or `..`, and none holds a NUL.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct EntryPath(Vec<u8>);

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// `..` would lead out of the tree.
    #[error("the name {0:?} contains `..`")]
    Parent(String),
    /// A NUL cannot be part of a name.
    #[error("the name {0:?} contains a NUL")]
    Nul(String),
    /// Longer than the kernel takes.
    #[error("a name or path is too long ({0} bytes)")]
    Long(usize),
    /// Nested too deep.
    #[error("a path is nested {0} levels deep; at most {MAX_DEPTH} are accepted")]
    Deep(usize),
}

fn show(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).chars().take(200).collect()
}

impl EntryPath {
    /// The top of the tree.
    #[must_use]
    pub const fn top() -> Self {
        Self(Vec::new())
    }

    /// Reads a name as archives write it: a leading `/` or `./` and repeated or closing slashes
    /// mean nothing.
    pub fn parse(raw: &[u8]) -> Result<Self, PathError> {
        if raw.contains(&0) {
            return Err(PathError::Nul(show(raw)));
        }
        let mut clean = Vec::with_capacity(raw.len());
        let mut depth = 0_usize;
        for name in raw.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => continue,
                b".." => return Err(PathError::Parent(show(raw))),
                _ if name.len() > MAX_NAME_BYTES => return Err(PathError::Long(name.len())),
                _ => {}
            }
            if depth > 0 {
                clean.push(b'/');
            }
            clean.extend_from_slice(name);
            depth += 1;
        }
        if clean.len() > MAX_PATH_BYTES {
            return Err(PathError::Long(clean.len()));
        }
        if depth > MAX_DEPTH {
            return Err(PathError::Deep(depth));
        }
        Ok(Self(clean))
    }

    /// Whether this is the top of the tree.
    #[must_use]
    pub fn is_top(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As a relative path of the standard library; empty for the top.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// For a system call; `.` for the top.
    #[must_use]
    pub fn to_c_string(&self) -> CString {
        let bytes = if self.is_top() {
            b".".to_vec()
        } else {
            self.0.clone()
        };
        CString::new(bytes).unwrap_or_default() // never empty: no constructor lets a NUL in
    }

    /// The directory that holds this name, and the name; nothing for the top.
    #[must_use]
    pub fn split(&self) -> Option<(Self, &[u8])> {
        if self.is_top() {
            return None;
        }
        Some(match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (Self(self.0[..at].to_vec()), &self.0[at + 1..]),
            None => (Self::top(), &self.0),
        })
    }

    /// The last name; empty for the top.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.split().map_or(b"", |(_, name)| {
            // Borrow from self, not from the temporary: the name is always a suffix of it.
            &self.0[self.0.len() - name.len()..]
        })
    }

    /// The names from the top down.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
    }

    /// This path with `name` below it; `name` goes through the same rules.
    pub fn join(&self, name: &[u8]) -> Result<Self, PathError> {
        let mut raw = self.0.clone();
        raw.push(b'/');
        raw.extend_from_slice(name);
        Self::parse(&raw)
    }

    /// Whether `other` is this path or lies below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.is_top()
            || other
                .0
                .strip_prefix(&self.0[..])
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_top() {
            f.write_str(".")
        } else {
            f.write_str(&String::from_utf8_lossy(&self.0))
        }
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_are_cleaned() {
        for (raw, clean) in [
            ("./", ""),
            ("/", ""),
            ("", ""),
            ("/etc/passwd", "etc/passwd"),
            ("./a//b/./c/", "a/b/c"),
        ] {
            assert_eq!(path(raw).as_bytes(), clean.as_bytes());
        }
        assert_eq!(path("a/b").split().unwrap(), (path("a"), &b"b"[..]));
        assert_eq!(path("a").split().unwrap(), (EntryPath::top(), &b"a"[..]));
        assert_eq!(path("a/bc").name(), b"bc");
        assert!(path("a").contains(&path("a/b")) && !path("a").contains(&path("ab")));
    }

    #[test]
    fn names_that_lead_out_or_too_far_are_refused() {
        let long = "x".repeat(256);
        let deep = "d/".repeat(MAX_DEPTH + 1);
        let far = "0123456789/".repeat(400);
        for raw in [
            "..",
            "../x",
            "a/../../b",
            "/..",
            "a/..",
            "a\0b",
            &long,
            &deep,
            &far,
        ] {
            assert!(EntryPath::parse(raw.as_bytes()).is_err(), "{raw:?}");
        }
        assert!(EntryPath::parse(b"..a/...").is_ok());
    }

    proptest::proptest! {
        #[test]
        fn no_accepted_name_holds_a_forbidden_part(raw: Vec<u8>) {
            if let Ok(path) = EntryPath::parse(&raw) {
                proptest::prop_assert!(!path.as_bytes().starts_with(b"/"));
                proptest::prop_assert!(path.names().all(|n| !n.is_empty() && n != b"." && n != b".."));
                proptest::prop_assert_eq!(EntryPath::parse(path.as_bytes()).unwrap(), path);
            }
        }
    }
}
