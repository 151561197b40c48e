//! The process: user, rights, limits. Pure.

use orlop_linux::capability::{Capability, CapabilitySet};
use orlop_linux::credentials::CapabilitySets;
use orlop_model::limits::Ulimit;
use orlop_model::request::TermSize;
use orlop_runtime::bundle::{BundleProcess, Label};

use super::{Host, PlanError, invalid, unsupported};
use crate::config;

/// Resources of setrlimit(2), without `RLIMIT_`.
const LIMITS: [&str; 16] = [
    "AS",
    "CORE",
    "CPU",
    "DATA",
    "FSIZE",
    "LOCKS",
    "MEMLOCK",
    "MSGQUEUE",
    "NICE",
    "NOFILE",
    "NPROC",
    "RSS",
    "RTPRIO",
    "RTTIME",
    "SIGPENDING",
    "STACK",
];

/// (uid_t) -1 means "leave as it is" to setresuid(2), which would be root.
const NOBODY_AT_ALL: u32 = u32::MAX;

/// Understands a process, with what it is not given and does no harm.
///
/// # Errors
/// The first property that is wrong or not supported.
pub(crate) fn process(
    spec: &config::Process,
    host: Host,
    preserved: u32,
) -> Result<(BundleProcess, Vec<String>), PlanError> {
    texts(spec)?;
    let missing = [
        ("process.scheduler", spec.scheduler.is_some()),
        ("process.ioPriority", spec.io_priority.is_some()),
        ("process.execCPUAffinity", spec.exec_cpu_affinity.is_some()),
    ];
    if let Some((field, _)) = missing.into_iter().find(|(_, asked)| *asked) {
        return Err(unsupported(field, "it is not there yet"));
    }
    let user = &spec.user;
    let ids = [user.uid, user.gid];
    if ids
        .iter()
        .chain(&user.additional_gids)
        .any(|id| *id == NOBODY_AT_ALL)
    {
        return Err(invalid("process.user", "4294967295 is no user or group"));
    }
    let mut warnings = Vec::new();
    let process = BundleProcess {
        args: spec.args.clone(),
        env: spec.env.clone(),
        cwd: spec.cwd.clone(),
        uid: user.uid,
        gid: user.gid,
        groups: user.additional_gids.clone(),
        umask: user.umask,
        terminal: spec.terminal.then(|| spec.console_size.map(size)),
        capabilities: capabilities(spec.capabilities.as_ref(), &mut warnings),
        limits: limits(&spec.rlimits)?,
        no_new_privileges: spec.no_new_privileges,
        oom_score_adj: spec.oom_score_adj,
        label: label(spec, host)?,
        preserved,
    };
    Ok((process, warnings))
}

fn texts(spec: &config::Process) -> Result<(), PlanError> {
    if spec.args.is_empty() {
        return Err(invalid("process.args", "is empty"));
    }
    if spec.args[0].is_empty() {
        return Err(invalid("process.args[0]", "is empty"));
    }
    if !spec.cwd.starts_with('/') {
        let why = format!("{:?} is not an absolute path", spec.cwd);
        return Err(invalid("process.cwd", why));
    }
    let lists = [
        ("process.args", spec.args.as_slice()),
        ("process.env", spec.env.as_slice()),
        ("process.cwd", std::slice::from_ref(&spec.cwd)),
    ];
    for (field, list) in lists {
        if let Some(text) = list.iter().find(|text| text.contains('\0')) {
            return Err(invalid(field, format!("{text:?} has a zero byte")));
        }
    }
    if let Some(score) = spec.oom_score_adj
        && !(-1000..=1000).contains(&score)
    {
        return Err(invalid(
            "process.oomScoreAdj",
            format!("{score} is not between -1000 and 1000"),
        ));
    }
    Ok(())
}

fn size(size: config::ConsoleSize) -> TermSize {
    let clamp = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
    TermSize {
        rows: clamp(size.height),
        cols: clamp(size.width),
    }
}

/// What cannot be given is not given, and told: no reason to fail, says the specification.
fn capabilities(
    wanted: Option<&config::Capabilities>,
    warnings: &mut Vec<String>,
) -> CapabilitySets {
    let Some(wanted) = wanted else {
        return CapabilitySets::default();
    };
    let mut set = |names: &[String]| -> CapabilitySet {
        let known = names.iter().filter_map(|name| match name.parse() {
            Ok(capability) => Some(capability),
            Err(_) => {
                warnings.push(format!("there is no capability {name:?}"));
                None
            }
        });
        known.collect::<Vec<Capability>>().into_iter().collect()
    };
    CapabilitySets {
        bounding: set(&wanted.bounding),
        effective: set(&wanted.effective),
        permitted: set(&wanted.permitted),
        inheritable: set(&wanted.inheritable),
        ambient: set(&wanted.ambient),
    }
}

fn limits(wanted: &[config::Rlimit]) -> Result<Vec<Ulimit>, PlanError> {
    let mut limits: Vec<Ulimit> = Vec::new();
    for (at, limit) in wanted.iter().enumerate() {
        let field = format!("process.rlimits[{at}]");
        let name = limit.kind.strip_prefix("RLIMIT_").unwrap_or_default();
        if !LIMITS.contains(&name) {
            let why = format!("{:?} is no resource limit", limit.kind);
            return Err(invalid(format!("{field}.type"), why));
        }
        let name = name.to_ascii_lowercase();
        if limits.iter().any(|known| known.name == name) {
            return Err(invalid(field, format!("{} comes twice", limit.kind)));
        }
        if limit.soft > limit.hard {
            return Err(invalid(field, "the soft limit is above the hard one"));
        }
        limits.push(Ulimit {
            name,
            // Without limit is the largest number here, and -1 there.
            soft: limit.soft.cast_signed(),
            hard: limit.hard.cast_signed(),
        });
    }
    Ok(limits)
}

fn label(spec: &config::Process, host: Host) -> Result<Option<Label>, PlanError> {
    let named = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(profile) = named(&spec.apparmor_profile) {
        return match (host.apparmor, profile.as_str()) {
            (false, "unconfined") => Ok(None),
            (false, _) => Err(unsupported(
                "process.apparmorProfile",
                "AppArmor is not in force on this host",
            )),
            (true, _) => Ok(Some(Label {
                file: "apparmor/exec",
                value: format!("exec {profile}"),
            })),
        };
    }
    match named(&spec.selinux_label) {
        None => Ok(None),
        Some(_) if !host.selinux => Err(unsupported(
            "process.selinuxLabel",
            "SELinux is not in force on this host",
        )),
        Some(value) => Ok(Some(Label {
            file: "exec",
            value,
        })),
    }
}
