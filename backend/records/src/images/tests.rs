//! Images, layers and names on a real database with the real migrations.

use orlop_model::id::{DiffId, Digest};
use orlop_model::reference::Reference;

use super::{NewImage, Removal};
use crate::Records;
use crate::layers::{LayerBlob, NewLayer};

async fn records() -> (tempfile::TempDir, Records) {
    let folder = tempfile::tempdir().expect("folder");
    let records = Records::open(&folder.path().join("orlop.db"))
        .await
        .expect("records");
    (folder, records)
}

fn digest(seed: u8) -> Digest {
    Digest::from_sha256([seed; 32])
}

fn reference(text: &str) -> Reference {
    text.parse().expect(text)
}

fn layer(seed: u8) -> NewLayer {
    let blob = LayerBlob {
        digest: digest(seed + 100),
        size: 5,
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(),
    };
    NewLayer {
        diff_id: digest(seed),
        size: u64::from(seed) * 1000,
        blob: Some(blob),
    }
}

fn image(id: u8, layers: &[u8], tags: &[&str]) -> NewImage {
    NewImage {
        id: digest(id),
        config: format!("{{\"id\":{id}}}").into_bytes(),
        created_at: jiff::Timestamp::from_second(i64::from(id)).ok(),
        manifest: Some(digest(id + 50)),
        parent: None,
        layers: layers.iter().map(|seed| layer(*seed)).collect(),
        tags: tags.iter().map(|tag| reference(tag)).collect(),
        digests: vec![reference(&format!("debian@{}", digest(id + 50)))],
    }
}

async fn add_container(records: &Records, seed: u8, image: u8, status: &str) {
    sqlx::query(
        "INSERT INTO containers (id, name, image_id, status, created_at, record, spec)
         VALUES (?, ?, ?, ?, 0, '{}', '{}')",
    )
    .bind(hex(seed))
    .bind(format!("c{seed}"))
    .bind(digest(image).as_str())
    .bind(status)
    .execute(records.writer())
    .await
    .expect("container");
}

fn hex(seed: u8) -> String {
    digest(seed).hex().to_owned()
}

#[tokio::test]
async fn an_image_reads_back_with_its_layers_in_order_and_its_names() {
    let (_folder, records) = records().await;
    let new = image(1, &[3, 2, 3], &["debian:12", "debian"]);
    records.insert_image(&new).await.expect("insert");
    let stored = records.image(&new.id).await.expect("read").expect("there");
    let layers: Vec<_> = stored
        .layers
        .iter()
        .map(|layer| (&layer.diff_id, layer.size))
        .collect();
    assert_eq!(
        layers,
        [(&digest(3), 3000), (&digest(2), 2000), (&digest(3), 3000)]
    );
    assert_eq!(stored.config, new.config);
    assert_eq!(stored.tags, [reference("debian:12"), reference("debian")]);
    assert_eq!(stored.digests, new.digests);
    assert_eq!(records.images().await.expect("list"), [stored]);
    for name in new.tags.iter().chain(&new.digests) {
        assert_eq!(
            records.image_named(name).await.expect("find"),
            Some(digest(1)),
            "{name}"
        );
    }
    assert_eq!(
        records
            .image_named(&reference("other"))
            .await
            .expect("find"),
        None
    );
    let known = records.layer(&digest(2)).await.expect("read");
    assert_eq!(known, Some(layer(2)));
}

#[tokio::test]
async fn the_newest_image_comes_first_and_a_name_moves_to_it() {
    let (_folder, records) = records().await;
    records
        .insert_image(&image(1, &[1], &["app"]))
        .await
        .expect("insert");
    records
        .insert_image(&image(2, &[1], &["app"]))
        .await
        .expect("insert");
    let listed = records.images().await.expect("list");
    let names: Vec<_> = listed
        .iter()
        .map(|image| (image.id.clone(), image.tags.len()))
        .collect();
    assert_eq!(names, [(digest(2), 1), (digest(1), 0)]);
    records
        .tag_image(&digest(1), &reference("app"))
        .await
        .expect("tag");
    assert_eq!(
        records.image_named(&reference("app")).await.expect("find"),
        Some(digest(1))
    );
    assert!(
        records
            .tag_image(&digest(9), &reference("app"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_prefix_finds_one_image_or_says_that_there_are_two() {
    let (_folder, records) = records().await;
    for id in [0x0a, 0x0b] {
        records
            .insert_image(&image(id, &[1], &[]))
            .await
            .expect("insert");
    }
    let found = |digits: &'static str| {
        let records = &records;
        async move {
            records
                .images_with_prefix(digits)
                .await
                .expect("find")
                .len()
        }
    };
    assert_eq!(found("0a").await, 1);
    assert_eq!(found("0").await, 2);
    assert_eq!(found("0c").await, 0);
    assert_eq!(found("0b0b0b0b").await, 1);
}

#[tokio::test]
async fn layers_go_with_the_last_image_that_has_them() {
    let (_folder, records) = records().await;
    records
        .insert_image(&image(1, &[1, 2], &["a"]))
        .await
        .expect("insert");
    records
        .insert_image(&image(2, &[1, 3], &["b"]))
        .await
        .expect("insert");
    assert!(
        records
            .delete_unused_layers()
            .await
            .expect("sweep")
            .is_empty()
    );
    let removal = records
        .remove_image(&digest(2), &[reference("b")], true)
        .await;
    assert_eq!(removal.expect("remove"), Removal::Deleted);
    assert_eq!(
        records.delete_unused_layers().await.expect("sweep"),
        [layer(3)]
    );
    let needed = records.needed_blobs().await.expect("blobs");
    assert_eq!(needed, [digest(101), digest(102), digest(51)].into());
    let kept: Vec<DiffId> = records
        .layers()
        .await
        .expect("layers")
        .into_iter()
        .map(|layer| layer.diff_id)
        .collect();
    assert_eq!(kept, [digest(1), digest(2)]);
}

#[tokio::test]
async fn a_held_layer_stays_until_it_is_let_go() {
    let (_folder, records) = records().await;
    records.insert_layer(&layer(7)).await.expect("insert");
    records
        .hold_layers("cache", &[digest(7)])
        .await
        .expect("hold");
    assert!(
        records
            .delete_unused_layers()
            .await
            .expect("sweep")
            .is_empty()
    );
    records.release_layers("cache").await.expect("release");
    assert_eq!(
        records.delete_unused_layers().await.expect("sweep").len(),
        1
    );
    assert!(records.hold_layers("cache", &[digest(8)]).await.is_err());
}

#[tokio::test]
async fn taking_one_name_off_keeps_the_image() {
    let (_folder, records) = records().await;
    records
        .insert_image(&image(1, &[1], &["a", "b"]))
        .await
        .expect("insert");
    let removal = records
        .remove_image(&digest(1), &[reference("a")], false)
        .await;
    assert_eq!(removal.expect("untag"), Removal::Untagged);
    let stored = records
        .image(&digest(1))
        .await
        .expect("read")
        .expect("there");
    assert_eq!(stored.tags, [reference("b")]);
    // A name that has moved to another image is not taken off that one.
    records
        .insert_image(&image(2, &[1], &["b"]))
        .await
        .expect("insert");
    records
        .remove_image(&digest(1), &[reference("b")], false)
        .await
        .expect("untag");
    assert_eq!(
        records.image_named(&reference("b")).await.expect("find"),
        Some(digest(2))
    );
}

#[tokio::test]
async fn an_image_removed_under_a_stopped_container_is_hidden_until_that_goes() {
    let (_folder, records) = records().await;
    records
        .insert_image(&image(1, &[1], &["a"]))
        .await
        .expect("insert");
    add_container(&records, 8, 1, "exited").await;
    add_container(&records, 9, 1, "paused").await;
    let containers = records
        .containers_of_image(&digest(1))
        .await
        .expect("containers");
    assert_eq!(
        containers.iter().map(|(_, runs)| *runs).collect::<Vec<_>>(),
        [false, true]
    );
    let removal = records
        .remove_image(&digest(1), &[reference("a")], true)
        .await;
    assert_eq!(removal.expect("remove"), Removal::Hidden);
    assert!(records.images().await.expect("list").is_empty());
    assert!(
        records
            .images_with_prefix("01")
            .await
            .expect("find")
            .is_empty()
    );
    assert!(
        records
            .image(&digest(1))
            .await
            .expect("read")
            .expect("kept")
            .hidden
    );
    records.delete_hidden_images().await.expect("sweep");
    assert!(
        records
            .delete_unused_layers()
            .await
            .expect("sweep")
            .is_empty()
    );
    sqlx::query("DELETE FROM containers")
        .execute(records.writer())
        .await
        .expect("remove");
    records.delete_hidden_images().await.expect("sweep");
    assert_eq!(records.image(&digest(1)).await.expect("read"), None);
    assert_eq!(
        records.delete_unused_layers().await.expect("sweep").len(),
        1
    );
}

#[tokio::test]
async fn a_pull_of_a_hidden_image_brings_it_back_and_adds_what_was_not_known() {
    let (_folder, records) = records().await;
    let local = NewLayer {
        blob: None,
        ..layer(1)
    };
    let built = NewImage {
        layers: vec![local],
        manifest: None,
        ..image(1, &[], &[])
    };
    records.insert_image(&built).await.expect("insert");
    add_container(&records, 8, 1, "exited").await;
    records
        .remove_image(&digest(1), &[], true)
        .await
        .expect("remove");
    records
        .insert_image(&image(1, &[1], &["a"]))
        .await
        .expect("insert");
    assert!(
        !records
            .image(&digest(1))
            .await
            .expect("read")
            .expect("there")
            .hidden
    );
    assert_eq!(
        records.layer(&digest(1)).await.expect("read"),
        Some(layer(1))
    );
}
