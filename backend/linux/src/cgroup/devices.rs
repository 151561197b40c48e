//! Which devices a container may use: the list as data, and as version 1 takes it.

use std::fmt;

/// Any number.
const ANY: Option<u32> = None;

/// Block or character device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// Block.
    Block,
    /// Character.
    Character,
}

/// A device, or a group of them, and what may be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRule {
    /// Block or character.
    pub kind: DeviceKind,
    /// Major number, or any.
    pub major: Option<u32>,
    /// Minor number, or any.
    pub minor: Option<u32>,
    /// It may be opened for reading.
    pub read: bool,
    /// It may be opened for writing.
    pub write: bool,
    /// A node for it may be made.
    pub make: bool,
}

const fn character(major: u32, minor: Option<u32>) -> DeviceRule {
    DeviceRule {
        kind: DeviceKind::Character,
        major: Some(major),
        minor,
        read: true,
        write: true,
        make: true,
    }
}

const fn make_any(kind: DeviceKind) -> DeviceRule {
    DeviceRule {
        kind,
        major: ANY,
        minor: ANY,
        read: false,
        write: false,
        make: true,
    }
}

/// What every container may use; all else it can name but not open.
pub const DEFAULT: [DeviceRule; 10] = [
    // Archives with device nodes can be unpacked.
    make_any(DeviceKind::Character),
    make_any(DeviceKind::Block),
    character(1, Some(3)), // null
    character(1, Some(5)), // zero
    character(1, Some(7)), // full
    character(1, Some(8)), // random
    character(1, Some(9)), // urandom
    character(5, Some(0)), // tty
    character(5, Some(2)), // ptmx
    character(136, ANY),   // terminals of its own devpts, console among them
];

impl fmt::Display for DeviceRule {
    /// As `devices.allow` takes it: `c 1:3 rwm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DeviceKind::Block => 'b',
            DeviceKind::Character => 'c',
        };
        let number = |n: Option<u32>| n.map_or_else(|| "*".to_owned(), |n| n.to_string());
        write!(f, "{kind} {}:{} ", number(self.major), number(self.minor))?;
        for (allowed, letter) in [(self.read, 'r'), (self.write, 'w'), (self.make, 'm')] {
            if allowed {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_as_version_1_reads_them() {
        let lines: Vec<_> = DEFAULT.iter().map(ToString::to_string).collect();
        assert_eq!(lines[0], "c *:* m");
        assert_eq!(lines[1], "b *:* m");
        assert_eq!(lines[2], "c 1:3 rwm");
        assert_eq!(lines[9], "c 136:* rwm");
    }
}
