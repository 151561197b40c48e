//! The README's pictures: the release binary with real images, builds and containers in it, seen
//! by a real browser.

use crate::shell::{command, root, run as run_command};
use crate::{frontend, tools};

/// Builds what is to be seen and looks at it.
pub(crate) fn run() -> anyhow::Result<()> {
    tools::install()?;
    frontend::build()?;
    frontend::build_specs()?;
    run_command(&mut command(
        "cargo",
        &["build", "--release", "--package", "orlop"],
    ))?;
    let binary = root().canonicalize()?.join("target/release/orlop");
    let mut look = command(
        "cargo",
        &["run", "--package", "acceptance", "--example", "pictures"],
    );
    run_command(look.env("ORLOP_BINARY", binary))
}
