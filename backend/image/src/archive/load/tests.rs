//! Archives of every age are loaded; what lies about itself leaves nothing in the store.

use std::collections::BTreeMap;

use super::*;
use crate::archive::save::{SaveImage, SaveLayer, SaveName, save};
use crate::compression::gzip_writer;
use crate::layer::TarWriter;

fn store() -> (tempfile::TempDir, BlobStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::open(dir.path()).unwrap();
    (dir, store)
}

fn load_bytes(bytes: &[u8], store: &BlobStore) -> Result<Vec<LoadedImage>, LoadError> {
    load(
        bytes,
        store,
        &Platform::host(),
        compression::Limits::default(),
    )
}

fn tar(files: &[(&str, &[u8])], links: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for (name, bytes) in files {
        let path = EntryPath::parse(name.as_bytes()).unwrap();
        let entry = Entry::new(
            path,
            Kind::File {
                size: bytes.len() as u64,
            },
            0o644,
        );
        writer.entry(&entry, *bytes).unwrap();
    }
    for (name, target) in links {
        let kind = Kind::Symlink {
            target: target.as_bytes().to_vec(),
        };
        writer
            .empty(&Entry::new(
                EntryPath::parse(name.as_bytes()).unwrap(),
                kind,
                0o777,
            ))
            .unwrap();
    }
    writer.finish().unwrap()
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let mut config = ImageConfig::default();
    config.rootfs.diff_ids = layers.iter().map(|layer| Digest::of(layer)).collect();
    config.to_bytes()
}

#[test]
fn what_is_saved_can_be_loaded_through_either_document() {
    let image = |names: &[&str]| SaveImage {
        config_bytes: config(&[b"lower", b"upper"]),
        layers: vec![
            SaveLayer::plain(Digest::of(b"lower"), 5),
            SaveLayer::plain(Digest::of(b"upper"), 5),
        ],
        names: names
            .iter()
            .map(|name| SaveName {
                short: (*name).into(),
                full: format!("docker.io/library/{name}"),
            })
            .collect(),
    };
    let contents: BTreeMap<Digest, &[u8]> = [&b"lower"[..], b"upper"]
        .map(|bytes| (Digest::of(bytes), bytes))
        .into();
    let write = || {
        save(Vec::new(), &[image(&["one:1", "two:2"])], |layer| {
            Ok(Box::new(contents[&layer.blob.digest]))
        })
        .unwrap()
    };
    let bytes = write();
    assert_eq!(bytes, write(), "the same images give the same bytes");

    let (_dir, first) = store();
    let docker = load_bytes(&bytes, &first).unwrap();
    assert_eq!(docker.len(), 1);
    assert_eq!(docker[0].names, ["one:1", "two:2"]);
    assert_eq!(docker[0].id, Digest::of(&config(&[b"lower", b"upper"])));
    assert_eq!(docker[0].layers[1].diff_id, Digest::of(b"upper"));
    assert_eq!(
        first.list().unwrap().len(),
        3,
        "configuration and layers, nothing else"
    );

    // The same archive without Docker's document is a plain OCI layout.
    let mut reader = TarReader::new(&bytes[..], Limits::default());
    let mut oci = TarWriter::new(Vec::new());
    let mut buffer = [0; 4096];
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut content = Vec::new();
        while let Some(piece) = reader.next_piece(&mut buffer).unwrap() {
            content.extend_from_slice(piece.bytes);
        }
        if entry.path.as_bytes() != b"manifest.json" {
            oci.entry(&entry, &content[..]).unwrap();
        }
    }
    let mut packed = gzip_writer(Vec::new());
    packed.write_all(&oci.finish().unwrap()).unwrap();
    let (_dir, second) = store();
    let oci = load_bytes(&packed.finish().unwrap(), &second).unwrap();
    assert_eq!(
        oci[0].names,
        ["docker.io/library/one:1", "docker.io/library/two:2"]
    );
    assert_eq!((oci[0].id, oci[0].layers.len()), (docker[0].id, 2));
    let manifest = oci[0].manifest.as_ref().unwrap();
    assert_eq!(
        second.read(&manifest.digest(), 10_000).unwrap(),
        manifest.raw
    );
}

#[test]
fn an_archive_of_an_old_docker_with_linked_layers_is_loaded() {
    let config = config(&[b"layer", b"layer"]);
    let hex = Digest::of(&config).hex();
    let manifest = format!(
        r#"[{{"Config":"{hex}.json","RepoTags":null,"Layers":["a/layer.tar","b/layer.tar"]}}]"#
    );
    let bytes = tar(
        &[
            ("a/layer.tar", b"layer"),
            ("a/VERSION", b"1.0"),
            (&format!("{hex}.json"), &config),
            ("manifest.json", manifest.as_bytes()),
        ],
        &[("b/layer.tar", "../a/layer.tar")],
    );
    let (dir, store) = store();
    let images = load_bytes(&bytes, &store).unwrap();
    assert_eq!(images[0].layers.len(), 2);
    assert_eq!(images[0].layers[0].blob.digest, Digest::of(b"layer"));
    assert_eq!(
        store.list().unwrap().len(),
        2,
        "what no image names is not kept"
    );
    assert_eq!(
        std::fs::read_dir(dir.path().join("ingest"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn archives_that_lie_are_refused_and_leave_nothing() {
    let one = config(&[b"layer"]);
    let manifest =
        |layers: &str| format!(r#"[{{"Config":"c.json","RepoTags":[],"Layers":[{layers}]}}]"#);
    let missing = manifest(r#""gone.tar""#);
    let outside = manifest(r#""../../../etc/passwd""#);
    let two = manifest(r#""l.tar","l.tar""#);
    let looped = manifest(r#""loop""#);
    let blob = format!("blobs/sha256/{}", Digest::of(b"other").hex());
    let with = |manifest: &str, links: &[(&str, &str)]| {
        tar(
            &[
                ("c.json", &one),
                ("l.tar", b"layer"),
                ("manifest.json", manifest.as_bytes()),
            ],
            links,
        )
    };
    for (bytes, what) in [
        (with(&missing, &[]), "a layer that is not there"),
        (with(&outside, &[]), "a layer outside"),
        (with(&two, &[]), "more layers than the configuration has"),
        (with(&looped, &[("loop", "loop")]), "a link to itself"),
        (with("[{}]", &[]), "an image without a configuration"),
        (with("{", &[]), "half a document"),
        (
            tar(&[(&blob, b"not that")], &[]),
            "a blob under a wrong name",
        ),
        (tar(&[("etc/passwd", b"root")], &[]), "no image at all"),
        (
            tar(
                &[("index.json", br#"{"schemaVersion":2,"manifests":[]}"#)],
                &[],
            ),
            "an empty index",
        ),
    ] {
        let (dir, store) = store();
        assert!(load_bytes(&bytes, &store).is_err(), "{what}");
        assert_eq!(store.list().unwrap(), [], "{what}");
        assert_eq!(
            std::fs::read_dir(dir.path().join("ingest"))
                .unwrap()
                .count(),
            0,
            "{what}"
        );
    }
}
