//! Trees seen through overlay mounts, `COPY` and `ADD`, volumes, files in and out. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use orlop_image::compression::gzip_writer;
use orlop_storage::commit::commit;
use orlop_storage::confine::Root;
use orlop_storage::copy::{Copy, Item, Limits};
use orlop_storage::files::{WriteOptions, find, write_into};
use orlop_storage::layout::Layout;
use orlop_storage::{merged, upper, volume};
use support::{archive, directory, file, hard_link, layer, names, picture, start, symlink as link};

/// An image, a container on it that can be written, and a context.
struct Build {
    dir: tempfile::TempDir,
    image: Vec<PathBuf>,
    context: Root,
}

impl Build {
    fn new() -> Self {
        let dir = start();
        let base = layer(
            dir.path(),
            "base",
            &[
                directory("usr/lib"),
                link("lib", "usr/lib"),
                link("app", "/srv/app"),
                directory("srv/app"),
                directory("etc"),
                file("etc/passwd", b"web:x:33:44:::\n"),
                file("etc/config", b"old"),
                directory("out"),
            ],
        );
        let upper_of_base = layer(dir.path(), "second", &[file("etc/second", b"x")]);
        fs::write(dir.path().join("canary"), "alive").unwrap();
        let context = dir.path().join("context");
        fs::create_dir_all(context.join("dir/sub")).unwrap();
        fs::write(context.join("one"), "1").unwrap();
        fs::write(context.join("dir/two"), "22").unwrap();
        fs::hard_link(context.join("dir/two"), context.join("dir/sub/again")).unwrap();
        fs::set_permissions(context.join("dir/two"), PermissionsExt::from_mode(0o4711)).unwrap();
        symlink("../one", context.join("dir/link")).unwrap();
        symlink("dir", context.join("short")).unwrap();
        symlink("/../../../canary", context.join("out")).unwrap();
        let context = Root::open(&context).unwrap();
        Self {
            dir,
            image: vec![base, upper_of_base],
            context,
        }
    }

    fn target(&self) -> Root {
        let container = self.dir.path().join("container");
        upper::prepare(&container, self.image.last().map(PathBuf::as_path)).unwrap();
        merged::writable(
            &self.image,
            &container.join("upper"),
            &container.join("work"),
        )
        .unwrap()
    }

    fn copy(&self, target: &Root, from: &str, destination: &str, to: &str) -> Result<(), String> {
        let copy = Copy {
            source: &self.context,
            target,
            destination: destination.as_bytes(),
            into_directory: destination.ends_with('/'),
            owner: Some((0, 0)),
            mode: None,
            limits: Limits::default(),
        };
        let item = Item {
            from: from.as_bytes(),
            to: to.as_bytes(),
            unpack: false,
            shallow: false,
        };
        copy.item(item)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    fn upper(&self) -> PathBuf {
        self.dir.path().join("container/upper")
    }

    fn content(&self, name: &str) -> String {
        fs::read_to_string(self.upper().join(name)).unwrap()
    }
}

#[test]
fn files_land_where_docker_puts_them() {
    let build = Build::new();
    let target = build.target();
    build.copy(&target, "one", "/etc/config", "").unwrap();
    assert_eq!(build.content("etc/config"), "1");
    build.copy(&target, "one", "/etc", "").unwrap();
    assert_eq!(
        build.content("etc/one"),
        "1",
        "into a directory that is there"
    );
    build.copy(&target, "one", "/new/deep/", "").unwrap();
    assert_eq!(
        build.content("new/deep/one"),
        "1",
        "into a directory that is made"
    );
    build.copy(&target, "one", "/new/name", "").unwrap();
    assert_eq!(build.content("new/name"), "1");
    build.copy(&target, "one", "/app/f", "").unwrap();
    assert_eq!(
        build.content("srv/app/f"),
        "1",
        "through a link of the image"
    );
    build.copy(&target, "one", "/x/../lib/", "named").unwrap();
    assert_eq!(build.content("usr/lib/named"), "1");
    build.copy(&target, "short", "/tree", "").unwrap();
    assert_eq!(
        build.content("tree/two"),
        "22",
        "a link to a directory is followed"
    );
    assert_eq!(
        fs::read_link(build.upper().join("tree/link")).unwrap(),
        Path::new("../one")
    );
    let first = fs::metadata(build.upper().join("tree/sub/again")).unwrap();
    let second = fs::metadata(build.upper().join("tree/two")).unwrap();
    assert_eq!(first.ino(), second.ino(), "hard links stay hard links");
    assert_eq!(second.mode() & 0o7777, 0o4711);
    build.copy(&target, "dir", "/lib", "").unwrap();
    assert_eq!(
        build.content("usr/lib/two"),
        "22",
        "a link to a directory stays one"
    );
    assert!(!build.upper().join("lib").exists());
}

#[test]
fn copies_that_cannot_be_are_refused_and_none_reaches_out() {
    let build = Build::new();
    let target = build.target();
    assert!(build.copy(&target, "none", "/x", "").is_err());
    assert!(
        build.copy(&target, "out", "/x", "").is_err(),
        "a link that climbs out of the context"
    );
    assert!(build.copy(&target, "../../canary", "/x", "").is_err());
    assert!(
        build.copy(&target, "dir", "/etc/passwd", "").is_err(),
        "a directory onto a file"
    );
    assert!(build.copy(&target, "one", "/etc/passwd/", "").is_err());
    build.copy(&target, "one", "/../../../escape", "").unwrap();
    assert_eq!(build.content("escape"), "1");
    assert!(!build.dir.path().join("escape").exists());
    assert_eq!(
        fs::read_to_string(build.dir.path().join("canary")).unwrap(),
        "alive"
    );
}

#[test]
fn owner_mode_depth_and_archives_are_as_asked() {
    let build = Build::new();
    let target = build.target();
    let owner = orlop_storage::accounts::resolve(&target, "web").unwrap();
    assert_eq!(owner, (33, 44));
    let copy = Copy {
        source: &build.context,
        target: &target,
        destination: b"/made",
        into_directory: true,
        owner: Some(owner),
        mode: Some(0o640),
        limits: Limits::default(),
    };
    let item = Item {
        from: b"dir",
        to: b"d",
        unpack: false,
        shallow: true,
    };
    copy.item(item).unwrap();
    let made = fs::metadata(build.upper().join("made/d")).unwrap();
    assert_eq!(
        (made.uid(), made.gid(), made.mode() & 0o7777),
        (33, 44, 0o640)
    );
    assert_eq!(
        fs::read_dir(build.upper().join("made/d")).unwrap().count(),
        0,
        "shallow"
    );
    let parent = fs::metadata(build.upper().join("made")).unwrap();
    assert_eq!((parent.uid(), parent.mode() & 0o7777), (0, 0o755));

    let bytes = archive(&[
        file("in/side", b"x"),
        hard_link("again", "in/side"),
        link("l", "/etc"),
    ]);
    let mut packed = gzip_writer(Vec::new());
    std::io::Write::write_all(&mut packed, &bytes).unwrap();
    fs::write(
        build.dir.path().join("context/a.tgz"),
        packed.finish().unwrap(),
    )
    .unwrap();
    fs::write(build.dir.path().join("context/b.gz"), b"no archive").unwrap();
    let copy = Copy {
        destination: b"/unpacked",
        owner: None,
        mode: None,
        ..copy
    };
    for from in [&b"a.tgz"[..], b"b.gz"] {
        copy.item(Item {
            from,
            to: b"",
            unpack: true,
            shallow: false,
        })
        .unwrap();
    }
    assert_eq!(build.content("unpacked/in/side"), "x");
    assert_eq!(build.content("unpacked/again"), "x");
    assert_eq!(build.content("unpacked/b.gz"), "no archive");

    // And the whole becomes a layer with the same files.
    drop(target);
    let [layers, trash] = ["layers", "trash"].map(|name| build.dir.path().join(name));
    fs::create_dir(&layers).unwrap();
    fs::create_dir(&trash).unwrap();
    let sealed = commit(
        &build.upper(),
        &layers,
        &orlop_storage::trash::Trash::new(trash),
    )
    .unwrap();
    let stack = [build.image.clone(), vec![layers.join(sealed.diff_id.hex())]].concat();
    let seen = names(&merged::read_only(&stack).unwrap());
    assert!(seen.contains(&"unpacked/in/side".to_owned()) && seen.contains(&"etc/passwd".into()));
}

#[test]
fn the_top_of_a_container_looks_like_the_top_of_its_image() {
    let dir = start();
    let top = layer(dir.path(), "base", &[]);
    fs::set_permissions(&top, PermissionsExt::from_mode(0o700)).unwrap();
    upper::prepare(&dir.path().join("c"), Some(&top)).unwrap();
    let made = fs::metadata(dir.path().join("c/upper")).unwrap();
    assert_eq!(made.mode() & 0o7777, 0o700);
}

#[test]
fn an_empty_volume_gets_what_the_image_has() {
    let build = Build::new();
    let layout = Layout::new(build.dir.path().join("data"));
    layout.prepare().unwrap();
    let name = "data-1".parse().unwrap();
    assert!(volume::create(&layout, &name).unwrap());
    assert!(!volume::create(&layout, &name).unwrap());
    let image = merged::read_only(&build.image).unwrap();
    let folder = layout.volume_data(&name);
    let data = Root::open(&folder).unwrap();
    assert!(
        volume::copy_up(&image, b"/nowhere", &data)
            .unwrap()
            .is_none()
    );
    assert!(volume::copy_up(&image, b"/etc", &data).unwrap().is_some());
    let shown: Vec<_> = picture(&folder).into_keys().collect();
    assert_eq!(shown, ["config", "passwd", "second"]);
    fs::remove_file(folder.join("config")).unwrap();
    assert!(
        volume::copy_up(&image, b"/etc", &data).unwrap().is_none(),
        "never twice"
    );
    assert_eq!(volume::list(&layout).unwrap(), std::slice::from_ref(&name));
    assert!(volume::remove(&layout, &name).unwrap());
    assert!(!volume::remove(&layout, &name).unwrap());
    layout.trash().empty().unwrap();
}

#[test]
fn files_come_out_and_go_in_as_docker_cp_has_them() {
    let build = Build::new();
    let target = build.target();
    let info = |path: &str| find(&target, path.as_bytes()).unwrap().info().unwrap();
    assert_eq!(info("/etc/passwd").name, "passwd");
    assert_eq!(info("/app").link_target, "/srv/app");
    assert_eq!(info("/app/").mode & 0o170_000, 0o040_000);
    assert_eq!(info("/").name, "/");
    assert!(find(&target, b"/none").is_err());
    assert!(find(&target, b"/etc/passwd/").is_err());

    let mut bytes = Vec::new();
    find(&target, b"/etc/").unwrap().read(&mut bytes).unwrap();
    let options = WriteOptions {
        keep_kinds: false,
        owner: None,
    };
    let limits = Limits::default();
    write_into(&target, b"/out", &bytes[..], options, limits).unwrap();
    assert_eq!(build.content("out/etc/second"), "x");
    assert!(write_into(&target, b"/none", &bytes[..], options, limits).is_err());
    assert!(write_into(&target, b"/etc/passwd", &bytes[..], options, limits).is_err());
    let clash = archive(&[file("etc", b"not a directory")]);
    let keep = WriteOptions {
        keep_kinds: true,
        owner: None,
    };
    assert!(write_into(&target, b"/out", &clash[..], keep, limits).is_err());
    write_into(&target, b"/out", &clash[..], options, limits).unwrap();
    assert_eq!(build.content("out/etc"), "not a directory");
}

#[test]
fn reserved_names_are_no_part_of_a_layer() {
    let dir = start();
    let mut out = Vec::new();
    fs::create_dir(dir.path().join(".wh.sub")).unwrap();
    fs::write(dir.path().join(".wh.sub/hidden"), "x").unwrap();
    fs::write(dir.path().join(".wh..wh..opq"), "").unwrap();
    fs::write(dir.path().join("seen"), "x").unwrap();
    let written = orlop_storage::diff::write_layer(Root::open(dir.path()).unwrap(), &mut out);
    let tops = u64::from(fs::metadata(dir.path()).unwrap().mode() & 0o7777 != 0o755);
    assert_eq!(written.unwrap().entries, 1 + tops);
}

/// CVE-2018-15664: a container swaps a directory for a link to the host while files are copied.
#[test]
fn a_link_that_is_swapped_in_during_copies_never_leads_out() {
    let dir = start();
    let top = dir.path().join("root");
    fs::create_dir_all(top.join("d")).unwrap();
    fs::create_dir(dir.path().join("host")).unwrap();
    fs::write(dir.path().join("host/canary"), "alive").unwrap();
    let host = fs::canonicalize(dir.path().join("host")).unwrap();
    symlink(&host, top.join("evil")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // renameat2(2) with RENAME_EXCHANGE: there is always something at both names.
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            let cwd = rustix::fs::CWD;
            while !stop.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(cwd, top.join("d"), cwd, top.join("evil"), flags)
                    .unwrap();
            }
        });
        let root = Root::open(&top).unwrap();
        let bytes = archive(&[
            file("canary", b"dead"),
            directory("sub"),
            file("sub/f", b"dead"),
        ]);
        let options = WriteOptions {
            keep_kinds: false,
            owner: None,
        };
        for _ in 0..1000 {
            let _ = write_into(&root, b"/d", &bytes[..], options, Limits::default());
            let mut out = Vec::new();
            if find(&root, b"/d/canary").is_ok_and(|place| place.read(&mut out).is_ok()) {
                assert!(!out.windows(5).any(|window| window == b"alive"));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read_to_string(host.join("canary")).unwrap(), "alive");
    assert_eq!(fs::read_dir(host).unwrap().count(), 1);
}
