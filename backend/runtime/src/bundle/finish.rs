//! The last steps before the program, which a bundle's first process and one that enters share:
//! standard input and output, limits, user, capabilities, system calls.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use orlop_linux::capability::{self, CapabilitySet};
use orlop_linux::{credentials, mount, process, terminal};
use orlop_wire::reply::Failure;

use super::plan::{BundleProcess, Label};
use crate::failure::{Step as _, invalid};
use crate::init::{InstallFilter, program, user};

/// As shells and daemons have it.
const USUAL_UMASK: u32 = 0o022;

/// Everything that the last steps need.
pub(super) struct Finish<'a> {
    pub(super) process: &'a BundleProcess,
    pub(super) filter: InstallFilter<'a>,
    /// Slave of the container's terminal.
    pub(super) console: Option<OwnedFd>,
    /// Runs as the program would, right before it.
    pub(super) before: &'a dyn Fn() -> Result<(), Failure>,
}

/// Becomes the program; returns only why it could not.
pub(super) fn finish(finish: Finish<'_>) -> Result<std::convert::Infallible, Failure> {
    let Finish {
        process,
        filter,
        console,
        before,
    } = finish;
    let env = environment(process);
    program::enter_workdir(&process.cwd)?;
    for limit in &process.limits {
        process::set_limit(&limit.name, limit.soft, limit.hard)
            .step(format!("setting the limit {}", limit.name))?;
    }
    set_standard(process, console)?;
    process::close_on_exec_above(2 + process.preserved).step("closing descriptors")?;
    let umask = process.umask.unwrap_or(USUAL_UMASK);
    nix::sys::stat::umask(Mode::from_bits_truncate(umask));
    process::reset_signals().step("resetting signals")?;
    if let Some(label) = &process.label {
        set_label(label)?;
    }
    drop_privileges(process, filter)?;
    before()?;
    if process.no_new_privileges {
        nix::sys::prctl::set_no_new_privs().step("forbidding new privileges")?;
        filter().step("installing the system call filter")?;
    }
    Err(program::find(&process.args, &env)?.execute())
}

/// The environment, with `HOME` as the container's own files say.
pub(super) fn environment(process: &BundleProcess) -> Vec<String> {
    let account = user::resolve(&process.uid.to_string(), &[]);
    let home = account.map_or_else(|_| "/".to_owned(), |account| account.home);
    crate::plan::with_home(process.env.clone(), &home)
}

fn set_standard(process: &BundleProcess, console: Option<OwnedFd>) -> Result<(), Failure> {
    let owner = Some(process.uid.into());
    if let Some(slave) = console {
        nix::unistd::fchown(&slave, owner, None).step("giving the terminal away")?;
        return terminal::take_over(&slave).step("taking the terminal over");
    }
    // A program that opens /dev/stdout anew must be allowed to; what is not ours stays as it is.
    for fd in [
        io::stdin().as_fd(),
        io::stdout().as_fd(),
        io::stderr().as_fd(),
    ] {
        if process.uid != 0 && is_pipe(fd) {
            let _ = nix::unistd::fchown(fd, owner, None);
        }
    }
    match nix::unistd::setsid() {
        // It leads one already.
        Err(Errno::EPERM) | Ok(_) => Ok(()),
        Err(errno) => Err(errno).step("beginning a session"),
    }
}

/// Pipes alone are given away: files, devices and terminals have owners who want to keep them.
fn is_pipe(fd: BorrowedFd<'_>) -> bool {
    nix::sys::stat::fstat(fd)
        .is_ok_and(|stat| stat.st_mode & nix::libc::S_IFMT == nix::libc::S_IFIFO)
}

/// Best effort to lower it: that needs a capability that a host may lack.
pub(super) fn set_oom_score(process: &BundleProcess) {
    if let Some(score) = process.oom_score_adj {
        let _ = std::fs::write("/proc/self/oom_score_adj", score.to_string());
    }
}

/// Written to the kernel's own file only (CVE-2019-16884, CVE-2025-52881: a mount in its place
/// would swallow it).
fn set_label(label: &Label) -> Result<(), Failure> {
    let path = format!("/proc/thread-self/attr/{}", label.file);
    let what = || format!("setting the security label {:?}", label.value);
    let file = std::fs::File::options()
        .write(true)
        .open(&path)
        .step(what())?;
    if !mount::is_procfs(file.as_fd()).step(what())? {
        return Err(invalid(format!("{path} is not the kernel's")));
    }
    io::Write::write_all(&mut &file, label.value.as_bytes()).step(what())
}

/// Without `no_new_privs` the filter can be installed only while `CAP_SYS_ADMIN` is there
/// (seccomp(2)).
fn drop_privileges(process: &BundleProcess, filter: InstallFilter<'_>) -> Result<(), Failure> {
    let possible = CapabilitySet::bounding().step("reading the bounding set")?;
    let sets = process.capabilities.within(possible);
    let groups: Vec<Gid> = process.groups.iter().copied().map(Gid::from_raw).collect();
    if !process.no_new_privileges {
        filter().step("installing the system call filter")?;
    }
    capability::limit_bounding(sets.bounding).step("limiting capabilities")?;
    capability::keep_over_setuid().step("keeping capabilities")?;
    match setgroups(&groups) {
        // In a user namespace that may not, there is nothing to set.
        Err(Errno::EPERM) if groups.is_empty() => {}
        set => set.step("setting groups")?,
    }
    let gid = Gid::from_raw(process.gid);
    setresgid(gid, gid, gid).step(format!("becoming group {}", process.gid))?;
    let uid = Uid::from_raw(process.uid);
    setresuid(uid, uid, uid).step(format!("becoming user {}", process.uid))?;
    credentials::apply(&sets).step("setting capabilities")
}
