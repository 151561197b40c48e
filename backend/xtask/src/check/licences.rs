//! Licences: everything that Orlop links may be linked by everybody.

use anyhow::ensure;
use cargo_metadata::Metadata;

/// Permissive licences, by their SPDX names.
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "Unicode-3.0",
    "CC0-1.0",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "bzip2-1.0.6",
];

/// Packages that only the compiler runs (a macro's), which are in no binary, and their licences.
const NOT_LINKED: &[(&str, &str)] = &[
    // Of rust-embed's macro, for the folder's path.
    ("option-ext", "MPL-2.0"),
];

/// Fails on the first package whose licence is not in the list.
pub(crate) fn check(metadata: &Metadata) -> anyhow::Result<()> {
    for package in &metadata.packages {
        let licence = package.license.as_deref().unwrap_or("none stated");
        ensure!(
            is_allowed(licence) || NOT_LINKED.contains(&(package.name.as_str(), licence)),
            "{} {} has the licence {licence:?}, which is not among the permissive ones of xtask check/licences.rs",
            package.name,
            package.version
        );
    }
    Ok(())
}

/// Whether an SPDX expression can be satisfied: every part of an AND, any part of an OR.
fn is_allowed(expression: &str) -> bool {
    let plain = expression.replace('/', " OR ").replace(['(', ')'], "");
    plain
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|one| ALLOWED.contains(&one.trim())))
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn one_allowed_choice_is_enough_and_every_duty_counts() {
        assert!(is_allowed("MIT OR GPL-3.0"));
        assert!(is_allowed("MIT/Apache-2.0"));
        assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(!is_allowed("MIT AND GPL-3.0"));
        assert!(!is_allowed("none stated"));
    }
}
