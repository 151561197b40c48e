//! A stand-in for the worker, without its privileges: it reads layers to their end, verifies their
//! diff IDs and keeps an empty folder for each. Everything else it says to be done.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use orlop_image::compression::{Decoder, Limits};
use orlop_image::digest::{Digest, DigestReader};
use orlop_model::id::DiffId;
use orlop_wire::channel;
use orlop_wire::reply::{Failure, FailureKind, Reply, Unpacked};
use orlop_wire::request::Request;

use crate::images::describe::to_model_digest;

/// What the worker did and has.
#[derive(Debug, Clone, Default)]
pub(super) struct StandIn {
    layers: Arc<Mutex<BTreeSet<DiffId>>>,
    unpacked: Arc<Mutex<u64>>,
}

impl StandIn {
    /// Serves at `socket` until the process ends.
    pub(super) fn serve(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).expect("worker socket");
        let worker = Self::default();
        let serving = worker.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let worker = serving.clone();
                std::thread::spawn(move || worker.answer(&stream));
            }
        });
        worker
    }

    /// Layers in place.
    pub(super) fn layers(&self) -> BTreeSet<DiffId> {
        self.layers.lock().expect("lock").clone()
    }

    /// Streams that were read to their end.
    pub(super) fn unpacked(&self) -> u64 {
        *self.unpacked.lock().expect("lock")
    }

    fn answer(&self, stream: &UnixStream) {
        let Ok((request, mut fds)) = channel::receive::<Request>(stream.as_fd()) else {
            return;
        };
        let reply = match request {
            Request::UnpackLayer { diff_id } => self.unpack(diff_id, fds.pop()),
            Request::RemoveLayer { diff_id } => {
                self.layers.lock().expect("lock").remove(&diff_id);
                Reply::Done
            }
            Request::Bootstrap(wanted) => bootstrap(&wanted.suite, fds),
            _ => Reply::Done,
        };
        let _ = channel::send(stream.as_fd(), &reply, &[]);
    }

    fn unpack(&self, expected: Option<DiffId>, fd: Option<OwnedFd>) -> Reply {
        let file = std::fs::File::from(fd.expect("a descriptor rides along"));
        let Ok(decoder) = Decoder::new(file, Limits::default()) else {
            return failed("the stream cannot be opened");
        };
        let mut reader = DigestReader::new(decoder);
        let mut rest = Vec::new();
        if reader.read_to_end(&mut rest).is_err() {
            return failed("the stream is damaged");
        }
        let (digest, tar_size): (Digest, u64) = reader.finish();
        let diff_id = to_model_digest(&digest);
        if expected.is_some_and(|expected| expected != diff_id) {
            return failed("the stream is another layer");
        }
        *self.unpacked.lock().expect("lock") += 1;
        let existed = !self.layers.lock().expect("lock").insert(diff_id.clone());
        Reply::Unpacked(Unpacked {
            diff_id,
            size: tar_size,
            tar_size,
            entries: 1,
            existed,
        })
    }
}

/// Writes an empty tar and a log; fails for a suite that does not exist.
fn bootstrap(suite: &str, fds: Vec<OwnedFd>) -> Reply {
    let mut files = fds.into_iter().map(std::fs::File::from);
    let (tar, log) = (files.next().expect("tar"), files.next().expect("log"));
    (&log)
        .write_all(format!("I: making {suite}\n 10%\r 99%\nI: done").as_bytes())
        .expect("log");
    if suite == "nowhere" {
        return failed("the tool failed");
    }
    (&tar).write_all(&[0; 1024]).expect("tar");
    Reply::Done
}

fn failed(message: &str) -> Reply {
    Reply::Failed(Failure::new(FailureKind::Invalid, message))
}
