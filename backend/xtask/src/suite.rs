//! Building, running and testing the whole.

use std::os::unix::process::CommandExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::leftovers::Host;
use crate::shell::{command, root, run, say};
use crate::{check, frontend, tools};

/// Builds the release binary and becomes `orlop serve`.
pub(crate) fn run_release(options: &[String]) -> anyhow::Result<()> {
    run(&mut command(
        "cargo",
        &["build", "--release", "--package", "orlop"],
    ))?;
    let binary = root().join("target/release/orlop");
    let error = command(&binary.to_string_lossy(), &["serve"])
        .args(options)
        .exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}

/// Runs everything, or only tests whose name contains `filter`.
pub(crate) fn test(filter: Option<&str>) -> anyhow::Result<()> {
    ensure!(
        Path::new("/proc/self/loginuid").exists() && is_root(),
        "the tests make namespaces, mounts and network interfaces: run them as root"
    );
    tools::install()?;
    frontend::build()?;
    frontend::build_specs()?;
    if filter.is_none() {
        check::all()?;
        frontend::test()?;
    }
    // The acceptance tests drive this binary.
    run(&mut command("cargo", &["build", "--package", "orlop"]))?;
    let mut nextest = command(
        "cargo",
        &["nextest", "run", "--workspace", "--no-fail-fast"],
    );
    nextest.env(
        "ORLOP_BINARY",
        root().canonicalize()?.join("target/debug/orlop"),
    );
    if let Some(filter) = filter {
        nextest.arg(filter);
    }
    let before = Host::look();
    let tests = run(&mut nextest);
    let left = before.check();
    tests?;
    left?;
    say("all tests passed");
    Ok(())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self")
        .is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0)
}
