//! What is on the host before the tests and after them: nothing may be left.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::ensure;

/// How long what the last test took away may need to be gone.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Folders in which tests make their own.
const TEMPORARY: &str = "/var/tmp";
/// What the kernel calls the sealed copy that worker, server and shims run from.
const SEALED: &str = "/memfd:orlop";

/// Everything that a test could leave behind, each as a line that a person understands.
pub(crate) struct Host(BTreeSet<String>);

impl Host {
    /// Looks around.
    pub(crate) fn look() -> Self {
        let mut seen = BTreeSet::new();
        mounts(&mut seen);
        names(&mut seen, "interface", Path::new("/sys/class/net"));
        names(&mut seen, "folder", Path::new(TEMPORARY));
        tables(&mut seen);
        cgroups(&mut seen);
        processes(&mut seen);
        Self(seen)
    }

    /// Fails when there is more than at the first look.
    ///
    /// # Errors
    /// Lists what is left.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let now = Self::look();
            let left: Vec<&str> = now.0.difference(&self.0).map(String::as_str).collect();
            if left.is_empty() {
                return Ok(());
            }
            ensure!(
                start.elapsed() < PATIENCE,
                "the tests left on the host:\n{}",
                left.join("\n")
            );
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }
}

/// Mount points with their file systems; the numbers of mountinfo change by themselves.
fn mounts(seen: &mut BTreeSet<String>) {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for line in text.lines() {
        let point = line.split(' ').nth(4).unwrap_or_default();
        let kind = line.split(" - ").nth(1).unwrap_or_default();
        seen.insert(format!("mount {point}: {kind}"));
    }
}

fn names(seen: &mut BTreeSet<String>, what: &str, folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        seen.insert(format!("{what} {}", entry.path().display()));
    }
}

fn tables(seen: &mut BTreeSet<String>) {
    let output = Command::new("nft").args(["list", "tables"]).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    for line in String::from_utf8_lossy(&text).lines() {
        seen.insert(format!("nftables {line}"));
    }
}

fn cgroups(seen: &mut BTreeSet<String>) {
    let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                seen.insert(format!("cgroup {}", entry.path().display()));
                open.push(entry.path());
            }
        }
    }
}

/// Processes that run Orlop, and namespaces that any process is in.
fn processes(seen: &mut BTreeSet<String>) {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let exe = fs::read_link(entry.path().join("exe")).unwrap_or_default();
        if exe.to_string_lossy().starts_with(SEALED) {
            seen.insert(format!("process {name}: {}", exe.display()));
        }
        for kind in ["mnt", "net", "pid", "uts", "ipc", "cgroup", "user"] {
            if let Ok(namespace) = fs::read_link(entry.path().join("ns").join(kind)) {
                seen.insert(format!("namespace {}", namespace.display()));
            }
        }
    }
}
