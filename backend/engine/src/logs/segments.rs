//! Reading the segments of one log, frame by frame, across rotation.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use orlop_wire::frame::{HEADER_LEN, Header, MAX_PAYLOAD, segment_name, segment_start};

use super::{LogCursor, LogRecord};

/// A place from which records are read one after the other. Blocking.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    open: Option<Open>,
    /// Where to begin, or to go on behind a segment that was read.
    from: LogCursor,
    /// Pieces of the frame that was read last.
    pending: std::collections::VecDeque<LogRecord>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    file: BufReader<File>,
    /// Begin of the next frame.
    offset: u64,
    /// A later segment was seen, so this one grows no more.
    closed: bool,
    /// No frame is where one should be (a power cut): nothing more of this segment is read.
    damaged: bool,
}

impl Segments {
    pub(super) fn new(folder: PathBuf, from: LogCursor) -> Self {
        Self {
            folder,
            open: None,
            from,
            pending: std::collections::VecDeque::new(),
        }
    }

    /// The next record; `None` at the end of what is written so far.
    pub(super) fn next(&mut self) -> io::Result<Option<LogRecord>> {
        loop {
            if let Some(record) = self.pending.pop_front() {
                return Ok(Some(record));
            }
            if self.open.is_none() && !self.open_first()? {
                return Ok(None);
            }
            let Some(open) = &mut self.open else {
                return Ok(None);
            };
            if let Some((header, payload)) = read_frame(open)? {
                let start = open.offset;
                open.offset += (HEADER_LEN + payload.len()) as u64;
                let at = LogCursor {
                    segment: open.number,
                    offset: start,
                    within: 0,
                };
                self.pending = split(&header, payload, at).into();
                if at.segment == self.from.segment && at.offset == self.from.offset {
                    let within = self.from.within;
                    self.pending.retain(|record| record.cursor.within > within);
                }
                continue;
            }
            if open.closed {
                self.from = LogCursor {
                    segment: open.number + 1,
                    ..LogCursor::default()
                };
                self.open = None;
                continue;
            }
            // Once more after a later segment is seen: the last frames may have come between.
            let number = open.number;
            if numbers(&self.folder)?.into_iter().any(|n| n > number) {
                if let Some(open) = &mut self.open {
                    open.closed = true;
                }
                continue;
            }
            return Ok(None);
        }
    }

    fn open_first(&mut self) -> io::Result<bool> {
        let wanted = self.from.segment;
        let Some(number) = numbers(&self.folder)?.into_iter().find(|n| *n >= wanted) else {
            return Ok(false);
        };
        let offset = if number == wanted {
            self.from.offset
        } else {
            0
        };
        self.open = self.open_at(number, offset)?;
        Ok(self.open.is_some())
    }

    fn open_at(&self, number: u64, offset: u64) -> io::Result<Option<Open>> {
        match File::open(self.folder.join(segment_name(number))) {
            Ok(file) => {
                let mut file = BufReader::with_capacity(256 * 1024, file);
                file.seek(SeekFrom::Start(offset))?;
                Ok(Some(Open {
                    number,
                    file,
                    offset,
                    closed: false,
                    damaged: false,
                }))
            }
            // Rotation took it away between the listing and now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The segments of a log in order; none where there is no log yet.
pub(super) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                numbers.extend(segment_start(&entry?.file_name().to_string_lossy()));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// One whole frame, or none: a frame that is being written is left for later.
fn read_frame(open: &mut Open) -> io::Result<Option<(Header, Bytes)>> {
    let mut head = [0; HEADER_LEN];
    if open.damaged {
        return Ok(None);
    }
    if !fill(open, &mut head)? {
        return Ok(None);
    }
    let Ok(header) = Header::decode(&head) else {
        open.damaged = true;
        return Ok(None);
    };
    let mut payload = vec![0; (header.len as usize).min(MAX_PAYLOAD)];
    if !fill(open, &mut payload)? {
        return Ok(None);
    }
    Ok(Some((header, payload.into())))
}

/// Fills the buffer, or goes back to the frame's begin.
fn fill(open: &mut Open, buffer: &mut [u8]) -> io::Result<bool> {
    match open.file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            open.file.seek(SeekFrom::Start(open.offset))?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The pieces of a frame: whole lines, and what is left behind the last line end.
fn split(header: &Header, payload: Bytes, at: LogCursor) -> Vec<LogRecord> {
    let nanos = i128::from(header.time_ns);
    let time = Timestamp::from_nanosecond(nanos).unwrap_or(Timestamp::MAX);
    let mut records = Vec::new();
    let mut begin = 0;
    while begin < payload.len() {
        let line_end = payload[begin..].iter().position(|byte| *byte == b'\n');
        let end = line_end.map_or(payload.len(), |at| begin + at + 1);
        records.push(LogRecord {
            // A payload is at most 64 KiB.
            cursor: LogCursor {
                within: u32::try_from(end).unwrap_or(u32::MAX),
                ..at
            },
            time,
            stream: header.stream,
            bytes: payload.slice(begin..end),
            partial: line_end.is_none(),
            dropped: header.dropped && begin == 0,
        });
        begin = end;
    }
    records
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use orlop_wire::frame::Stream;

    use super::*;

    fn frame(time_ns: u64, text: &str) -> Vec<u8> {
        let len = u32::try_from(text.len()).expect("short");
        let header = Header {
            time_ns,
            stream: Stream::Stdout,
            dropped: false,
            len,
        };
        [&header.encode()[..], text.as_bytes()].concat()
    }

    fn read(segments: &mut Segments) -> Vec<(String, bool)> {
        std::iter::from_fn(|| segments.next().expect("read"))
            .map(|r| (String::from_utf8_lossy(&r.bytes).into_owned(), r.partial))
            .collect()
    }

    #[test]
    fn lines_are_told_apart_across_frames_and_segments() {
        let folder = tempfile::tempdir().expect("folder");
        let write = |name: u64, frames: &[Vec<u8>]| {
            std::fs::write(folder.path().join(segment_name(name)), frames.concat()).expect("write");
        };
        write(0, &[frame(1, "a\nb\nc"), frame(2, "d\n")]);
        write(2, &[frame(3, "e\n")]);
        let mut segments = Segments::new(folder.path().to_owned(), LogCursor::default());
        let expected = [
            ("a\n", false),
            ("b\n", false),
            ("c", true),
            ("d\n", false),
            ("e\n", false),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(t, p)| ((*t).to_owned(), *p))
            .collect();
        assert_eq!(read(&mut segments), expected);
    }

    #[test]
    fn a_cursor_goes_on_at_the_exact_place() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(
            folder.path().join(segment_name(0)),
            [frame(1, "a\nb\nc\n"), frame(2, "d\n")].concat(),
        )
        .expect("write");
        let mut all = Segments::new(folder.path().to_owned(), LogCursor::default());
        let cursors: Vec<_> = std::iter::from_fn(|| all.next().expect("read"))
            .map(|r| r.cursor)
            .collect();
        for (index, cursor) in cursors.into_iter().enumerate() {
            let mut rest = Segments::new(folder.path().to_owned(), cursor);
            assert_eq!(read(&mut rest).len(), 3 - index);
        }
    }

    #[test]
    fn what_follows_a_damaged_segment_is_still_read() {
        let folder = tempfile::tempdir().expect("folder");
        let write = |name: u64, bytes: &[u8]| {
            std::fs::write(folder.path().join(segment_name(name)), bytes).expect("write");
        };
        write(0, &[frame(1, "a\n"), vec![0; 64]].concat());
        let mut segments = Segments::new(folder.path().to_owned(), LogCursor::default());
        assert_eq!(read(&mut segments), [("a\n".to_owned(), false)]);
        write(5, &frame(2, "b\n"));
        assert_eq!(read(&mut segments), [("b\n".to_owned(), false)]);
    }

    #[test]
    fn a_frame_that_is_being_written_is_read_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("folder");
        let whole = frame(1, "line\n");
        let mut file = File::create(folder.path().join(segment_name(0))).expect("create");
        file.write_all(&whole[..18]).expect("write");
        let mut segments = Segments::new(folder.path().to_owned(), LogCursor::default());
        assert!(read(&mut segments).is_empty());
        file.write_all(&whole[18..]).expect("write");
        assert_eq!(read(&mut segments), [("line\n".to_owned(), false)]);
    }
}
