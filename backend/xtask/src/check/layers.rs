//! Which crate may import which: arrows only go down.

use anyhow::ensure;
use cargo_metadata::{DependencyKind, Metadata};

/// A crate of ours, what it may import of ours, and what of others it must never name.
struct Rule {
    package: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
}

const fn rule(
    package: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
) -> Rule {
    Rule {
        package,
        ours,
        never,
    }
}

const PURE: &[&str] = &[
    "nix",
    "libc",
    "rustix",
    "tokio",
    "sqlx",
    "actix-web",
    "hyper",
    "reqwest",
];
const NO_ASYNC: &[&str] = &["tokio", "sqlx", "actix-web", "hyper", "reqwest"];

/// Lowest floor first.
const RULES: &[Rule] = &[
    rule("orlop-model", &[], PURE),
    rule("orlop-builder", &[], PURE),
    rule("orlop-image", &[], PURE),
    rule("orlop-wire", &["orlop-model"], NO_ASYNC),
    rule(
        "orlop-records",
        &["orlop-model"],
        &["actix-web", "hyper", "nix", "libc", "rustix"],
    ),
    rule("orlop-linux", &["orlop-model"], NO_ASYNC),
    rule(
        "orlop-storage",
        &["orlop-model", "orlop-linux", "orlop-image"],
        NO_ASYNC,
    ),
    rule("orlop-network", &["orlop-model", "orlop-linux"], NO_ASYNC),
    rule(
        "orlop-runtime",
        &["orlop-model", "orlop-linux", "orlop-wire"],
        NO_ASYNC,
    ),
    rule(
        "orlop-oci",
        &["orlop-model", "orlop-linux", "orlop-wire", "orlop-runtime"],
        NO_ASYNC,
    ),
    rule(
        "orlop-worker",
        &[
            "orlop-model",
            "orlop-linux",
            "orlop-wire",
            "orlop-runtime",
            "orlop-network",
            "orlop-storage",
            "orlop-image",
        ],
        NO_ASYNC,
    ),
    rule(
        "orlop-engine",
        &[
            "orlop-model",
            "orlop-wire",
            "orlop-records",
            "orlop-image",
            "orlop-builder",
        ],
        &["actix-web", "hyper", "askama", "sqlx", "libc", "rustix"],
    ),
    rule(
        "orlop-web",
        &["orlop-model", "orlop-engine"],
        &["sqlx", "hyper", "nix", "libc"],
    ),
    rule(
        "orlop-docker-api",
        &["orlop-model", "orlop-engine"],
        &["sqlx", "actix-web", "nix", "libc"],
    ),
    rule(
        "orlop",
        &[
            "orlop-model",
            "orlop-linux",
            "orlop-worker",
            "orlop-oci",
            "orlop-engine",
            "orlop-web",
            "orlop-docker-api",
        ],
        &["sqlx", "actix-web", "libc"],
    ),
    rule("acceptance", &["orlop-model", "orlop-wire"], &["sqlx"]),
    rule("xtask", &[], &["tokio", "sqlx", "actix-web"]),
];

/// Fails on the first import that the table does not allow.
pub(crate) fn check(metadata: &Metadata) -> anyhow::Result<()> {
    let ours: Vec<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let Some(rule) = RULES.iter().find(|rule| rule.package == name) else {
            anyhow::bail!(
                "{name} has no line in the table of allowed imports (xtask check/layers.rs)"
            );
        };
        for dependency in package
            .dependencies
            .iter()
            .filter(|d| d.kind == DependencyKind::Normal)
        {
            let wanted = dependency.name.as_str();
            ensure!(
                !ours.contains(&wanted) || rule.ours.contains(&wanted),
                "{name} must not import {wanted}: arrows go down (xtask check/layers.rs)"
            );
            ensure!(
                !rule.never.contains(&wanted),
                "{name} must not name {wanted} (xtask check/layers.rs)"
            );
        }
    }
    Ok(())
}
