//! How output is kept in a log segment: a header of fixed size and the bytes of one read.
//!
//! Pure codec, no file. Layout of a frame, little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | time, nanoseconds since 1970 |
//! | 1 | stream: 1 standard output (and a terminal), 2 standard error |
//! | 1 | flags: bit 0 = the shim dropped output before this frame |
//! | 2 | zero |
//! | 4 | length of the payload |
//! | n | payload |
//!
//! A frame is a read, not a line: readers put lines together. A segment is named by the sequence
//! number of its first frame, twenty digits and `.log`, so that names sort in order.

/// Bytes of a frame's header.
pub const HEADER_LEN: usize = 16;
/// Most bytes of one payload.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// Flag: output was lost before this frame, for want of space.
pub const FLAG_DROPPED: u8 = 1;

/// Where output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stream {
    /// Standard output, or a terminal.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
}

/// Header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Nanoseconds since 1970.
    pub time_ns: u64,
    /// Where the output came from.
    pub stream: Stream,
    /// Output was lost before it.
    pub dropped: bool,
    /// Bytes of the payload.
    pub len: u32,
}

/// A segment that does not hold frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged log frame")]
pub struct Damaged;

impl Header {
    /// The header as bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&self.time_ns.to_le_bytes());
        bytes[8] = self.stream as u8;
        bytes[9] = if self.dropped { FLAG_DROPPED } else { 0 };
        bytes[12..].copy_from_slice(&self.len.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// If the bytes are no header.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, Damaged> {
        let [
            t0,
            t1,
            t2,
            t3,
            t4,
            t5,
            t6,
            t7,
            stream,
            flags,
            _,
            _,
            l0,
            l1,
            l2,
            l3,
        ] = *bytes;
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        let stream = match stream {
            1 => Stream::Stdout,
            2 => Stream::Stderr,
            _ => return Err(Damaged),
        };
        if len as usize > MAX_PAYLOAD {
            return Err(Damaged);
        }
        let time_ns = u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
        Ok(Self {
            time_ns,
            stream,
            dropped: flags & FLAG_DROPPED != 0,
            len,
        })
    }
}

/// Name of the segment that begins with this frame.
#[must_use]
pub fn segment_name(first_frame: u64) -> String {
    format!("{first_frame:020}.log")
}

/// Sequence number of the first frame of the segment with this name, if it is one.
#[must_use]
pub fn segment_start(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    if digits.len() == 20 {
        digits.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segment_names_sort_in_order() {
        assert!(segment_name(9) < segment_name(10));
        assert_eq!(segment_start(&segment_name(77)), Some(77));
        assert_eq!(segment_start("x.log"), None);
    }

    proptest! {
        #[test]
        fn a_header_reads_back_as_written(time_ns: u64, err: bool, dropped: bool, len in 0u32..=65536) {
            let stream = if err { Stream::Stderr } else { Stream::Stdout };
            let header = Header { time_ns, stream, dropped, len };
            prop_assert_eq!(Header::decode(&header.encode()), Ok(header));
        }

        #[test]
        fn any_bytes_are_a_header_or_refused(bytes: [u8; HEADER_LEN]) {
            let _ = Header::decode(&bytes);
        }
    }
}
