//! Mounts: where, what, and which option is whose. Pure.

use std::path::PathBuf;

use orlop_runtime::bundle::{BundleMount, Content, MountOptions};

use super::{PlanError, invalid, unsupported};
use crate::config::Mount;

/// Understands mounts.
pub(super) fn mounts(mounts: &[Mount]) -> Result<Vec<BundleMount>, PlanError> {
    mounts
        .iter()
        .enumerate()
        .map(|(at, mount)| one(&format!("mounts[{at}]"), mount))
        .collect()
}

fn one(field: &str, mount: &Mount) -> Result<BundleMount, PlanError> {
    let target = target(field, &mount.destination)?;
    if mount.uid_mappings.is_some() || mount.gid_mappings.is_some() {
        return Err(unsupported(
            format!("{field}.uidMappings"),
            "idmapped mounts are not there yet",
        ));
    }
    let options = MountOptions::parse(mount.options.iter().map(String::as_str));
    if let Some(refused) = options.refused.first() {
        return Err(unsupported(
            format!("{field}.options"),
            format!("{refused:?} is not there yet"),
        ));
    }
    let kind = mount.kind.as_deref().unwrap_or_default();
    let content = content(field, mount, kind, &options)?;
    if options.copy_up && kind != "tmpfs" {
        return Err(invalid(
            format!("{field}.options"),
            "\"tmpcopyup\" is an option of tmpfs",
        ));
    }
    in_proc(field, &target, kind)?;
    Ok(BundleMount {
        target,
        content,
        options,
    })
}

fn content(
    field: &str,
    mount: &Mount,
    kind: &str,
    options: &MountOptions,
) -> Result<Content, PlanError> {
    if options.bind.is_some() || matches!(kind, "bind" | "rbind") {
        if let Some((name, _)) = options.data.first() {
            return Err(invalid(
                format!("{field}.options"),
                format!("{name:?} is no option of a bind mount"),
            ));
        }
        let source = mount.source.as_deref().unwrap_or_default();
        if source.is_empty() {
            return Err(invalid(
                format!("{field}.source"),
                "a bind mount needs a source",
            ));
        }
        return Ok(Content::Bind {
            source: PathBuf::from(source),
            recursive: options.bind.unwrap_or(kind == "rbind"),
        });
    }
    match kind {
        "" | "none" => Err(invalid(
            format!("{field}.type"),
            "is missing, and the options do not say bind",
        )),
        "cgroup" | "cgroup2" => Ok(Content::Cgroup),
        _ => Ok(Content::Fresh {
            kind: kind.to_owned(),
            source: mount
                .source
                .clone()
                .filter(|source| !source.is_empty())
                .unwrap_or_else(|| kind.to_owned()),
        }),
    }
}

/// An absolute path without detours; a relative one starts at the root, as it did in older
/// versions of the specification.
fn target(field: &str, destination: &str) -> Result<String, PlanError> {
    let field = format!("{field}.destination");
    let parts: Vec<&str> = destination
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.is_empty() || destination.contains('\0') {
        let why = format!("{destination:?} is no path below the root");
        return Err(invalid(field, why));
    }
    if parts.contains(&"..") {
        return Err(invalid(field, format!("{destination:?} has \"..\" in it")));
    }
    Ok(format!("/{}", parts.join("/")))
}

/// `/proc` itself is the kernel's; what may lie over its files is checked where it is mounted.
fn in_proc(field: &str, target: &str, kind: &str) -> Result<(), PlanError> {
    if target == "/proc" && kind == "tmpfs" {
        return Err(invalid(
            format!("{field}.destination"),
            "only procfs is mounted at /proc",
        ));
    }
    Ok(())
}
