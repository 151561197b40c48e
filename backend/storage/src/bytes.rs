//! The content of files as they stand on disk: in pieces with holes between them, or as one run of
//! bytes with zeros for the holes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use orlop_image::layer::Source;
use orlop_image::layer::entry::Piece;
use rustix::io::Errno;

/// An open file on its way out.
#[derive(Debug)]
pub(crate) struct Content {
    file: File,
    size: u64,
    /// The next byte to look at, and the end of the data that begins there.
    position: u64,
    data_end: u64,
}

impl Content {
    /// The first `size` bytes of a file.
    pub(crate) fn new(file: File, size: u64) -> Self {
        Self {
            file,
            size,
            position: 0,
            data_end: 0,
        }
    }

    /// The next piece of data; nothing at the end.
    pub(crate) fn next_piece<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<Option<Piece<'b>>> {
        if self.position == self.data_end && !self.find_data()? {
            return Ok(None);
        }
        let left = usize::try_from(self.data_end - self.position).unwrap_or(usize::MAX);
        let want = buffer.len().min(left);
        let count = self.file.read(&mut buffer[..want])?;
        if count == 0 {
            // Cut shorter since it was looked at; the reader of the pieces fills up with a hole.
            (self.position, self.data_end) = (self.size, self.size);
            return Ok(None);
        }
        let piece = Piece {
            offset: self.position,
            bytes: &buffer[..count],
        };
        self.position += count as u64;
        Ok(Some(piece))
    }

    /// Finds the next data behind a hole (lseek(2) `SEEK_DATA`); false at the end.
    fn find_data(&mut self) -> io::Result<bool> {
        if self.position >= self.size {
            return Ok(false);
        }
        let data = match rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(self.position)) {
            Ok(data) => data,
            Err(Errno::NXIO) => return Ok(false),
            // A file system that does not know about holes.
            Err(_) => self.position,
        };
        let end = rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Hole(data));
        self.position = data.min(self.size);
        self.data_end = end.unwrap_or(self.size).min(self.size);
        self.file.seek(SeekFrom::Start(self.position))?;
        Ok(self.position < self.data_end)
    }
}

/// The bytes of the current file of a source, with holes as zeros: what a tar writer wants.
#[derive(Debug)]
pub struct Bytes<'a, S> {
    source: &'a mut S,
    size: u64,
    position: u64,
    buffer: Vec<u8>,
    /// The piece at hand: where it belongs, and what part of the buffer is left of it.
    offset: u64,
    left: std::ops::Range<usize>,
}

impl<'a, S: Source> Bytes<'a, S> {
    /// The bytes of a file with this size.
    pub fn new(source: &'a mut S, size: u64, buffer: Vec<u8>) -> Self {
        Self {
            source,
            size,
            position: 0,
            buffer,
            offset: 0,
            left: 0..0,
        }
    }

    /// Gives the buffer back, for the next file.
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

impl<S: Source> io::Read for Bytes<'_, S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            match self
                .source
                .next_piece(&mut self.buffer)
                .map_err(io::Error::other)?
            {
                Some(piece) => (self.offset, self.left) = (piece.offset, 0..piece.bytes.len()),
                None => self.offset = self.size,
            }
        }
        let hole = self.offset - self.position;
        let count = if hole > 0 {
            let count = out.len().min(usize::try_from(hole).unwrap_or(usize::MAX));
            out[..count].fill(0);
            count
        } else {
            let count = out.len().min(self.left.len());
            out[..count].copy_from_slice(&self.buffer[self.left.start..self.left.start + count]);
            self.left.start += count;
            self.offset += count as u64;
            count
        };
        self.position += count as u64;
        Ok(count)
    }
}
