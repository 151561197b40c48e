//! Which files were sent for a build, and how they reach the engine.
//!
//! The files decide what they are: one archive is the context; one file of another name is the
//! Dockerfile; several are the context's files.

use std::io;

use bytes::Bytes;
use futures_util::StreamExt as _;
use orlop_engine::builds::{BuildContext, BuildOptions, ContextFile};
use orlop_engine::{Engine, EngineError};
use orlop_model::id::JobId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::error::Problem;
use crate::form::{FilePart, Kind, Parts, context_path, kind_of};

/// Chunks that wait between the network and the disk.
const CHUNKS_WAITING: usize = 8;
/// A Dockerfile is no larger.
const DOCKERFILE_MAX_LEN: usize = 1 << 20;

/// What was sent.
pub(crate) enum Sent {
    /// Nothing at all.
    Nothing,
    /// A Dockerfile, typed or as the only file.
    Dockerfile(String),
    /// An archive as the first file.
    Archive(FilePart),
    /// Files; the first is at hand.
    Files(FilePart),
}

/// Looks at the first file, and at whether there is a second.
pub(crate) async fn look(parts: &mut Parts, typed: &str) -> Result<Sent, Problem> {
    let Some(mut first) = parts.next_file().await? else {
        let text = typed.replace("\r\n", "\n");
        return Ok(match text.trim().is_empty() {
            true => Sent::Nothing,
            false => Sent::Dockerfile(text),
        });
    };
    // With a Dockerfile typed beside them, the files are files whatever their names.
    if !typed.trim().is_empty() {
        return Ok(Sent::Files(first));
    }
    match kind_of(&first.name) {
        Kind::Archive => Ok(Sent::Archive(first)),
        Kind::Dockerfile => Ok(Sent::Files(first)),
        Kind::Other => {
            let Some(bytes) = first.peek(DOCKERFILE_MAX_LEN).await? else {
                return Ok(Sent::Files(first));
            };
            match parts.next_file().await? {
                Some(second) => {
                    parts.put_back(second);
                    Ok(Sent::Files(first))
                }
                None => match String::from_utf8(bytes.to_vec()) {
                    Ok(text) => Ok(Sent::Dockerfile(text)),
                    Err(_) => Ok(Sent::Files(first)),
                },
            }
        }
    }
}

/// Hands what was sent to the engine. `typed` is a Dockerfile that goes beside the files.
pub(crate) async fn build(
    engine: &Engine,
    options: BuildOptions,
    sent: Sent,
    typed: &str,
    parts: &mut Parts,
) -> Result<JobId, EngineError> {
    match sent {
        Sent::Nothing => Err(EngineError::field(
            "files",
            "Choose files or write a Dockerfile",
        )),
        Sent::Dockerfile(text) => {
            engine
                .build_image(options, BuildContext::Dockerfile(text))
                .await
        }
        Sent::Archive(file) => {
            let (to, from) = mpsc::channel(CHUNKS_WAITING);
            let context = BuildContext::Archive(ReceiverStream::new(from).boxed());
            let taken = engine.build_image(options, context);
            tokio::join!(taken, send_archive(parts, file, to)).0
        }
        Sent::Files(first) => {
            let (to, from) = mpsc::channel(1);
            let context = BuildContext::Files(ReceiverStream::new(from).boxed());
            let taken = engine.build_image(options, context);
            tokio::join!(taken, send_files(parts, first, typed, to)).0
        }
    }
}

async fn send_archive(parts: &mut Parts, file: FilePart, to: mpsc::Sender<io::Result<Bytes>>) {
    parts.pass_on(file, &to).await;
    if let Ok(Some(second)) = parts.next_file().await {
        let wrong = format!(
            "an archive is sent alone, but {:?} came with it; to have an archive among the \
             files, choose the Dockerfile first",
            second.name
        );
        parts.put_back(second);
        // The engine may be gone already, with an error of its own.
        let _ = to.send(Err(io::Error::other(wrong))).await;
    }
}

type FileSender = mpsc::Sender<io::Result<ContextFile>>;

async fn send_files(parts: &mut Parts, first: FilePart, typed: &str, to: FileSender) {
    if !typed.trim().is_empty() {
        let text = Bytes::from(typed.replace("\r\n", "\n"));
        let body = futures_util::stream::once(async { Ok(text) }).boxed();
        let path = "Dockerfile".to_owned();
        if to.send(Ok(ContextFile { path, body })).await.is_err() {
            parts.put_back(first);
            return;
        }
    }
    let mut next = Some(first);
    while let Some(file) = next {
        if !send_file(parts, file, &to).await {
            return;
        }
        next = match parts.next_file().await {
            Ok(file) => file,
            Err(problem) => {
                let broken = io::Error::new(io::ErrorKind::UnexpectedEof, problem.message);
                let _ = to.send(Err(broken)).await;
                return;
            }
        };
    }
}

/// Sends one file; `false` when there is no point in sending more.
async fn send_file(parts: &mut Parts, file: FilePart, to: &FileSender) -> bool {
    let path = match context_path(&file.field, &file.name) {
        Ok(path) => path,
        Err(wrong) => {
            parts.put_back(file);
            let _ = to.send(Err(io::Error::other(wrong))).await;
            return false;
        }
    };
    let (chunks, from) = mpsc::channel(CHUNKS_WAITING);
    let body = ReceiverStream::new(from).boxed();
    if to.send(Ok(ContextFile { path, body })).await.is_err() {
        parts.put_back(file);
        return false;
    }
    parts.pass_on(file, &chunks).await;
    true
}
