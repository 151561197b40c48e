//! A group that is delegated to us, as systemd does it.

use std::fs;
use std::process::{Command, Stdio};

use orlop_linux::cgroup::layout::Version;
use orlop_linux::cgroup::{Cgroup, Layout, delegation, group};
use orlop_model::limits::Limits;
use rustix::fs::{XattrFlags, setxattr};

/// Set for the process that plays the service.
const SERVICE: &str = "ORLOP_TEST_SERVICE";

#[test]
fn a_service_makes_room_in_its_delegated_group() {
    let layout = Layout::discover().expect("layout");
    if std::env::var_os(SERVICE).is_some() {
        return serve(&layout);
    }
    let Some(unified) = &layout.v2 else {
        panic!("this host has no version 2")
    };
    let service = unified
        .mount
        .join(format!("orlop-test-{}.service", std::process::id()));
    fs::create_dir(&service).expect("group");
    let flags = XattrFlags::empty();
    setxattr(&service, "trusted.delegate", b"1", flags).expect("mark");
    let own = std::env::current_exe().expect("own path");
    let mut child = Command::new("sh")
        .args(["-c", "read go; exec \"$0\" --exact delegated::a_service_makes_room_in_its_delegated_group --nocapture"])
        .arg(own)
        .env(SERVICE, "1")
        .stdin(Stdio::piped())
        .spawn()
        .expect("spawn");
    fs::write(service.join("cgroup.procs"), child.id().to_string()).expect("move");
    drop(child.stdin.take());
    let passed = child.wait().expect("wait").success();
    for below in ["orlop", "main", ""] {
        let _ = fs::remove_dir(service.join(below));
    }
    assert!(!service.exists(), "{} is left", service.display());
    assert!(passed);
}

fn serve(layout: &Layout) {
    let parent = delegation::prepare("orlop", layout).expect("prepare");
    if layout.version() != Version::V2 {
        // Beside version 1 nothing is delegated.
        return assert_eq!(parent, "orlop");
    }
    assert!(parent.ends_with(".service/orlop"), "{parent}");
    let own = fs::read_to_string("/proc/self/cgroup").expect("own group");
    assert!(own.trim().ends_with(".service/main"), "{own}");
    assert_eq!(delegation::prepare("orlop", layout).expect("again"), parent);
    let unified = layout.v2.as_ref().expect("version 2");
    // systemd hands the controllers down to the service.
    let controllers: Vec<_> = ["+cpu", "+memory", "+pids"].to_vec();
    fs::write(
        unified.mount.join("cgroup.subtree_control"),
        controllers.join(" "),
    )
    .expect("hand down");
    let cgroup = Cgroup::new(layout, &parent, "c1");
    cgroup.create().expect("create");
    let limits = Limits {
        pids: Some(5),
        ..Limits::default()
    };
    cgroup.limit(&limits).expect("limit");
    assert_eq!(cgroup.stats().pids_limit, 5);
    cgroup.remove().expect("remove");
    group::remove_parent(layout, &parent).expect("remove the parent");
}
