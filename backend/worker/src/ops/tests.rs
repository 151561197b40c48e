//! Requests about files, on real directories: each runs as it does in the worker, in confined
//! children. Needs root.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use orlop_image::compression::gzip_writer;
use orlop_image::digest::Digest;
use orlop_image::layer::{Entry, EntryPath, Kind, TarWriter};
use orlop_model::id::{ContainerId, DiffId, JobId};
use orlop_storage::layout::{Layout, diff_id};
use orlop_wire::channel;
use orlop_wire::reply::{Failure, FailureKind, Reply, Unpacked};
use orlop_wire::request::{CopyInto, CopyItem, IndexEntry, IndexKind, Request, Tree};

use super::stage::Stage;
use super::storage::{serve, serves};

mod builds;
mod files;
mod layers;

struct Host {
    dir: tempfile::TempDir,
    layout: Layout,
}

/// Everything that the worker said to one request.
struct Answer {
    replies: Vec<Reply>,
    rest: String,
    result: Result<(), Failure>,
}

impl Answer {
    fn last(&self) -> &Reply {
        assert_eq!(self.result, Ok(()));
        self.replies.last().unwrap()
    }

    fn failure(&self) -> &Failure {
        self.result.as_ref().unwrap_err()
    }

    fn unpacked(&self) -> &Unpacked {
        let Reply::Unpacked(unpacked) = self.last() else {
            panic!("{:?}", self.replies)
        };
        unpacked
    }

    fn index(&self) -> Vec<IndexEntry> {
        assert!(matches!(self.last(), Reply::Indexed));
        self.rest
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path().join("data"));
        layout.prepare().unwrap();
        fs::create_dir_all(dir.path().join("run/containers")).unwrap();
        fs::write(dir.path().join("canary"), "alive").unwrap();
        Self { dir, layout }
    }

    fn ask(&self, request: Request, descriptors: Vec<OwnedFd>) -> Answer {
        assert!(serves(&request));
        let (server, worker) = UnixStream::pair().unwrap();
        let run = self.dir.path().join("run");
        let stage = Stage {
            layout: &self.layout,
            run: &run,
            server: worker.as_fd(),
        };
        let result = serve(stage, request, descriptors);
        drop(worker);
        let mut replies = Vec::new();
        let mut rest = String::new();
        while let Ok((reply, _)) = channel::receive::<Reply>(server.as_fd()) {
            let ended = matches!(reply, Reply::Indexed);
            replies.push(reply);
            if ended {
                (&server).read_to_string(&mut rest).unwrap();
            }
        }
        Answer {
            replies,
            rest,
            result,
        }
    }

    fn stream(&self, bytes: &[u8]) -> Vec<OwnedFd> {
        let mut file = tempfile::tempfile_in(self.dir.path()).unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        vec![file.into()]
    }

    /// The bytes that a request writes.
    fn written(&self, request: Request) -> (Answer, Vec<u8>) {
        let mut file = tempfile::tempfile_in(self.dir.path()).unwrap();
        let answer = self.ask(request, vec![file.try_clone().unwrap().into()]);
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        (answer, bytes)
    }

    fn layer(&self, files: &[(&str, &str)]) -> DiffId {
        let bytes = tar(files);
        let descriptors = self.stream(&bytes);
        self.ask(Request::UnpackLayer { diff_id: None }, descriptors)
            .unpacked()
            .diff_id
            .clone()
    }

    fn trash_is_empty(&self) -> bool {
        self.layout.trash().is_empty().unwrap()
    }
}

fn id(letter: char) -> String {
    letter.to_string().repeat(64)
}

fn container(letter: char) -> ContainerId {
    id(letter).parse().unwrap()
}

fn job(letter: char) -> JobId {
    id(letter).parse().unwrap()
}

/// A tar of files; a name with a slash at its end is a directory.
fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for (name, content) in files {
        let path = EntryPath::parse(name.as_bytes()).unwrap();
        let kind = if name.ends_with('/') {
            Kind::Directory
        } else {
            Kind::File {
                size: content.len() as u64,
            }
        };
        writer
            .entry(&Entry::new(path, kind, 0o755), content.as_bytes())
            .unwrap();
    }
    writer.finish().unwrap()
}
