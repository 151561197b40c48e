//! One object of a file tree, as an archive describes it, and where such objects come from.

use super::path::EntryPath;
use super::read::ReadError;

/// A time stamp since 1970, with nanoseconds (always 0 to 999,999,999, also before 1970).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Whole seconds, rounded down.
    pub seconds: i64,
    /// The rest.
    pub nanoseconds: u32,
}

/// An extended attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xattr {
    /// With its namespace: `user.comment`.
    pub name: Vec<u8>,
    /// Any bytes.
    pub value: Vec<u8>,
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file with so many bytes.
    File {
        /// Its logical size: holes count.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link; the target is kept as it is and never followed here.
    Symlink {
        /// The target's bytes.
        target: Vec<u8>,
    },
    /// Another name for an object that came earlier in the same archive.
    HardLink {
        /// The earlier name.
        target: EntryPath,
    },
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// One object of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands in the tree.
    pub path: EntryPath,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with set-uid, set-gid and sticky: never more than `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of its content.
    pub mtime: Time,
    /// Extended attributes, sorted by name.
    pub xattrs: Vec<Xattr>,
}

impl Entry {
    /// An object that belongs to root, of the year 1970, without attributes.
    #[must_use]
    pub fn new(path: EntryPath, kind: Kind, mode: u32) -> Self {
        Self {
            path,
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            xattrs: Vec::new(),
        }
    }

    /// The logical size of a regular file; 0 for all else.
    #[must_use]
    pub fn size(&self) -> u64 {
        if let Kind::File { size } = self.kind {
            size
        } else {
            0
        }
    }
}

/// A place that hands out the objects of a tree one after the other: a tar stream or a zip file.
pub trait Source {
    /// The next object; what was not read of the last one's content is skipped.
    fn next_entry(&mut self) -> Result<Option<Entry>, ReadError>;

    /// The next piece of the current file's content and where it belongs in the file; what lies
    /// between pieces is a hole. Nothing at the end of the content.
    fn next_piece<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<Piece<'b>>, ReadError>;
}

/// Some bytes of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece<'b> {
    /// Where in the file they belong.
    pub offset: u64,
    /// The bytes; never empty.
    pub bytes: &'b [u8],
}
