//! Writes a tar stream in one fixed form: ustar headers, with a pax header only where ustar cannot
//! say it, no user names, no access times. The same entries in the same order always give the same
//! bytes, so a tree's digest can be had again at any time; change nothing here lightly.

use std::io::{self, Read, Write};

use super::entry::{Entry, Kind};
use super::header::{BLOCK, Header, fits};
use super::pax::PaxWriter;

/// Why a tar stream cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The stream below failed.
    #[error("writing the archive: {0}")]
    Io(#[from] io::Error),
    /// A file changed while it was read.
    #[error("{path} has {found} bytes, but {expected} were there a moment ago")]
    Size {
        /// Which file.
        path: String,
        /// What its entry says.
        expected: u64,
        /// What was read.
        found: u64,
    },
}

const COPY_BUFFER_BYTES: usize = 256 << 10;
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Writes the entries of a tar stream one after the other.
#[derive(Debug)]
pub struct TarWriter<W> {
    inner: W,
    buffer: Vec<u8>,
}

impl<W: Write> TarWriter<W> {
    /// Writes to `inner`; headers come in small writes, so it had better be buffered.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            buffer: Vec::new(),
        }
    }

    /// Writes one object; `content` is read for regular files only, and must hold just as many
    /// bytes as the entry says.
    pub fn entry(&mut self, entry: &Entry, content: impl Read) -> Result<(), WriteError> {
        self.header(entry)?;
        if let Kind::File { size } = entry.kind {
            self.content(entry, size, content)?;
        }
        Ok(())
    }

    /// Writes one object that has no content.
    pub fn empty(&mut self, entry: &Entry) -> Result<(), WriteError> {
        self.entry(entry, io::empty())
    }

    /// Writes the end of the archive and gives the stream back.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.inner.write_all(&ZEROS)?;
        self.inner.write_all(&ZEROS)?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    fn header(&mut self, entry: &Entry) -> Result<(), WriteError> {
        let mut pax = PaxWriter::default();
        let (kind, link) = match &entry.kind {
            Kind::File { .. } => (b'0', Vec::new()),
            Kind::HardLink { target } => (b'1', target.as_bytes().to_vec()),
            Kind::Symlink { target } => (b'2', target.clone()),
            Kind::CharDevice { .. } => (b'3', Vec::new()),
            Kind::BlockDevice { .. } => (b'4', Vec::new()),
            Kind::Directory => (b'5', Vec::new()),
            Kind::Fifo => (b'6', Vec::new()),
        };
        let mut header = Header::new(kind);
        let path = written_path(entry);
        text(&mut header, &mut pax, 0, "path", &path);
        text(&mut header, &mut pax, 157, "linkpath", &link);
        header.set_number(100, 8, u64::from(entry.mode & 0o7777));
        number(&mut header, &mut pax, (108, 8), "uid", u64::from(entry.uid));
        number(&mut header, &mut pax, (116, 8), "gid", u64::from(entry.gid));
        number(&mut header, &mut pax, (124, 12), "size", entry.size());
        let seconds = u64::try_from(entry.mtime.seconds).unwrap_or(0);
        header.set_number(136, 12, seconds);
        if entry.mtime.nanoseconds != 0 || entry.mtime.seconds < 0 || !fits(seconds, 12) {
            pax.time("mtime", entry.mtime);
        }
        if let Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } = entry.kind {
            header.set_number(329, 8, u64::from(major));
            header.set_number(337, 8, u64::from(minor));
        }
        for xattr in &entry.xattrs {
            pax.xattr(xattr);
        }
        header.set_checksum();
        let records = pax.finish();
        if !records.is_empty() {
            self.extended_header(&records)?;
        }
        self.inner.write_all(&header.0)?;
        Ok(())
    }

    fn extended_header(&mut self, records: &[u8]) -> Result<(), WriteError> {
        let mut header = Header::new(b'x');
        header.set_text(0, b"PaxHeaders/entry");
        header.set_number(100, 8, 0o644);
        header.set_number(108, 8, 0);
        header.set_number(116, 8, 0);
        header.set_number(124, 12, records.len() as u64);
        header.set_number(136, 12, 0);
        header.set_checksum();
        self.inner.write_all(&header.0)?;
        self.inner.write_all(records)?;
        self.pad(records.len() as u64)?;
        Ok(())
    }

    fn content(&mut self, entry: &Entry, size: u64, content: impl Read) -> Result<(), WriteError> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; COPY_BUFFER_BYTES];
        }
        // One byte more than promised, to notice a file that grew.
        let mut content = content.take(size.saturating_add(1));
        let mut found = 0;
        loop {
            let count = match content.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            found += count as u64;
            if found > size {
                break;
            }
            self.inner.write_all(&self.buffer[..count])?;
        }
        if found != size {
            return Err(WriteError::Size {
                path: entry.path.to_string(),
                expected: size,
                found,
            });
        }
        self.pad(size)
    }

    fn pad(&mut self, size: u64) -> Result<(), WriteError> {
        let rest = (size % BLOCK as u64) as usize;
        if rest > 0 {
            self.inner.write_all(&ZEROS[rest..])?;
        }
        Ok(())
    }
}

/// Directories end in a slash, and the top of the tree is `./`.
fn written_path(entry: &Entry) -> Vec<u8> {
    if entry.path.is_top() {
        return b"./".to_vec();
    }
    let mut path = entry.path.as_bytes().to_vec();
    if entry.kind == Kind::Directory {
        path.push(b'/');
    }
    path
}

/// Sets a field of 100 bytes, and says it in an extended header too when it does not fit or is not
/// ASCII.
fn text(header: &mut Header, pax: &mut PaxWriter, at: usize, key: &str, value: &[u8]) {
    header.set_text(at, &value[..value.len().min(100)]);
    if value.len() > 100 || !value.is_ascii() {
        pax.bytes(key, value);
    }
}

fn number(header: &mut Header, pax: &mut PaxWriter, field: (usize, usize), key: &str, value: u64) {
    header.set_number(field.0, field.1, value);
    if !fits(value, field.1) {
        pax.number(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Time, Xattr};
    use super::super::path::EntryPath;
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn plain_entries_need_no_extended_header_and_others_get_one() {
        let write = |entry: &Entry| {
            let mut writer = TarWriter::new(Vec::new());
            writer.empty(entry).unwrap();
            writer.finish().unwrap()
        };
        let plain = Entry::new(path("etc"), Kind::Directory, 0o755);
        assert_eq!(write(&plain).len(), 3 * BLOCK);
        let mut precise = plain.clone();
        precise.mtime = Time {
            seconds: 5,
            nanoseconds: 1,
        };
        let mut rich = plain.clone();
        rich.xattrs = vec![Xattr {
            name: b"user.a".to_vec(),
            value: b"b".to_vec(),
        }];
        for entry in [
            precise,
            rich,
            Entry::new(path(&"x".repeat(101)), Kind::Fifo, 0o600),
        ] {
            assert_eq!(write(&entry).len(), 5 * BLOCK);
        }
    }

    #[test]
    fn a_file_that_changed_its_size_is_an_error() {
        let entry = Entry::new(path("f"), Kind::File { size: 3 }, 0o644);
        for content in [&b"12"[..], b"1234"] {
            let error = TarWriter::new(Vec::new())
                .entry(&entry, content)
                .unwrap_err();
            assert!(matches!(error, WriteError::Size { expected: 3, .. }));
        }
    }
}
