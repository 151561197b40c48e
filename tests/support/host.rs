//! What is on the host: for finding what a test has left behind.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Things of the host that Orlop makes and must take away, each as a line of text.
#[must_use]
pub fn traces_of(mark: &str) -> BTreeSet<String> {
    let mut traces = BTreeSet::new();
    traces.extend(lines("/proc/self/mountinfo", mark));
    traces.extend(command("ip", &["-oneline", "link"], mark));
    traces.extend(command("nft", &["list", "tables"], mark));
    traces.extend(processes(mark));
    traces
}

fn lines(path: &str, mark: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter(|line| line.contains(mark))
        .map(|line| format!("{path}: {line}"))
        .collect()
}

fn command(program: &str, arguments: &[&str], mark: &str) -> Vec<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect(program);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter(|line| line.contains(mark))
        .map(|l| format!("{program}: {l}"))
        .collect()
}

/// Processes whose command line or cgroup has the mark.
fn processes(mark: &str) -> Vec<String> {
    let own = std::process::id().to_string();
    let pids = fs::read_dir("/proc")
        .expect("proc")
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            (name.bytes().all(|b| b.is_ascii_digit()) && name != own).then_some(name)
        });
    pids.filter_map(|pid| {
        let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let cgroup = String::from_utf8_lossy(&read("cgroup")).into_owned();
        (line.contains(mark) || cgroup.contains(mark)).then(|| format!("process {pid}: {line}"))
    })
    .collect()
}

/// Cgroup folders whose path has the mark.
#[must_use]
pub fn cgroups(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![std::path::PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let path = entry.path();
                if path.to_string_lossy().contains(mark) {
                    found.push(path.to_string_lossy().into_owned());
                }
                open.push(path);
            }
        }
    }
    found
}

/// The namespaces of a process, as `/proc/<pid>/ns` names them.
#[must_use]
pub fn namespace(pid: u32, kind: &str) -> String {
    let path = format!("/proc/{pid}/ns/{kind}");
    fs::read_link(&path)
        .unwrap_or_else(|e| panic!("{path}: {e}"))
        .to_string_lossy()
        .into_owned()
}

/// Whether a process runs; one that has ended and is not reaped yet does not.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
