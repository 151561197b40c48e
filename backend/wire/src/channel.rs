//! Messages with descriptors over a unix stream socket: length (4 bytes, little-endian), JSON,
//! and descriptors by `SCM_RIGHTS` on the first byte (unix(7)).
//!
//! Blocking or not as the socket is: [`send_some`] and [`receive_some`] do one system call each,
//! so that an async caller can wait between them; [`send`] and [`receive`] are for blocking
//! sockets. The one place outside the kernel doors with `unsafe`: received descriptor numbers
//! become [`OwnedFd`]s here.
#![allow(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Most bytes of one message; a spec with a thousand layers stays far below.
pub const MAX_MESSAGE: usize = 4 << 20;
/// Most descriptors with one message.
pub const MAX_FDS: usize = 8;

/// Why a message could not be sent or received.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other side is gone.
    #[error("the other side closed the connection")]
    Closed,
    /// Longer than [`MAX_MESSAGE`].
    #[error("a message of {0} bytes is too long")]
    TooLong(usize),
    /// Not what was expected.
    #[error("a message could not be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// A message as bytes, with its length in front.
///
/// # Errors
/// If it is too long.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, ChannelError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let len = bytes.len() - 4;
    let prefix = u32::try_from(len).ok().filter(|_| len <= MAX_MESSAGE);
    let prefix = prefix.ok_or(ChannelError::TooLong(len))?;
    bytes[..4].copy_from_slice(&prefix.to_le_bytes());
    Ok(bytes)
}

/// Sends what one call takes, and the descriptors with its first byte.
///
/// # Errors
/// As sendmsg(2); `WouldBlock` on a non-blocking socket.
pub fn send_some(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    let parts = [IoSlice::new(bytes)];
    Ok(sendmsg::<()>(
        socket.as_raw_fd(),
        &parts,
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?)
}

/// Receives what one call gives; 0 is the end. Descriptors are close-on-exec.
///
/// # Errors
/// As recvmsg(2); `WouldBlock` on a non-blocking socket.
pub fn receive_some(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    fds: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut space = nix::cmsg_space!([RawFd; MAX_FDS]);
    let mut parts = [IoSliceMut::new(bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(received) = control {
            for raw in received {
                // SAFETY: the kernel has just made this descriptor for us, and nobody else
                // knows its number.
                fds.push(unsafe { OwnedFd::from_raw_fd(raw) });
            }
        }
    }
    Ok(message.bytes)
}

/// Puts one message together from what [`receive_some`] gives.
#[derive(Debug, Default)]
pub struct Assembler {
    bytes: Vec<u8>,
    fds: Vec<OwnedFd>,
}

impl Assembler {
    /// How many bytes the next read may take at most without running into the next message.
    #[must_use]
    pub fn wanted(&self) -> usize {
        match self.bytes.first_chunk::<4>() {
            None => 4 - self.bytes.len(),
            Some(prefix) => 4 + u32::from_le_bytes(*prefix) as usize - self.bytes.len(),
        }
    }

    /// Adds what was read; the message and its descriptors once it is whole.
    ///
    /// # Errors
    /// If it is too long or not what was expected.
    pub fn push<T: DeserializeOwned>(
        &mut self,
        read: &[u8],
        fds: Vec<OwnedFd>,
    ) -> Result<Option<(T, Vec<OwnedFd>)>, ChannelError> {
        self.bytes.extend_from_slice(read);
        self.fds.extend(fds);
        let Some(prefix) = self.bytes.first_chunk::<4>() else {
            return Ok(None);
        };
        let len = u32::from_le_bytes(*prefix) as usize;
        if len > MAX_MESSAGE {
            return Err(ChannelError::TooLong(len));
        }
        if self.bytes.len() < 4 + len {
            return Ok(None);
        }
        let message = serde_json::from_slice(&self.bytes[4..])?;
        self.bytes.clear();
        Ok(Some((message, std::mem::take(&mut self.fds))))
    }
}

/// Sends a message on a blocking socket.
///
/// # Errors
/// If the message is too long or the connection fails.
pub fn send<T: Serialize>(
    socket: BorrowedFd<'_>,
    message: &T,
    fds: &[BorrowedFd<'_>],
) -> Result<(), ChannelError> {
    let bytes = encode(message)?;
    let mut sent = 0;
    while sent < bytes.len() {
        let with = if sent == 0 { fds } else { &[] };
        match send_some(socket, &bytes[sent..], with) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Err(ChannelError::Closed);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Receives a message on a blocking socket, and not a byte beyond it.
///
/// # Errors
/// If the other side is gone, or sends something else.
pub fn receive<T: DeserializeOwned>(
    socket: BorrowedFd<'_>,
) -> Result<(T, Vec<OwnedFd>), ChannelError> {
    let mut assembler = Assembler::default();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let room = assembler.wanted().min(buffer.len());
        let mut fds = Vec::new();
        let count = match receive_some(socket, &mut buffer[..room], &mut fds) {
            Ok(0) => return Err(ChannelError::Closed),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        if let Some(whole) = assembler.push(&buffer[..count], fds)? {
            return Ok(whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_message_arrives_with_its_descriptors_and_nothing_of_the_next() {
        let (a, b) = UnixStream::pair().expect("pair");
        let (inner, mut other) = UnixStream::pair().expect("pair");
        send(a.as_fd(), &"first", &[inner.as_fd()]).expect("send");
        send(a.as_fd(), &vec![1, 2, 3], &[]).expect("send");
        drop(inner);
        let (text, mut fds) = receive::<String>(b.as_fd()).expect("receive");
        assert_eq!(text, "first");
        let mut passed = UnixStream::from(fds.pop().expect("one descriptor"));
        other.write_all(b"hello").expect("write");
        let mut got = [0; 5];
        passed.read_exact(&mut got).expect("read");
        assert_eq!(&got, b"hello");
        let (numbers, fds) = receive::<Vec<u32>>(b.as_fd()).expect("receive");
        assert_eq!((numbers, fds.len()), (vec![1, 2, 3], 0));
    }

    #[test]
    fn a_gone_peer_and_a_huge_message_are_told_apart() {
        let (a, b) = UnixStream::pair().expect("pair");
        (&a).write_all(&u32::MAX.to_le_bytes()).expect("write");
        assert!(matches!(
            receive::<String>(b.as_fd()),
            Err(ChannelError::TooLong(_))
        ));
        let (a, b) = UnixStream::pair().expect("pair");
        drop(a);
        assert!(matches!(
            receive::<String>(b.as_fd()),
            Err(ChannelError::Closed)
        ));
    }

    #[test]
    fn a_large_message_crosses_in_many_pieces() {
        let (a, b) = UnixStream::pair().expect("pair");
        let text = "x".repeat(1 << 20);
        let sender = std::thread::spawn({
            let text = text.clone();
            move || send(a.as_fd(), &text, &[])
        });
        let (got, _) = receive::<String>(b.as_fd()).expect("receive");
        sender.join().expect("join").expect("send");
        assert_eq!(got, text);
    }
}
