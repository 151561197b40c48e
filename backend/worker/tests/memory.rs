//! What a running container costs the host beside its own program.

mod support;

use support::{Host, spec};

#[test]
fn a_shim_takes_little_memory() {
    let host = Host::new();
    let idle = spec::program(&host, &["sleep", "600"]);
    host.started(&spec::start(&idle, false));
    let shim = host.state(&host.run_folder(&idle.id)).shim_pid;
    let text = std::fs::read_to_string(format!("/proc/{shim}/smaps_rollup")).expect("smaps");
    let kib = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        number.expect("a number")
    };
    let own = kib("Private_Dirty:");
    assert!(own < 2048, "{text}");
}
