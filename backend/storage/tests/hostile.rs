//! Archives that mean harm: whatever they say, nothing outside the target changes, and what they
//! may not do ends in an error. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use orlop_image::layer::{Entry, Kind, Limits, TarReader, Xattr};
use orlop_storage::apply::{Applied, ApplyError, Policy, apply, mark_opaque};
use orlop_storage::confine::Root;
use support::{
    Member, archive, device, directory, entries, file, file_entry, hard_link, path, picture, start,
    symlink, xattrs,
};

/// A target inside a folder with things that must stay as they are.
struct Ground {
    dir: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let dir = start();
        fs::create_dir(dir.path().join("target")).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/canary"), "alive").unwrap();
        fs::write(dir.path().join("canary"), "alive").unwrap();
        Self { dir }
    }

    fn target(&self) -> std::path::PathBuf {
        self.dir.path().join("target")
    }

    fn outside(&self) -> Vec<(String, support::Picture)> {
        let mut all = picture(self.dir.path());
        all.retain(|path, _| !path.starts_with("target"));
        all.into_iter().collect()
    }

    fn apply(&self, bytes: &[u8], policy: Policy) -> Result<Applied, ApplyError> {
        let before = self.outside();
        let limits = Limits {
            max_bytes: 1 << 30,
            ..Limits::default()
        };
        let mut reader = TarReader::new(bytes, limits);
        let root = Root::open(&self.target()).unwrap();
        let result = apply(&mut reader, &root, policy);
        if let Ok(applied) = &result {
            mark_opaque(&root, &applied.opaque).unwrap();
        }
        assert_eq!(
            self.outside(),
            before,
            "something outside the target changed"
        );
        result
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.target().join(name)).unwrap()
    }
}

/// The corpus: what is tried, and whether it is refused.
fn corpus() -> Vec<(&'static str, Vec<Member>, bool)> {
    vec![
        ("a name that climbs", vec![file("../evil", b"x")], true),
        (
            "a name that climbs from below",
            vec![file("a/../../evil", b"x")],
            true,
        ),
        ("a directory that climbs", vec![directory("..")], true),
        (
            "an absolute name",
            vec![file("/outside/canary", b"dead")],
            false,
        ),
        (
            "a parent that is a link out",
            vec![symlink("x", "../outside"), file("x/canary", b"dead")],
            // Resolved inside: the target has no such directory, and none is made through a link.
            true,
        ),
        (
            "a parent that is an absolute link",
            vec![
                directory("outside"),
                symlink("x", "/outside"),
                file("x/canary", b"dead"),
            ],
            false,
        ),
        (
            "a chain of links",
            vec![
                directory("d"),
                symlink("d/up", "../.."),
                symlink("out", "d/up/outside"),
                file("out/canary", b"dead"),
            ],
            true,
        ),
        (
            "a link with the name of the file that follows",
            vec![symlink("f", "../outside/canary"), file("f", b"dead")],
            false,
        ),
        (
            "a hard link to that link, then a file of its name",
            vec![
                symlink("f", "../canary"),
                hard_link("g", "f"),
                file("g", b"dead"),
            ],
            false,
        ),
        (
            "a hard link that climbs",
            vec![hard_link("h", "../canary")],
            true,
        ),
        (
            "an absolute hard link",
            vec![hard_link("h", "/outside/canary")],
            true,
        ),
        (
            "a hard link through a link out",
            vec![symlink("x", "../outside"), hard_link("h", "x/canary")],
            true,
        ),
        (
            "a hard link to a directory",
            vec![directory("d"), hard_link("h", "d")],
            true,
        ),
        (
            "a hard link to itself",
            vec![file("h", b"x"), hard_link("h", "h")],
            true,
        ),
        ("a hard link to the top", vec![hard_link("h", ".")], true),
        (
            "a directory that becomes a link with children",
            vec![
                directory("d"),
                symlink("d", "../outside"),
                file("d/canary", b"dead"),
            ],
            true,
        ),
        (
            "a directory entry over a link out",
            vec![
                symlink("d", "../outside"),
                directory("d"),
                file("d/canary", b"dead"),
            ],
            false,
        ),
        (
            "a whiteout that climbs",
            vec![file(".wh.../canary", b"")],
            false,
        ),
        (
            "whiteouts of dots",
            vec![file(".wh..", b""), file(".wh...", b""), file(".wh.", b"")],
            false,
        ),
        (
            "a whiteout through a link out",
            vec![symlink("x", "../outside"), file("x/.wh.canary", b"")],
            true,
        ),
        (
            "an opaque mark through a link out",
            vec![symlink("x", "../outside"), file("x/.wh..wh..opq", b"")],
            true,
        ),
        (
            "a device that is then written to",
            vec![device("d"), file("d", b"x")],
            false,
        ),
        (
            "a file below a file",
            vec![file("f", b"x"), file("f/g", b"x")],
            true,
        ),
        ("a file as the top", vec![file("./", b"x")], false),
        ("a link as the top", vec![symlink("/", "/outside")], false),
        (
            "a link loop as parent",
            vec![symlink("l", "l"), file("l/f", b"x")],
            true,
        ),
    ]
}

#[test]
fn nothing_in_the_corpus_reaches_out() {
    for policy in [Policy::LAYER, Policy::CONTEXT, Policy::OVER] {
        for (what, members, refused) in corpus() {
            let ground = Ground::new();
            let result = ground.apply(&archive(&members), policy);
            if policy == Policy::LAYER {
                assert_eq!(result.is_err(), refused, "{what}: {result:?}");
            }
        }
    }
}

const NAMES: [&str; 12] = [
    "a",
    "b",
    "a/b",
    "b/canary",
    "a/canary",
    "../canary",
    "/outside/canary",
    "a/../b",
    ".wh.a",
    "b/.wh..wh..opq",
    "a/.wh.canary",
    "./",
];
const TARGETS: [&str; 8] = [
    "..",
    "../outside",
    "/",
    "/outside",
    "a",
    "b/../..",
    "../canary",
    "b",
];

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(400))]

    #[test]
    fn no_sequence_of_entries_reaches_out(
        all in proptest::collection::vec((0..6_usize, 0..NAMES.len(), 0..TARGETS.len()), 1..12),
        over: bool,
    ) {
        let members: Vec<Member> = all
            .into_iter()
            .map(|(kind, name, target)| match kind {
                0 | 1 => file(NAMES[name], b"dead"),
                2 => directory(NAMES[name]),
                3 => symlink(NAMES[name], TARGETS[target]),
                4 => hard_link(NAMES[name], NAMES[target]),
                _ => device(NAMES[name]),
            })
            .collect();
        let ground = Ground::new();
        // What comes of it does not matter here; `apply` looks at what is outside.
        let _ = ground.apply(&archive(&members), if over { Policy::OVER } else { Policy::LAYER });
    }
}

#[test]
fn names_that_look_absolute_land_inside() {
    let ground = Ground::new();
    let members = [
        file("/outside/canary", b"inside"),
        symlink("x", "/outside"),
        file("x/second", b"inside too"),
    ];
    ground.apply(&archive(&members), Policy::LAYER).unwrap();
    assert_eq!(ground.read("outside/canary"), "inside");
    assert_eq!(ground.read("outside/second"), "inside too");
}

#[test]
fn a_later_entry_replaces_an_earlier_one_of_any_kind() {
    let kinds = || {
        [
            file("n", b"file"),
            directory("n"),
            symlink("n", "canary"),
            device("n"),
        ]
    };
    for first in 0..4 {
        for second in 0..4 {
            let ground = Ground::new();
            let mut members: Vec<_> = kinds().into_iter().collect();
            let second_kind = members[second].kind;
            let keep: Vec<Member> = vec![members.remove(second)];
            let first_member = kinds().into_iter().nth(first).unwrap();
            let below = (first == 1).then(|| file("n/below/deep", b"x"));
            let members: Vec<Member> = [first_member]
                .into_iter()
                .chain(below)
                .chain(keep)
                .collect();
            ground.apply(&archive(&members), Policy::LAYER).unwrap();
            let metadata = fs::symlink_metadata(ground.target().join("n")).unwrap();
            let is = match second_kind {
                b'0' => metadata.is_file(),
                b'5' => metadata.is_dir(),
                b'2' => metadata.is_symlink(),
                _ => metadata.rdev() == 259,
            };
            assert!(is, "{first} then {second}");
        }
    }
}

#[test]
fn a_context_gets_no_device_no_pipe_and_belongs_to_root() {
    let ground = Ground::new();
    let mut owned = file_entry("owned", 2);
    (owned.uid, owned.gid) = (1000, 1000);
    let pipe = Entry::new(path("pipe"), Kind::Fifo, 0o644);
    let disk = Entry::new(
        path("disk"),
        Kind::BlockDevice { major: 8, minor: 0 },
        0o666,
    );
    let bytes = entries(&[(owned, b"hi"), (pipe, b""), (disk, b"")]);
    let applied = ground.apply(&bytes, Policy::CONTEXT).unwrap();
    assert_eq!((applied.entries, applied.left_out), (1, 2));
    let names: Vec<_> = picture(&ground.target()).into_keys().collect();
    assert_eq!(names, ["owned"]);
    assert_eq!(picture(&ground.target())["owned"].owner, (0, 0));
}

#[test]
fn forged_marks_of_overlayfs_are_not_taken_over() {
    let ground = Ground::new();
    let mut forged = Entry::new(path("d"), Kind::Directory, 0o755);
    for name in [
        "trusted.overlay.redirect",
        "trusted.overlay.opaque",
        "user.overlay.opaque",
    ] {
        forged.xattrs.push(Xattr {
            name: name.into(),
            value: b"y".to_vec(),
        });
    }
    forged.xattrs.push(Xattr {
        name: b"user.fine".to_vec(),
        value: b"1".to_vec(),
    });
    ground
        .apply(&entries(&[(forged, b"")]), Policy::LAYER)
        .unwrap();
    let kept = xattrs(&ground.target().join("d"));
    assert_eq!(kept, [("user.fine".to_owned(), b"1".to_vec())]);
}

#[test]
fn set_id_bits_are_on_the_file_only_when_it_is_whole() {
    let ground = Ground::new();
    let mut program = file_entry("su", 3);
    program.mode = 0o6755;
    program.gid = 5;
    ground
        .apply(&entries(&[(program, b"abc")]), Policy::LAYER)
        .unwrap();
    let metadata = fs::metadata(ground.target().join("su")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o6755);
    assert_eq!(metadata.gid(), 5);
}

#[test]
fn paths_deeper_than_a_tree_may_be_are_refused() {
    let ground = Ground::new();
    let deep: &'static str = Box::leak("d/".repeat(48).into_boxed_str());
    ground
        .apply(&archive(&[directory(deep)]), Policy::LAYER)
        .unwrap();
    let mut pax = Vec::new();
    let long = format!("path={}f\n", "d/".repeat(600));
    pax.extend_from_slice(format!("{} {long}", long.len() + 5).as_bytes());
    let content: &'static [u8] = Box::leak(pax.into_boxed_slice());
    let header = Member {
        kind: b'x',
        name: "x",
        link: "",
        content,
    };
    let result = ground.apply(&archive(&[header, file("f", b"x")]), Policy::LAYER);
    assert!(result.unwrap_err().to_string().contains("levels deep"));
}

#[test]
fn marks_work_in_whatever_order_they_come() {
    let orders: [&[&str]; 4] = [
        &["gone", "whole/", "whole/new", "part/", "part/mine"],
        &[],
        &["part/mine", "whole/new"],
        &["whole/"],
    ];
    let marks = [
        "whole/.wh..wh..opq",
        ".wh.gone-too",
        ".wh.part",
        "part/.wh.other",
    ];
    for names in orders {
        for first in [true, false] {
            let ground = Ground::new();
            let objects = names.iter().map(|name| {
                let name: &'static str = Box::leak((*name).to_owned().into_boxed_str());
                if name.ends_with('/') {
                    directory(name)
                } else {
                    file(name, b"x")
                }
            });
            let marks = marks.into_iter().map(|name| file(name, b""));
            let members: Vec<Member> = if first {
                marks.chain(objects).collect()
            } else {
                objects.chain(marks).collect()
            };
            ground.apply(&archive(&members), Policy::LAYER).unwrap();
            let target = ground.target();
            let opaque = vec![("trusted.overlay.opaque".to_owned(), b"y".to_vec())];
            assert_eq!(xattrs(&target.join("whole")), opaque, "{names:?}");
            assert_eq!(xattrs(&target.join("part")), opaque, "{names:?}");
            assert!(is_mark(&target.join("gone-too")), "{names:?}");
            assert!(is_mark(&target.join("part/other")), "{names:?}");
        }
    }
}

fn is_mark(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let metadata = fs::symlink_metadata(path).unwrap();
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}
