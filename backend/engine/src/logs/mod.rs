//! Reading what containers wrote: from the end, from a time, following.

mod follow;
mod query;
mod segments;
mod watcher;

use bytes::Bytes;
use jiff::Timestamp;
use orlop_wire::frame::Stream;

use crate::EngineError;

pub(crate) use watcher::Watcher;

/// Which part of a log.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Standard output (and terminals).
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Go on with what is written from now on, until the container ends.
    pub follow: bool,
    /// Only so many of the last lines.
    pub tail: Option<usize>,
    /// Only at or after this time.
    pub since: Option<Timestamp>,
    /// Only before this time.
    pub until: Option<Timestamp>,
    /// Only what comes after this place (an earlier record's `cursor`); wins over `tail`.
    pub after: Option<LogCursor>,
}

/// A place in a container's log: exact, and stable across restarts of Orlop and of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LogCursor {
    /// Sequence number of the segment.
    pub segment: u64,
    /// Byte of the segment at which the record's frame begins.
    pub offset: u64,
    /// Bytes of the frame's payload up to the end of the record.
    pub within: u32,
}

/// A line, or the part of a line that was written so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Place just behind it.
    pub cursor: LogCursor,
    /// When it was written.
    pub time: Timestamp,
    /// Where it came from.
    pub stream: Stream,
    /// The bytes, with the line end where there is one.
    pub bytes: Bytes,
    /// The line goes on in the next record of this stream.
    pub partial: bool,
    /// Output was lost before this record.
    pub dropped: bool,
}

impl std::fmt::Display for LogCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.segment, self.offset, self.within)
    }
}

impl std::str::FromStr for LogCursor {
    type Err = EngineError;
    fn from_str(text: &str) -> Result<Self, EngineError> {
        let mut parts = text.split('-');
        let cursor = (|| {
            Some(Self {
                segment: parts.next()?.parse().ok()?,
                offset: parts.next()?.parse().ok()?,
                within: parts.next()?.parse().ok()?,
            })
        })();
        cursor
            .filter(|_| parts.next().is_none())
            .ok_or_else(|| EngineError::invalid(format!("{text:?} is not a place in a log")))
    }
}
