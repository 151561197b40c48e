//! Docker's frames of several streams on one connection: stream (1 byte), three zero bytes,
//! length (4 bytes, big-endian), payload. With a terminal there are no frames, only bytes.

use bytes::{BufMut as _, Bytes, BytesMut};

/// Standard output.
pub(crate) const STDOUT: u8 = 1;
/// Standard error.
pub(crate) const STDERR: u8 = 2;

/// The bytes as they go on the wire.
pub(crate) fn encode(raw: bool, stream: u8, bytes: Bytes) -> Bytes {
    if raw {
        return bytes;
    }
    let mut frame = BytesMut::with_capacity(8 + bytes.len());
    frame.put_slice(&[stream, 0, 0, 0]);
    // One read of output is far below 4 GiB.
    frame.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    frame.put(bytes);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_names_its_stream_and_length() {
        let frame = encode(false, STDERR, Bytes::from_static(b"no"));
        assert_eq!(&frame[..], [2, 0, 0, 0, 0, 0, 0, 2, b'n', b'o']);
        assert_eq!(encode(true, STDOUT, Bytes::from_static(b"yes")), "yes");
    }
}
