//! Memory: proportional set size, which counts a shared page once over all who share it.

use std::fs;

use acceptance::server::Server;

/// Kilobytes of a process's proportional set size (proc_pid_smaps(5)).
fn pss(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("smaps_rollup");
    let line = text
        .lines()
        .find(|line| line.starts_with("Pss:"))
        .expect("Pss");
    line.split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse().ok())
        .expect("a number")
}

/// Prints what server and worker use while idle, and what a shim uses.
pub(crate) fn report(server: &Server) {
    let (own, worker) = (
        pss(server.role("orlop-server")),
        pss(server.role("orlop-worker")),
    );
    println!(
        "idle memory: server {own} kB, worker {worker} kB, together {:.1} MB",
        (own + worker) as f64 / 1e3
    );
    let id = server
        .docker(&["run", "-d", "busybox", "sleep", "1000"])
        .ok();
    let pid = server.inspect(&id, "{{.State.Pid}}");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let parent = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.split(' ').nth(1));
    let shim: u32 = parent.and_then(|pid| pid.parse().ok()).expect("a parent");
    println!("memory of a shim: {} kB", pss(shim));
}
