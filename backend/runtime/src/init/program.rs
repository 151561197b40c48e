//! The working directory and the program.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use orlop_linux::mount;
use orlop_wire::reply::{Failure, FailureKind};

use super::place::place_of;
use super::user::Account;
use crate::failure::{Step as _, invalid, plain};

/// What to execute.
#[derive(Debug)]
pub(crate) struct Program {
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    name: String,
}

/// Makes the working directory, where it is missing.
pub(crate) fn make_workdir(cwd: &str, account: &Account) -> Result<(), Failure> {
    place_of(Path::new(cwd), account.uid, account.gid)
        .step(format!("making the working directory {cwd}"))
        .map(drop)
}

/// Goes to the working directory and makes sure that it lies inside (CVE-2024-21626: a descriptor
/// of the runtime as the working directory leads out): no magic link is followed on the way.
pub(crate) fn enter_workdir(cwd: &str) -> Result<(), Failure> {
    let path = Path::new(cwd);
    if !path.is_absolute() {
        return Err(invalid(format!(
            "working directory {cwd:?} is not absolute"
        )));
    }
    let directory = mount::open_target(path).step(format!("chdir to cwd ({cwd:?})"))?;
    nix::unistd::fchdir(directory).step(format!("chdir to cwd ({cwd:?})"))?;
    // getcwd(3): outside of the root the kernel answers with `(unreachable)` or ENOENT.
    match nix::unistd::getcwd() {
        Ok(now) if now.is_absolute() => Ok(()),
        _ => Err(invalid(format!(
            "working directory {cwd:?} is not inside the container"
        ))),
    }
}

/// Looks the program up as execvp(3) does, with the container's own `PATH`.
pub(crate) fn find(args: &[String], env: &[String]) -> Result<Program, Failure> {
    let name = args.first().cloned().unwrap_or_default();
    let path = if name.contains('/') {
        check(&name, &name)?;
        name.clone()
    } else {
        search(&name, env)?
    };
    let list = |texts: &[String]| -> Result<Vec<CString>, Failure> {
        texts
            .iter()
            .map(|t| {
                CString::new(t.as_bytes()).map_err(|_| invalid(format!("{t:?} has a zero byte")))
            })
            .collect()
    };
    Ok(Program {
        path: CString::new(path).map_err(|_| invalid("the program's name has a zero byte"))?,
        arguments: list(args)?,
        environment: list(env)?,
        name,
    })
}

fn not_found(name: &str, why: &str) -> Failure {
    Failure::new(
        FailureKind::CommandNotFound,
        format!("failed to create task for container: exec: \"{name}\": {why}"),
    )
}

fn not_executable(name: &str, why: &str) -> Failure {
    Failure::new(
        FailureKind::CommandNotExecutable,
        format!("failed to create task for container: exec: \"{name}\": {why}"),
    )
}

fn search(name: &str, env: &[String]) -> Result<String, Failure> {
    let path = env
        .iter()
        .rev()
        .find_map(|entry| entry.strip_prefix("PATH="))
        .unwrap_or_default();
    let mut denied = None;
    for folder in path.split(':') {
        let folder = if folder.is_empty() { "." } else { folder };
        let candidate = format!("{folder}/{name}");
        match check(name, &candidate) {
            Ok(()) => return Ok(candidate),
            Err(failure) if failure.kind == FailureKind::CommandNotExecutable => {
                denied = Some(failure);
            }
            Err(_) => {}
        }
    }
    Err(denied.unwrap_or_else(|| not_found(name, "executable file not found in $PATH: unknown")))
}

fn check(name: &str, path: &str) -> Result<(), Failure> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Err(not_executable(name, "permission denied: unknown"));
        }
        Err(_) => {
            return Err(not_found(
                name,
                &format!("stat {path}: no such file or directory: unknown"),
            ));
        }
    };
    if metadata.is_dir() {
        return Err(not_executable(name, "is a directory: unknown"));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(not_executable(name, "permission denied: unknown"));
    }
    Ok(())
}

impl Program {
    /// Becomes the program; returns only why it could not.
    pub(crate) fn execute(&self) -> Failure {
        let errno = orlop_linux::process::execute(&self.path, &self.arguments, &self.environment);
        let why = format!("{}: unknown", plain(&errno.into()));
        match errno {
            // A script whose interpreter is missing is as good as missing itself.
            Errno::ENOENT => not_found(&self.name, &why),
            _ => not_executable(&self.name, &why),
        }
    }
}
