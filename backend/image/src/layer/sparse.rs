//! The four ways in which GNU tar writes a file with holes: in the header block (type `S`), and
//! the extended header forms 0.0, 0.1 and 1.0. All become one list of pieces.

use super::header::{BLOCK, unsigned};
use super::pax::parse_number;

/// Where the stored bytes belong, in order, and how long the file is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SparseMap {
    pub(super) pieces: Vec<(u64, u64)>,
    pub(super) size: u64,
}

/// A map that does not describe a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadMap;

/// More pieces than any honest file has.
const MAX_PIECES: usize = 1 << 20;

impl SparseMap {
    /// Adds a piece that must lie behind all others.
    pub(super) fn push(&mut self, offset: u64, length: u64) -> Result<(), BadMap> {
        let end = self
            .pieces
            .last()
            .map_or(0, |(offset, length)| offset + length);
        offset.checked_add(length).ok_or(BadMap)?;
        if offset < end || self.pieces.len() >= MAX_PIECES {
            return Err(BadMap);
        }
        if length > 0 {
            self.pieces.push((offset, length));
        }
        Ok(())
    }

    /// Whether the pieces fill exactly `stored` bytes and lie within the file.
    pub(super) fn check(self, stored: u64) -> Result<Self, BadMap> {
        let sum: u64 = self.pieces.iter().map(|(_, length)| length).sum();
        let end = self
            .pieces
            .last()
            .map_or(0, |(offset, length)| offset + length);
        if sum == stored && end <= self.size {
            Ok(self)
        } else {
            Err(BadMap)
        }
    }

    /// Reads the entries of a header block (4 from byte 386) or of a further block (21 from 0);
    /// says whether another block follows.
    pub(super) fn read_block(&mut self, block: &[u8; BLOCK], first: bool) -> Result<bool, BadMap> {
        let (start, count, more) = if first { (386, 4, 482) } else { (0, 21, 504) };
        for entry in block[start..start + count * 24].chunks_exact(24) {
            if entry[0] == 0 {
                break;
            }
            let offset = unsigned(&entry[..12]).ok_or(BadMap)?;
            self.push(offset, unsigned(&entry[12..]).ok_or(BadMap)?)?;
        }
        if first {
            self.size = unsigned(&block[483..495]).ok_or(BadMap)?;
        }
        Ok(block[more] != 0)
    }
}

/// What the extended headers say about holes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PaxSparse {
    /// Forms 0.0 and 0.1: here is the map.
    Map(SparseMap),
    /// Form 1.0: the map stands before the content; the file is this long.
    InContent { size: u64 },
}

/// A sparse file, and its true name where the extended headers hold it.
pub(super) type SparseFile = (PaxSparse, Option<Vec<u8>>);

/// Reads `GNU.sparse.*` records; nothing when they do not describe a sparse file.
pub(super) fn from_pax(records: &[(Vec<u8>, Vec<u8>)]) -> Result<Option<SparseFile>, BadMap> {
    let last = |key: &[u8]| {
        records
            .iter()
            .rev()
            .find(|(k, _)| k == key)
            .map(|(_, value)| &value[..])
    };
    let size = |key: &[u8]| last(key).and_then(parse_number).ok_or(BadMap);
    let name = last(b"name").map(<[u8]>::to_vec);
    if last(b"major") == Some(b"1") {
        return Ok(Some((
            PaxSparse::InContent {
                size: size(b"realsize")?,
            },
            name,
        )));
    }
    if last(b"numblocks").is_none() && last(b"map").is_none() {
        return Ok(None);
    }
    let mut map = SparseMap {
        pieces: Vec::new(),
        size: size(b"size")?,
    };
    if let Some(text) = last(b"map") {
        let numbers: Option<Vec<u64>> = if text.is_empty() {
            Some(Vec::new())
        } else {
            text.split(|byte| *byte == b',').map(parse_number).collect()
        };
        let numbers = numbers
            .filter(|numbers| numbers.len() % 2 == 0)
            .ok_or(BadMap)?;
        for pair in numbers.chunks_exact(2) {
            map.push(pair[0], pair[1])?;
        }
    } else {
        let mut offset = None;
        for (key, value) in records {
            match &key[..] {
                b"offset" => offset = Some(parse_number(value).ok_or(BadMap)?),
                b"numbytes" => {
                    map.push(
                        offset.take().ok_or(BadMap)?,
                        parse_number(value).ok_or(BadMap)?,
                    )?;
                }
                _ => {}
            }
        }
    }
    Ok(Some((PaxSparse::Map(map), name)))
}

/// Collects the numbers of a form 1.0 map from the first blocks of the content.
#[derive(Debug, Default)]
pub(super) struct ContentMap {
    numbers: Vec<u64>,
    digits: Vec<u8>,
}

impl ContentMap {
    /// Takes one more block; true when the map is complete.
    pub(super) fn feed(&mut self, block: &[u8; BLOCK]) -> Result<bool, BadMap> {
        for byte in block {
            if self.is_complete() {
                return Ok(true);
            }
            match byte {
                b'\n' => {
                    self.numbers.push(parse_number(&self.digits).ok_or(BadMap)?);
                    self.digits.clear();
                }
                _ if self.digits.len() >= 20 || self.numbers.len() > 2 * MAX_PIECES => {
                    return Err(BadMap);
                }
                _ => self.digits.push(*byte),
            }
        }
        Ok(self.is_complete())
    }

    fn is_complete(&self) -> bool {
        self.numbers
            .first()
            .is_some_and(|count| (self.numbers.len() as u64 - 1) / 2 >= *count)
    }

    pub(super) fn finish(self, size: u64) -> Result<SparseMap, BadMap> {
        let mut map = SparseMap {
            pieces: Vec::new(),
            size,
        };
        for pair in self.numbers.get(1..).ok_or(BadMap)?.chunks_exact(2) {
            map.push(pair[0], pair[1])?;
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(pairs: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
        pairs
            .iter()
            .map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn the_extended_forms_give_the_same_map() {
        let expected = SparseMap {
            pieces: vec![(0, 10), (100, 5)],
            size: 200,
        };
        let old = records(&[
            ("size", "200"),
            ("numblocks", "2"),
            ("offset", "0"),
            ("numbytes", "10"),
            ("offset", "100"),
            ("numbytes", "5"),
        ]);
        let new = records(&[("size", "200"), ("numblocks", "2"), ("map", "0,10,100,5")]);
        for form in [old, new] {
            assert_eq!(
                from_pax(&form).unwrap().unwrap().0,
                PaxSparse::Map(expected.clone())
            );
        }
        let mut block = [0; BLOCK];
        block[..15].copy_from_slice(b"2\n0\n10\n100\n5\n\0\0");
        let mut map = ContentMap::default();
        assert!(map.feed(&block).unwrap());
        assert_eq!(map.finish(200).unwrap(), expected);
        assert_eq!(expected.clone().check(15), Ok(expected.clone()));
        assert_eq!(expected.check(14), Err(BadMap));
    }

    #[test]
    fn overlaps_and_overflows_are_refused() {
        for map in ["5,5,0,1", "0,10,9,1", "18446744073709551615,1", "1", "x,1"] {
            let form = records(&[("size", "200"), ("map", map)]);
            assert_eq!(from_pax(&form).unwrap_err(), BadMap, "{map}");
        }
        let mut map = ContentMap::default();
        assert!(map.feed(&[b'9'; BLOCK]).is_err());
    }
}
