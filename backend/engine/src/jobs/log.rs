//! A job's log: a file of JSON lines, read from a line on and followed while the job runs.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use orlop_model::job::JobLine;
use tokio::sync::watch;

use crate::EngineError;

/// Name of the file in the job's folder.
pub(super) const FILE: &str = "log";
/// Lines that are read at a time.
const BATCH: usize = 256;

/// How far a log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Whole lines in the file.
    pub(super) lines: u64,
    /// No more will come.
    pub(super) ended: bool,
}

/// The writing end.
#[derive(Debug)]
pub(super) struct Writer {
    file: std::fs::File,
}

impl Writer {
    /// Opens the log to write behind its last whole line.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&path)?;
        // A line that a crash cut would spoil the next one.
        let text = std::fs::read(path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n');
        file.set_len(whole.map_or(0, |last| last as u64 + 1))?;
        Ok(Self { file })
    }

    /// Writes one line, whole.
    pub(super) fn write(&mut self, line: &JobLine) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.file.write_all(&bytes)
    }
}

struct Reader {
    folder: PathBuf,
    file: Option<BufReader<std::fs::File>>,
    written: Option<watch::Receiver<Written>>,
    /// Number of the next line in the file.
    next: u64,
    from: u64,
}

/// Lines from number `from` on; with `written`, those to come too.
pub(super) fn follow(
    folder: PathBuf,
    written: Option<watch::Receiver<Written>>,
    from: u64,
) -> BoxStream<'static, Result<(u64, JobLine), EngineError>> {
    let reader = Reader {
        folder,
        file: None,
        written,
        next: 0,
        from,
    };
    stream::try_unfold(reader, |reader| async move { reader.batch().await })
        .flat_map(|batch| match batch {
            Ok(lines) => stream::iter(lines.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        })
        .boxed()
}

type Batch = Option<(Vec<(u64, JobLine)>, Reader)>;

impl Reader {
    async fn batch(mut self) -> Result<Batch, EngineError> {
        // What is written is whole up to here.
        let mut limit = u64::MAX;
        if let Some(written) = &mut self.written {
            let next = self.next;
            let seen = written.wait_for(|w| w.ended || w.lines > next).await;
            // An error means that the job's task is gone: everything is written.
            limit = seen.map_or(u64::MAX, |w| w.lines);
        }
        let (reader, lines) = tokio::task::spawn_blocking(move || {
            let lines = self.read(limit);
            (self, lines)
        })
        .await
        .map_err(|error| EngineError::internal(error.to_string()))?;
        let lines =
            lines.map_err(|error| EngineError::internal(format!("a job's log: {error}")))?;
        let ended = lines.is_none();
        Ok((!ended).then(|| (lines.unwrap_or_default(), reader)))
    }

    /// Up to a batch of lines before number `limit`; none at the end of the log.
    fn read(&mut self, limit: u64) -> io::Result<Option<Vec<(u64, JobLine)>>> {
        if self.file.is_none() {
            match std::fs::File::open(self.folder.join(FILE)) {
                Ok(file) => self.file = Some(BufReader::new(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let Some(file) = &mut self.file else {
            return Ok(None);
        };
        let mut lines = Vec::new();
        let before = self.next;
        while lines.len() < BATCH && self.next < limit {
            let mut text = String::new();
            // A last line without its end was cut by a crash.
            if file.read_line(&mut text)? == 0 || !text.ends_with('\n') {
                break;
            }
            let number = self.next;
            self.next += 1;
            if number >= self.from {
                lines.push((number, serde_json::from_str(&text)?));
            }
        }
        Ok((self.next > before).then_some(lines))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;
    use jiff::Timestamp;
    use orlop_model::job::JobEvent;

    use super::*;

    fn line(text: &str) -> JobLine {
        JobLine {
            at: Timestamp::UNIX_EPOCH,
            event: JobEvent::Message {
                text: text.to_owned(),
            },
        }
    }

    #[tokio::test]
    async fn a_follower_gets_old_and_new_lines_once_and_ends_with_the_job() {
        let folder = tempfile::tempdir().expect("folder");
        let mut writer = Writer::create(folder.path()).expect("log");
        let (told, written) = watch::channel(Written::default());
        for (count, text) in [(1, "a"), (2, "b")] {
            writer.write(&line(text)).expect("write");
            told.send_replace(Written {
                lines: count,
                ended: false,
            });
        }
        let lines = follow(folder.path().to_owned(), Some(written), 1);
        let reader = tokio::spawn(lines.try_collect::<Vec<_>>());
        writer.write(&line("c")).expect("write");
        told.send_replace(Written {
            lines: 3,
            ended: true,
        });
        let read = reader.await.expect("join").expect("read");
        let numbers: Vec<_> = read.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(read[1].1, line("c"));
    }

    #[tokio::test]
    async fn a_log_goes_on_behind_its_last_whole_line() {
        let folder = tempfile::tempdir().expect("folder");
        let mut writer = Writer::create(folder.path()).expect("log");
        writer.write(&line("whole")).expect("write");
        writer.file.write_all(b"{\"at\":\"19").expect("write");
        let mut writer = Writer::create(folder.path()).expect("log");
        writer.write(&line("interrupted")).expect("write");
        let lines = follow(folder.path().to_owned(), None, 0)
            .try_collect::<Vec<_>>()
            .await;
        assert_eq!(
            lines.expect("read"),
            [(0, line("whole")), (1, line("interrupted"))]
        );
    }

    #[tokio::test]
    async fn a_line_that_a_crash_cut_is_left_out() {
        let folder = tempfile::tempdir().expect("folder");
        let mut writer = Writer::create(folder.path()).expect("log");
        writer.write(&line("whole")).expect("write");
        writer.file.write_all(b"{\"at\":\"19").expect("write");
        let lines = follow(folder.path().to_owned(), None, 0)
            .try_collect::<Vec<_>>()
            .await;
        assert_eq!(lines.expect("read"), [(0, line("whole"))]);
    }
}
