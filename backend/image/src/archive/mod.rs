//! Whole images in one file: `docker save` archives (old and new form) and OCI image layouts.

use std::io::Read;

use crate::layer::{EntryPath, Kind, Limits, ReadError, Source, TarReader};

pub mod load;
pub mod save;

pub use load::{LoadError, LoadedImage, LoadedLayer, load};
pub use save::{SaveError, SaveImage, SaveLayer, SaveName, save};

/// What a tar archive is, by its first names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveKind {
    /// One or several images: a `docker save` archive or an OCI layout.
    Images,
    /// The files of a root file system.
    RootFs,
}

/// Tells what a tar stream (not compressed any more) holds. Reads little more than its first
/// header: programs that save images never begin with anything but their own names.
pub fn identify(reader: impl Read) -> Result<ArchiveKind, ReadError> {
    let mut reader = TarReader::new(reader, Limits::default());
    while let Some(entry) = reader.next_entry()? {
        if !entry.path.is_top() {
            return Ok(if is_image_part(&entry.path, &entry.kind) {
                ArchiveKind::Images
            } else {
                ArchiveKind::RootFs
            });
        }
    }
    Ok(ArchiveKind::RootFs)
}

fn is_image_part(path: &EntryPath, kind: &Kind) -> bool {
    let Some(first) = path.names().next() else {
        return false;
    };
    let is_id = |name: &[u8]| name.len() == 64 && name.iter().all(u8::is_ascii_hexdigit);
    let is_directory = *kind == Kind::Directory || path.names().count() > 1;
    match first {
        b"blobs" => is_directory,
        b"manifest.json" | b"index.json" | b"oci-layout" | b"repositories" => !is_directory,
        _ if is_directory => is_id(first),
        _ => {
            let stem = first
                .strip_suffix(b".json")
                .or_else(|| first.strip_suffix(b".tar"));
            stem.is_some_and(is_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::layer::{Entry, TarWriter};

    use super::*;

    #[test]
    fn archives_are_told_apart_by_their_first_name() {
        let id = "0123456789abcdef".repeat(4);
        for (name, directory, kind) in [
            ("bin", true, ArchiveKind::RootFs),
            ("etc/passwd", false, ArchiveKind::RootFs),
            ("blobs", false, ArchiveKind::RootFs),
            ("blobs", true, ArchiveKind::Images),
            ("blobs/sha256/x", false, ArchiveKind::Images),
            ("manifest.json", false, ArchiveKind::Images),
            ("oci-layout", false, ArchiveKind::Images),
            (&id, true, ArchiveKind::Images),
            (&format!("{id}.json"), false, ArchiveKind::Images),
            (&format!("{id}/layer.tar"), false, ArchiveKind::Images),
        ] {
            let mut writer = TarWriter::new(Vec::new());
            writer
                .empty(&Entry::new(EntryPath::top(), Kind::Directory, 0o755))
                .unwrap();
            let path = EntryPath::parse(name.as_bytes()).unwrap();
            let object = if directory {
                Kind::Directory
            } else {
                Kind::File { size: 0 }
            };
            writer.empty(&Entry::new(path, object, 0o755)).unwrap();
            assert_eq!(
                identify(&writer.finish().unwrap()[..]).unwrap(),
                kind,
                "{name}"
            );
        }
        assert_eq!(identify(&b""[..]).unwrap(), ArchiveKind::RootFs);
    }
}
