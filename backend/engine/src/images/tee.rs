//! Bytes that arrive go to the blob store and, on the same pass, down a pipe to the worker.
//!
//! A thread of its own writes and hashes, so that a slow disk or a full pipe holds back the one
//! download and not the runtime. Nothing gets a name unless [`Tee::finish`] was called.

use std::io::{self, PipeWriter, Write as _};

use bytes::Bytes;
use orlop_image::content::{BlobWriter, ContentError, StagedBlob};
use orlop_image::digest::Digest;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Chunks on their way to the thread; the network's chunks are some 16 KiB each.
const QUEUE: usize = 32;

/// Why bytes could not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TeeError {
    /// The blob store failed, or the bytes are not the promised ones.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Writing failed.
    #[error("writing a blob: {0}")]
    Write(io::Error),
    /// Whoever wrote went away.
    #[error("the stream was given up")]
    GivenUp,
}

enum Message {
    Chunk(Bytes),
    Finish(Option<Digest>),
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct Tee {
    sender: mpsc::Sender<Message>,
    thread: JoinHandle<Result<StagedBlob, TeeError>>,
}

impl Tee {
    /// Begins to write to `blob`, and to `pipe` where there is one. A reader of the pipe that
    /// has had enough ends the pipe only.
    pub(crate) fn start(blob: BlobWriter, pipe: Option<PipeWriter>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let thread = tokio::task::spawn_blocking(move || write_all(receiver, blob, pipe));
        Self { sender, thread }
    }

    /// Takes bytes; waits while those before are being written.
    pub(crate) async fn write(&mut self, chunk: Bytes) -> Result<(), TeeError> {
        match self.sender.send(Message::Chunk(chunk)).await {
            Ok(()) => Ok(()),
            // The thread ended, which it does only with an error before it is told to finish.
            Err(_) => Err(joined((&mut self.thread).await)
                .err()
                .unwrap_or(TeeError::GivenUp)),
        }
    }

    /// All bytes were given. They are on disk and verified when this returns, and only then the
    /// pipe ends: the worker never takes wrong bytes for a whole layer.
    pub(crate) async fn finish(self, expected: Option<Digest>) -> Result<StagedBlob, TeeError> {
        // Should the thread have ended, joining it tells why.
        let _ = self.sender.send(Message::Finish(expected)).await;
        joined(self.thread.await)
    }
}

fn joined(
    result: Result<Result<StagedBlob, TeeError>, tokio::task::JoinError>,
) -> Result<StagedBlob, TeeError> {
    result.unwrap_or(Err(TeeError::GivenUp))
}

fn write_all(
    mut receiver: mpsc::Receiver<Message>,
    mut blob: BlobWriter,
    mut pipe: Option<PipeWriter>,
) -> Result<StagedBlob, TeeError> {
    while let Some(message) = receiver.blocking_recv() {
        match message {
            Message::Chunk(chunk) => {
                blob.write_all(&chunk).map_err(TeeError::Write)?;
                match pipe.as_mut().map(|pipe| pipe.write_all(&chunk)) {
                    Some(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => pipe = None,
                    Some(Err(error)) => return Err(TeeError::Write(error)),
                    Some(Ok(())) | None => {}
                }
            }
            Message::Finish(expected) => return Ok(blob.stage(expected.as_ref())?),
        }
    }
    Err(TeeError::GivenUp)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use orlop_image::content::BlobStore;

    use super::*;

    fn store() -> (tempfile::TempDir, BlobStore) {
        let folder = tempfile::tempdir().expect("folder");
        let store = BlobStore::open(folder.path()).expect("store");
        (folder, store)
    }

    #[tokio::test]
    async fn the_same_bytes_reach_the_blob_and_the_pipe() {
        let (_folder, store) = store();
        let (mut reader, writer) = io::pipe().expect("pipe");
        let piped = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map(|_| bytes)
        });
        let mut tee = Tee::start(store.begin().expect("blob"), Some(writer));
        for chunk in [&b"one "[..], b"two"] {
            tee.write(Bytes::from_static(chunk)).await.expect("write");
        }
        let staged = tee
            .finish(Some(Digest::of(b"one two")))
            .await
            .expect("verified");
        let digest = staged.publish().expect("published");
        assert_eq!(store.read(&digest, 100).expect("blob"), b"one two");
        assert_eq!(piped.join().expect("join").expect("read"), b"one two");
    }

    #[tokio::test]
    async fn wrong_or_abandoned_bytes_leave_nothing() {
        let (folder, store) = store();
        let mut tee = Tee::start(store.begin().expect("blob"), None);
        tee.write(Bytes::from_static(b"evil")).await.expect("write");
        assert!(tee.finish(Some(Digest::of(b"good"))).await.is_err());
        let mut tee = Tee::start(store.begin().expect("blob"), None);
        tee.write(Bytes::from_static(b"half")).await.expect("write");
        let Tee { sender, thread } = tee;
        drop(sender);
        assert!(matches!(
            thread.await.expect("join"),
            Err(TeeError::GivenUp)
        ));
        assert_eq!(
            std::fs::read_dir(folder.path().join("ingest"))
                .expect("list")
                .count(),
            0
        );
        assert!(store.list().expect("list").is_empty());
    }

    #[tokio::test]
    async fn a_reader_that_has_enough_does_not_stop_the_blob() {
        let (_folder, store) = store();
        let (reader, writer) = io::pipe().expect("pipe");
        drop(reader);
        let mut tee = Tee::start(store.begin().expect("blob"), Some(writer));
        tee.write(Bytes::from_static(b"bytes"))
            .await
            .expect("write");
        assert!(tee.finish(None).await.is_ok());
    }
}
