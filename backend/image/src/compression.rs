//! Finds out how a stream is compressed, opens it, and holds decompression bombs to limits.
//!
//! Never trusts a name or a media type: the first bytes decide. A stream that grows beyond its
//! limits ends in an error whose source is a [`Bomb`], without ever being held in memory.

use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all (or in a way that is not known here).
    None,
    /// One or several gzip members.
    Gzip,
    /// One or several zstd frames.
    Zstd,
    /// One or several xz streams.
    Xz,
    /// One or several bzip2 streams.
    Bzip2,
}

/// What a decompressed stream may grow to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Decompressed bytes in all.
    pub max_bytes: u64,
    /// Decompressed bytes for each compressed one, once more than `ratio_free_bytes` came out.
    pub max_ratio: u64,
    /// How much may come out before the ratio counts: short runs of zeros are honest.
    pub ratio_free_bytes: u64,
    /// Memory that a decoder may ask for because a header says so.
    pub max_decoder_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 128 << 30,
            // gzip cannot do better than 1032, and honest layers of zeros come close to that.
            max_ratio: 1100,
            ratio_free_bytes: 256 << 20,
            max_decoder_memory: 256 << 20,
        }
    }
}

/// Which limit a stream passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Bomb {
    /// Too many bytes came out.
    #[error("the stream decompresses to more than {0} bytes")]
    Size(u64),
    /// Too many bytes came out for what went in.
    #[error("the stream decompresses to more than {0} times its size")]
    Ratio(u64),
}

const SNIFF_BYTES: usize = 6;
const BUFFER_BYTES: usize = 256 << 10;

impl Compression {
    /// The compression of a stream that begins with `head` (six bytes are enough).
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        if head.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || is_zstd_skippable(head) {
            Self::Zstd
        } else if head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            Self::Xz
        } else if head.starts_with(b"BZh") {
            Self::Bzip2
        } else {
            Self::None
        }
    }
}

fn is_zstd_skippable(head: &[u8]) -> bool {
    head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18]
}

/// Whether a file that begins with `head` is a zip archive (which needs a seekable file).
#[must_use]
pub fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// A decompressed view of a stream.
pub struct Decoder<'a> {
    compression: Compression,
    inner: Box<dyn Read + 'a>,
    consumed: Arc<AtomicU64>,
    produced: u64,
    limits: Limits,
}

impl std::fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("compression", &self.compression)
            .field("produced", &self.produced)
            .finish_non_exhaustive()
    }
}

impl<'a> Decoder<'a> {
    /// Looks at the first bytes of `reader` and opens it accordingly.
    pub fn new(mut reader: impl Read + 'a, limits: Limits) -> io::Result<Self> {
        let mut head = Vec::with_capacity(SNIFF_BYTES);
        reader
            .by_ref()
            .take(SNIFF_BYTES as u64)
            .read_to_end(&mut head)?;
        let compression = Compression::of(&head);
        let consumed = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            inner: Cursor::new(head).chain(reader),
            count: Arc::clone(&consumed),
        };
        let buffered = BufReader::with_capacity(BUFFER_BYTES, counted);
        let inner = open(compression, buffered, limits)?;
        Ok(Self {
            compression,
            inner,
            consumed,
            produced: 0,
            limits,
        })
    }

    /// What the first bytes said.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    fn check(&self) -> Result<(), Bomb> {
        if self.produced > self.limits.max_bytes {
            return Err(Bomb::Size(self.limits.max_bytes));
        }
        let ratio_counts =
            self.compression != Compression::None && self.produced > self.limits.ratio_free_bytes;
        let consumed = self.consumed.load(Ordering::Relaxed).max(1);
        if ratio_counts && self.produced / consumed > self.limits.max_ratio {
            return Err(Bomb::Ratio(self.limits.max_ratio));
        }
        Ok(())
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.produced += count as u64;
        self.check()
            .map_err(|bomb| io::Error::new(io::ErrorKind::InvalidData, bomb))?;
        Ok(count)
    }
}

fn open<'a>(
    compression: Compression,
    reader: impl BufRead + 'a,
    limits: Limits,
) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(reader)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
            decoder.window_log_max(limits.max_decoder_memory.max(1 << 10).ilog2())?;
            Box::new(decoder)
        }
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(
                limits.max_decoder_memory,
                liblzma::stream::CONCATENATED,
            )?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(reader, stream))
        }
    })
}

struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A gzip writer with a fixed header (no name, no time), for layers on their way to a registry.
/// The compressed bytes may differ between releases of the compressor: never rely on their digest.
pub fn gzip_writer<W: Write>(inner: W) -> flate2::write::GzEncoder<W> {
    flate2::GzBuilder::new()
        .mtime(0)
        .write(inner, flate2::Compression::new(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], limits: Limits) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Decoder::new(bytes, limits)?.read_to_end(&mut out)?;
        Ok(out)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = gzip_writer(Vec::new());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn forms(bytes: &[u8]) -> Vec<(Compression, Vec<u8>)> {
        let mut bzip = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip.write_all(bytes).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(bytes).unwrap();
        vec![
            (Compression::None, bytes.to_vec()),
            (Compression::Gzip, gzip(bytes)),
            (
                Compression::Zstd,
                zstd::stream::encode_all(bytes, 1).unwrap(),
            ),
            (Compression::Xz, xz.finish().unwrap()),
            (Compression::Bzip2, bzip.finish().unwrap()),
        ]
    }

    #[test]
    fn every_form_is_recognised_and_opened_also_when_several_follow_each_other() {
        for (compression, packed) in forms(b"some text, some text") {
            let decoder = Decoder::new(&packed[..], Limits::default()).unwrap();
            assert_eq!(decoder.compression(), compression);
            assert_eq!(
                decode(&packed, Limits::default()).unwrap(),
                b"some text, some text"
            );
            let twice = packed.repeat(2);
            let text = decode(&twice, Limits::default()).unwrap();
            assert_eq!(
                text, b"some text, some textsome text, some text",
                "{compression:?}"
            );
        }
    }

    #[test]
    fn a_truncated_stream_is_an_error_and_not_an_early_end() {
        for (compression, packed) in forms(&[7; 100_000]).into_iter().skip(1) {
            let cut = &packed[..packed.len() - 3];
            assert!(decode(cut, Limits::default()).is_err(), "{compression:?}");
        }
    }

    #[test]
    fn bombs_are_stopped_by_ratio_and_by_size() {
        let ratio = Limits {
            ratio_free_bytes: 1 << 20,
            max_ratio: 20,
            ..Limits::default()
        };
        let size = Limits {
            max_bytes: 1 << 20,
            ..Limits::default()
        };
        for (compression, packed) in forms(&vec![0; 4 << 20]) {
            if compression != Compression::None {
                let error = decode(&packed, ratio).unwrap_err();
                assert!(
                    error.to_string().contains("20 times"),
                    "{compression:?}: {error}"
                );
            }
            let error = decode(&packed, size).unwrap_err();
            assert!(
                error.to_string().contains("1048576 bytes"),
                "{compression:?}: {error}"
            );
        }
    }

    #[test]
    fn a_header_that_asks_for_much_memory_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&[1; 100]).unwrap();
        let packed = encoder.finish().unwrap();
        let limits = Limits {
            max_decoder_memory: 1 << 20,
            ..Limits::default()
        };
        assert!(decode(&packed, limits).is_err());
        assert!(decode(&packed, Limits::default()).is_ok());
    }

    #[test]
    fn an_empty_stream_is_empty() {
        assert_eq!(decode(b"", Limits::default()).unwrap(), b"");
    }
}
