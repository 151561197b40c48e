//! Which records a query shows. Pure.

use orlop_wire::frame::Stream;

use super::{LogCursor, LogQuery, LogRecord};

/// Whether a record is shown, apart from `tail`.
pub(super) fn shows(query: &LogQuery, record: &LogRecord) -> bool {
    let stream = match record.stream {
        Stream::Stdout => query.stdout,
        Stream::Stderr => query.stderr,
    };
    stream
        && query.since.is_none_or(|since| record.time >= since)
        && query.until.is_none_or(|until| record.time < until)
}

/// Finds where the last lines begin: the place behind the last record that is not shown.
#[derive(Debug)]
pub(super) struct Tail {
    lines: usize,
    /// Places in front of the last lines, oldest first.
    starts: std::collections::VecDeque<LogCursor>,
    /// A line was in front of them, so each of them is seen from its begin.
    skipped: bool,
    before: LogCursor,
    /// Streams that are in the middle of a line: stdout, stderr.
    open: [bool; 2],
}

impl Tail {
    /// For records from a place on.
    pub(super) fn new(lines: usize, from: LogCursor) -> Self {
        Self {
            lines,
            starts: std::collections::VecDeque::new(),
            skipped: false,
            before: from,
            open: [false; 2],
        }
    }

    /// Takes a record that is shown.
    pub(super) fn push(&mut self, record: &LogRecord) {
        let open = &mut self.open[usize::from(record.stream == Stream::Stderr)];
        if !*open {
            self.starts.push_back(self.before);
            if self.starts.len() > self.lines {
                self.starts.pop_front();
                self.skipped = true;
            }
        }
        *open = record.partial;
        self.before = record.cursor;
    }

    /// Whether there are lines enough, the first of them whole.
    pub(super) fn is_full(&self) -> bool {
        self.skipped || self.lines == 0
    }

    /// The place to read from; `None` shows nothing of what was read.
    pub(super) fn start(&self) -> Option<LogCursor> {
        self.starts.front().copied()
    }

    /// The place behind everything that was read.
    pub(super) fn end(&self) -> LogCursor {
        self.before
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;

    use super::*;

    fn record(offset: u64, stream: Stream, partial: bool) -> LogRecord {
        LogRecord {
            cursor: LogCursor {
                segment: 0,
                offset,
                within: 1,
            },
            time: Timestamp::from_second(i64::try_from(offset).expect("small")).expect("valid"),
            stream,
            bytes: Bytes::new(),
            partial,
            dropped: false,
        }
    }

    #[test]
    fn the_tail_counts_lines_and_not_pieces() {
        let mut tail = Tail::new(2, LogCursor::default());
        for (offset, partial) in [(1, false), (2, true), (3, false), (4, false)] {
            tail.push(&record(offset, Stream::Stdout, partial));
        }
        assert_eq!(
            tail.start().map(|c| c.offset),
            Some(1),
            "behind the first line"
        );
        assert!(tail.is_full());
        let mut none = Tail::new(0, LogCursor::default());
        none.push(&record(1, Stream::Stdout, false));
        assert_eq!((none.start(), none.end().offset), (None, 1));
    }

    #[test]
    fn streams_and_times_are_chosen() {
        let at = |second| Timestamp::from_second(second).ok();
        let query = LogQuery {
            stdout: true,
            since: at(2),
            until: at(4),
            ..LogQuery::default()
        };
        let shown: Vec<_> = (1..6)
            .filter(|n| shows(&query, &record(*n, Stream::Stdout, false)))
            .collect();
        assert_eq!(shown, [2, 3]);
        assert!(!shows(&query, &record(2, Stream::Stderr, false)));
    }
}
