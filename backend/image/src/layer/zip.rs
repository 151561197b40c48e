//! Reads a zip file (a build context from a browser or another system) as the same typed entries
//! as a tar stream. Knows stored and deflated members; refuses encrypted ones.

use std::cell::RefCell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::{CompressionMethod, ZipArchive};

use super::entry::{Entry, Kind, Piece, Source, Time};
use super::path::{EntryPath, MAX_PATH_BYTES};
use super::read::{Limits, ReadError};

/// Reads the members of a zip file one after the other.
pub struct ZipReader<R> {
    file: Rc<RefCell<R>>,
    archive: ZipArchive<Window<R>>,
    limits: Limits,
    next: usize,
    bytes: u64,
    current: Option<Content>,
}

impl<R> std::fmt::Debug for ZipReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZipReader")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// A part of the shared file, with a position of its own.
struct Window<R> {
    file: Rc<RefCell<R>>,
    start: u64,
    length: u64,
    position: u64,
}

struct Content {
    inner: Box<dyn Read>,
    crc: flate2::Crc,
    expected_crc: u32,
    size: u64,
    offset: u64,
}

/// What the directory at the end of the file says about a member.
struct Member {
    name: Vec<u8>,
    mode: Option<u32>,
    is_directory: bool,
    mtime: Time,
    method: CompressionMethod,
    start: u64,
    stored: u64,
    size: u64,
    crc: u32,
}

impl<R: Read + Seek + 'static> ZipReader<R> {
    /// Reads the directory of `file`.
    pub fn new(mut file: R, limits: Limits) -> Result<Self, ReadError> {
        let length = file.seek(SeekFrom::End(0))?;
        let file = Rc::new(RefCell::new(file));
        let window = Window {
            file: Rc::clone(&file),
            start: 0,
            length,
            position: 0,
        };
        let archive = ZipArchive::new(window).map_err(refuse)?;
        if archive.len() as u64 > limits.max_entries {
            return Err(ReadError::Entries(limits.max_entries));
        }
        Ok(Self {
            file,
            archive,
            limits,
            next: 0,
            bytes: 0,
            current: None,
        })
    }

    fn member(&mut self) -> Result<Member, ReadError> {
        let member = self.archive.by_index_raw(self.next).map_err(refuse)?;
        self.next += 1;
        let name = member.name().map_err(refuse)?.as_bytes().to_vec();
        if member.encrypted() {
            return Err(ReadError::Zip(format!(
                "{} is encrypted",
                String::from_utf8_lossy(&name)
            )));
        }
        Ok(Member {
            mode: member.unix_mode(),
            is_directory: member.is_dir(),
            mtime: member.last_modified().map(time_of).unwrap_or_default(),
            method: member.compression(),
            start: member
                .data_start()
                .ok_or_else(|| ReadError::Zip("a member has no content".into()))?,
            stored: member.compressed_size(),
            size: member.size(),
            crc: member.crc32(),
            name,
        })
    }

    fn open(&self, member: &Member) -> Result<Content, ReadError> {
        let window = Window {
            file: Rc::clone(&self.file),
            start: member.start,
            length: member.stored,
            position: 0,
        };
        let inner: Box<dyn Read> = match member.method {
            CompressionMethod::Stored => Box::new(window),
            CompressionMethod::Deflated => Box::new(flate2::bufread::DeflateDecoder::new(
                io::BufReader::with_capacity(64 << 10, window),
            )),
            other => return Err(ReadError::Zip(format!("compression {other} is not known"))),
        };
        let crc = flate2::Crc::new();
        Ok(Content {
            inner,
            crc,
            expected_crc: member.crc,
            size: member.size,
            offset: 0,
        })
    }

    fn link_target(&self, member: &Member) -> Result<Vec<u8>, ReadError> {
        if member.size > MAX_PATH_BYTES as u64 {
            return Err(ReadError::Field("linkname"));
        }
        let mut target = Vec::new();
        let limit = MAX_PATH_BYTES as u64;
        self.open(member)?
            .inner
            .take(limit)
            .read_to_end(&mut target)?;
        if target.is_empty() || target.contains(&0) {
            return Err(ReadError::Field("linkname"));
        }
        Ok(target)
    }
}

impl<R: Read + Seek + 'static> Source for ZipReader<R> {
    fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        self.current = None;
        if self.next >= self.archive.len() {
            return Ok(None);
        }
        let member = self.member()?;
        let path = EntryPath::parse(&member.name)?;
        const TYPE_MASK: u32 = 0o170_000;
        const SYMLINK: u32 = 0o120_000;
        let is_link = member.mode.is_some_and(|mode| mode & TYPE_MASK == SYMLINK);
        let (kind, default_mode) = if member.is_directory {
            (Kind::Directory, 0o755)
        } else if is_link {
            (
                Kind::Symlink {
                    target: self.link_target(&member)?,
                },
                0o777,
            )
        } else {
            self.bytes = self.bytes.saturating_add(member.size);
            if self.bytes > self.limits.max_bytes {
                return Err(ReadError::Bytes(self.limits.max_bytes));
            }
            self.current = Some(self.open(&member)?);
            (Kind::File { size: member.size }, 0o644)
        };
        let mode = member.mode.map_or(default_mode, |mode| mode & 0o7777);
        Ok(Some(Entry {
            mtime: member.mtime,
            ..Entry::new(path, kind, mode)
        }))
    }

    fn next_piece<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<Piece<'b>>, ReadError> {
        let Some(content) = &mut self.current else {
            return Ok(None);
        };
        let count = content.inner.read(buffer)?;
        let end = content.offset + count as u64;
        if end > content.size || (count == 0 && end < content.size) {
            return Err(ReadError::Zip(
                "a member's size is not what the directory says".into(),
            ));
        }
        content.crc.update(&buffer[..count]);
        if count == 0 {
            if content.crc.sum() != content.expected_crc {
                return Err(ReadError::Zip("a member's check sum is wrong".into()));
            }
            self.current = None;
            return Ok(None);
        }
        let piece = Piece {
            offset: content.offset,
            bytes: &buffer[..count],
        };
        content.offset = end;
        Ok(Some(piece))
    }
}

impl<R: Read + Seek> Read for Window<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let want = buffer.len().min(left);
        let at = self
            .start
            .checked_add(self.position)
            .ok_or(io::ErrorKind::InvalidData)?;
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(at))?;
        let count = file.read(&mut buffer[..want])?;
        self.position += count as u64;
        Ok(count)
    }
}

impl<R> Seek for Window<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

fn refuse(error: zip::result::ZipError) -> ReadError {
    ReadError::Zip(error.to_string())
}

/// Zip knows no time zone; universal time is as good as any.
fn time_of(date: zip::DateTime) -> Time {
    // Days since 1970 of a proleptic Gregorian date, with years that begin in March.
    let month = i64::from(date.month());
    let year = i64::from(date.year()) - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(date.day()) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let of_day =
        i64::from(date.hour()) * 3600 + i64::from(date.minute()) * 60 + i64::from(date.second());
    Time {
        seconds: days * 86_400 + of_day,
        nanoseconds: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive() -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let date = zip::DateTime::from_date_and_time(2024, 2, 29, 12, 30, 2).unwrap();
        let options = SimpleFileOptions::default().last_modified_time(date);
        writer.add_directory("src/", options).unwrap();
        writer
            .start_file("src/run.sh", options.unix_permissions(0o755))
            .unwrap();
        writer.write_all(&b"echo hello\n".repeat(1000)).unwrap();
        let stored = options.compression_method(CompressionMethod::Stored);
        writer.start_file("plain", stored).unwrap();
        writer.write_all(b"text").unwrap();
        writer.add_symlink("link", "src/run.sh", options).unwrap();
        writer.finish().unwrap().into_inner()
    }

    fn read(bytes: Vec<u8>, limits: Limits) -> Result<Vec<(Entry, Vec<u8>)>, ReadError> {
        let mut reader = ZipReader::new(Cursor::new(bytes), limits)?;
        let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
        while let Some(entry) = reader.next_entry()? {
            let mut content = Vec::new();
            while let Some(piece) = reader.next_piece(&mut buffer)? {
                content.extend_from_slice(piece.bytes);
            }
            all.push((entry, content));
        }
        Ok(all)
    }

    #[test]
    fn files_directories_and_links_are_read() {
        let all = read(archive(), Limits::default()).unwrap();
        let kinds: Vec<_> = all
            .iter()
            .map(|(entry, _)| (entry.path.to_string(), entry.mode))
            .collect();
        assert_eq!(kinds.len(), 4);
        assert_eq!(kinds[1], ("src/run.sh".to_owned(), 0o755));
        assert_eq!(all[1].1, b"echo hello\n".repeat(1000));
        assert_eq!(all[1].0.mtime.seconds, 1_709_209_802);
        assert_eq!(all[2].1, b"text");
        assert_eq!(
            all[3].0.kind,
            Kind::Symlink {
                target: b"src/run.sh".to_vec()
            }
        );
    }

    #[test]
    fn damage_and_excess_are_refused() {
        let good = archive();
        let mut bad = good.clone();
        let at = bad.windows(4).position(|w| w == b"text").unwrap();
        bad[at] = b'T';
        assert!(matches!(
            read(bad, Limits::default()),
            Err(ReadError::Zip(_))
        ));
        assert!(read(good[..good.len() - 30].to_vec(), Limits::default()).is_err());
        let few = Limits {
            max_entries: 3,
            ..Limits::default()
        };
        assert!(matches!(
            read(good.clone(), few),
            Err(ReadError::Entries(3))
        ));
        let small = Limits {
            max_bytes: 100,
            ..Limits::default()
        };
        assert!(matches!(read(good, small), Err(ReadError::Bytes(100))));
    }
}
