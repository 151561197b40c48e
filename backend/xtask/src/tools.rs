//! Programs that the tests need, installed from Debian's packages when they are missing.

use anyhow::{Context as _, bail};

use crate::shell::{command, exists, run, say};

/// Program, and the Debian package that has it.
const PROGRAMS: &[(&str, &str)] = &[
    ("busybox", "busybox-static"),
    ("chromium", "chromium"),
    ("conmon", "conmon"),
    ("cpio", "cpio"),
    ("crun", "crun"),
    ("curl", "curl"),
    ("depmod", "kmod"),
    ("docker", "docker.io"),
    ("docker-registry", "docker-registry"),
    ("htpasswd", "apache2-utils"),
    ("ip", "iproute2"),
    ("losetup", "mount"),
    ("mmdebstrap", "mmdebstrap"),
    ("nc", "netcat-openbsd"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("openssl", "openssl"),
    ("podman", "podman"),
    // A kernel with control groups of version 2 is tested in a virtual machine.
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("runc", "runc"),
    ("script", "bsdutils"),
    ("setpriv", "util-linux"),
    ("skopeo", "skopeo"),
    ("strip", "binutils"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
];

/// Installs what is missing.
pub(crate) fn install() -> anyhow::Result<()> {
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !exists(program))
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        apt(&missing)?;
    }
    if !exists("cargo-nextest") {
        run(&mut command(
            "cargo",
            &["install", "--locked", "cargo-nextest"],
        ))?;
    }
    for (program, component) in [("cargo-clippy", "clippy"), ("rustfmt", "rustfmt")] {
        if !exists(program) {
            run(&mut command("rustup", &["component", "add", component]))?;
        }
    }
    Ok(())
}

fn apt(packages: &[&str]) -> anyhow::Result<()> {
    if !exists("apt-get") {
        bail!(
            "the tests need these Debian packages or their like: {}",
            packages.join(" ")
        );
    }
    say(&format!("installing {}", packages.join(" ")));
    run(command("apt-get", &["update", "-q"]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    let mut install = command(
        "apt-get",
        &["install", "-y", "-q", "--no-install-recommends"],
    );
    // Services that a package would start must not run on a machine that only tests.
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1")
        .args(packages);
    run(&mut install).context("the tests need these packages")
}
