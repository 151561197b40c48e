//! Making a Debian base image on this host, with mmdebstrap or debootstrap and tar.
//!
//! The suite, packages and mirror come from the server, so they are held to Debian's own naming
//! rules, and go into an argument list, never into a shell.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use orlop_linux::process;
use orlop_wire::reply::{Failure, FailureKind, Reply};
use orlop_wire::request::Bootstrap;

use crate::context::internal;

/// Most packages in one request.
const MOST_PACKAGES: usize = 200;
/// Where distributions put such tools.
const FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Makes the tar. Descriptors: where the tar goes, where the log goes.
pub(crate) fn run(
    connection: &UnixStream,
    request: &Bootstrap,
    fds: Vec<OwnedFd>,
) -> Result<Reply, Failure> {
    check(request)?;
    let Ok([tar, log]) = <[OwnedFd; 2]>::try_from(fds) else {
        return Err(Failure::new(
            FailureKind::Invalid,
            "the request needs two descriptors: tar and log",
        ));
    };
    let log = File::from(log);
    if let Some(tool) = find("mmdebstrap") {
        let mut command = Command::new(tool);
        command.args(["--variant=minbase", "--mode=root"]);
        if !request.packages.is_empty() {
            command.arg(format!("--include={}", request.packages.join(",")));
        }
        command.arg(&request.suite).arg("-").args(&request.mirror);
        return watch(connection, command, Some(tar), &log).map(|()| Reply::Done);
    }
    let Some(tool) = find("debootstrap") else {
        return Err(Failure::new(
            FailureKind::Unsupported,
            "neither mmdebstrap nor debootstrap is installed: apt-get install mmdebstrap",
        ));
    };
    with_debootstrap(connection, request, &tool, tar, &log).map(|()| Reply::Done)
}

fn find(name: &str) -> Option<PathBuf> {
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
}

fn check(request: &Bootstrap) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::new(FailureKind::Invalid, what));
    let is_suite = |text: &str| {
        (1..=40).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    // Debian Policy 5.6.1.
    let is_package = |text: &str| {
        (2..=100).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
    };
    let is_mirror = |text: &str| {
        (text.starts_with("http://") || text.starts_with("https://"))
            && text.len() <= 300
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~:/%".contains(&b))
    };
    if !is_suite(&request.suite) {
        return wrong(format!(
            "{:?} is no Debian release name, such as bookworm",
            request.suite
        ));
    }
    if request.packages.len() > MOST_PACKAGES {
        return wrong(format!("more than {MOST_PACKAGES} packages"));
    }
    if let Some(package) = request.packages.iter().find(|package| !is_package(package)) {
        return wrong(format!("{package:?} is no Debian package name"));
    }
    match &request.mirror {
        Some(mirror) if !is_mirror(mirror) => wrong(format!(
            "{mirror:?} is no http:// or https:// address of a mirror"
        )),
        _ => Ok(()),
    }
}

fn with_debootstrap(
    connection: &UnixStream,
    request: &Bootstrap,
    tool: &Path,
    tar: OwnedFd,
    log: &File,
) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("orlop-bootstrap-{}", std::process::id()));
    let mut command = Command::new(tool);
    command.arg("--variant=minbase");
    if !request.packages.is_empty() {
        command.arg(format!("--include={}", request.packages.join(",")));
    }
    command
        .arg(&request.suite)
        .arg(&folder)
        .args(&request.mirror);
    let made = watch(connection, command, None, log).and_then(|()| {
        let mut pack = Command::new("tar");
        pack.args([
            "--numeric-owner",
            "--xattrs",
            "--one-file-system",
            "-cf",
            "-",
            "-C",
        ])
        .arg(&folder)
        .arg(".");
        watch(connection, pack, Some(tar), log)
    });
    // Whatever was made is in the tar, or of no use.
    let _ = fs::remove_dir_all(&folder);
    made
}

/// Runs a tool to its end, and ends it with everything it has started when the server goes away.
fn watch(
    connection: &UnixStream,
    mut command: Command,
    out: Option<OwnedFd>,
    log: &File,
) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let again = || log.try_clone().map_err(|error| internal(error.to_string()));
    // Whoever reads the log may have gone; the tool's end tells the same.
    let _ = writeln!(again()?, "$ {name} {}", arguments(&command));
    let out = match out {
        Some(fd) => Stdio::from(fd),
        None => Stdio::from(again()?),
    };
    let mut child = command
        .env_clear()
        .env("PATH", FOLDERS.join(":"))
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(again()?)
        .process_group(0)
        .spawn()
        .map_err(|error| internal(format!("starting {name}: {error}")))?;
    // The command holds copies of the descriptors; the reader of the tar waits for their end.
    drop(command);
    wait(connection, &mut child)?;
    let status = child
        .wait()
        .map_err(|error| internal(format!("waiting for {name}: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(internal(format!(
        "{name} failed ({status}); its log says why"
    )))
}

fn arguments(command: &Command) -> String {
    command
        .get_args()
        .map(|a| a.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

fn wait(connection: &UnixStream, child: &mut Child) -> Result<(), Failure> {
    let pidfd = process::open_pid(child.id()).map_err(|error| internal(error.to_string()))?;
    loop {
        let mut fds = [
            PollFd::new(pidfd.as_fd(), PollFlags::POLLIN),
            PollFd::new(connection.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            Err(errno) => return Err(internal(errno.to_string())),
            Ok(_) => {}
        }
        if fds[0].any() == Some(true) {
            return Ok(());
        }
        if fds[1].any() == Some(true) {
            // The server says nothing more in a request: this is its end.
            if let Ok(group) = i32::try_from(child.id()) {
                let group = nix::unistd::Pid::from_raw(group);
                let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
            }
            let _ = child.wait();
            return Err(Failure::new(FailureKind::Cancelled, "the server went away"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(suite: &str, packages: &[&str], mirror: Option<&str>) -> Bootstrap {
        Bootstrap {
            suite: suite.to_owned(),
            packages: packages.iter().map(ToString::to_string).collect(),
            mirror: mirror.map(str::to_owned),
        }
    }

    #[test]
    fn only_names_by_debians_rules_reach_the_tool() {
        assert!(
            check(&request(
                "bookworm",
                &["ca-certificates", "g++"],
                Some("http://deb.debian.org/debian")
            ))
            .is_ok()
        );
        for (suite, package, mirror) in [
            ("--help", "curl", None),
            ("Bookworm", "curl", None),
            ("bookworm", "--hook=x", None),
            ("bookworm", "a,b", None),
            ("bookworm", "curl", Some("file:///etc")),
            ("bookworm", "curl", Some("http://x/ y")),
        ] {
            assert!(
                check(&request(suite, &[package], mirror)).is_err(),
                "{suite} {package} {mirror:?}"
            );
        }
    }
}
