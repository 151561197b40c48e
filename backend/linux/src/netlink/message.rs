//! The netlink message format (RFC 3549, netlink(7)): building and reading, pure.
//!
//! Attributes are type-length-value, padded to four bytes, and may nest. Numbers of a message's
//! header are in host order; what a protocol wants in network order, its own module turns round.

use std::mem::size_of;

/// Bytes of `struct nlmsghdr`.
pub const HEADER_LEN: usize = 16;
/// Bytes of `struct nlattr`.
const ATTRIBUTE_HEADER_LEN: usize = 4;
/// Set on the type of an attribute that contains others.
const NESTED: u16 = libc::NLA_F_NESTED as u16;
/// The bits of an attribute's type that are no flags.
const TYPE_MASK: u16 = libc::NLA_TYPE_MASK as u16;

/// Flags of a request (netlink(7)).
pub mod flags {
    /// Every request has it.
    pub const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
    /// Answer with an acknowledgement.
    pub const ACK: u16 = libc::NLM_F_ACK as u16;
    /// Create what does not exist.
    pub const CREATE: u16 = libc::NLM_F_CREATE as u16;
    /// Refuse what exists already.
    pub const EXCL: u16 = libc::NLM_F_EXCL as u16;
    /// Replace what exists already.
    pub const REPLACE: u16 = libc::NLM_F_REPLACE as u16;
    /// Add at the end.
    pub const APPEND: u16 = libc::NLM_F_APPEND as u16;
    /// List everything.
    pub const DUMP: u16 = libc::NLM_F_DUMP as u16;
}

/// One request being built. Its length is always right; the socket numbers it when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// An empty request of this type; `REQUEST` is added to the flags.
    #[must_use]
    pub fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend((HEADER_LEN as u32).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((flags | self::flags::REQUEST).to_ne_bytes());
        bytes.extend([0; 8]);
        Self { bytes }
    }

    /// Appends the fixed part that follows the header.
    #[must_use]
    pub fn fixed(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self.pad();
        self
    }

    /// Appends an attribute.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.put(kind, value);
        self
    }

    /// Appends an attribute whose value is a text with a final NUL.
    #[must_use]
    pub fn text(self, kind: u16, text: &str) -> Self {
        self.nest(kind & TYPE_MASK, |message| {
            message.bytes.extend(text.as_bytes());
            message.bytes.push(0);
        })
    }

    /// Appends an attribute that contains what `fill` appends.
    #[must_use]
    pub fn nested(self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        self.nest(kind | NESTED, |message| {
            let bytes = std::mem::take(&mut message.bytes);
            message.bytes = fill(Self { bytes }).bytes;
        })
    }

    fn nest(mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> Self {
        let start = self.bytes.len();
        self.bytes.extend([0, 0]);
        self.bytes.extend(kind.to_ne_bytes());
        fill(&mut self);
        let length = self.bytes.len() - start;
        debug_assert!(
            length <= usize::from(u16::MAX),
            "attribute of {length} bytes"
        );
        self.bytes[start..start + 2].copy_from_slice(&(length as u16).to_ne_bytes());
        self.pad();
        self
    }

    fn put(&mut self, kind: u16, value: &[u8]) {
        let length = ATTRIBUTE_HEADER_LEN + value.len();
        debug_assert!(
            length <= usize::from(u16::MAX),
            "attribute of {length} bytes"
        );
        self.bytes.extend((length as u16).to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let length = self.bytes.len() as u32;
        self.bytes[0..4].copy_from_slice(&length.to_ne_bytes());
    }

    /// The message with this sequence number, and with an acknowledgement asked for or not.
    #[must_use]
    pub fn numbered(&self, sequence: u32, acknowledge: bool) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        if acknowledge {
            bytes[6] |= flags::ACK.to_ne_bytes()[0];
            bytes[7] |= flags::ACK.to_ne_bytes()[1];
        }
        bytes
    }

    /// What was built so far, header included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// One received message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<'a> {
    /// Its type.
    pub kind: u16,
    /// Its flags.
    pub flags: u16,
    /// The sequence number of the request that it answers.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// Splits a datagram into its messages; stops at the first that is cut off.
pub fn messages(datagram: &[u8]) -> impl Iterator<Item = Received<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let header = rest.get(..HEADER_LEN)?;
        let length = number32(header, 0)? as usize;
        let body = rest.get(HEADER_LEN..length)?;
        let message = Received {
            kind: number16(header, 4)?,
            flags: number16(header, 6)?,
            sequence: number32(header, 8)?,
            body,
        };
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// Splits bytes into attributes (type without flags, value); stops at the first that is cut off.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(number16(rest, 0)?);
        let kind = number16(rest, 2)? & TYPE_MASK;
        let value = rest.get(ATTRIBUTE_HEADER_LEN..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The first attribute of this type.
#[must_use]
pub fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes)
        .find(|(k, _)| *k == kind)
        .map(|(_, value)| value)
}

/// A text attribute's value without its final NUL.
#[must_use]
pub fn text(value: &[u8]) -> String {
    let end = value.iter().position(|b| *b == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// The number in host order at this offset.
#[must_use]
pub fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + size_of::<u16>())?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

/// The number in host order at this offset.
#[must_use]
pub fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + size_of::<u32>())?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_attributes_have_right_lengths_and_padding() {
        let message = Message::new(0x10, flags::ACK)
            .fixed(&[1, 2, 3, 4])
            .text(3, "veth0")
            .nested(18, |m| m.attribute(1, &[9]).attribute(2, &[8, 8]));
        let mut expected = Vec::new();
        expected.extend(52u32.to_ne_bytes());
        expected.extend(0x10u16.to_ne_bytes());
        expected.extend(5u16.to_ne_bytes());
        expected.extend([0; 8]);
        expected.extend([1, 2, 3, 4]);
        expected.extend([10, 0, 3, 0, b'v', b'e', b't', b'h', b'0', 0, 0, 0]);
        expected.extend([
            20, 0, 18, 0x80, 5, 0, 1, 0, 9, 0, 0, 0, 6, 0, 2, 0, 8, 8, 0, 0,
        ]);
        assert_eq!(message.bytes(), expected);
    }

    #[test]
    fn what_was_built_is_read_back() {
        let built = Message::new(20, 0)
            .fixed(&[0; 4])
            .text(3, "a")
            .nested(18, |m| m.text(1, "veth"));
        let bytes = [built.numbered(7, true), built.numbered(8, false)].concat();
        let read: Vec<_> = messages(&bytes).collect();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].kind, read[0].sequence, read[0].flags), (20, 7, 5));
        assert_eq!((read[1].sequence, read[1].flags), (8, 1));
        let body = &read[0].body[4..];
        assert_eq!(text(attribute(body, 3).expect("name")), "a");
        let info = attribute(body, 18).expect("info");
        assert_eq!(text(attribute(info, 1).expect("kind")), "veth");
    }

    #[test]
    fn cut_off_bytes_end_the_reading() {
        let bytes = Message::new(20, 0).text(3, "abcdef").numbered(1, false);
        for end in 0..bytes.len() {
            assert_eq!(messages(&bytes[..end]).count(), 0, "{end}");
        }
        // A length smaller than the header must not loop for ever.
        assert_eq!(messages(&[0; 64]).count(), 0);
        assert_eq!(attributes(&[0; 64]).count(), 0);
    }
}
