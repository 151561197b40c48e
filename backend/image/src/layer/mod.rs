//! Layers as tar streams: a reader that trusts nothing, a writer that always writes the same
//! bytes for the same tree, and the names by which a layer removes what is below it.

pub mod entry;
mod header;
pub mod path;
pub mod pax;
pub mod read;
mod sparse;
pub mod whiteout;
pub mod write;
pub mod zip;

pub use entry::{Entry, Kind, Source, Time, Xattr};
pub use path::{EntryPath, PathError};
pub use read::{Limits, ReadError, TarReader, is_tar};
pub use whiteout::Whiteout;
pub use write::{TarWriter, WriteError};
pub use zip::ZipReader;
