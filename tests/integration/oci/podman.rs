//! Orlop in runc's place under Podman and its monitor: `podman --runtime`.

use std::os::unix::fs::symlink;
use std::process::Command;

use acceptance::bundle::{Bundles, text};
use acceptance::client::{self, Ended};
use acceptance::wait;

/// Podman with storage and records of its own, and `orlop-oci` as its runtime.
struct Podman {
    bundles: Bundles,
}

impl Podman {
    fn new() -> Self {
        let bundles = Bundles::new();
        symlink(client::binary(), bundles.path().join("orlop-oci")).expect("link");
        Self { bundles }
    }

    fn call(&self, arguments: &[&str]) -> Ended {
        let at = |name: &str| self.bundles.path().join(name);
        let mut command = Command::new("podman");
        for (option, value) in [
            ("--root", at("podman")),
            ("--runroot", at("podman-run")),
            ("--tmpdir", at("podman-tmp")),
            ("--runtime", at("orlop-oci")),
        ] {
            command.arg(option).arg(value);
        }
        // Neither systemd nor a journal is needed, and no storage driver that mounts.
        command.args(["--cgroup-manager", "cgroupfs", "--events-backend", "file"]);
        command.args(["--storage-driver", "vfs"]);
        client::run(command.args(arguments), b"")
    }

    /// Runs the root file system without network, which Podman would need plug-ins for.
    fn run(&self, options: &[&str], command: &[&str]) -> Ended {
        let root = self.bundles.rootfs();
        let cgroups = self.bundles.id("podman");
        let fixed = ["run", "--net", "none", "--cgroup-parent", &cgroups];
        let mut arguments = fixed.to_vec();
        arguments.extend(options);
        arguments.extend(["--rootfs", text(&root)]);
        arguments.extend(command);
        self.call(&arguments)
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.call(&["rm", "--all", "--force"]);
        let parent = self.bundles.id("podman");
        // The parent group is the caller's, and conmon in it may take a moment to be gone.
        wait::until("Podman's own cgroups are gone", || {
            let groups = acceptance::host::cgroups(&parent);
            groups
                .iter()
                .rev()
                .for_each(|group| drop(std::fs::remove_dir(group)));
            groups.is_empty().then_some(())
        });
        let _ = Command::new("umount")
            .arg("--quiet")
            .arg(self.bundles.path().join("podman"))
            .status();
    }
}

#[test]
fn podman_runs_a_root_file_system_with_its_defaults() {
    let podman = Podman::new();
    let seen = podman.run(
        &["--rm", "--hostname", "under", "--env", "A=b"],
        &[
            "sh",
            "-c",
            "hostname; echo $A; echo pid $$; grep -E 'CapEff|Seccomp:' /proc/self/status",
        ],
    );
    let seen = seen.ok();
    for line in [
        "under",
        "b",
        "pid 1",
        "Seccomp:\t2",
        "CapEff:\t00000000800405fb",
    ] {
        assert!(
            seen.lines().any(|l| l == line),
            "{line} is missing in:\n{seen}"
        );
    }
    podman.run(&["--rm"], &["sh", "-c", "exit 7"]).fails_with(7);
    podman.run(&["--rm"], &["no-such-program"]).fails_with(127);
    podman.run(&["--rm"], &["/etc"]).fails_with(126);
}

#[test]
fn podman_drives_a_container_through_its_life() {
    let podman = Podman::new();
    let script = "echo hello; trap 'exit 9' TERM; while :; do sleep 1 & wait; done";
    podman
        .run(
            &["--detach", "--name", "box", "--memory", "64m"],
            &["sh", "-c", script],
        )
        .ok();
    let inspect = |what: &str| podman.call(&["inspect", "--format", what, "box"]).ok();
    assert_eq!(inspect("{{.State.Status}}"), "running");
    wait::until("conmon has the output", || {
        (podman.call(&["logs", "box"]).out == "hello\n").then_some(())
    });
    podman
        .call(&["exec", "box", "sh", "-c", "exit 4"])
        .fails_with(4);
    assert_eq!(
        podman
            .call(&["exec", "--user", "1000", "box", "id", "-u"])
            .ok(),
        "1000"
    );
    podman.call(&["pause", "box"]).ok();
    assert_eq!(inspect("{{.State.Status}}"), "paused");
    podman.call(&["unpause", "box"]).ok();
    podman.call(&["stop", "box"]).ok();
    assert_eq!(inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 9");
    podman.call(&["start", "box"]).ok();
    assert_eq!(inspect("{{.State.Status}}"), "running");
    podman.call(&["rm", "--force", "box"]).ok();
}

#[test]
fn podman_gets_terminals_mounts_and_a_read_only_root() {
    let podman = Podman::new();
    let seen = podman.run(&["--rm", "--tty"], &["tty"]);
    assert_eq!(seen.ok().trim(), "/dev/pts/0");
    let data = podman.bundles.path().join("data");
    std::fs::create_dir(&data).expect("folder");
    let volume = format!("{}:/data", text(&data));
    let seen = podman.run(
        &[
            "--rm",
            "--read-only",
            "--tmpfs",
            "/scratch",
            "--volume",
            &volume,
        ],
        &["sh", "-c", "touch /data/x /scratch/x /x"],
    );
    let told = seen.fails_with(1);
    assert!(
        told.contains("/x: Read-only") && !told.contains("/data/x"),
        "{told}"
    );
    assert!(data.join("x").exists());
}
