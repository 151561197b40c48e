//! The rules that the compiler does not know.

mod layers;
mod licences;
mod sources;

use crate::frontend;
use crate::shell::{command, run};

/// All of them; the cheapest first.
pub(crate) fn all() -> anyhow::Result<()> {
    sources::check()?;
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(crate::shell::root().join("Cargo.toml"))
        .exec()?;
    layers::check(&metadata)?;
    licences::check(&metadata)?;
    frontend::check()?;
    run(&mut command("cargo", &["fmt", "--all", "--check"]))?;
    run(&mut command(
        "cargo",
        &[
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ],
    ))
}
