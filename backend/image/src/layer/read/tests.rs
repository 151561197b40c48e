//! Layer archives as others write them, and hostile ones, under their limits.

use std::io::Write as _;

use super::*;
use crate::layer::entry::{Time, Xattr};
use crate::layer::write::TarWriter;

fn path(text: &str) -> EntryPath {
    EntryPath::parse(text.as_bytes()).unwrap()
}

fn read_all(bytes: &[u8], limits: Limits) -> Result<Vec<(Entry, Vec<u8>)>, ReadError> {
    let mut reader = TarReader::new(bytes, limits);
    let (mut all, mut buffer) = (Vec::new(), vec![0; 4096]);
    while let Some(entry) = reader.next_entry()? {
        let mut content = vec![0; usize::try_from(entry.size()).unwrap()];
        while let Some(piece) = reader.next_piece(&mut buffer)? {
            let at = usize::try_from(piece.offset).unwrap();
            content[at..at + piece.bytes.len()].copy_from_slice(piece.bytes);
        }
        all.push((entry, content));
    }
    reader.drain()?;
    Ok(all)
}

fn rich_entries() -> Vec<(Entry, Vec<u8>)> {
    let long = "long/".repeat(60);
    let mut file = Entry::new(path(&format!("{long}file")), Kind::File { size: 5 }, 0o4755);
    file.uid = 3_000_000;
    file.gid = u32::MAX - 1;
    file.mtime = Time {
        seconds: -5,
        nanoseconds: 7,
    };
    file.xattrs = vec![
        Xattr {
            name: b"security.capability".to_vec(),
            value: vec![1, 0, 0, 2, 10, 10, 0],
        },
        Xattr {
            name: b"user.note".to_vec(),
            value: b"a=b\nc".to_vec(),
        },
    ];
    let link = Kind::Symlink {
        target: "t".repeat(300).into_bytes(),
    };
    vec![
        (Entry::new(EntryPath::top(), Kind::Directory, 0o700), vec![]),
        (file.clone(), b"12345".to_vec()),
        (
            Entry::new(path("hard"), Kind::HardLink { target: file.path }, 0o4755),
            vec![],
        ),
        (Entry::new(path("sym"), link, 0o777), vec![]),
        (
            Entry::new(path("null"), Kind::CharDevice { major: 1, minor: 3 }, 0o666),
            vec![],
        ),
        (
            Entry::new(
                path("disk"),
                Kind::BlockDevice {
                    major: 259,
                    minor: 70_000,
                },
                0o660,
            ),
            vec![],
        ),
        (Entry::new(path("pipe"), Kind::Fifo, 0o600), vec![]),
        (
            Entry::new(path("größe"), Kind::File { size: 1024 }, 0o644),
            vec![7; 1024],
        ),
    ]
}

fn write_all(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for (entry, content) in entries {
        writer.entry(entry, &content[..]).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn what_the_writer_writes_is_read_back() {
    let entries = rich_entries();
    let bytes = write_all(&entries);
    assert_eq!(read_all(&bytes, Limits::default()).unwrap(), entries);
    assert_eq!(write_all(&entries), bytes);
}

#[test]
fn the_tar_crate_reads_the_same_names_and_contents() {
    let mut entries = rich_entries();
    // That reader splits records at line ends, so it cannot read these.
    entries[1].0.xattrs.clear();
    let bytes = write_all(&entries);
    let mut archive = tar::Archive::new(&bytes[..]);
    let mut expected = entries.iter();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let (ours, content) = expected.next().unwrap();
        assert_eq!(EntryPath::parse(&entry.path_bytes()).unwrap(), ours.path);
        assert_eq!(entry.header().mode().unwrap(), ours.mode);
        let mut theirs = Vec::new();
        entry.read_to_end(&mut theirs).unwrap();
        assert_eq!(&theirs, content);
    }
    assert!(expected.next().is_none());
}

#[test]
fn gnu_long_names_and_links_of_the_tar_crate_are_read() {
    let mut builder = tar::Builder::new(Vec::new());
    let name = "n".repeat(90) + "/" + &"m".repeat(90);
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o644);
    builder
        .append_data(&mut header.clone(), &name, &b"abc"[..])
        .unwrap();
    header.set_size(0);
    header.set_entry_type(tar::EntryType::Symlink);
    builder
        .append_link(&mut header, "short", "l".repeat(200))
        .unwrap();
    let bytes = builder.into_inner().unwrap();
    let all = read_all(&bytes, Limits::default()).unwrap();
    assert_eq!(all[0].0.path, path(&name));
    assert_eq!(all[0].1, b"abc");
    assert_eq!(
        all[1].0.kind,
        Kind::Symlink {
            target: "l".repeat(200).into_bytes()
        }
    );
}

/// A header block with a valid check sum.
fn block(kind: u8, name: &str, size: &str) -> Vec<u8> {
    let mut header = Header::new(kind);
    header.set_text(0, name.as_bytes());
    header.set_text(100, b"0000644\0");
    header.set_text(124, size.as_bytes());
    header.set_checksum();
    header.0.to_vec()
}

#[test]
fn a_cut_or_damaged_archive_is_refused() {
    let whole = write_all(&rich_entries());
    let after_header = 512 + 512 + 100;
    assert!(matches!(
        read_all(&whole[..after_header], Limits::default()),
        Err(ReadError::Truncated)
    ));
    let mut damaged = whole;
    damaged[0] ^= 1;
    assert!(matches!(
        read_all(&damaged, Limits::default()),
        Err(ReadError::Checksum)
    ));
    assert!(matches!(
        read_all(&[b'x'; 2000], Limits::default()),
        Err(ReadError::Checksum)
    ));
    assert!(read_all(b"", Limits::default()).unwrap().is_empty());
}

#[test]
fn hostile_headers_are_refused() {
    for (bytes, what) in [
        (
            block(b'0', "../evil", "00000000000"),
            "a name that leads out",
        ),
        (block(b'0', "f", "-0000000001"), "a negative size"),
        (block(b'0', "f", "77777777777"), "content that never comes"),
        (block(b'D', "f", "00000000000"), "a dump directory"),
        (block(b'M', "f", "00000000000"), "a continued volume"),
        (block(b'2', "f", "00000000000"), "a link to nothing"),
        (
            block(b'S', "f", "00000000000"),
            "a sparse file without a map",
        ),
        (block(b'L', "f", "00077777777"), "a long name of 16 MiB"),
        (
            block(b'x', "f", "77777777777"),
            "an extended header of 8 GiB",
        ),
    ] {
        let limits = Limits {
            max_bytes: 1 << 30,
            ..Limits::default()
        };
        assert!(read_all(&bytes, limits).is_err(), "{what}");
    }
}

#[test]
fn limits_on_entries_and_bytes_hold() {
    let many: Vec<_> = (0..50)
        .map(|n| {
            (
                Entry::new(path(&n.to_string()), Kind::File { size: 10 }, 0o644),
                vec![0; 10],
            )
        })
        .collect();
    let bytes = write_all(&many);
    let few = Limits {
        max_entries: 49,
        ..Limits::default()
    };
    assert!(matches!(read_all(&bytes, few), Err(ReadError::Entries(49))));
    let small = Limits {
        max_bytes: 499,
        ..Limits::default()
    };
    assert!(matches!(
        read_all(&bytes, small),
        Err(ReadError::Bytes(499))
    ));
    let endless = block(b'g', "g", "00000000000").repeat(300);
    assert!(matches!(
        read_all(&endless, few),
        Err(ReadError::Entries(49))
    ));
}

#[test]
fn a_sparse_file_counts_with_its_logical_size() {
    let mut header = tar::Header::new_gnu();
    header.set_path("hole").unwrap();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_mode(0o644);
    header.set_size(512);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.sparse[0].set_offset(1 << 40);
    gnu.sparse[0].set_length(512);
    gnu.set_real_size((1 << 40) + 512);
    header.set_cksum();
    let bytes = [header.as_bytes().to_vec(), vec![9; 512], vec![0; 1024]].concat();
    let limits = Limits {
        max_bytes: 1 << 30,
        ..Limits::default()
    };
    assert!(matches!(read_all(&bytes, limits), Err(ReadError::Bytes(_))));
    let mut reader = TarReader::new(
        &bytes[..],
        Limits {
            max_bytes: 1 << 41,
            ..limits
        },
    );
    assert_eq!(
        reader.next_entry().unwrap().unwrap().size(),
        (1 << 40) + 512
    );
    let mut buffer = [0; 1024];
    let piece = reader.next_piece(&mut buffer).unwrap().unwrap();
    assert_eq!((piece.offset, piece.bytes.len()), (1 << 40, 512));
    assert!(reader.next_entry().unwrap().is_none());
}

#[test]
fn gnu_tar_sparse_archives_are_read_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = vec![0; 5 << 20];
    let mut file = std::fs::File::create(dir.path().join("holes")).unwrap();
    for at in [64 << 10, 1 << 20, (3 << 20) + 4096, (4 << 20) + 100] {
        use std::os::unix::fs::FileExt as _;
        file.write_all_at(b"data here", at).unwrap();
        expected[usize::try_from(at).unwrap()..][..9].copy_from_slice(b"data here");
    }
    file.flush().unwrap();
    file.set_len(5 << 20).unwrap();
    for form in [
        &["--format=gnu"][..],
        &["--format=posix", "--sparse-version=0.0"],
        &["--format=posix", "--sparse-version=0.1"],
        &["--format=posix", "--sparse-version=1.0"],
    ] {
        let output = std::process::Command::new("tar")
            .args(["-c", "--sparse", "--hole-detection=raw", "-C"])
            .arg(dir.path())
            .args(form)
            .arg("holes")
            .output()
            .unwrap();
        assert!(
            output.status.success() && output.stdout.len() < 1 << 20,
            "{form:?}"
        );
        let all = read_all(&output.stdout, Limits::default()).unwrap();
        assert_eq!(all.len(), 1, "{form:?}");
        assert_eq!(all[0].0.path, path("holes"), "{form:?}");
        assert!(all[0].1 == expected, "{form:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_damage_makes_it_panic(at in 0_usize..4096, byte: u8, cut in 0_usize..6000) {
        let mut bytes = write_all(&rich_entries());
        bytes[at] = byte;
        // Valid check sums, so that the damage reaches the parsers behind them.
        let mut fixed = Vec::new();
        for chunk in bytes.chunks_exact(BLOCK) {
            let mut header = Header(chunk.try_into().unwrap());
            if &header.0[257..262] == b"ustar" {
                header.set_checksum();
            }
            fixed.write_all(&header.0).unwrap();
        }
        fixed.truncate(cut);
        let _ = read_all(&fixed, Limits { max_bytes: 1 << 20, ..Limits::default() });
    }
}
