//! The blob store on a real folder: kept bytes, interrupted downloads, damage.

use super::*;

fn store() -> (tempfile::TempDir, BlobStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = BlobStore::open(dir.path()).unwrap();
    (dir, store)
}

fn ingested(dir: &tempfile::TempDir) -> usize {
    fs::read_dir(dir.path().join("ingest")).unwrap().count()
}

#[test]
fn what_is_put_is_found_listed_and_removed() {
    let (dir, store) = store();
    let digest = store.put(b"hello").unwrap();
    assert_eq!(digest, Digest::of(b"hello"));
    assert_eq!(store.read(&digest, 5).unwrap(), b"hello");
    assert!(matches!(
        store.read(&digest, 4),
        Err(ContentError::TooLong { .. })
    ));
    assert_eq!(store.size(&digest).unwrap(), Some(5));
    assert_eq!(store.list().unwrap(), [digest]);
    assert_eq!(ingested(&dir), 0);
    store.remove(&digest).unwrap();
    store.remove(&digest).unwrap();
    assert_eq!(store.size(&digest).unwrap(), None);
}

#[test]
fn wrong_bytes_never_get_a_name() {
    let (dir, store) = store();
    let expected = Digest::of(b"good");
    let mut writer = store.resume(&expected).unwrap();
    writer.write_all(b"evil").unwrap();
    assert!(matches!(
        writer.commit(Some(&expected)),
        Err(ContentError::Mismatch(_))
    ));
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(ingested(&dir), 0);
}

#[test]
fn an_interrupted_download_goes_on_where_it_stopped() {
    let (dir, store) = store();
    let expected = Digest::of(b"first second");
    let mut writer = store.resume(&expected).unwrap();
    writer.write_all(b"first ").unwrap();
    drop(writer);
    store.clean(|digest| *digest == expected).unwrap();
    let mut writer = store.resume(&expected).unwrap();
    assert_eq!(writer.length(), 6);
    writer.write_all(b"second").unwrap();
    assert_eq!(writer.commit(Some(&expected)).unwrap(), expected);
    let mut writer = store.resume(&Digest::of(b"x")).unwrap();
    writer.write_all(b"old").unwrap();
    writer.restart().unwrap();
    writer.write_all(b"x").unwrap();
    writer.commit(Some(&Digest::of(b"x"))).unwrap();
    drop(store.resume(&Digest::of(b"y")).unwrap());
    store.clean(|_| false).unwrap();
    assert_eq!(ingested(&dir), 0);
}

#[test]
fn damage_on_disk_is_noticed() {
    let (_dir, store) = store();
    let digest = store.put(b"hello").unwrap();
    fs::write(store.path(&digest), b"hellx").unwrap();
    assert!(matches!(
        store.read(&digest, 10),
        Err(ContentError::Mismatch(_))
    ));
    let mut bytes = Vec::new();
    assert!(
        store
            .reader(&digest)
            .unwrap()
            .read_to_end(&mut bytes)
            .is_err()
    );
}
