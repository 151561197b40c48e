//! Imports, archives and the bootstrap, and what becomes of names.

use std::path::Path;
use std::process::Command;

use futures_util::{StreamExt as _, TryStreamExt as _};
use orlop_model::event::EventObject;
use orlop_model::image::Removed;
use orlop_model::job::{Job, JobEvent};

use super::{Bench, tar, upload};
use crate::images::{BootstrapOptions, ImportOptions};
use crate::registry::tests::noise;
use crate::registry::tests::server::layout;

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_named_changed_and_removed_with_its_layer() {
    let bench = Bench::open(None).await;
    let options = ImportOptions {
        reference: Some("base:1".parse().expect("reference")),
        changes: vec!["CMD [\"sh\"]".into(), "ENV A=1".into()],
        message: String::new(),
        title: "root.tar".into(),
    };
    let job = bench
        .engine
        .import_or_load(options, upload(tar(b"box")))
        .await
        .expect("job");
    let id = bench.done(&job).await.image.expect("image");
    let image = bench.engine.inspect_image("base:1").await.expect("image");
    assert_eq!(image.id, id);
    assert_eq!(image.defaults.cmd, Some(vec!["sh".to_owned()]));
    assert_eq!(image.defaults.env, ["A=1"]);
    assert_eq!(image.history[0].comment, "Imported from root.tar");
    bench
        .engine
        .tag_image("base:1", "other".parse().expect("reference"))
        .await
        .expect("tag");
    let untagged = bench
        .engine
        .remove_image("base:1", false)
        .await
        .expect("untag");
    assert_eq!(untagged, [Removed::Untagged("base:1".into())]);
    let removed = bench
        .engine
        .remove_image(id.short(), false)
        .await
        .expect("remove");
    let layer = image.layers[0].clone();
    assert_eq!(
        removed,
        [
            Removed::Untagged("other:latest".into()),
            Removed::Deleted(id),
            Removed::Deleted(layer)
        ]
    );
    bench.is_swept().await;
    let missing = bench.engine.inspect_image("other").await.expect_err("gone");
    assert_eq!(missing.to_string(), "No such image: other:latest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_tells_the_tools_log_and_makes_an_image_or_says_why_not() {
    let bench = Bench::open(None).await;
    let options = |suite: &str| BootstrapOptions {
        suite: suite.into(),
        packages: vec!["curl".into()],
        mirror: None,
        reference: "debian:12".parse().expect("reference"),
    };
    let failed = bench
        .engine
        .bootstrap_debian(options("nowhere"))
        .await
        .expect("job");
    let failed = bench.end(&failed).await;
    assert_eq!(failed.error.as_deref(), Some("the tool failed"));
    bench.is_swept().await;
    let made = bench
        .engine
        .bootstrap_debian(options("bookworm"))
        .await
        .expect("job");
    bench.done(&made).await;
    let lines = bench.engine.job_log(&made, 0, 100).await.expect("log");
    let texts: Vec<_> = lines
        .into_iter()
        .filter_map(|(_, line)| match line.event {
            JobEvent::Message { text } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(texts[..3], ["I: making bookworm", "99%", "I: done"]);
    let image = bench
        .engine
        .inspect_image("debian:12")
        .await
        .expect("image");
    assert_eq!(image.defaults.cmd, Some(vec!["bash".to_owned()]));
    assert_eq!(image.history[0].created_by, "bootstrap bookworm curl");
}

fn skopeo(from: &str, to: &str) {
    let mut command = Command::new("skopeo");
    let done = command
        .args(["--insecure-policy", "copy", "--quiet", from, to])
        .output();
    let done = done.expect("skopeo runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

async fn load(bench: &Bench, archive: &Path) -> Job {
    let bytes = std::fs::read(archive).expect("archive");
    let options = ImportOptions {
        title: "archive".into(),
        ..ImportOptions::default()
    };
    let job = bench
        .engine
        .import_or_load(options, upload(bytes))
        .await
        .expect("job");
    bench.done(&job).await
}

#[tokio::test(flavor = "multi_thread")]
async fn saved_and_oci_archives_are_told_from_root_file_systems_and_loaded() {
    let bench = Bench::open(None).await;
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name);
    layout(&at("layout"), b"loaded");
    let from = format!("oci:{}:test", at("layout").display());
    let saved = at("saved.tar");
    skopeo(
        &from,
        &format!("docker-archive:{}:team/app:1", saved.display()),
    );
    let oci = at("oci.tar");
    skopeo(&from, &format!("oci-archive:{}:team/app:2", oci.display()));
    let first = load(&bench, &saved).await.image.expect("image");
    assert_eq!(bench.tags().await, ["team/app:1"]);
    let second = load(&bench, &oci).await.image.expect("image");
    // One configuration byte for byte: one image with two names, and one layer.
    assert_eq!(first, second);
    assert_eq!(bench.tags().await, ["team/app:1", "team/app:2"]);
    assert_eq!(bench.worker.unpacked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_archive_is_refused_and_leaves_nothing() {
    let bench = Bench::open(None).await;
    for bytes in [
        b"no archive at all, but long enough to be looked at".to_vec(),
        noise(100_000),
    ] {
        let options = ImportOptions {
            title: "x".into(),
            ..ImportOptions::default()
        };
        let refused = bench.engine.import_or_load(options, upload(bytes)).await;
        assert_eq!(refused.expect_err("refused").field_name(), Some("file"));
    }
    bench.is_swept().await;
    let jobs = bench.engine.list_jobs(10).await.expect("jobs");
    assert!(jobs.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_what_happened_to_images() {
    let bench = Bench::open(None).await;
    let events = bench.engine.subscribe();
    let options = ImportOptions {
        reference: Some("base".parse().expect("reference")),
        title: "root.tar".into(),
        ..ImportOptions::default()
    };
    let job = bench
        .engine
        .import_image(options, upload(tar(b"box")))
        .await
        .expect("job");
    bench.done(&job).await;
    bench
        .engine
        .tag_image("base", "b2".parse().expect("reference"))
        .await
        .expect("tag");
    bench
        .engine
        .remove_image("base", false)
        .await
        .expect("remove");
    bench
        .engine
        .remove_image("b2", false)
        .await
        .expect("remove");
    let images = events.try_filter(|event| std::future::ready(event.object == EventObject::Image));
    let actions: Vec<_> = images
        .take(5)
        .map_ok(|event| event.action)
        .try_collect()
        .await
        .expect("events");
    assert_eq!(actions, ["import", "tag", "untag", "untag", "delete"]);
}
