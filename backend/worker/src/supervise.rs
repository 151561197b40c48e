//! Runs the part of a request that touches bytes of others in a confined child, and watches over
//! it: passes its progress on, and ends it when the server has closed the connection.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use orlop_linux::confined::{Confined, Confinement};
use orlop_linux::process::Ended;
use orlop_wire::channel::{self, ChannelError};
use orlop_wire::reply::{Failure, FailureKind, Reply};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How often progress is told at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What a child says.
#[derive(Serialize, Deserialize)]
enum Note<T> {
    /// To be passed on to the server.
    Reply(Reply),
    Done(T),
    Failed(Failure),
}

/// The child's way to speak to the server while it works.
#[derive(Debug)]
pub(crate) struct Speaker {
    socket: UnixStream,
}

impl Speaker {
    /// Passes a reply on.
    pub(crate) fn say(&self, reply: Reply) -> Result<(), Failure> {
        let note: Note<()> = Note::Reply(reply);
        channel::send(self.socket.as_fd(), &note, &[]).map_err(|error| lost(&error))
    }

    /// Tells how many bytes of `inner` were read.
    pub(crate) fn watch<R: Read>(&self, inner: R) -> Watched<'_, R> {
        Watched {
            inner,
            speaker: self,
            count: 0,
            told: Instant::now(),
        }
    }
}

/// A reader whose progress is told.
#[derive(Debug)]
pub(crate) struct Watched<'a, R> {
    inner: R,
    speaker: &'a Speaker,
    count: u64,
    told: Instant,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        if count == 0 || self.told.elapsed() >= PROGRESS_INTERVAL {
            self.told = Instant::now();
            self.speaker
                .say(Reply::Progress(self.count))
                .map_err(io::Error::other)?;
        }
        Ok(count)
    }
}

fn lost(error: &ChannelError) -> Failure {
    Failure::new(
        FailureKind::Internal,
        format!("speaking to the request's process: {error}"),
    )
}

/// Runs `work` in a confined child and gives what it gives. `server` is the connection that the
/// request came over.
pub(crate) fn confined<T: Serialize + DeserializeOwned>(
    server: BorrowedFd<'_>,
    confinement: Confinement<'_>,
    work: impl FnOnce(&Speaker) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let broken = |error: io::Error| {
        Failure::new(
            FailureKind::Internal,
            format!("starting a confined process: {error}"),
        )
    };
    let (ours, theirs) = UnixStream::pair().map_err(broken)?;
    let keep = [confinement.keep, &[theirs.as_fd()]].concat();
    let confinement = Confinement {
        keep: &keep,
        ..confinement
    };
    let child = Confined::start(confinement, || {
        let Ok(socket) = theirs.try_clone() else {
            return 1;
        };
        let speaker = Speaker { socket };
        let note = match work(&speaker) {
            Ok(result) => Note::Done(result),
            Err(failure) => Note::Failed(failure),
        };
        i32::from(channel::send(speaker.socket.as_fd(), &note, &[]).is_err())
    })
    .map_err(broken)?;
    // Its end is the child's alone now, so that the child's end is noticed.
    drop(theirs);
    loop {
        wait_for_note(&ours, server)?;
        match channel::receive::<Note<T>>(ours.as_fd()) {
            Ok((Note::Reply(reply), _)) => {
                channel::send(server, &reply, &[]).map_err(|_| cancelled())?;
            }
            Ok((Note::Done(result), _)) => {
                return child.wait().map(|_| result).map_err(broken);
            }
            Ok((Note::Failed(failure), _)) => return Err(failure),
            Err(ChannelError::Closed) => return Err(died(child)),
            Err(error) => return Err(lost(&error)),
        }
    }
}

fn cancelled() -> Failure {
    Failure::new(FailureKind::Cancelled, "the request was cancelled")
}

/// Waits until the child has something to say (or is gone); an error when the server went away.
fn wait_for_note(child: &UnixStream, server: BorrowedFd<'_>) -> Result<(), Failure> {
    loop {
        let mut fds = [
            PollFd::new(child.as_fd(), PollFlags::POLLIN),
            // A hang-up is told without being asked for (poll(2)).
            PollFd::new(server, PollFlags::empty()),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => {
                return Err(Failure::new(
                    FailureKind::Internal,
                    format!("waiting: {errno}"),
                ));
            }
        }
        let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
        if fds[1]
            .revents()
            .is_some_and(|events| events.intersects(gone))
        {
            return Err(cancelled());
        }
        if fds[0].revents().is_some_and(|events| !events.is_empty()) {
            return Ok(());
        }
    }
}

fn died(child: Confined) -> Failure {
    let how = match child.wait() {
        Ok(Ended::Signal(signal)) => format!("by signal {signal}"),
        Ok(Ended::Code(code)) => format!("with code {code}"),
        Err(_) => "for an unknown reason".to_owned(),
    };
    let message = format!("the confined process ended {how}, perhaps because memory was short");
    Failure::new(FailureKind::Internal, message)
}

#[cfg(test)]
mod tests {
    use orlop_linux::confined::Rights;

    use super::*;

    const CONFINEMENT: Confinement<'static> = Confinement {
        root: None,
        rights: Rights::Read,
        memory: 4 << 30,
        keep: &[],
    };

    #[test]
    fn results_failures_and_progress_come_through() {
        let (server, worker) = UnixStream::pair().unwrap();
        let result = confined(worker.as_fd(), CONFINEMENT, |speaker| {
            let mut bytes = Vec::new();
            let mut reader = speaker.watch(&b"four"[..]);
            reader.read_to_end(&mut bytes).map_err(|_| cancelled())?;
            Ok(bytes.len())
        });
        assert_eq!(result, Ok(4));
        let (reply, _) = channel::receive::<Reply>(server.as_fd()).unwrap();
        assert!(matches!(reply, Reply::Progress(4)));
        let failure = Failure::new(FailureKind::Conflict, "no");
        let result: Result<(), _> = confined(worker.as_fd(), CONFINEMENT, |_| Err(failure.clone()));
        assert_eq!(result, Err(failure));
    }

    #[test]
    fn a_child_that_dies_is_told_of() {
        let (_server, worker) = UnixStream::pair().unwrap();
        let result: Result<(), _> =
            confined(worker.as_fd(), CONFINEMENT, |_| std::process::abort());
        assert!(result.unwrap_err().message.contains("signal 6"));
    }

    #[test]
    fn a_closed_connection_ends_the_work() {
        let (server, worker) = UnixStream::pair().unwrap();
        let closing = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(server);
        });
        let begun = Instant::now();
        let result: Result<(), _> = confined(worker.as_fd(), CONFINEMENT, |_| {
            std::thread::sleep(Duration::from_secs(600));
            Ok(())
        });
        assert_eq!(result.unwrap_err().kind, FailureKind::Cancelled);
        assert!(begun.elapsed() < Duration::from_secs(60));
        closing.join().unwrap();
    }
}
