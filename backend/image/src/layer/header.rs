//! The 512-byte tar header block: where its fields stand and how its numbers are written, for
//! the old (v7), ustar and GNU forms.

use super::entry::Time;

/// Headers and content come in blocks of this size.
pub(super) const BLOCK: usize = 512;

/// One header block.
#[derive(Clone)]
pub(super) struct Header(pub(super) [u8; BLOCK]);

/// A field that cannot be read; its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadField(pub(super) &'static str);

impl Header {
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// The sum of all bytes with the check sum field taken as spaces (POSIX.1-2001 ustar).
    fn sum(&self) -> u64 {
        let fields = self.0[..148].iter().chain(&self.0[156..]);
        fields.map(|byte| u64::from(*byte)).sum::<u64>() + 8 * u64::from(b' ')
    }

    pub(super) fn has_good_checksum(&self) -> bool {
        number(&self.0[148..156]) == Some(i128::from(self.sum()))
    }

    pub(super) fn kind(&self) -> u8 {
        self.0[156]
    }

    fn is_ustar(&self) -> bool {
        &self.0[257..263] == b"ustar\0"
    }

    pub(super) fn is_gnu(&self) -> bool {
        &self.0[257..265] == b"ustar  \0"
    }

    /// The name, with the ustar prefix before it.
    pub(super) fn path(&self) -> Vec<u8> {
        let name = until_nul(&self.0[..100]);
        let prefix = until_nul(&self.0[345..500]);
        if self.is_ustar() && !prefix.is_empty() {
            [prefix, b"/", name].concat()
        } else {
            name.to_vec()
        }
    }

    pub(super) fn link(&self) -> &[u8] {
        until_nul(&self.0[157..257])
    }

    pub(super) fn mode(&self) -> Result<u32, BadField> {
        // The upper bits hold the file type in some writers.
        number(&self.0[100..108])
            .map(|mode| (mode & 0o7777) as u32)
            .ok_or(BadField("mode"))
    }

    pub(super) fn uid(&self) -> Result<u64, BadField> {
        unsigned(&self.0[108..116]).ok_or(BadField("uid"))
    }

    pub(super) fn gid(&self) -> Result<u64, BadField> {
        unsigned(&self.0[116..124]).ok_or(BadField("gid"))
    }

    pub(super) fn size(&self) -> Result<u64, BadField> {
        unsigned(&self.0[124..136]).ok_or(BadField("size"))
    }

    pub(super) fn mtime(&self) -> Result<Time, BadField> {
        let seconds = number(&self.0[136..148]).and_then(|time| i64::try_from(time).ok());
        Ok(Time {
            seconds: seconds.ok_or(BadField("mtime"))?,
            nanoseconds: 0,
        })
    }

    pub(super) fn device(&self) -> Result<(u32, u32), BadField> {
        let field = |range: std::ops::Range<usize>| {
            unsigned(&self.0[range]).and_then(|value| u32::try_from(value).ok())
        };
        match (field(329..337), field(337..345)) {
            // What fits a Linux dev_t: 12 and 20 bits.
            (Some(major @ 0..=0xfff), Some(minor @ 0..=0xf_ffff)) => Ok((major, minor)),
            _ => Err(BadField("device")),
        }
    }

    /// A ustar header with nothing set but its magic.
    pub(super) fn new(kind: u8) -> Self {
        let mut block = [0; BLOCK];
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        Self(block)
    }

    /// Sets a text field; the caller has made sure that it fits.
    pub(super) fn set_text(&mut self, at: usize, text: &[u8]) {
        self.0[at..at + text.len()].copy_from_slice(text);
    }

    /// Sets a field of `width` bytes to octal digits and a NUL; what does not fit becomes 0 (the
    /// true value is then in an extended header).
    pub(super) fn set_number(&mut self, at: usize, width: usize, value: u64) {
        let digits = width - 1;
        let value = if fits(value, width) { value } else { 0 };
        self.set_text(at, format!("{value:0digits$o}").as_bytes());
        self.0[at + digits] = 0;
    }

    pub(super) fn set_checksum(&mut self) {
        let sum = self.sum();
        self.set_text(148, format!("{sum:06o}\0 ").as_bytes());
    }
}

/// Whether a number can be written in an octal field of this width.
pub(super) fn fits(value: u64, width: usize) -> bool {
    value < 1_u64 << (3 * (width - 1)).min(63)
}

/// The bytes before the first NUL.
pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    &field[..field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(field.len())]
}

/// A number in octal digits (spaces and NULs around them mean nothing, an empty field is 0) or in
/// the base-256 form of GNU tar and star.
pub(super) fn number(field: &[u8]) -> Option<i128> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        // The first bit marks the form, the second is the sign. No field is wider than 12 bytes.
        let negative = first & 0x40 != 0;
        let start = i128::from(first & 0x7f) - if negative { 0x80 } else { 0 };
        return Some(
            field[1..]
                .iter()
                .fold(start, |sum, byte| (sum << 8) | i128::from(*byte)),
        );
    }
    let text = until_nul(field.trim_ascii_start()).trim_ascii();
    text.iter().try_fold(0, |sum: i128, digit| {
        matches!(digit, b'0'..=b'7').then(|| sum * 8 + i128::from(digit - b'0'))
    })
}

/// The same, when a negative number makes no sense.
pub(super) fn unsigned(field: &[u8]) -> Option<u64> {
    number(field).and_then(|value| u64::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_each_form() {
        for (field, value) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"00000009", None),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
            (
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                Some(-1),
            ),
        ] {
            assert_eq!(number(field), value, "{field:?}");
        }
        assert_eq!(unsigned(b"\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }

    #[test]
    fn a_written_header_is_read_back() {
        let mut header = Header::new(b'3');
        header.set_text(0, b"dev/null");
        header.set_number(100, 8, 0o4755);
        header.set_number(108, 8, 0o7_777_777);
        header.set_number(116, 8, 0o10_000_000);
        header.set_number(329, 8, 1);
        header.set_number(337, 8, 3);
        header.set_checksum();
        assert!(header.has_good_checksum());
        assert_eq!(header.path(), b"dev/null");
        assert_eq!(header.mode(), Ok(0o4755));
        assert_eq!(header.uid(), Ok(0o7_777_777));
        assert_eq!(header.gid(), Ok(0), "too big for the field");
        assert_eq!(header.device(), Ok((1, 3)));
        header.0[0] = b'x';
        assert!(!header.has_good_checksum());
    }
}
