//! The log: frames in segments, rotated by size, the oldest going first.
//!
//! A full disk costs output, never the container: what could not be written is dropped, and the
//! next frame that can be says so.

use std::fs::{self, File};
use std::io::{self, IoSlice, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use orlop_model::request::LogOptions;
use orlop_wire::frame::{HEADER_LEN, Header, MAX_PAYLOAD, Stream, segment_name, segment_start};

/// The segments of one container.
#[derive(Debug)]
pub(crate) struct LogFiles {
    folder: PathBuf,
    gid: u32,
    options: LogOptions,
    file: Option<File>,
    /// Number of the open segment.
    number: u64,
    /// Bytes and frames in it.
    size: u64,
    frames: u64,
    dropped: bool,
}

impl LogFiles {
    /// Goes on behind the last frame that is there.
    pub(crate) fn open(folder: &Path, gid: u32, options: LogOptions) -> io::Result<Self> {
        let mut log = Self {
            folder: folder.to_owned(),
            gid,
            options,
            file: None,
            number: 0,
            size: 0,
            frames: 0,
            dropped: false,
        };
        let mut last = None;
        for entry in fs::read_dir(folder)? {
            last = last.max(segment_start(&entry?.file_name().to_string_lossy()));
        }
        if let Some(number) = last {
            log.number = number;
            let file = File::options()
                .read(true)
                .append(true)
                .open(folder.join(segment_name(number)))?;
            (log.size, log.frames) = whole_frames(&file)?;
            // What a shim that was killed had begun to write.
            file.set_len(log.size)?;
            log.file = Some(file);
        }
        Ok(log)
    }

    /// Keeps output.
    pub(crate) fn write(&mut self, stream: Stream, output: &[u8]) {
        for payload in output.chunks(MAX_PAYLOAD) {
            if self.write_frame(stream, payload).is_err() {
                self.dropped = true;
                // A half frame would hide all that follow. The segment stays: new ones would push
                // the old output out, and a full disk takes none of them.
                let mended = self.file.as_ref().map(|file| file.set_len(self.size));
                if !matches!(mended, None | Some(Ok(()))) {
                    self.file = None;
                    self.number += self.size.max(1);
                }
            }
        }
    }

    fn write_frame(&mut self, stream: Stream, payload: &[u8]) -> io::Result<()> {
        if self.size >= self.options.segment_size {
            self.file = None;
            self.number += self.frames.max(1);
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let header = Header {
            // Enough until the year 2554.
            time_ns: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
            stream,
            dropped: self.dropped,
            // A chunk of at most 64 KiB.
            len: u32::try_from(payload.len()).unwrap_or(u32::MAX),
        };
        let head = header.encode();
        let file = self.segment()?;
        let total = head.len() + payload.len();
        let written = file.write_vectored(&[IoSlice::new(&head), IoSlice::new(payload)])?;
        if written < total {
            let rest = written.saturating_sub(head.len());
            if written < head.len() {
                file.write_all(&head[written..])?;
            }
            file.write_all(&payload[rest..])?;
        }
        self.size += total as u64;
        self.frames += 1;
        self.dropped = false;
        Ok(())
    }

    fn segment(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            let path = self.folder.join(segment_name(self.number));
            let file = File::options()
                .append(true)
                .create(true)
                .mode(0o640)
                .open(&path)?;
            chown(&path, None, Some(self.gid))?;
            (self.size, self.frames) = (0, 0);
            self.file = Some(file);
            self.forget_oldest()?;
        }
        self.file
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn forget_oldest(&self) -> io::Result<()> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            numbers.extend(segment_start(&entry?.file_name().to_string_lossy()));
        }
        numbers.sort_unstable();
        let kept = usize::try_from(self.options.segments.max(1)).unwrap_or(1);
        for number in numbers.iter().take(numbers.len().saturating_sub(kept)) {
            fs::remove_file(self.folder.join(segment_name(*number)))?;
        }
        Ok(())
    }
}

/// Bytes and number of the whole frames in a segment.
fn whole_frames(file: &File) -> io::Result<(u64, u64)> {
    let length = file.metadata()?.len();
    let (mut size, mut frames) = (0, 0);
    let mut head = [0; HEADER_LEN];
    while size + HEADER_LEN as u64 <= length {
        file.read_exact_at(&mut head, size)?;
        let Ok(header) = Header::decode(&head) else {
            break;
        };
        let end = size + HEADER_LEN as u64 + u64::from(header.len);
        if end > length {
            break;
        }
        (size, frames) = (end, frames + 1);
    }
    Ok((size, frames))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(folder: &Path) -> Vec<u64> {
        let entries = fs::read_dir(folder).expect("folder").flatten();
        let mut numbers: Vec<_> = entries
            .filter_map(|e| segment_start(&e.file_name().to_string_lossy()))
            .collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn segments_rotate_by_size_and_count_and_go_on_after_a_restart() {
        let folder = tempfile::tempdir().expect("folder");
        let gid = nix::unistd::getgid().as_raw();
        let options = LogOptions {
            segment_size: 100,
            segments: 3,
        };
        let mut log = LogFiles::open(folder.path(), gid, options).expect("open");
        for _ in 0..50 {
            log.write(Stream::Stdout, b"sixteen bytes in");
        }
        let before = numbers(folder.path());
        assert_eq!(before.len(), 3);
        let mut log = LogFiles::open(folder.path(), gid, options).expect("open");
        assert_eq!(log.number + log.frames, 50);
        for _ in 0..4 {
            log.write(Stream::Stderr, b"and sixteen more");
        }
        let after = numbers(folder.path());
        assert!(
            after.last() > before.last() && after.len() == 3,
            "{before:?} {after:?}"
        );
    }

    #[test]
    fn a_torn_frame_is_taken_away_and_the_next_one_follows_the_last() {
        let folder = tempfile::tempdir().expect("folder");
        let gid = nix::unistd::getgid().as_raw();
        let path = folder.path().join(segment_name(0));
        let open = || LogFiles::open(folder.path(), gid, LogOptions::default()).expect("open");
        open().write(Stream::Stdout, b"whole");
        let whole = fs::read(&path).expect("segment");
        fs::write(&path, [&whole[..], &whole[..20]].concat()).expect("tear");
        open().write(Stream::Stdout, b"next");
        let text = fs::read(&path).expect("segment");
        assert!(text.starts_with(&whole) && text.len() == whole.len() + 16 + 4);
    }

    #[test]
    fn output_longer_than_a_frame_is_kept_whole() {
        let folder = tempfile::tempdir().expect("folder");
        let gid = nix::unistd::getgid().as_raw();
        let mut log = LogFiles::open(folder.path(), gid, LogOptions::default()).expect("open");
        log.write(Stream::Stdout, &vec![b'x'; 3 * MAX_PAYLOAD + 1]);
        let size = fs::metadata(folder.path().join(segment_name(0)))
            .expect("segment")
            .len();
        assert_eq!(size, (3 * MAX_PAYLOAD + 1 + 4 * 16) as u64);
    }
}
