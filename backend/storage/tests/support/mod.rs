//! What the tests of this crate share: archives of any shape, and pictures of trees to compare.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use orlop_image::digest::Digest;
use orlop_image::layer::{Entry, EntryPath, Kind, Limits, TarReader, TarWriter};
use orlop_storage::apply::{Policy, apply, mark_opaque};
use orlop_storage::confine::Root;

/// Every test starts here: modes are what is asked for.
pub(crate) fn start() -> tempfile::TempDir {
    rustix::process::umask(rustix::fs::Mode::empty());
    tempfile::tempdir().unwrap()
}

/// A tar member, with whatever name.
pub(crate) struct Member {
    pub(crate) kind: u8,
    pub(crate) name: &'static str,
    pub(crate) link: &'static str,
    pub(crate) content: &'static [u8],
}

pub(crate) fn file(name: &'static str, content: &'static [u8]) -> Member {
    Member {
        kind: b'0',
        name,
        link: "",
        content,
    }
}

pub(crate) fn directory(name: &'static str) -> Member {
    Member {
        kind: b'5',
        name,
        link: "",
        content: b"",
    }
}

pub(crate) fn symlink(name: &'static str, link: &'static str) -> Member {
    Member {
        kind: b'2',
        name,
        link,
        content: b"",
    }
}

pub(crate) fn hard_link(name: &'static str, link: &'static str) -> Member {
    Member {
        kind: b'1',
        name,
        link,
        content: b"",
    }
}

/// Character device 1/3.
pub(crate) fn device(name: &'static str) -> Member {
    Member {
        kind: b'3',
        name,
        link: "",
        content: b"",
    }
}

/// A tar archive with headers as they are wanted, also wrong ones.
pub(crate) fn archive(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        let mut header = [0_u8; 512];
        header[..member.name.len()].copy_from_slice(member.name.as_bytes());
        header[100..108].copy_from_slice(b"0000755\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", member.content.len()).as_bytes());
        header[136..148].copy_from_slice(b"14000000000\0");
        header[148..156].fill(b' ');
        header[156] = member.kind;
        header[157..157 + member.link.len()].copy_from_slice(member.link.as_bytes());
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[329..337].copy_from_slice(b"0000001\0");
        header[337..345].copy_from_slice(b"0000003\0");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(member.content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A tar archive of well-formed entries.
pub(crate) fn entries(all: &[(Entry, &[u8])]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for (entry, content) in all {
        writer.entry(entry, *content).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn path(text: &str) -> EntryPath {
    EntryPath::parse(text.as_bytes()).unwrap()
}

pub(crate) fn file_entry(name: &str, size: usize) -> Entry {
    Entry::new(path(name), Kind::File { size: size as u64 }, 0o644)
}

/// All there is to know of one object of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) kind: String,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) mtime: (i64, i64),
    pub(crate) xattrs: Vec<(String, Vec<u8>)>,
}

/// A picture of a tree, by path; hard links show as the first name of their file.
pub(crate) fn picture(top: &Path) -> BTreeMap<String, Picture> {
    let mut all = BTreeMap::new();
    let mut links = BTreeMap::new();
    paint(top, top, &mut all, &mut links);
    all
}

fn paint(
    top: &Path,
    at: &Path,
    all: &mut BTreeMap<String, Picture>,
    links: &mut BTreeMap<u64, String>,
) {
    let mut names: Vec<_> = fs::read_dir(at)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    for full in names {
        let shown = full
            .strip_prefix(top)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let metadata = fs::symlink_metadata(&full).unwrap();
        let file_type = metadata.file_type();
        let mut kind = if file_type.is_dir() {
            "directory".to_owned()
        } else if file_type.is_symlink() {
            format!("link to {}", fs::read_link(&full).unwrap().display())
        } else if file_type.is_file() {
            let content = fs::read(&full).unwrap();
            format!("file of {} bytes, {}", content.len(), Digest::of(&content))
        } else if file_type.is_fifo() {
            "pipe".to_owned()
        } else {
            let block = file_type.is_block_device();
            format!(
                "device {} {}",
                if block { "block" } else { "char" },
                metadata.rdev()
            )
        };
        if metadata.nlink() > 1 && !file_type.is_dir() {
            let first = links.entry(metadata.ino()).or_insert_with(|| shown.clone());
            kind = format!("{kind}, same as {first}");
        }
        let picture = Picture {
            kind,
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            xattrs: xattrs(&full),
        };
        all.insert(shown, picture);
        if file_type.is_dir() {
            paint(top, &full, all, links);
        }
    }
}

/// Every extended attribute of a file, also overlayfs's.
pub(crate) fn xattrs(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names = vec![0; 10_000];
    let length = rustix::fs::llistxattr(path.as_os_str().as_bytes(), &mut names[..]).unwrap();
    let mut all = Vec::new();
    for name in names[..length]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let mut value = vec![0; 10_000];
        let length = rustix::fs::lgetxattr(path.as_os_str().as_bytes(), name, &mut value[..]);
        value.truncate(length.unwrap());
        all.push((String::from_utf8_lossy(name).into_owned(), value));
    }
    all.sort();
    all
}

/// Unpacks members as a layer.
pub(crate) fn layer(dir: &Path, name: &str, members: &[Member]) -> PathBuf {
    let top = dir.join(name);
    fs::create_dir(&top).unwrap();
    let bytes = archive(members);
    let mut reader = TarReader::new(&bytes[..], Limits::default());
    let root = Root::open(&top).unwrap();
    let applied = apply(&mut reader, &root, Policy::LAYER).unwrap();
    mark_opaque(&root, &applied.opaque).unwrap();
    top
}

/// The names in a tree.
pub(crate) fn names(root: &Root) -> Vec<String> {
    let mut all = Vec::new();
    orlop_storage::index::index(root, b"/", |indexed| {
        all.push(indexed.path.to_string());
        Ok(())
    })
    .unwrap();
    all
}
