//! What must be there before worker and server start: user, folders, sockets, a fit host.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use nix::unistd::{Group, User};
use orlop_model::probe::Verdict;

use crate::config::{Settings, check_parent};

/// The user and group that the server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Refuses a host that cannot run containers, and a caller who is not root.
pub(crate) fn check_host() -> anyhow::Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "orlop serve needs root: it makes namespaces, mounts and network interfaces. Try: sudo orlop serve"
    );
    for finding in orlop_linux::probe::required() {
        if finding.verdict == Verdict::Missing {
            let remedy = finding.remedy.map_or_else(String::new, |r| format!(" {r}"));
            bail!(
                "the host lacks {}: {}.{remedy}",
                finding.name,
                finding.detail
            );
        }
    }
    Ok(())
}

/// Finds the server's user, and makes it as a system user when it is missing.
pub(crate) fn account(name: &str) -> anyhow::Result<Account> {
    let find = || User::from_name(name).with_context(|| format!("cannot look up user {name:?}"));
    let found = match find()? {
        Some(user) => Some(user),
        None if make_user(name) => find()?,
        None => None,
    };
    let Some(user) = found else {
        crate::telemetry::complain(&anyhow::anyhow!(
            "there is no user {name:?} and it could not be made: the server runs as root. \
             Make one (useradd --system {name}) or name another with --user"
        ));
        return Ok(Account { uid: 0, gid: 0 });
    };
    super::subordinate::ensure(name);
    // The group of the same name owns the socket, as people expect of `docker` and `orlop`.
    let group = Group::from_name(name)
        .ok()
        .flatten()
        .map_or(user.gid, |group| group.gid);
    Ok(Account {
        uid: user.uid.as_raw(),
        gid: group.as_raw(),
    })
}

fn make_user(name: &str) -> bool {
    Command::new("useradd")
        .args([
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
        ])
        .args(["--shell", "/usr/sbin/nologin", "--", name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Makes the folders with their owners and takes the lock on the data folder.
pub(crate) fn folders(settings: &Settings, account: &Account) -> anyhow::Result<File> {
    let (data, run) = (&settings.data_dir, &settings.run_dir);
    check_parent(data)?;
    check_parent(run)?;
    folder(data, 0, account.gid, 0o711)?;
    let lock = lock(data)?;
    for own in ["records", "blobs", "jobs", "trash-server"] {
        folder(&data.join(own), account.uid, account.gid, 0o700)?;
    }
    for private in ["layers", "volumes", "trash"] {
        folder(&data.join(private), 0, 0, 0o700)?;
    }
    folder(&data.join("containers"), 0, account.gid, 0o750)?;
    folder(run, 0, account.gid, 0o750)?;
    for shown in ["containers", "execs"] {
        folder(&run.join(shown), 0, account.gid, 0o750)?;
    }
    Ok(lock)
}

fn folder(path: &Path, uid: u32, gid: u32, mode: u32) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.and_then(|()| chown(path, Some(uid), Some(gid)))
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Takes the lock that keeps a second Orlop off the data folder.
pub(crate) fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => bail!(
            "the data folder {} is in use by another Orlop: stop that one, or name another folder with --data-dir",
            data.display()
        ),
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Binds a unix socket, in place of one that nobody listens on any more.
pub(crate) fn unix_socket(
    path: &Path,
    uid: u32,
    gid: u32,
    mode: u32,
) -> anyhow::Result<UnixListener> {
    let what = || format!("cannot listen on {}", path.display());
    if UnixStream::connect(path).is_ok() {
        bail!(
            "{} is in use by another process: name another with --socket or --run-dir",
            path.display()
        );
    }
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(what),
    }
    // Nobody may connect before owner and mode are right: only root passes a mode of 0.
    let old = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o777));
    let bound = UnixListener::bind(path);
    nix::sys::stat::umask(old);
    let listener = bound.with_context(what)?;
    chown(path, Some(uid), Some(gid)).with_context(what)?;
    fs::set_permissions(path, Permissions::from_mode(mode)).with_context(what)?;
    Ok(listener)
}

/// Takes a socket's name away; a later start would do it too.
pub(crate) fn remove_socket(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Binds the console's address.
pub(crate) fn console_socket(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!(
            "the console's address {address} is in use by another process: name another with --listen"
        ),
        _ => anyhow::Error::new(error).context(format!("cannot listen on {address}")),
    })
}
