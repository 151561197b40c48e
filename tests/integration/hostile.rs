//! Archives that want out of the folder they are unpacked to, through the public door.

use std::fs;
use std::io::Write as _;

use acceptance::server::Server;

/// An archive of entries that `tar` itself would refuse to write: names are put in raw.
#[derive(Default)]
struct Archive(Vec<u8>);

impl Archive {
    fn entry(mut self, name: &str, kind: tar::EntryType, link: &str, body: &[u8]) -> Self {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(body.len() as u64);
        let raw = header.as_mut_bytes();
        raw[..name.len()].copy_from_slice(name.as_bytes());
        raw[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(body);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

use tar::EntryType::{Directory, Link, Regular, Symlink};

#[test]
fn nothing_in_an_archive_leads_out() {
    let server = Server::start();
    let canary = server.folder().join("canary");
    fs::write(&canary, "untouched").expect("canary");
    let out = canary.to_str().expect("utf-8");
    let up = format!("../../../../../../../../{out}");
    let folder = server.folder().to_str().expect("utf-8");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "parent",
            Archive::default()
                .entry(&up, Regular, "", b"owned")
                .finish(),
        ),
        (
            "absolute",
            Archive::default()
                .entry(out, Regular, "", b"owned")
                .finish(),
        ),
        (
            "link parent",
            Archive::default()
                .entry("d", Symlink, folder, b"")
                .entry("d/canary", Regular, "", b"owned")
                .finish(),
        ),
        (
            "link target",
            Archive::default()
                .entry("f", Symlink, out, b"")
                .entry("f", Regular, "", b"owned")
                .finish(),
        ),
        (
            "hard link out",
            Archive::default()
                .entry("h", Link, out, b"")
                .entry("h", Regular, "", b"owned")
                .finish(),
        ),
        (
            "hard link up",
            Archive::default().entry("h", Link, &up, b"").finish(),
        ),
        (
            "whiteout up",
            Archive::default()
                .entry("a/../../../../.wh.canary", Regular, "", b"")
                .finish(),
        ),
        (
            "link chain",
            Archive::default()
                .entry("a", Symlink, "/", b"")
                .entry("a/b", Directory, "", b"")
                .entry("a/tmp/../..", Directory, "", b"")
                .finish(),
        ),
    ];
    for (name, archive) in cases {
        // Refused or contained, as each case may be: the host is what counts.
        let ended = server.docker_with(&["import", "-"], &archive);
        assert!(
            ended.code == 0 || !ended.err.is_empty(),
            "{name}: {ended:?}"
        );
        assert_eq!(
            fs::read_to_string(&canary).expect("canary"),
            "untouched",
            "{name}"
        );
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn cut_and_broken_archives_are_refused_and_leave_nothing() {
    let server = Server::start();
    let tar = acceptance::fixture::busybox_tar();
    for (name, bytes) in [
        ("cut", &tar[..tar.len() / 2]),
        (
            "noise",
            &b"this is no archive at all, however long it may be".repeat(100)[..],
        ),
        ("cut gzip", &b"\x1f\x8b\x08\x00\x00\x00\x00\x00"[..]),
    ] {
        let ended = server.docker_with(&["import", "-", "broken"], bytes);
        assert_ne!(ended.code, 0, "{name}: {ended:?}");
        assert!(!ended.err.trim().is_empty(), "{name}");
    }
    assert_eq!(server.docker(&["images", "-aq"]).ok(), "");
    let layers = fs::read_dir(server.data_dir().join("layers")).expect("layers");
    assert_eq!(layers.count(), 0);
}

#[test]
fn a_bomb_is_refused_by_its_ratio() {
    let server = Server::start();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(Regular);
    header.set_path("zeros").expect("path");
    header.set_size(4_000_000_000);
    header.set_cksum();
    let packed = server.folder().join("bomb.zst");
    let file = fs::File::create(&packed).expect("file");
    let mut zstd = std::process::Command::new("zstd")
        .args(["-q", "-1"])
        .stdin(std::process::Stdio::piped())
        .stdout(file)
        .spawn()
        .expect("zstd");
    let mut into = zstd.stdin.take().expect("piped");
    into.write_all(header.as_bytes()).expect("write");
    let zeros = vec![0; 1_000_000];
    for _ in 0..4_000 {
        into.write_all(&zeros).expect("write");
    }
    drop(into);
    zstd.wait().expect("wait");
    let bomb = fs::read(&packed).expect("bomb");
    assert!(bomb.len() < 2_000_000, "4 GB in {} bytes", bomb.len());
    let told = server
        .docker_with(&["import", "-", "bomb"], &bomb)
        .fails_with(1);
    assert!(told.contains("ratio") || told.contains("times"), "{told}");
}
