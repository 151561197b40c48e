//! What a configuration means: checked as a whole before anything is made, and refused with the
//! name of the property where it is wrong or asks for something that Orlop does not have. Pure
//! but for what the host is asked once ([`Host`]).

mod devices;
mod mounts;
mod namespaces;
mod process;
mod resources;
mod seccomp;

use std::path::Path;
use std::time::Duration;

use nix::sched::CloneFlags;
use orlop_linux::seccomp::{Flags, Program};
use orlop_runtime::bundle::{Bundle, Hook, InnerHooks, RootSpread};

use crate::config::{self, Config};

pub(crate) use devices::Access;
pub(crate) use namespaces::Wanted;
pub(crate) use process::process;
pub(crate) use resources::{limits, merged};
pub(crate) use seccomp::filter;

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlanError {
    /// A property makes no sense.
    #[error("{field}: {why}")]
    Invalid {
        /// The property.
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// A property asks for what Orlop does not have.
    #[error("{field} is not supported by this runtime: {why}")]
    Unsupported {
        /// The property.
        field: String,
        /// What is missing.
        why: String,
    },
}

pub(crate) fn invalid(field: impl Into<String>, why: impl Into<String>) -> PlanError {
    PlanError::Invalid {
        field: field.into(),
        why: why.into(),
    }
}

pub(crate) fn unsupported(field: impl Into<String>, why: impl Into<String>) -> PlanError {
    PlanError::Unsupported {
        field: field.into(),
        why: why.into(),
    }
}

/// What a configuration may count on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Host {
    /// AppArmor is in force.
    pub(crate) apparmor: bool,
    /// SELinux is in force.
    pub(crate) selinux: bool,
}

impl Host {
    /// Asks the kernel.
    #[must_use]
    pub(crate) fn look() -> Self {
        let enabled = std::fs::read_to_string("/sys/module/apparmor/parameters/enabled");
        Self {
            apparmor: enabled.is_ok_and(|text| text.starts_with('Y')),
            selinux: Path::new("/sys/fs/selinux/enforce").exists(),
        }
    }
}

/// A filter, and whether the kernel logs what it does not let through.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// The program.
    pub(crate) program: Program,
    /// How the kernel is to treat it.
    pub(crate) flags: Flags,
}

/// A configuration, understood.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What init obeys.
    pub(crate) bundle: Bundle,
    /// System call filter.
    pub(crate) filter: Option<Filter>,
    /// Devices that may be used.
    pub(crate) access: Access,
    /// Limits of the cgroup.
    pub(crate) limits: orlop_model::limits::Limits,
    /// What is not as asked, and does no harm.
    pub(crate) warnings: Vec<String>,
}

/// Understands a configuration whose bundle lies in a folder. Namespaces that are joined are
/// opened here and not looked up again.
///
/// # Errors
/// The first property that is wrong or not supported.
pub(crate) fn understand(
    config: &Config,
    folder: &Path,
    host: Host,
    preserved: u32,
) -> Result<Plan, PlanError> {
    refuse_other_platforms(config)?;
    let wanted = Wanted::of(&config.linux)?;
    let spec = config
        .process
        .as_ref()
        .ok_or_else(|| invalid("process", "is missing"))?;
    let (process, warnings) = process(spec, host, preserved)?;
    let root = config
        .root
        .as_ref()
        .ok_or_else(|| invalid("root", "is missing"))?;
    if root.path.as_os_str().is_empty() {
        return Err(invalid("root.path", "is empty"));
    }
    refuse_rest(config, host)?;
    names(config, &wanted)?;
    let linux = &config.linux;
    let resources = linux.resources.clone().unwrap_or_default();
    let bundle = Bundle {
        root: folder.join(&root.path),
        root_read_only: root.readonly,
        root_spread: root_spread(linux.rootfs_propagation.as_deref())?,
        hostname: name_of(config.hostname.as_ref(), &wanted),
        domainname: name_of(config.domainname.as_ref(), &wanted),
        mounts: mounts::mounts(&config.mounts)?,
        devices: devices::nodes(&linux.devices)?,
        masked: paths("linux.maskedPaths", &linux.masked_paths)?,
        read_only: paths("linux.readonlyPaths", &linux.readonly_paths)?,
        sysctls: namespaces::sysctls(&linux.sysctl, &wanted)?,
        process,
        hooks: InnerHooks {
            create_container: hooks("hooks.createContainer", &config.hooks.create_container)?,
            start_container: hooks("hooks.startContainer", &config.hooks.start_container)?,
        },
        namespaces: wanted.open()?,
    };
    for (field, list) in [
        ("hooks.prestart", &config.hooks.prestart),
        ("hooks.createRuntime", &config.hooks.create_runtime),
        ("hooks.poststart", &config.hooks.poststart),
        ("hooks.poststop", &config.hooks.poststop),
    ] {
        hooks(field, list)?;
    }
    Ok(Plan {
        bundle,
        filter: linux.seccomp.as_ref().map(filter).transpose()?,
        access: devices::access(&resources.devices)?,
        limits: limits(&resources)?,
        warnings,
    })
}

fn refuse_other_platforms(config: &Config) -> Result<(), PlanError> {
    if !config.oci_version.starts_with("1.") {
        return Err(invalid(
            "ociVersion",
            format!("{:?} is not a version 1", config.oci_version),
        ));
    }
    let others = [
        ("windows", &config.windows),
        ("solaris", &config.solaris),
        ("vm", &config.vm),
        ("zos", &config.zos),
    ];
    match others.into_iter().find(|(_, value)| value.is_some()) {
        Some((name, _)) => Err(unsupported(name, "this is a runtime for Linux")),
        None => Ok(()),
    }
}

fn refuse_rest(config: &Config, host: Host) -> Result<(), PlanError> {
    let linux = &config.linux;
    let missing = [
        ("linux.intelRdt", linux.intel_rdt.is_some()),
        ("linux.netDevices", !linux.net_devices.is_empty()),
        ("linux.memoryPolicy", linux.memory_policy.is_some()),
    ];
    if let Some((field, _)) = missing.into_iter().find(|(_, asked)| *asked) {
        return Err(unsupported(field, "it is not there yet"));
    }
    if linux.mount_label.as_ref().is_some_and(|l| !l.is_empty()) {
        return Err(if host.selinux {
            unsupported("linux.mountLabel", "mounts are not labelled yet")
        } else {
            unsupported("linux.mountLabel", "SELinux is not in force on this host")
        });
    }
    let domain = linux.personality.as_ref().and_then(|p| p.get("domain"));
    match domain.map(|domain| domain.as_str()) {
        None | Some(Some("LINUX")) => Ok(()),
        Some(_) => Err(unsupported(
            "linux.personality.domain",
            "only LINUX can be had",
        )),
    }
}

fn names(config: &Config, wanted: &Wanted) -> Result<(), PlanError> {
    for (field, name) in [
        ("hostname", &config.hostname),
        ("domainname", &config.domainname),
    ] {
        let asked = name.as_ref().is_some_and(|name| !name.is_empty());
        if asked && !wanted.has(CloneFlags::CLONE_NEWUTS) {
            return Err(invalid(
                field,
                "the container has no UTS namespace, and the host's name is not changed",
            ));
        }
    }
    Ok(())
}

/// A namespace that is joined has its name already.
fn name_of(name: Option<&String>, wanted: &Wanted) -> Option<String> {
    name.filter(|name| !name.is_empty() && wanted.makes(CloneFlags::CLONE_NEWUTS))
        .cloned()
}

fn root_spread(text: Option<&str>) -> Result<RootSpread, PlanError> {
    match text.unwrap_or_default() {
        "" | "private" | "rprivate" => Ok(RootSpread::Private),
        "slave" | "rslave" => Ok(RootSpread::Slave),
        "shared" | "rshared" => Ok(RootSpread::Shared),
        "unbindable" | "runbindable" => Ok(RootSpread::Unbindable),
        other => Err(invalid(
            "linux.rootfsPropagation",
            format!("{other:?} is not shared, slave, private or unbindable"),
        )),
    }
}

fn paths(field: &str, paths: &[String]) -> Result<Vec<String>, PlanError> {
    let wrong = paths
        .iter()
        .find(|path| !path.starts_with('/') || path.contains('\0'));
    match wrong {
        Some(path) => Err(invalid(field, format!("{path:?} is not an absolute path"))),
        None => Ok(paths.to_vec()),
    }
}

/// Hooks of one step.
pub(crate) fn hooks(field: &str, hooks: &[config::Hook]) -> Result<Vec<Hook>, PlanError> {
    let one = |(at, hook): (usize, &config::Hook)| {
        let field = format!("{field}[{at}]");
        if !hook.path.is_absolute() {
            let why = format!("{} is not an absolute path", hook.path.display());
            return Err(invalid(format!("{field}.path"), why));
        }
        let timeout = match hook.timeout {
            None => None,
            Some(seconds) if seconds > 0 => Some(Duration::from_secs(seconds.unsigned_abs())),
            Some(_) => return Err(invalid(format!("{field}.timeout"), "is not above zero")),
        };
        Ok(Hook {
            path: hook.path.clone(),
            args: hook.args.clone(),
            env: hook.env.clone(),
            timeout,
        })
    };
    hooks.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests;
