//! PAX extended headers (POSIX.1-2001 pax): `length key=value` records, read by length so that a
//! value may hold any byte, and written in one fixed order.

use super::entry::{Time, Xattr};

/// Why a record is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaxError {
    /// The record does not have the form `length key=value`.
    #[error("an extended header record is malformed")]
    Record,
    /// The value of a known key is not of its type.
    #[error("the extended header field {key} has the value {value:?}")]
    Value {
        /// Which field.
        key: String,
        /// Its value, shortened.
        value: String,
    },
}

/// What the extended headers in force say about the next entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pax {
    /// `path`
    pub path: Option<Vec<u8>>,
    /// `linkpath`
    pub linkpath: Option<Vec<u8>>,
    /// `size`
    pub size: Option<u64>,
    /// `uid`
    pub uid: Option<u64>,
    /// `gid`
    pub gid: Option<u64>,
    /// `mtime`
    pub mtime: Option<Time>,
    /// `SCHILY.xattr.*`
    pub xattrs: Vec<Xattr>,
    /// `GNU.sparse.*`, in the order they came
    pub sparse: Vec<(Vec<u8>, Vec<u8>)>,
}

const XATTR_PREFIX: &[u8] = b"SCHILY.xattr.";
const SPARSE_PREFIX: &[u8] = b"GNU.sparse.";

impl Pax {
    /// Reads the records of one extended header on top of what is already in force.
    pub fn read(&mut self, mut records: &[u8]) -> Result<(), PaxError> {
        while !records.is_empty() {
            // GNU tar pads nothing, but some writers end with NULs.
            if records.iter().all(|byte| *byte == 0) {
                break;
            }
            let (key, value, rest) = split_record(records).ok_or(PaxError::Record)?;
            self.set(key, value)?;
            records = rest;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), PaxError> {
        let refuse = || PaxError::Value {
            key: String::from_utf8_lossy(key).into_owned(),
            value: String::from_utf8_lossy(value).chars().take(80).collect(),
        };
        let number = || parse_number(value).ok_or_else(refuse);
        // An empty value takes an earlier (global) one back.
        let bytes = (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = bytes,
            b"linkpath" => self.linkpath = bytes,
            b"size" => {
                self.size = if value.is_empty() {
                    None
                } else {
                    Some(number()?)
                }
            }
            b"uid" => {
                self.uid = if value.is_empty() {
                    None
                } else {
                    Some(number()?)
                }
            }
            b"gid" => {
                self.gid = if value.is_empty() {
                    None
                } else {
                    Some(number()?)
                }
            }
            b"mtime" if value.is_empty() => self.mtime = None,
            b"mtime" => self.mtime = Some(parse_time(value).ok_or_else(refuse)?),
            _ => {
                if let Some(name) = key.strip_prefix(XATTR_PREFIX) {
                    if name.is_empty() || name.contains(&0) {
                        return Err(refuse());
                    }
                    self.xattrs.retain(|xattr| xattr.name != name);
                    self.xattrs.push(Xattr {
                        name: name.to_vec(),
                        value: value.to_vec(),
                    });
                } else if let Some(name) = key.strip_prefix(SPARSE_PREFIX) {
                    self.sparse.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

fn split_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    // The longest length that makes sense has far fewer digits.
    let space = records.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(parse_number(&records[..space])?).ok()?;
    if length > records.len() || length < space + 3 || records[length - 1] != b'\n' {
        return None;
    }
    let body = &records[space + 1..length - 1];
    let equals = body.iter().position(|byte| *byte == b'=')?;
    (equals > 0).then(|| (&body[..equals], &body[equals + 1..], &records[length..]))
}

/// Decimal digits and nothing else.
pub(super) fn parse_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn parse_time(text: &[u8]) -> Option<Time> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let dot = text
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(text.len());
    let seconds = i64::try_from(parse_number(&text[..dot])?).ok()?;
    let fraction = text.get(dot + 1..).unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nanoseconds = (0..9).fold(0, |sum, at| {
        sum * 10 + fraction.get(at).map_or(0, |digit| u32::from(digit - b'0'))
    });
    Some(match (negative, nanoseconds) {
        (false, _) => Time {
            seconds,
            nanoseconds,
        },
        (true, 0) => Time {
            seconds: -seconds,
            nanoseconds: 0,
        },
        (true, _) => Time {
            seconds: -seconds - 1,
            nanoseconds: 1_000_000_000 - nanoseconds,
        },
    })
}

/// The text of a time stamp, without needless zeros.
fn show_time(time: Time) -> String {
    let (sign, seconds, nanoseconds) = if time.seconds < 0 && time.nanoseconds > 0 {
        ("-", -(time.seconds + 1), 1_000_000_000 - time.nanoseconds)
    } else if time.seconds < 0 {
        ("-", time.seconds.saturating_neg(), 0)
    } else {
        ("", time.seconds, time.nanoseconds)
    };
    let text = format!("{sign}{seconds}.{nanoseconds:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Collects records and writes them sorted by key.
#[derive(Debug, Default)]
pub(super) struct PaxWriter {
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl PaxWriter {
    pub(super) fn bytes(&mut self, key: &str, value: &[u8]) {
        self.records.push((key.as_bytes().to_vec(), value.to_vec()));
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.bytes(key, value.to_string().as_bytes());
    }

    pub(super) fn time(&mut self, key: &str, value: Time) {
        self.bytes(key, show_time(value).as_bytes());
    }

    pub(super) fn xattr(&mut self, xattr: &Xattr) {
        self.records
            .push(([XATTR_PREFIX, &xattr.name].concat(), xattr.value.clone()));
    }

    /// The records' bytes; empty when there are none.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.records.sort();
        let mut out = Vec::new();
        for (key, value) in self.records {
            let body = key.len() + value.len() + 3; // space, equals, newline
            let mut length = body + 1;
            while length != body + length.to_string().len() {
                length = body + length.to_string().len();
            }
            out.extend_from_slice(length.to_string().as_bytes());
            out.push(b' ');
            out.extend_from_slice(&key);
            out.push(b'=');
            out.extend_from_slice(&value);
            out.push(b'\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_also_with_newlines_in_values() {
        let xattr = Xattr {
            name: b"security.capability".to_vec(),
            value: b"\x01\n\0=\n".to_vec(),
        };
        let time = Time {
            seconds: -2,
            nanoseconds: 750_000_000,
        };
        let mut writer = PaxWriter::default();
        writer.xattr(&xattr);
        writer.bytes("path", "ö".repeat(80).as_bytes());
        writer.number("size", u64::MAX);
        writer.time("mtime", time);
        let bytes = writer.finish();
        assert!(String::from_utf8_lossy(&bytes).contains("mtime=-1.25\n"));
        let mut pax = Pax::default();
        pax.read(&bytes).unwrap();
        assert_eq!(pax.xattrs, [xattr]);
        assert_eq!(pax.size, Some(u64::MAX));
        assert_eq!(pax.mtime, Some(time));
        assert_eq!(pax.path.unwrap(), "ö".repeat(80).as_bytes());
    }

    #[test]
    fn times_keep_their_nanoseconds() {
        for (text, seconds, nanoseconds) in [
            ("0", 0, 0),
            ("1700000000.123456789", 1_700_000_000, 123_456_789),
            ("-1", -1, 0),
            ("-0.5", -1, 500_000_000),
            ("3.1234567891111", 3, 123_456_789),
        ] {
            let time = parse_time(text.as_bytes()).unwrap();
            assert_eq!(
                time,
                Time {
                    seconds,
                    nanoseconds
                }
            );
            assert_eq!(parse_time(show_time(time).as_bytes()).unwrap(), time);
        }
    }

    #[test]
    fn malformed_records_are_refused() {
        for bytes in [
            &b"x"[..],
            b"6 a=b",
            b"99 a=b\n",
            b"0 a=b\n",
            b"3 \n\n",
            b"7 size=\n",
            b"11 size=-1\n",
            b"11 mtime=x\n",
            b"18446744073709551616 a=b\n",
            b"5 =b\n",
        ] {
            assert!(
                Pax::default().read(bytes).is_err(),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Pax::default().read(&bytes);
        }
    }
}
