//! What is written in TypeScript: the front end, bundled into `static/build`, and the specs that
//! drive a browser through it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use crate::shell::{command, exists, output, root, run};

/// The oldest Node.js whose language the build scripts use.
const NODE_MAJOR: u32 = 20;

/// Folder of the console's scripts.
const CONSOLE: &str = "frontend";
/// Folder of the browser specs.
const SPECS: &str = "tests/browser";

/// Installs the packages when the lock has changed, and bundles.
pub(crate) fn build() -> anyhow::Result<()> {
    check_node()?;
    bundle(CONSOLE)
}

/// The same for the browser specs, which the acceptance tests run.
pub(crate) fn build_specs() -> anyhow::Result<()> {
    bundle(SPECS)
}

fn bundle(folder: &str) -> anyhow::Result<()> {
    install(folder)?;
    run(command("node", &["build.mjs"]).current_dir(root().join(folder)))
}

/// `npm ci` in a folder, unless it has been done for this very lock.
fn install(folder: &str) -> anyhow::Result<()> {
    let folder = root().join(folder);
    let lock = folder.join("package-lock.json");
    let stamp = folder.join("node_modules/.installed-lock");
    let wanted = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    if fs::read(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    // No package needs its install script, and none may run one.
    run(command(
        "npm",
        &["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    )
    .current_dir(&folder))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Types and lints.
pub(crate) fn check() -> anyhow::Result<()> {
    install(SPECS)?;
    npm_script(CONSOLE, "check")?;
    npm_script(SPECS, "check")
}

/// Unit tests of the pure modules.
pub(crate) fn test() -> anyhow::Result<()> {
    npm_script(CONSOLE, "test")
}

fn npm_script(folder: &str, script: &str) -> anyhow::Result<()> {
    run(command("npm", &["run", "--silent", script]).current_dir(root().join(Path::new(folder))))
}

fn check_node() -> anyhow::Result<()> {
    let how =
        "install Node.js 20 or newer and npm (Debian: apt-get install nodejs npm, or nodejs.org)";
    if !exists("node") || !exists("npm") {
        bail!(
            "the console's scripts are bundled with Node.js and npm, and they are missing: {how}"
        );
    }
    let version = output(&mut command("node", &["--version"]))?;
    let major = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .unwrap_or_default();
    let major: u32 = major
        .parse()
        .with_context(|| format!("node --version said {version:?}"))?;
    ensure!(
        major >= NODE_MAJOR,
        "Node.js {} is too old: {how}",
        version.trim()
    );
    Ok(())
}
