//! Making a Debian base image on this host, with mmdebstrap or debootstrap and tar.
//!
//! The suite, packages and mirror come from the server, so they are held to Debian's own naming
//! rules, and go into an argument list, never into a shell.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use orlop_linux::mount::{self, Attributes};
use orlop_linux::process::{self, Ended};
use orlop_wire::reply::{Failure, FailureKind, Reply};
use orlop_wire::request::Bootstrap;

use crate::context::internal;

/// Exit code of a tool that could not be started.
const EXIT_NOT_STARTED: i32 = 127;
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
    let folder = work_folder();
    let what = |error: io::Error| internal(format!("making {}: {error}", folder.display()));
    // apt's own user must be able to look into it.
    fs::DirBuilder::new()
        .mode(0o755)
        .create(&folder)
        .map_err(what)?;
    let made = with_tool(connection, request, tar, &log);
    // Whatever was made is in the tar, or of no use. No mount is left in it: those were the
    // tool's alone.
    let _ = fs::remove_dir_all(&folder);
    made.map(|()| Reply::Done)
}

/// A folder for what this request makes on the way.
fn work_folder() -> PathBuf {
    std::env::temp_dir().join(format!("orlop-bootstrap-{}", std::process::id()))
}

fn with_tool(
    connection: &UnixStream,
    request: &Bootstrap,
    tar: OwnedFd,
    log: &File,
) -> Result<(), Failure> {
    if let Some(tool) = find("mmdebstrap") {
        let mut command = Command::new(tool);
        command.args(["--variant=minbase", "--mode=root"]);
        if !request.packages.is_empty() {
            command.arg(format!("--include={}", request.packages.join(",")));
        }
        command.arg(&request.suite).arg("-").args(&request.mirror);
        return watch(connection, command, Some(tar), log);
    }
    let Some(tool) = find("debootstrap") else {
        return Err(Failure::new(
            FailureKind::Unsupported,
            "neither mmdebstrap nor debootstrap is installed: apt-get install mmdebstrap",
        ));
    };
    with_debootstrap(connection, request, &tool, tar, log)
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
    let folder = work_folder().join("root");
    let mut command = Command::new(tool);
    command.arg("--variant=minbase");
    if !request.packages.is_empty() {
        command.arg(format!("--include={}", request.packages.join(",")));
    }
    command
        .arg(&request.suite)
        .arg(&folder)
        .args(&request.mirror);
    watch(connection, command, None, log)?;
    let packer = find("tar").ok_or_else(|| internal("tar is not installed"))?;
    let mut pack = Command::new(packer);
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
    command
        .env_clear()
        .env("PATH", FOLDERS.join(":"))
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C.UTF-8")
        .env("TMPDIR", work_folder())
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(again()?);
    let running =
        Running::start(command).map_err(|error| internal(format!("starting {name}: {error}")))?;
    match running.wait(connection)? {
        Ended::Code(0) => Ok(()),
        Ended::Code(code) => Err(internal(format!(
            "{name} failed with exit code {code}; its log says why"
        ))),
        Ended::Signal(signal) => Err(internal(format!("{name} was ended by signal {signal}"))),
    }
}

fn arguments(command: &Command) -> String {
    command
        .get_args()
        .map(|a| a.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A tool in a pid and a mount namespace of its own: its mounts show nowhere else and go with it,
/// and when it ends, everything that it has started ends too. Killed when dropped.
struct Running {
    child: process::Child,
    reaped: bool,
}

impl Running {
    fn start(mut command: Command) -> io::Result<Self> {
        let flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
        let child = process::clone(flags, None, || {
            let prepared = process::die_with_parent_signal()
                .and_then(|()| mount::make_all_private())
                .and_then(|()| {
                    let proc = mount::make("proc", Some("proc"), &[], Attributes::empty())?;
                    mount::attach(&proc, File::open("/proc")?)
                });
            if prepared.is_ok() {
                // Comes back only when it failed.
                let _ = command.exec();
            }
            EXIT_NOT_STARTED
        })?;
        // The command holds copies of the descriptors; the reader of the tar waits for their end.
        drop(command);
        Ok(Self {
            child,
            reaped: false,
        })
    }

    fn wait(mut self, connection: &UnixStream) -> Result<Ended, Failure> {
        loop {
            let mut fds = [
                PollFd::new(self.child.pidfd.as_fd(), PollFlags::POLLIN),
                // The server says nothing more in a request: what is to be read is its end.
                PollFd::new(connection.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => continue,
                Err(errno) => return Err(internal(errno.to_string())),
                Ok(_) => {}
            }
            if fds[0].any() == Some(true) {
                self.reaped = true;
                return process::wait(self.child.pidfd.as_fd())
                    .map_err(|error| internal(format!("waiting for a tool: {error}")));
            }
            if fds[1].any() == Some(true) {
                return Err(Failure::new(FailureKind::Cancelled, "the server went away"));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            // It may have ended by itself; it is reaped in either case.
            let _ = process::send_signal(self.child.pidfd.as_fd(), nix::libc::SIGKILL);
            let _ = process::wait(self.child.pidfd.as_fd());
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
