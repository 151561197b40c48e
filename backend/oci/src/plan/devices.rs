//! Device nodes, and who may use which device. Pure.

use orlop_linux::cgroup::devices::DEFAULT;
use orlop_model::device::{DeviceAccess, DeviceKind, DeviceRule};
use orlop_runtime::bundle::DeviceNode;

use super::{PlanError, invalid, unsupported};
use crate::config;

/// Devices that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// Every one.
    All,
    /// These.
    Only(Vec<DeviceRule>),
}

/// Permission bits of a device that names none.
const USUAL_MODE: u32 = 0o666;

/// Understands device nodes.
pub(super) fn nodes(devices: &[config::Device]) -> Result<Vec<DeviceNode>, PlanError> {
    let one = |(at, device): (usize, &config::Device)| {
        let field = format!("linux.devices[{at}]");
        let kind = match device.kind.as_str() {
            "c" | "u" => 'c',
            "b" => 'b',
            "p" => 'p',
            other => {
                let why = format!("{other:?} is not c, b, u or p");
                return Err(invalid(format!("{field}.type"), why));
            }
        };
        let parts: Vec<&str> = device.path.split('/').collect();
        if !device.path.starts_with('/') || parts.contains(&"..") || device.path.ends_with('/') {
            let why = format!("{:?} is not an absolute path of a device", device.path);
            return Err(invalid(format!("{field}.path"), why));
        }
        let number = |name: &str, number: i64| {
            u64::try_from(number).map_err(|_| invalid(format!("{field}.{name}"), "is negative"))
        };
        Ok(DeviceNode {
            path: device.path.clone(),
            kind,
            number: if kind == 'p' {
                (0, 0)
            } else {
                (
                    number("major", device.major)?,
                    number("minor", device.minor)?,
                )
            },
            mode: device.file_mode.unwrap_or(USUAL_MODE) & 0o7777,
            uid: device.uid.unwrap_or(0),
            gid: device.gid.unwrap_or(0),
        })
    };
    devices.iter().enumerate().map(one).collect()
}

/// Understands rules in order: the last one that fits a device decides. What the harmless devices
/// need is always allowed.
pub(super) fn access(rules: &[config::DeviceRule]) -> Result<Access, PlanError> {
    let mut access = Access::Only(Vec::new());
    for (at, rule) in rules.iter().enumerate() {
        let field = format!("linux.resources.devices[{at}]");
        let parsed = parse(&field, rule)?;
        let everything = parsed
            .iter()
            .all(|r| r.major.is_none() && r.minor.is_none() && r.access == DeviceAccess::ALL)
            && parsed.len() == 2;
        match (&mut access, rule.allow) {
            (_, true) if everything => access = Access::All,
            (_, false) if everything => access = Access::Only(Vec::new()),
            (Access::All, true) => {}
            (Access::All, false) => {
                return Err(unsupported(
                    field,
                    "single devices cannot be kept out once all are allowed",
                ));
            }
            (Access::Only(allowed), true) => allowed.extend(parsed),
            (Access::Only(allowed), false) => {
                if let Some(wrong) = allowed.iter().find(|a| parsed.iter().any(|p| partly(a, p))) {
                    return Err(unsupported(
                        field,
                        format!("it takes back a part of the earlier rule \"{wrong}\""),
                    ));
                }
                allowed.retain(|a| !parsed.iter().any(|p| covers(p, a)));
            }
        }
    }
    if let Access::Only(allowed) = &mut access {
        let missing = DEFAULT.iter().filter(|rule| !allowed.contains(rule));
        let missing: Vec<_> = missing.copied().collect();
        allowed.extend(missing);
    }
    Ok(access)
}

/// Everything that `b` allows is taken back by `a`.
fn covers(a: &DeviceRule, b: &DeviceRule) -> bool {
    let number = |a: Option<u32>, b: Option<u32>| a.is_none() || a == b;
    a.kind == b.kind
        && number(a.major, b.major)
        && number(a.minor, b.minor)
        && (a.access.read || !b.access.read)
        && (a.access.write || !b.access.write)
        && (a.access.make || !b.access.make)
}

/// Some of what `b` takes back is allowed by `a`, and some of what `a` allows stays.
fn partly(a: &DeviceRule, b: &DeviceRule) -> bool {
    let meet = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
    let touches = a.kind == b.kind
        && meet(a.major, b.major)
        && meet(a.minor, b.minor)
        && (a.access.read && b.access.read
            || a.access.write && b.access.write
            || a.access.make && b.access.make);
    touches && !covers(b, a)
}

fn parse(field: &str, rule: &config::DeviceRule) -> Result<Vec<DeviceRule>, PlanError> {
    let access = rule.access.as_deref().filter(|text| !text.is_empty());
    let access = access.unwrap_or("rwm");
    if let Some(wrong) = access.chars().find(|c| !"rwm".contains(*c)) {
        let why = format!("{wrong:?} is not r, w or m");
        return Err(invalid(format!("{field}.access"), why));
    }
    let number = |name: &str, number: Option<i64>| match number {
        None => Ok(None),
        Some(number) if number < 0 => Ok(None),
        Some(number) => u32::try_from(number)
            .map(Some)
            .map_err(|_| invalid(format!("{field}.{name}"), "is too large")),
    };
    let (major, minor) = (number("major", rule.major)?, number("minor", rule.minor)?);
    let kinds: &[DeviceKind] = match rule.kind.as_deref().unwrap_or("a") {
        "" | "a" => &[DeviceKind::Character, DeviceKind::Block],
        "c" | "u" => &[DeviceKind::Character],
        "b" => &[DeviceKind::Block],
        other => {
            let why = format!("{other:?} is not a, c or b");
            return Err(invalid(format!("{field}.type"), why));
        }
    };
    let rule = |kind: &DeviceKind| DeviceRule {
        kind: *kind,
        major,
        minor,
        access: DeviceAccess {
            read: access.contains('r'),
            write: access.contains('w'),
            make: access.contains('m'),
        },
    };
    Ok(kinds.iter().map(rule).collect())
}
