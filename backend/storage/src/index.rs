//! What a tree holds, as a list with digests: all that a build needs to know of a context or of
//! another image to decide what to copy and whether anything has changed.

use std::io;

use orlop_image::digest::{Digest, DigestReader};
use orlop_image::layer::{EntryPath, Kind, PathError, ReadError, Source as _};

use crate::bytes::Bytes;
use crate::confine::{FileError, Root, failed};
use crate::tree::{Form, TreeSource};

/// Why a tree could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The path is not there.
    #[error(transparent)]
    File(#[from] FileError),
    /// The path is no path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Reading the tree failed.
    #[error("reading the tree: {0}")]
    Tree(ReadError),
    /// Whoever takes the list did not want more of it.
    #[error("handing over the list: {0}")]
    Taker(io::Error),
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// Where it stands, from the top of the tree.
    pub path: EntryPath,
    /// What it is.
    pub kind: IndexedKind,
    /// Permission bits with set-id and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexedKind {
    /// A regular file.
    File {
        /// Its length.
        size: u64,
        /// Digest of its content.
        digest: Digest,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: Vec<u8>,
    },
    /// A device or pipe.
    Special,
}

/// Lists what stands at `path` in `root` and, for a directory, all below it, in a fixed order;
/// links are followed to find it, and nowhere else. The top of the tree itself is not listed.
pub fn index(
    root: &Root,
    path: &[u8],
    mut take: impl FnMut(Indexed) -> io::Result<()>,
) -> Result<(), IndexError> {
    let path = lexical(path)?;
    let (parent, name) = root
        .follow(path.as_bytes())
        .map_err(failed("looking for", &path))?;
    let mut source = TreeSource::new(&parent, &name, path.clone(), Form::Plain, true)
        .map_err(IndexError::Tree)?
        .without_hard_links();
    let mut buffer = vec![0; 256 << 10];
    while let Some(entry) = source.next_entry().map_err(IndexError::Tree)? {
        if entry.path.is_top() {
            continue;
        }
        let kind = match entry.kind {
            Kind::File { size } => {
                let mut reader = DigestReader::new(Bytes::new(&mut source, size, buffer));
                io::copy(&mut reader, &mut io::sink())
                    .map_err(|error| IndexError::Tree(error.into()))?;
                let (bytes, digest, _) = reader.into_parts();
                buffer = bytes.into_buffer();
                IndexedKind::File { size, digest }
            }
            Kind::Directory => IndexedKind::Directory,
            Kind::Symlink { target } => IndexedKind::Symlink { target },
            _ => IndexedKind::Special,
        };
        let (mode, uid, gid) = (entry.mode, entry.uid, entry.gid);
        let indexed = Indexed {
            path: entry.path,
            kind,
            mode,
            uid,
            gid,
        };
        take(indexed).map_err(IndexError::Taker)?;
    }
    Ok(())
}

/// A path with its `.` and `..` taken out by the letter, as Dockerfile paths are understood: `..`
/// at the top is the top.
pub fn lexical(path: &[u8]) -> Result<EntryPath, PathError> {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop();
            }
            _ => names.push(name),
        }
    }
    EntryPath::parse(&names.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    fn list(top: &Path, path: &str) -> Vec<String> {
        let mut all = Vec::new();
        index(&Root::open(top).unwrap(), path.as_bytes(), |indexed| {
            let kind = match indexed.kind {
                IndexedKind::File { size, digest } => format!("{size} {}", &digest.hex()[..4]),
                IndexedKind::Directory => "dir".into(),
                IndexedKind::Symlink { target } => String::from_utf8(target).unwrap(),
                IndexedKind::Special => "special".into(),
            };
            all.push(format!("{} {kind}", indexed.path));
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn trees_files_and_links_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("app/sub")).unwrap();
        fs::write(dir.path().join("app/sub/f"), "hello").unwrap();
        fs::hard_link(dir.path().join("app/sub/f"), dir.path().join("app/g")).unwrap();
        symlink("sub/f", dir.path().join("app/link")).unwrap();
        symlink("/app/sub", dir.path().join("short")).unwrap();
        let whole = [
            "app dir",
            "app/g 5 2cf2",
            "app/link sub/f",
            "app/sub dir",
            "app/sub/f 5 2cf2",
        ];
        assert_eq!(list(dir.path(), "/app"), whole);
        assert_eq!(list(dir.path(), "/")[..5], whole);
        assert_eq!(list(dir.path(), "short"), ["short dir", "short/f 5 2cf2"]);
        assert_eq!(list(dir.path(), "app/x/../link"), ["app/link 5 2cf2"]);
        let root = Root::open(dir.path()).unwrap();
        assert!(index(&root, b"none", |_| Ok(())).is_err());
        let stop = index(&root, b"/", |_| Err(io::ErrorKind::BrokenPipe.into()));
        assert!(matches!(stop, Err(IndexError::Taker(_))));
    }

    #[test]
    fn dots_are_taken_out_by_the_letter() {
        for (path, clean) in [
            ("/a/./b/../c", "a/c"),
            ("../../x", "x"),
            ("/..", ""),
            ("a/..", ""),
        ] {
            assert_eq!(
                lexical(path.as_bytes()).unwrap().as_bytes(),
                clean.as_bytes()
            );
        }
    }
}
