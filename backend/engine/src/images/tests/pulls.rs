//! Pulls from a real registry: once, together, cut short, damaged.

use std::sync::atomic::Ordering;
use std::time::Duration;

use orlop_model::job::JobStatus;

use super::{Bench, filled};
use crate::registry::tests::noise;
use crate::registry::tests::server::{Access, Fault, Server, faulty_relay, layout};

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_records_the_image_and_the_next_one_fetches_nothing() {
    let server = Server::start(&Access::Open);
    filled(
        &server,
        b"hello",
        &["library/debian:12", "library/debian:latest"],
    );
    let bench = Bench::open(Some(&server.address)).await;
    let first = bench.pull("debian:12").await;
    let id = bench.done(&first).await.image.expect("image");
    let told = bench.statuses(&first).await;
    assert_eq!(
        told.last().map(String::as_str),
        Some("Pull complete"),
        "{told:?}"
    );
    let second = bench.pull("debian").await;
    assert_eq!(bench.done(&second).await.image.as_ref(), Some(&id));
    assert_eq!(bench.statuses(&second).await, ["Already exists"]);
    assert_eq!(bench.worker.unpacked(), 1);
    assert_eq!(bench.tags().await, ["debian:12", "debian:latest"]);
    let image = bench
        .engine
        .inspect_image(id.short())
        .await
        .expect("by prefix");
    assert_eq!((image.layers.len(), image.digests.len()), (1, 1));
    let pinned = image.digests[0].familiar();
    assert_eq!(
        bench
            .engine
            .inspect_image(&pinned)
            .await
            .expect("by digest")
            .id,
        id
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pulls_of_one_layer_fetch_it_once() {
    let server = Server::start(&Access::Open);
    filled(
        &server,
        &noise(8 << 20),
        &["library/a:latest", "library/b:latest"],
    );
    let bench = Bench::open(Some(&server.address)).await;
    let (a, b) = tokio::join!(bench.pull("a"), bench.pull("b"));
    tokio::join!(bench.done(&a), bench.done(&b));
    assert_eq!(bench.worker.unpacked(), 1);
    assert_eq!(bench.tags().await, ["a:latest", "b:latest"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_pull_leaves_nothing_and_the_one_that_watched_it_goes_on() {
    let server = Server::start(&Access::Open);
    filled(&server, &noise(2 << 20), &["library/a:latest"]);
    let (relay, stalled) = faulty_relay(server.address.clone(), 500_000, Fault::Stall).await;
    let bench = Bench::open(Some(&relay)).await;
    let cancelled = bench.pull("a").await;
    while stalled.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The layer is on its way; a second pull, straight from the registry, watches.
    let direct = bench.pull(&format!("{}/library/a", server.address)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    bench.engine.cancel_job(&cancelled).await.expect("cancel");
    assert_eq!(bench.end(&cancelled).await.status, JobStatus::Cancelled);
    bench.done(&direct).await;
    assert_eq!(bench.worker.unpacked(), 1);
    assert_eq!(
        bench.tags().await,
        [format!("{}/library/a:latest", server.address)]
    );
    bench
        .engine
        .remove_image(&bench.tags().await[0], false)
        .await
        .expect("remove");
    bench.is_swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_pull_says_why_and_leaves_nothing() {
    let server = Server::start(&Access::Open);
    filled(&server, b"good", &["library/a:latest"]);
    let bench = Bench::open(Some(&server.address)).await;
    let made = layout(&server.folder().join("again"), b"good");
    let hex = made.layers[0].digest.hex();
    let blob = format!(
        "data/docker/registry/v2/blobs/sha256/{}/{hex}/data",
        &hex[..2]
    );
    let blob = server.folder().join(blob);
    let length = std::fs::metadata(&blob).expect("blob").len();
    std::fs::write(&blob, vec![7; usize::try_from(length).expect("small")]).expect("damage");
    let job = bench.pull("a").await;
    let job = bench.end(&job).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert!(
        job.error
            .is_some_and(|error| error.contains("digest") || error.contains("stream"))
    );
    bench.is_swept().await;
}
