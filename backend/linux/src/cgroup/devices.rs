//! Which devices a container may use: what every one may, and as version 1 takes it.

use orlop_model::device::{DeviceAccess, DeviceKind, DeviceRule};

const fn character(major: u32, minor: Option<u32>) -> DeviceRule {
    DeviceRule {
        kind: DeviceKind::Character,
        major: Some(major),
        minor,
        access: DeviceAccess::ALL,
    }
}

const fn make_any(kind: DeviceKind) -> DeviceRule {
    DeviceRule {
        kind,
        major: None,
        minor: None,
        access: DeviceAccess::MAKE,
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
    character(136, None),  // terminals of its own devpts, console among them
];

/// The lines for `devices.allow`. Its letter for both kinds would allow everything, whatever
/// stands behind it: both are named in its place.
pub(super) fn v1_lines(rule: &DeviceRule) -> Vec<String> {
    let kinds = match rule.kind {
        DeviceKind::All => vec![DeviceKind::Block, DeviceKind::Character],
        kind => vec![kind],
    };
    let line = |kind| DeviceRule { kind, ..*rule }.to_string();
    kinds.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_as_version_1_reads_them() {
        let lines: Vec<_> = DEFAULT.iter().flat_map(v1_lines).collect();
        assert_eq!(lines[0], "c *:* m");
        assert_eq!(lines[1], "b *:* m");
        assert_eq!(lines[2], "c 1:3 rwm");
        assert_eq!(lines[9], "c 136:* rwm");
    }

    #[test]
    fn a_rule_for_both_kinds_allows_no_more_than_it_says() {
        let rule = "a 7:* r".parse().expect("rule");
        assert_eq!(v1_lines(&rule), ["b 7:* r", "c 7:* r"]);
    }
}
