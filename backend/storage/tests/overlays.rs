//! Layers seen as one tree. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::fs;
use std::os::fd::AsRawFd as _;

use orlop_image::layer::{Limits as ArchiveLimits, TarReader};
use orlop_storage::apply::{Policy, apply};
use orlop_storage::confine::Root;
use orlop_storage::diff::write_flat;
use orlop_storage::{merged, upper};
use support::{file, layer, names, start};

fn host_mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

#[test]
fn layers_over_each_other_hide_what_their_marks_say() {
    let dir = start();
    let before = host_mounts();
    let lower = layer(
        dir.path(),
        "lower",
        &[
            file("gone", b"1"),
            file("kept", b"1"),
            file("whole/old", b"1"),
            file("part/old", b"1"),
            file("part/other", b"1"),
        ],
    );
    let middle = layer(
        dir.path(),
        "middle",
        &[
            file(".wh.gone", b""),
            file("whole/new", b"2"),
            file("whole/.wh..wh..opq", b""),
            file("part/.wh.old", b""),
        ],
    );
    let highest = layer(dir.path(), "highest", &[file("part/more", b"3")]);
    let layers = [lower, middle, highest.clone()];
    let root = merged::read_only(&layers).unwrap();
    assert_eq!(
        names(&root),
        [
            "kept",
            "part",
            "part/more",
            "part/other",
            "whole",
            "whole/new"
        ]
    );
    // One layer alone, whose marks have nothing to hide.
    assert_eq!(
        names(&merged::read_only(&layers[1..2]).unwrap()),
        ["part", "whole", "whole/new"]
    );
    // A layer that begins anew.
    let anew = layer(
        dir.path(),
        "anew",
        &[file(".wh..wh..opq", b""), file("only", b"4")],
    );
    let stack = [layers.to_vec(), vec![anew]].concat();
    assert_eq!(names(&merged::read_only(&stack).unwrap()), ["only"]);
    assert!(merged::read_only(&[]).is_err());

    let mut flat = Vec::new();
    write_flat(&root, &mut flat).unwrap();
    let out = layer(dir.path(), "out", &[]);
    let mut reader = TarReader::new(&flat[..], ArchiveLimits::default());
    apply(&mut reader, &Root::open(&out).unwrap(), Policy::OVER).unwrap();
    assert_eq!(names(&Root::open(&out).unwrap()), names(&root));
    drop(root);
    assert_eq!(
        host_mounts(),
        before,
        "the host's mount table never changes"
    );
}

#[test]
fn a_container_has_devices_and_programs_and_a_file_tool_has_not() {
    let dir = start();
    let before = host_mounts();
    let layers = [
        layer(dir.path(), "lower", &[file("etc/x", b"1")]),
        layer(dir.path(), "higher", &[support::device("null")]),
    ];
    let container = dir.path().join("container");
    upper::prepare(&container, Some(&layers[1])).unwrap();
    let (changes, work) = (container.join("upper"), container.join("work"));
    let open = |top: i32| {
        fs::OpenOptions::new()
            .write(true)
            .open(format!("/proc/self/fd/{top}/null"))
    };
    let root = merged::container_root(&layers, &changes, &work).unwrap();
    open(root.as_raw_fd()).unwrap();
    drop(root);
    let root = merged::writable(&layers, &changes, &work).unwrap();
    open(std::os::fd::AsFd::as_fd(&root).as_raw_fd()).unwrap_err();
    drop(root);
    // An image without layers: its own upper directory is all there is.
    let root = merged::container_root(&[], &changes, &work).unwrap();
    fs::write(format!("/proc/self/fd/{}/made", root.as_raw_fd()), "x").unwrap();
    assert!(changes.join("made").exists());
    drop(root);
    assert_eq!(host_mounts(), before);
}
