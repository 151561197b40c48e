//! Layers in and out: every kind of file survives, and a layer's digest can be had again from its
//! directory at any time. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use orlop_image::compression::gzip_writer;
use orlop_image::digest::Digest;
use orlop_image::layer::{Limits, TarReader};
use orlop_storage::apply::{Policy, apply, mark_opaque};
use orlop_storage::commit::commit;
use orlop_storage::confine::Root;
use orlop_storage::diff::{digest_layer, write_layer};
use orlop_storage::receive::{LayerLimits, ReceiveError, Unfinished, unpack as unpack_checked};
use orlop_storage::trash::Trash;
use rustix::fs::{FileType, Mode, XattrFlags};
use support::{picture, start};

/// Every kind of file that a layer can hold.
fn make_tree(top: &Path) {
    fs::create_dir_all(top.join("etc/empty")).unwrap();
    fs::create_dir_all(top.join("tmp")).unwrap();
    fs::set_permissions(top.join("tmp"), PermissionsExt::from_mode(0o1777)).unwrap();
    fs::write(top.join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").unwrap();
    fs::hard_link(top.join("etc/passwd"), top.join("etc/passwd-again")).unwrap();
    fs::hard_link(top.join("etc/passwd"), top.join("a-first-name")).unwrap();
    fs::write(top.join("su"), vec![7; 100_000]).unwrap();
    chown(top.join("su"), Some(0), Some(42)).unwrap();
    fs::set_permissions(top.join("su"), PermissionsExt::from_mode(0o6755)).unwrap();
    fs::write(top.join("empty"), "").unwrap();
    fs::write(top.join("big-ids"), "x").unwrap();
    chown(top.join("big-ids"), Some(3_000_000_000), Some(2_097_152)).unwrap();
    symlink("/etc/passwd", top.join("absolute")).unwrap();
    symlink("t".repeat(300), top.join("long-link")).unwrap();
    symlink("nowhere", top.join("dangling")).unwrap();
    chown_link(&top.join("dangling"), 5, 6);
    let long = "long-name-".repeat(20);
    fs::create_dir_all(top.join(&long).join(&long)).unwrap();
    fs::write(top.join(&long).join(&long).join("größe\nzeile"), "deep").unwrap();

    let sparse = File::create(top.join("sparse")).unwrap();
    sparse.write_all_at(b"island", 3 << 20).unwrap();
    sparse.set_len(8 << 20).unwrap();

    let cwd = rustix::fs::CWD;
    let make = |name: &str, kind, mode, device| {
        rustix::fs::mknodat(cwd, top.join(name), kind, Mode::from_raw_mode(mode), device).unwrap();
    };
    make(
        "null",
        FileType::CharacterDevice,
        0o666,
        rustix::fs::makedev(1, 3),
    );
    make(
        "disk",
        FileType::BlockDevice,
        0o660,
        rustix::fs::makedev(259, 70_000),
    );
    make("pipe", FileType::Fifo, 0o644, 0);

    let set = |name: &str, key: &str, value: &[u8]| {
        rustix::fs::lsetxattr(top.join(name), key, value, XattrFlags::empty()).unwrap();
    };
    // Version 2 with bits that happen to be line ends (linux/capability.h `vfs_cap_data`).
    set(
        "su",
        "security.capability",
        &[&[1, 0, 0, 2, 10, 10, 0, 0][..], &[0; 12]].concat(),
    );
    set("empty", "user.note", b"line\nline");
    set("etc", "user.on-directory", b"");

    let time = |name: &str, seconds: i64, nanoseconds: i64| {
        let time = rustix::fs::Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds,
        };
        let times = rustix::fs::Timestamps {
            last_access: time,
            last_modification: time,
        };
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(cwd, top.join(name), &times, flags).unwrap();
    };
    time("su", 1_700_000_000, 123_456_789);
    time("empty", -1_000, 5);
    time("dangling", 1_000_000_000, 1);
    time("null", 1, 0);
    time("etc", 4_000_000_000, 999_999_999);
    time("", 1_600_000_000, 7);
}

fn chown_link(path: &Path, uid: u32, gid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).unwrap();
}

fn gnu_tar(top: &Path) -> Vec<u8> {
    let output = Command::new("tar")
        .args([
            "--create",
            "--format=posix",
            "--xattrs",
            "--xattrs-include=*",
            "--sparse",
        ])
        .args(["--numeric-owner", "--sort=none", "--directory"])
        .arg(top)
        .arg(".")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn unpack_with_gnu_tar(bytes: &[u8], top: &Path) {
    let mut child = Command::new("tar")
        .args([
            "--extract",
            "--xattrs",
            "--xattrs-include=*",
            "--same-owner",
        ])
        .args(["--preserve-permissions", "--numeric-owner", "--directory"])
        .arg(top)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), bytes).unwrap();
    assert!(child.wait().unwrap().success());
}

fn unpack(bytes: &[u8], top: &Path) {
    let mut reader = TarReader::new(bytes, Limits::default());
    let applied = apply(&mut reader, &Root::open(top).unwrap(), Policy::LAYER).unwrap();
    assert_eq!(applied.left_out, 0);
}

/// Takes a layer in as the worker does; says whether it was there already.
fn receive(
    bytes: &[u8],
    layers: &Path,
    trash: &Trash,
    expected: Option<&Digest>,
) -> Result<bool, ReceiveError> {
    let unfinished = Unfinished::new(layers, trash.clone())?;
    let root = unfinished.root()?;
    let unpacked = unpack_checked(bytes, &root, expected, LayerLimits::default())?;
    mark_opaque(&root, &unpacked.applied.opaque)?;
    Ok(unfinished.seal(&unpacked.diff_id)?)
}

fn export(top: &Path) -> (Vec<u8>, Digest) {
    let mut bytes = Vec::new();
    let written = write_layer(Root::open(top).unwrap(), &mut bytes).unwrap();
    assert_eq!(written.tar_bytes, bytes.len() as u64);
    assert_eq!(written.digest, Digest::of(&bytes));
    (bytes, written.digest)
}

#[test]
fn what_gnu_tar_packs_is_unpacked_as_gnu_tar_unpacks_it() {
    let dir = start();
    let [from, ours, theirs] = ["from", "ours", "theirs"].map(|name| dir.path().join(name));
    for folder in [&from, &ours, &theirs] {
        fs::create_dir(folder).unwrap();
    }
    make_tree(&from);
    let bytes = gnu_tar(&from);
    unpack(&bytes, &ours);
    unpack_with_gnu_tar(&bytes, &theirs);
    assert_eq!(picture(&ours), picture(&from));
    assert_eq!(picture(&ours), picture(&theirs));
    let holes = |top: &Path| {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(top.join("sparse")).unwrap().blocks() * 512
    };
    assert!(holes(&ours) < 1 << 20, "holes stay holes");
    assert_eq!(
        fs::metadata(&ours).unwrap().modified().unwrap(),
        fs::metadata(&from).unwrap().modified().unwrap(),
        "the top's own time"
    );
}

#[test]
fn a_layer_exported_unpacked_and_exported_again_is_the_same() {
    let dir = start();
    let [from, again, theirs] = ["from", "again", "theirs"].map(|name| dir.path().join(name));
    for folder in [&from, &again, &theirs] {
        fs::create_dir(folder).unwrap();
    }
    make_tree(&from);
    fs::set_permissions(&from, PermissionsExt::from_mode(0o750)).unwrap();
    let (bytes, digest) = export(&from);
    unpack(&bytes, &again);
    assert_eq!(picture(&again), picture(&from));
    assert_eq!(export(&again).1, digest);
    unpack_with_gnu_tar(&bytes, &theirs);
    assert_eq!(
        picture(&theirs),
        picture(&from),
        "other programs read it as we do"
    );
    assert_eq!(
        fs::metadata(&again).unwrap().permissions().mode() & 0o7777,
        0o750
    );
}

#[test]
fn a_commit_renames_and_its_export_has_the_digest_it_gave() {
    let dir = start();
    let [upper, layers, trash] = ["upper", "layers", "trash"].map(|name| dir.path().join(name));
    for folder in [&upper, &layers, &trash] {
        fs::create_dir(folder).unwrap();
    }
    let trash = Trash::new(trash);
    make_tree(&upper);
    let before = digest_layer(Root::open(&upper).unwrap()).unwrap();
    let sealed = commit(&upper, &layers, &trash).unwrap();
    assert_eq!((sealed.diff_id, sealed.existed), (before.digest, false));
    assert!(!upper.exists());
    let layer = layers.join(sealed.diff_id.hex());
    let (bytes, digest) = export(&layer);
    assert_eq!(digest, sealed.diff_id);
    assert_eq!(sealed.tar_bytes, bytes.len() as u64);

    // The same layer once more, from the stream: it is there already.
    let mut packed = gzip_writer(Vec::new());
    std::io::Write::write_all(&mut packed, &bytes).unwrap();
    let packed = packed.finish().unwrap();
    assert!(receive(&packed, &layers, &trash, Some(&digest)).unwrap());
    assert_eq!(fs::read_dir(&layers).unwrap().count(), 1);
    assert_eq!(trash.len().unwrap(), 1);

    // And into an empty place: the export of what came in is what went in.
    fs::rename(&layer, dir.path().join("away")).unwrap();
    assert!(!receive(&packed, &layers, &trash, Some(&digest)).unwrap());
    assert_eq!(export(&layer).1, digest);
}

#[test]
fn a_layer_that_is_not_what_was_promised_leaves_nothing() {
    let dir = start();
    let [layers, trash] = ["layers", "trash"].map(|name| dir.path().join(name));
    for folder in [&layers, &trash] {
        fs::create_dir(folder).unwrap();
    }
    let trash = Trash::new(trash);
    let bytes = support::archive(&[support::file("f", b"content")]);
    let wrong = Digest::of(b"something else");
    assert!(receive(&bytes, &layers, &trash, Some(&wrong)).is_err());
    assert!(receive(&bytes[..600], &layers, &trash, None).is_err());
    assert_eq!(fs::read_dir(&layers).unwrap().count(), 0);
    assert_eq!(trash.len().unwrap(), 2);
    trash.empty().unwrap();
    assert!(trash.is_empty().unwrap());
}
