//! Giving up what the program is not to have: limits, user, capabilities, system calls.

use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use orlop_linux::capability::{self, CapabilitySet};
use orlop_linux::label::{self, Module};
use orlop_linux::process;
use orlop_model::spec::{Process, Security};
use orlop_wire::reply::Failure;

use super::user::Account;
use super::{Granted, InstallFilter};
use crate::failure::{Step as _, invalid};

/// Resource limits, clamped to the host's, and the out-of-memory score as far as it may be set.
pub(super) fn limit(wanted: &Process) -> Result<(), Failure> {
    for limit in &wanted.ulimits {
        process::set_limit(&limit.name, limit.soft, limit.hard)
            .step(format!("setting ulimit {}", limit.name))?;
    }
    score(wanted);
    Ok(())
}

/// The out-of-memory score. Lowering it needs a capability that a host may not have, and one's own
/// file a user that is not of another user namespace: best effort.
pub(super) fn score(wanted: &Process) {
    let _ = std::fs::write("/proc/self/oom_score_adj", wanted.oom_score_adj.to_string());
}

/// The set by name, as far as this host can give it.
pub(super) fn capabilities(names: &[String], uid: u32) -> Result<Granted, Failure> {
    let wanted = CapabilitySet::from_names(names).map_err(|error| invalid(error.to_string()))?;
    let possible = CapabilitySet::bounding().step("reading the bounding set")?;
    let bounding = wanted.intersection(possible);
    // execve(2) gives root what the bounding set has, and everybody else nothing.
    let permitted = if uid == 0 {
        bounding
    } else {
        CapabilitySet::EMPTY
    };
    Ok(Granted {
        bounding,
        permitted,
    })
}

/// Labels the program for the security modules of the host, where a label was asked for.
pub(super) fn label(security: &Security) -> Result<(), Failure> {
    let confinement = &security.confinement;
    let labels = [
        (
            Module::AppArmor,
            confinement.apparmor_profile().map(str::to_owned),
        ),
        (
            Module::Selinux,
            confinement.selinux.as_ref().map(ToString::to_string),
        ),
    ];
    for (module, label) in labels {
        let Some(label) = label else { continue };
        label::set_exec(module, &label)
            .step(format!("setting the {} label {label:?}", module.name()))?;
    }
    Ok(())
}

/// Gives everything up. Without `no_new_privs` the filter can be installed only while
/// `CAP_SYS_ADMIN` is there (seccomp(2)); with it, last of all.
pub(super) fn drop(
    security: &Security,
    account: &Account,
    granted: Granted,
    filter: InstallFilter<'_>,
) -> Result<(), Failure> {
    if !security.no_new_privileges {
        filter().step("installing the system call filter")?;
    }
    capability::limit_bounding(granted.bounding).step("limiting capabilities")?;
    capability::keep_over_setuid().step("keeping capabilities")?;
    let groups: Vec<Gid> = account
        .groups
        .iter()
        .map(|gid| Gid::from_raw(*gid))
        .collect();
    setgroups(&groups).step("setting groups")?;
    let gid = Gid::from_raw(account.gid);
    setresgid(gid, gid, gid).step(format!("becoming group {}", account.gid))?;
    let uid = Uid::from_raw(account.uid);
    setresuid(uid, uid, uid).step(format!("becoming user {}", account.uid))?;
    capability::apply(granted.permitted, granted.permitted).step("setting capabilities")?;
    if security.no_new_privileges {
        nix::sys::prctl::set_no_new_privs().step("forbidding new privileges")?;
        filter().step("installing the system call filter")?;
    }
    Ok(())
}
