//! Shape of the source files: length, head, `unsafe`, things that are never committed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::shell::{command, output, root};

/// Lines that a source file may have.
const LONGEST: usize = 500;
/// Crates that may have `unsafe` blocks, each with its reason beside it.
const UNSAFE_CRATES: &[&str] = &["linux"];
/// The one other file.
const UNSAFE_FILE: &str = "backend/wire/src/channel.rs";

/// Fails with every breach.
pub(crate) fn check() -> anyhow::Result<()> {
    let listed = output(&mut command(
        "git",
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    ))?;
    let mut breaches = Vec::new();
    for name in listed.lines() {
        let path = root().join(name);
        if is_source(name) && path.exists() {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
            breaches.extend(inspect(name, &text));
        }
    }
    for manifest in fs::read_dir(root().join("backend"))? {
        breaches.extend(inspect_root(&manifest?.path()));
    }
    if breaches.is_empty() {
        return Ok(());
    }
    bail!("{}", breaches.join("\n"));
}

fn is_source(name: &str) -> bool {
    [".rs", ".ts", ".css", ".mjs", ".html"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn inspect(name: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST {
        breaches.push(format!(
            "{name}: {lines} lines, {LONGEST} are allowed: split it by verb"
        ));
    }
    if name.ends_with(".rs") && !text.starts_with("//!") {
        breaches.push(format!(
            "{name}: does not open with //! and what the file is for"
        ));
    }
    let may = name == UNSAFE_FILE
        || UNSAFE_CRATES
            .iter()
            .any(|crate_| name.starts_with(&format!("backend/{crate_}/")));
    // In two parts, so that this file does not name what it looks for.
    let words = [
        concat!("unsafe", " {"),
        concat!("unsafe", " fn"),
        concat!("unsafe", " impl"),
    ];
    if name.ends_with(".rs") && !may && words.iter().any(|word| text.contains(word)) {
        breaches.push(format!("{name}: unsafe belongs into the linux crate"));
    }
    breaches
}

/// Every crate root but those with `unsafe` forbids it.
fn inspect_root(folder: &Path) -> Option<String> {
    let name = folder.file_name()?.to_string_lossy().into_owned();
    if UNSAFE_CRATES.contains(&name.as_str()) || name == "wire" {
        return None;
    }
    let candidates: [PathBuf; 2] = [folder.join("src/lib.rs"), folder.join("src/main.rs")];
    let path = candidates.iter().find(|path| path.exists())?;
    let text = fs::read_to_string(path).ok()?;
    (!text.contains("#![forbid(unsafe_code)]"))
        .then(|| format!("{}: #![forbid(unsafe_code)] is missing", path.display()))
}

#[cfg(test)]
mod tests {
    use super::inspect;

    #[test]
    fn long_headless_and_unsafe_files_are_told() {
        assert!(inspect("backend/x/src/a.rs", "//! Fine.\n").is_empty());
        assert_eq!(inspect("backend/x/src/a.rs", "fn f() {}\n").len(), 1);
        assert_eq!(inspect("a.ts", &"x\n".repeat(501)).len(), 1);
        let dangerous = concat!("//! Door.\nfn f() { unsafe", " { g() } }\n");
        assert_eq!(inspect("backend/x/src/a.rs", dangerous).len(), 1);
        assert!(inspect("backend/linux/src/a.rs", dangerous).is_empty());
    }
}
