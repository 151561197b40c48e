//! Benchmarks: the release binary against the real Docker engine, in one run.

use crate::shell::{command, root, run as run_command};

/// Builds the release binary and measures.
pub(crate) fn run() -> anyhow::Result<()> {
    crate::frontend::build()?;
    run_command(&mut command(
        "cargo",
        &["build", "--release", "--package", "orlop"],
    ))?;
    let binary = root().canonicalize()?.join("target/release/orlop");
    run_command(&mut command(
        "cargo",
        &["bench", "--package", "orlop-worker", "--bench", "start"],
    ))?;
    run_command(command("cargo", &["bench", "--package", "acceptance"]).env("ORLOP_BINARY", binary))
}
