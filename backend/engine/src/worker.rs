//! The client of the privileged worker: one connection for each request.
//!
//! Dropping a call closes its connection, and the worker undoes what it had begun.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use orlop_wire::channel::{self, Assembler, ChannelError};
use orlop_wire::reply::{PathStat, Reply, Started, Unpacked};
use orlop_wire::request::Request;
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::EngineError;

/// Where the worker listens.
#[derive(Debug)]
pub(crate) struct Worker {
    socket: PathBuf,
}

impl From<ChannelError> for EngineError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Closed => {
                Self::internal("the worker ended while it dealt with the request; try again")
            }
            other => Self::internal(format!("the worker: {other}")),
        }
    }
}

impl Worker {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Sends a request and returns its last reply; every progress before it goes to `progress`.
    ///
    /// # Errors
    /// What the worker failed with.
    pub(crate) async fn call(
        &self,
        request: &Request,
        fds: Vec<OwnedFd>,
        progress: impl FnMut(u64),
    ) -> Result<Reply, EngineError> {
        let stream = self.send(request, fds).await?;
        last_reply(&stream, progress).await
    }

    /// A request that ends with `Done`.
    pub(crate) async fn done(&self, request: Request) -> Result<(), EngineError> {
        self.done_with(request, Vec::new()).await
    }

    /// A request with descriptors that ends with `Done`.
    pub(crate) async fn done_with(
        &self,
        request: Request,
        fds: Vec<OwnedFd>,
    ) -> Result<(), EngineError> {
        match self.call(&request, fds, |_| ()).await? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// A request that makes a layer.
    pub(crate) async fn unpacked(
        &self,
        request: Request,
        fds: Vec<OwnedFd>,
    ) -> Result<Unpacked, EngineError> {
        match self.call(&request, fds, |_| ()).await? {
            Reply::Unpacked(unpacked) => Ok(unpacked),
            other => Err(unexpected(&other)),
        }
    }

    /// A request that starts a process.
    pub(crate) async fn started(&self, request: Request) -> Result<Started, EngineError> {
        match self.call(&request, Vec::new(), |_| ()).await? {
            Reply::Started(started) => Ok(started),
            other => Err(unexpected(&other)),
        }
    }

    /// A request that lists a tree: the stream from which the index can be read, a JSON line for
    /// each entry.
    pub(crate) async fn indexed(
        &self,
        request: Request,
        fds: Vec<OwnedFd>,
    ) -> Result<UnixStream, EngineError> {
        let stream = self.send(&request, fds).await?;
        match last_reply(&stream, |_| ()).await? {
            Reply::Indexed => Ok(stream),
            other => Err(unexpected(&other)),
        }
    }

    /// A request that says what a path is and then writes it to a descriptor. Keep the stream
    /// until all of it is read: without it the worker ends the writing.
    pub(crate) async fn path_stat(
        &self,
        request: Request,
        fds: Vec<OwnedFd>,
    ) -> Result<(PathStat, UnixStream), EngineError> {
        let stream = self.send(&request, fds).await?;
        match last_reply(&stream, |_| ()).await? {
            Reply::PathStat(stat) => Ok((stat, stream)),
            other => Err(unexpected(&other)),
        }
    }

    async fn send(&self, request: &Request, fds: Vec<OwnedFd>) -> Result<UnixStream, EngineError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| {
            EngineError::internal(format!(
                "the worker does not answer at {}: {error}",
                self.socket.display()
            ))
        })?;
        let bytes = channel::encode(request)?;
        let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(std::os::fd::AsFd::as_fd).collect();
        let mut sent = 0;
        while sent < bytes.len() {
            let with: &[BorrowedFd<'_>] = if sent == 0 { &borrowed } else { &[] };
            let write = || channel::send_some(stream.as_fd(), &bytes[sent..], with);
            sent += stream
                .async_io(Interest::WRITABLE, write)
                .await
                .map_err(ChannelError::from)?;
        }
        Ok(stream)
    }
}

/// A reply that does not answer the request.
pub(crate) fn unexpected(reply: &Reply) -> EngineError {
    EngineError::internal(format!("the worker answered something else: {reply:?}"))
}

async fn last_reply(
    stream: &UnixStream,
    mut progress: impl FnMut(u64),
) -> Result<Reply, EngineError> {
    let mut assembler = Assembler::default();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let room = assembler.wanted().min(buffer.len());
        let mut fds = Vec::new();
        let read = || channel::receive_some(stream.as_fd(), &mut buffer[..room], &mut fds);
        let count = stream.async_io(Interest::READABLE, read).await;
        let count = match count {
            Ok(0) => return Err(ChannelError::Closed.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Err(ChannelError::Closed.into());
            }
            other => other.map_err(ChannelError::from)?,
        };
        let Some((reply, _)) = assembler.push::<Reply>(&buffer[..count], fds)? else {
            continue;
        };
        match reply {
            Reply::Progress(bytes) => progress(bytes),
            Reply::Failed(failure) => return Err(failure.into()),
            other => return Ok(other),
        }
    }
}
