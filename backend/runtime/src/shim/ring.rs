//! The last output of a process, numbered by byte, for those who attach late. Pure.

use std::collections::VecDeque;

use orlop_wire::frame::Stream;
use orlop_wire::shim::RING_BYTES;

/// Pieces that are told apart by their stream; more, and the oldest go early.
const MOST_PIECES: usize = 4096;

/// The ring. Its memory is touched only as far as there was output.
#[derive(Debug)]
pub(crate) struct Ring {
    bytes: Vec<u8>,
    /// Number of the next byte.
    next: u64,
    /// Where each piece begins, and of which stream it is; the oldest first.
    pieces: VecDeque<(u64, Stream)>,
    oldest: u64,
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; RING_BYTES],
            next: 0,
            pieces: VecDeque::new(),
            oldest: 0,
        }
    }

    /// Number of the next byte.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Number of the oldest byte that is kept.
    pub(crate) fn oldest(&self) -> u64 {
        self.oldest
    }

    fn at(number: u64) -> usize {
        // The remainder is below RING_BYTES.
        usize::try_from(number % RING_BYTES as u64).unwrap_or(0)
    }

    /// Adds output, at most the ring's size at once.
    pub(crate) fn push(&mut self, stream: Stream, output: &[u8]) {
        if output.is_empty() {
            return;
        }
        if self.pieces.back().is_none_or(|(_, last)| *last != stream) {
            self.pieces.push_back((self.next, stream));
        }
        let begin = Self::at(self.next);
        let first = output.len().min(RING_BYTES - begin);
        self.bytes[begin..begin + first].copy_from_slice(&output[..first]);
        self.bytes[..output.len() - first].copy_from_slice(&output[first..]);
        self.next += output.len() as u64;
        self.oldest = self.oldest.max(self.next.saturating_sub(RING_BYTES as u64));
        while self.pieces.len() > MOST_PIECES
            || self
                .pieces
                .get(1)
                .is_some_and(|(begin, _)| *begin <= self.oldest)
        {
            self.pieces.pop_front();
            if let Some((begin, _)) = self.pieces.front() {
                self.oldest = self.oldest.max(*begin);
            }
        }
    }

    /// Output from byte `from` on, of one stream and at most `most` bytes in one piece; where it
    /// really begins, when `from` is no longer kept.
    pub(crate) fn read(&self, from: u64, most: usize) -> Option<(u64, Stream, &[u8])> {
        let from = from.max(self.oldest);
        if from >= self.next {
            return None;
        }
        let index = self
            .pieces
            .partition_point(|(begin, _)| *begin <= from)
            .checked_sub(1)?;
        let (_, stream) = self.pieces[index];
        let end = self
            .pieces
            .get(index + 1)
            .map_or(self.next, |(begin, _)| *begin);
        let begin = Self::at(from);
        let length = usize::try_from(end - from)
            .unwrap_or(usize::MAX)
            .min(most)
            .min(RING_BYTES - begin);
        Some((from, stream, &self.bytes[begin..begin + length]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(ring: &Ring, mut from: u64) -> Vec<(Stream, Vec<u8>)> {
        let mut read = Vec::new();
        while let Some((begin, stream, bytes)) = ring.read(from, 1 << 16) {
            from = begin + bytes.len() as u64;
            read.push((stream, bytes.to_vec()));
        }
        read
    }

    #[test]
    fn streams_are_told_apart_in_order() {
        let mut ring = Ring::new();
        ring.push(Stream::Stdout, b"a");
        ring.push(Stream::Stdout, b"b");
        ring.push(Stream::Stderr, b"c");
        assert_eq!(
            all(&ring, 0),
            [
                (Stream::Stdout, b"ab".to_vec()),
                (Stream::Stderr, b"c".to_vec())
            ]
        );
        assert_eq!(
            all(&ring, 1),
            [
                (Stream::Stdout, b"b".to_vec()),
                (Stream::Stderr, b"c".to_vec())
            ]
        );
    }

    #[test]
    fn the_oldest_bytes_give_way_and_the_numbers_stay() {
        let mut ring = Ring::new();
        let chunk = [b'x'; 50_000];
        for _ in 0..40 {
            ring.push(Stream::Stdout, &chunk);
        }
        ring.push(Stream::Stdout, b"end");
        assert_eq!(ring.next(), 2_000_003);
        assert_eq!(ring.oldest(), 2_000_003 - RING_BYTES as u64);
        let read: Vec<u8> = all(&ring, 0).into_iter().flat_map(|(_, b)| b).collect();
        assert_eq!(read.len(), RING_BYTES);
        assert!(read.ends_with(b"end"));
    }

    #[test]
    fn many_short_pieces_are_bounded() {
        let mut ring = Ring::new();
        for n in 0..20_000 {
            ring.push(
                if n % 2 == 0 {
                    Stream::Stdout
                } else {
                    Stream::Stderr
                },
                b"x",
            );
        }
        assert!(ring.pieces.len() <= MOST_PIECES);
        assert_eq!(all(&ring, 0).len() as u64, ring.next() - ring.oldest());
    }
}
