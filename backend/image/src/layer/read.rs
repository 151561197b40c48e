//! Reads a tar stream (v7, ustar, GNU, pax; sparse files in all GNU forms) as typed entries.
//!
//! Own code rather than a library's reader, because a hostile stream must not decide how much
//! memory a long name or an extended header takes, and because extended attributes are binary:
//! records have to be split by their length, not at line ends.

use std::io::{self, BufReader, Read};

use super::entry::{Entry, Kind, Piece, Source};
use super::header::{BLOCK, BadField, Header, until_nul};
use super::path::{EntryPath, PathError};
use super::pax::{Pax, PaxError};
use super::sparse::{BadMap, ContentMap, PaxSparse, SparseMap, from_pax};

/// What an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Objects in all.
    pub max_entries: u64,
    /// Logical bytes of all files together: holes count, as every later copy writes them.
    pub max_bytes: u64,
    /// Bytes of one long name or one extended header.
    pub max_metadata_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: 2_000_000,
            max_bytes: 128 << 30,
            max_metadata_bytes: 1 << 20,
        }
    }
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream below failed, or was found not to be what was promised.
    #[error("reading the archive: {0}")]
    Io(#[from] io::Error),
    /// The stream ends inside an entry.
    #[error("the archive is cut off")]
    Truncated,
    /// This is not a header, so most likely not a tar archive.
    #[error("a header's check sum is wrong: this is not a tar archive, or it is damaged")]
    Checksum,
    /// A header field has no meaning.
    #[error("a header's field {0} is malformed")]
    Field(&'static str),
    /// An extended header is malformed.
    #[error(transparent)]
    Pax(#[from] PaxError),
    /// A name is refused.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A kind of entry that no tree can hold.
    #[error("{path}: entries of type {kind:?} are not accepted")]
    Kind {
        /// Which entry.
        path: EntryPath,
        /// The letter in its header.
        kind: char,
    },
    /// Holes that cannot be.
    #[error("the map of a sparse file is malformed")]
    Sparse,
    /// Too many objects.
    #[error("the archive holds more than {0} entries")]
    Entries(u64),
    /// Too much content.
    #[error("the archive's files hold more than {0} bytes")]
    Bytes(u64),
    /// A name or extended header is too long.
    #[error("a header of the archive is longer than {0} bytes")]
    Metadata(u64),
    /// A zip archive cannot be read.
    #[error("reading the zip archive: {0}")]
    Zip(String),
}

impl From<BadField> for ReadError {
    fn from(field: BadField) -> Self {
        Self::Field(field.0)
    }
}

impl From<BadMap> for ReadError {
    fn from(_: BadMap) -> Self {
        Self::Sparse
    }
}

/// Whether a file that begins with `head` is a tar archive: whether its first block is a header.
#[must_use]
pub fn is_tar(head: &[u8]) -> bool {
    let block = head.first_chunk::<BLOCK>().map(|block| Header(*block));
    block.is_some_and(|header| !header.is_zero() && header.has_good_checksum())
}

/// Reads the entries of a tar stream one after the other.
#[derive(Debug)]
pub struct TarReader<R> {
    inner: BufReader<R>,
    limits: Limits,
    global: Pax,
    headers: u64,
    entries: u64,
    bytes: u64,
    /// Pieces of the current file that are still to come, last first.
    pieces: Vec<(u64, u64)>,
    /// Bytes of the current entry to skip after its pieces.
    padding: u64,
    ended: bool,
}

/// The extension headers that stand before one entry.
struct Extensions {
    pax: Pax,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl<R: Read> TarReader<R> {
    /// Reads `inner`, which is not compressed.
    pub fn new(inner: R, limits: Limits) -> Self {
        Self {
            inner: BufReader::with_capacity(64 << 10, inner),
            limits,
            global: Pax::default(),
            headers: 0,
            entries: 0,
            bytes: 0,
            pieces: Vec::new(),
            padding: 0,
            ended: false,
        }
    }

    /// Reads what is left, after the archive's end too, so that a digest below sees every byte.
    pub fn drain(mut self) -> Result<R, ReadError> {
        io::copy(&mut self.inner, &mut io::sink())?;
        Ok(self.inner.into_inner())
    }

    fn read_block(&mut self) -> Result<Option<Header>, ReadError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.inner.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(ReadError::Truncated),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(Header(block)))
    }

    fn skip(&mut self, length: u64) -> Result<(), ReadError> {
        let skipped = io::copy(&mut self.inner.by_ref().take(length), &mut io::sink())?;
        if skipped == length {
            Ok(())
        } else {
            Err(ReadError::Truncated)
        }
    }

    fn skip_current(&mut self) -> Result<(), ReadError> {
        let left: u64 = self.pieces.drain(..).map(|(_, length)| length).sum();
        let padding = std::mem::take(&mut self.padding);
        self.skip(left)?;
        self.skip(padding)
    }

    fn read_metadata(&mut self, size: u64) -> Result<Vec<u8>, ReadError> {
        if size > self.limits.max_metadata_bytes {
            return Err(ReadError::Metadata(self.limits.max_metadata_bytes));
        }
        let mut bytes = Vec::new();
        self.inner.by_ref().take(size).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < size {
            return Err(ReadError::Truncated);
        }
        self.skip(padding_of(size))?;
        Ok(bytes)
    }

    /// The next header that stands for an object, with the extensions before it.
    fn next_header(&mut self) -> Result<Option<(Header, Extensions)>, ReadError> {
        let mut extensions = Extensions {
            pax: self.global.clone(),
            name: None,
            link: None,
        };
        loop {
            let Some(header) = self.read_block()?.filter(|header| !header.is_zero()) else {
                return Ok(None);
            };
            if !header.has_good_checksum() {
                return Err(ReadError::Checksum);
            }
            self.headers += 1;
            if self.headers > self.limits.max_entries.saturating_mul(4) {
                return Err(ReadError::Entries(self.limits.max_entries));
            }
            match header.kind() {
                b'x' | b'X' => {
                    let records = self.read_metadata(header.size()?)?;
                    extensions.pax.read(&records)?;
                }
                b'g' => {
                    let records = self.read_metadata(header.size()?)?;
                    self.global.read(&records)?;
                    extensions.pax.read(&records)?;
                }
                b'L' => {
                    let name = self.read_metadata(header.size()?)?;
                    extensions.name = Some(until_nul(&name).to_vec());
                }
                b'K' => {
                    let link = self.read_metadata(header.size()?)?;
                    extensions.link = Some(until_nul(&link).to_vec());
                }
                // A volume label: a name for the whole archive.
                b'V' => self.skip(padded(header.size()?)?)?,
                _ => return Ok(Some((header, extensions))),
            }
        }
    }

    fn entry_of(&mut self, header: &Header, mut ext: Extensions) -> Result<Entry, ReadError> {
        let sparse = from_pax(&ext.pax.sparse)?;
        let raw_path = sparse
            .as_ref()
            .and_then(|(_, name)| name.clone())
            .or(ext.name)
            .or(ext.pax.path.take())
            .unwrap_or_else(|| header.path());
        let path = EntryPath::parse(&raw_path)?;
        let link = ext
            .link
            .or(ext.pax.linkpath.take())
            .unwrap_or_else(|| header.link().to_vec());
        let stored = ext.pax.size.map_or_else(|| header.size(), Ok)?;
        let kind = match header.kind() {
            b'\0' if raw_path.ends_with(b"/") => Kind::Directory,
            b'\0' | b'0' | b'7' => self.open_file(stored, sparse.map(|(map, _)| map))?,
            b'S' => self.open_gnu_sparse(header, stored)?,
            // As other readers have it: no content follows these, whatever the size field says.
            b'1' => Kind::HardLink {
                target: EntryPath::parse(&link)?,
            },
            b'2' => Kind::Symlink {
                target: link_target(link)?,
            },
            b'3' => header
                .device()
                .map(|(major, minor)| Kind::CharDevice { major, minor })?,
            b'4' => header
                .device()
                .map(|(major, minor)| Kind::BlockDevice { major, minor })?,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => {
                return Err(ReadError::Kind {
                    path,
                    kind: char::from(other),
                });
            }
        };
        let id = |pax: Option<u64>, field: Result<u64, BadField>, name: &'static str| {
            let value = pax.map_or(field, Ok)?;
            // The kernel takes -1 for "leave it", so it is no id.
            u32::try_from(value)
                .ok()
                .filter(|id| *id != u32::MAX)
                .ok_or(ReadError::Field(name))
        };
        let mut xattrs = ext.pax.xattrs;
        xattrs.sort();
        Ok(Entry {
            path,
            kind,
            mode: header.mode()?,
            uid: id(ext.pax.uid, header.uid(), "uid")?,
            gid: id(ext.pax.gid, header.gid(), "gid")?,
            mtime: ext.pax.mtime.map_or_else(|| header.mtime(), Ok)?,
            xattrs,
        })
    }

    fn open_file(&mut self, stored: u64, sparse: Option<PaxSparse>) -> Result<Kind, ReadError> {
        self.padding = padding_of(stored);
        let map = match sparse {
            None => SparseMap {
                pieces: vec![(0, stored)],
                size: stored,
            },
            Some(PaxSparse::Map(map)) => map.check(stored)?,
            Some(PaxSparse::InContent { size }) => {
                let mut map = ContentMap::default();
                let mut read = 0;
                loop {
                    let block = self.read_block()?.ok_or(ReadError::Truncated)?;
                    read += BLOCK as u64;
                    if read > stored {
                        return Err(ReadError::Sparse);
                    }
                    if map.feed(&block.0)? {
                        break;
                    }
                }
                map.finish(size)?.check(stored - read)?
            }
        };
        self.open_pieces(map)
    }

    fn open_gnu_sparse(&mut self, header: &Header, stored: u64) -> Result<Kind, ReadError> {
        if !header.is_gnu() {
            return Err(ReadError::Sparse);
        }
        let mut map = SparseMap::default();
        let mut more = map.read_block(&header.0, true)?;
        while more {
            let block = self.read_block()?.ok_or(ReadError::Truncated)?;
            more = map.read_block(&block.0, false)?;
        }
        self.padding = padding_of(stored);
        let map = map.check(stored)?;
        self.open_pieces(map)
    }

    fn open_pieces(&mut self, mut map: SparseMap) -> Result<Kind, ReadError> {
        self.bytes = self.bytes.saturating_add(map.size);
        // No Linux file is longer than this, and offsets must fit the kernel's type.
        if self.bytes > self.limits.max_bytes || i64::try_from(map.size).is_err() {
            return Err(ReadError::Bytes(self.limits.max_bytes));
        }
        map.pieces.retain(|(_, length)| *length > 0);
        map.pieces.reverse();
        self.pieces = map.pieces;
        Ok(Kind::File { size: map.size })
    }
}

impl<R: Read> Source for TarReader<R> {
    fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        if self.ended {
            return Ok(None);
        }
        self.skip_current()?;
        let Some((header, extensions)) = self.next_header()? else {
            self.ended = true;
            return Ok(None);
        };
        self.entries += 1;
        if self.entries > self.limits.max_entries {
            return Err(ReadError::Entries(self.limits.max_entries));
        }
        self.entry_of(&header, extensions).map(Some)
    }

    fn next_piece<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<Piece<'b>>, ReadError> {
        let Some((offset, length)) = self.pieces.last_mut() else {
            return Ok(None);
        };
        let want = usize::try_from(*length)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self.inner.read(&mut buffer[..want])?;
        if count == 0 {
            return Err(ReadError::Truncated);
        }
        let at = *offset;
        *offset += count as u64;
        *length -= count as u64;
        if *length == 0 {
            self.pieces.pop();
        }
        Ok(Some(Piece {
            offset: at,
            bytes: &buffer[..count],
        }))
    }
}

fn link_target(raw: Vec<u8>) -> Result<Vec<u8>, ReadError> {
    if raw.is_empty() || raw.len() > super::path::MAX_PATH_BYTES || raw.contains(&0) {
        return Err(ReadError::Field("linkname"));
    }
    Ok(raw)
}

fn padding_of(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

fn padded(size: u64) -> Result<u64, ReadError> {
    size.checked_add(padding_of(size))
        .ok_or(ReadError::Field("size"))
}

#[cfg(test)]
mod tests;
