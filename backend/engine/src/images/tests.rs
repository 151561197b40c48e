//! The verbs on images, from a real registry and real archives to real records; the worker alone
//! is a stand-in.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use orlop_model::id::JobId;
use orlop_model::image::ImageFilter;
use orlop_model::job::{Job, JobEvent, JobStatus};
use orlop_model::reference::Reference;

use super::Upload;
use crate::config::RegistryConfig;
use crate::registry::tests::server::{Server, layout};
use crate::{Engine, EngineConfig};

mod archives;
mod pulls;
mod worker;

use worker::StandIn;

/// An engine over a folder of its own.
struct Bench {
    engine: Engine,
    worker: StandIn,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn open(mirror: Option<&str>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["data", "records", "run"] {
            std::fs::create_dir(at(name)).expect("folder");
        }
        let worker = StandIn::serve(&at("worker.sock"));
        let mirrors = mirror
            .map(|address| format!("http://{address}"))
            .into_iter()
            .collect();
        let config = EngineConfig {
            user_namespaces: false,
            data_dir: at("data"),
            records_dir: at("records"),
            run_dir: at("run"),
            worker_socket: at("worker.sock"),
            bridge: "orlop-test".into(),
            subnet: "10.0.0.0/24".parse().expect("subnet"),
            registries: RegistryConfig {
                insecure: vec![],
                mirrors: [("docker.io".to_owned(), mirrors)].into(),
            },
        };
        let engine = Engine::open(config).await.expect("engine");
        Self {
            engine,
            worker,
            folder,
        }
    }

    async fn pull(&self, name: &str) -> JobId {
        let reference = name.parse().expect("reference");
        self.engine.pull_image(reference, None).await.expect("job")
    }

    async fn end(&self, job: &JobId) -> Job {
        self.engine.wait_job(job).await.expect("job")
    }

    async fn done(&self, job: &JobId) -> Job {
        let job = self.end(job).await;
        assert_eq!(job.status, JobStatus::Succeeded, "{:?}", job.error);
        job
    }

    /// The states in which a job's parts ended.
    async fn statuses(&self, job: &JobId) -> Vec<String> {
        let lines = self.engine.job_log(job, 0, 10_000).await.expect("log");
        let statuses = lines.into_iter().filter_map(|(_, line)| match line.event {
            JobEvent::Progress {
                status,
                current,
                total,
                ..
            } if current == total => Some(status),
            _ => None,
        });
        statuses.collect()
    }

    async fn tags(&self) -> Vec<String> {
        let images = self
            .engine
            .list_images(&ImageFilter::default())
            .await
            .expect("list");
        images
            .iter()
            .flat_map(|image| image.tags.iter().map(Reference::familiar))
            .collect()
    }

    fn count(&self, folder: &str) -> usize {
        std::fs::read_dir(self.folder.path().join("data").join(folder))
            .expect("list")
            .count()
    }

    /// Waits until nothing is left of an image: the sweep after a job goes on in the background.
    async fn is_swept(&self) {
        for _ in 0..200 {
            if self.worker.layers().is_empty()
                && self.count("blobs/sha256") == 0
                && self.count("blobs/ingest") == 0
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "left: {:?}, {} blobs",
            self.worker.layers(),
            self.count("blobs/sha256")
        );
    }
}

fn upload(bytes: Vec<u8>) -> Upload {
    let chunks: Vec<_> = bytes
        .chunks(100_000)
        .map(Bytes::copy_from_slice)
        .map(Ok)
        .collect();
    stream::iter(chunks).boxed()
}

fn tar(content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "etc/hostname", content)
        .expect("tar");
    tar.into_inner().expect("tar")
}

fn filled(server: &Server, content: &[u8], names: &[&str]) {
    let path = server.folder().join("image");
    layout(&path, content);
    for name in names {
        server.fill(&path, name);
    }
}
