//! One netlink socket to the kernel, used synchronously.
//!
//! The kernel works on a request inside sendmsg(2), so its answers wait in the socket when the
//! call returns. Needs CAP_NET_ADMIN in the user namespace that owns the network namespace.

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

use super::message::{HEADER_LEN, Message, Received, attribute, flags, messages, number32, text};

/// `NLMSG_ERROR`: an error, or with number 0 an acknowledgement.
const ERROR: u16 = libc::NLMSG_ERROR as u16;
/// `NLMSG_DONE`: the end of a list.
const DONE: u16 = libc::NLMSG_DONE as u16;
/// Set on an error message that does not repeat the request (`NLM_F_CAPPED`).
const CAPPED: u16 = 0x100;
/// Set on an error message that explains itself (`NLM_F_ACK_TLVS`).
const EXPLAINED: u16 = 0x200;
/// `NLMSGERR_ATTR_MSG`: the kernel's explanation.
const EXPLANATION: u16 = 1;
/// Large enough for every datagram of a dump (the kernel makes them 32 KiB at most).
const BUFFER_LEN: usize = 64 * 1024;

/// Which part of the kernel a socket speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Links, addresses and routes.
    Route,
    /// Netfilter: nftables and connection tracking.
    Netfilter,
}

/// A failed conversation with the kernel.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// No socket could be made.
    #[error("cannot open a netlink socket: {0}")]
    Open(#[source] io::Error),
    /// The calling thread could not go into the network namespace, or not come back.
    #[error("cannot enter a network namespace: {0}")]
    Namespace(#[source] io::Error),
    /// The socket broke.
    #[error("cannot speak to the kernel over netlink: {0}")]
    Socket(#[source] io::Error),
    /// The kernel said no.
    #[error("cannot {action}: {errno}{}", explained(.explanation))]
    Refused {
        /// What was being done.
        action: String,
        /// The kernel's reason.
        errno: Errno,
        /// The kernel's words, where it has some.
        explanation: Option<String>,
    },
    /// The kernel did not answer as the protocol says.
    #[error("no answer from the kernel when trying to {0}")]
    NoAnswer(String),
}

fn explained(explanation: &Option<String>) -> String {
    explanation
        .as_ref()
        .map_or_else(String::new, |words| format!(" ({words})"))
}

impl NetlinkError {
    /// The kernel's reason, if it was the kernel that refused.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }
}

/// A message, and what it does, in words that fit behind "cannot".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The message.
    pub message: Message,
    /// What it does.
    pub action: Cow<'static, str>,
}

impl Request {
    /// A request that does this.
    #[must_use]
    pub fn new(action: impl Into<Cow<'static, str>>, message: Message) -> Self {
        Self {
            message,
            action: action.into(),
        }
    }
}

/// A socket. It stays in the network namespace in which it was opened.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// If the kernel lacks the protocol.
    pub fn open(protocol: Protocol) -> Result<Self, NetlinkError> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            match protocol {
                Protocol::Route => SockProtocol::NetlinkRoute,
                Protocol::Netfilter => SockProtocol::NetlinkNetFilter,
            },
        )
        .map_err(|e| NetlinkError::Open(e.into()))?;
        // Explanations with an error, and errors without a copy of the request. Kernels before
        // 4.12 know neither; both are a comfort.
        for option in [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK] {
            set_option(fd.as_fd(), option);
        }
        Ok(Self {
            fd,
            sequence: 0,
            buffer: vec![0; BUFFER_LEN],
        })
    }

    /// Opens a socket in another network namespace. The calling thread is in it for as long as
    /// that takes, and in its own again when this returns.
    ///
    /// # Errors
    /// If the thread cannot go there or come back; in the second case it must not go on, as it is
    /// in the wrong place.
    pub fn open_in(netns: BorrowedFd<'_>, protocol: Protocol) -> Result<Self, NetlinkError> {
        in_network_namespace(netns, || Self::open(protocol))?
    }

    /// Sends requests as one datagram and waits until all are done. The kernel works on each of
    /// them, also after one that failed.
    ///
    /// # Errors
    /// The first refusal.
    pub fn apply(&mut self, requests: &[Request]) -> Result<(), NetlinkError> {
        let first = self.sequence.wrapping_add(1);
        let mut datagram = Vec::with_capacity(256 * requests.len());
        for request in requests {
            self.sequence = self.sequence.wrapping_add(1);
            datagram.extend(request.message.numbered(self.sequence, true));
        }
        let action = |sequence: u32| {
            requests
                .get(sequence.wrapping_sub(first) as usize)
                .map_or("speak to the kernel", |r| &*r.action)
        };
        self.send(&datagram)?;
        let mut refused = None;
        let mut answered = 0;
        while answered < requests.len() {
            let length = self.receive()?;
            for message in messages(&self.buffer[..length]) {
                if message.kind == ERROR && message.sequence.wrapping_sub(first) < u32::MAX / 2 {
                    answered += 1;
                    if let Some((errno, explanation)) = refusal(&message) {
                        refused.get_or_insert_with(|| NetlinkError::Refused {
                            action: action(message.sequence).to_owned(),
                            errno,
                            explanation,
                        });
                    }
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Sends a datagram that the kernel takes as a whole or not at all, such as a batch of
    /// nftables; the messages in it carry their own numbers, from `first` on.
    ///
    /// # Errors
    /// The first refusal; `actions` names what each message does.
    pub(crate) fn transact(
        &mut self,
        datagram: &[u8],
        first: u32,
        actions: &[Cow<'static, str>],
    ) -> Result<(), NetlinkError> {
        let name = |sequence: u32| {
            let index = sequence.wrapping_sub(first) as usize;
            actions.get(index).or(actions.first()).map_or_else(
                || "commit a batch".to_owned(),
                |action| action.clone().into_owned(),
            )
        };
        self.send(datagram)?;
        let mut refused = None;
        let mut acknowledged = false;
        // Everything the kernel has to say is here already; the queue is read to its end, so
        // that the next conversation starts with an empty one.
        while let Some(length) = self.receive_waiting()? {
            for message in messages(&self.buffer[..length]).filter(|m| m.kind == ERROR) {
                match refusal(&message) {
                    None => acknowledged = true,
                    Some((errno, explanation)) => {
                        refused.get_or_insert_with(|| NetlinkError::Refused {
                            action: name(message.sequence),
                            errno,
                            explanation,
                        });
                    }
                }
            }
        }
        match refused {
            Some(error) => Err(error),
            None if acknowledged => Ok(()),
            None => Err(NetlinkError::NoAnswer(name(first))),
        }
    }

    /// Numbers for this many messages; the first of them.
    pub(crate) fn reserve(&mut self, count: u32) -> u32 {
        let first = self.sequence.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(count);
        first
    }

    /// Asks for a list and hands each entry's type and body to `each`.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn list(
        &mut self,
        request: &Request,
        mut each: impl FnMut(u16, &[u8]),
    ) -> Result<(), NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        self.send(&request.message.numbered(sequence, false))?;
        loop {
            let length = self.receive()?;
            for message in messages(&self.buffer[..length]).filter(|m| m.sequence == sequence) {
                match message.kind {
                    DONE => return Ok(()),
                    ERROR => {
                        return match refusal(&message) {
                            None => Ok(()),
                            Some((errno, explanation)) => Err(NetlinkError::Refused {
                                action: request.action.clone().into_owned(),
                                errno,
                                explanation,
                            }),
                        };
                    }
                    kind => each(kind, message.body),
                }
            }
        }
    }

    fn send(&self, datagram: &[u8]) -> Result<(), NetlinkError> {
        // Without an address it goes to the kernel.
        match send(self.fd.as_raw_fd(), datagram, MsgFlags::empty()) {
            Ok(_) => Ok(()),
            Err(errno) => Err(NetlinkError::Socket(errno.into())),
        }
    }

    fn receive(&mut self) -> Result<usize, NetlinkError> {
        loop {
            match recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                result => return result.map_err(|e| NetlinkError::Socket(e.into())),
            }
        }
    }

    fn receive_waiting(&mut self) -> Result<Option<usize>, NetlinkError> {
        loop {
            match recv(
                self.fd.as_raw_fd(),
                &mut self.buffer,
                MsgFlags::MSG_DONTWAIT,
            ) {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(errno) => return Err(NetlinkError::Socket(errno.into())),
                Ok(length) => return Ok(Some(length)),
            }
        }
    }
}

/// Runs `work` with the calling thread in another network namespace.
///
/// # Errors
/// If the thread cannot go there or come back; in the second case it must not go on, as it is in
/// the wrong place.
pub fn in_network_namespace<T>(
    netns: BorrowedFd<'_>,
    work: impl FnOnce() -> T,
) -> Result<T, NetlinkError> {
    let own = std::fs::File::open("/proc/thread-self/ns/net").map_err(NetlinkError::Namespace)?;
    let go =
        |to| setns(to, CloneFlags::CLONE_NEWNET).map_err(|e| NetlinkError::Namespace(e.into()));
    go(netns)?;
    let result = work();
    go(own.as_fd())?;
    Ok(result)
}

fn set_option(fd: BorrowedFd<'_>, option: libc::c_int) {
    let on: libc::c_int = 1;
    // SAFETY: the pointer and the length describe `on`, which outlives the call, and `fd` is open.
    // A refusal is meant to be ignored, see the caller.
    unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_NETLINK,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}

/// Reads an error message; `None` is an acknowledgement.
fn refusal(message: &Received<'_>) -> Option<(Errno, Option<String>)> {
    let code = number32(message.body, 0)? as i32;
    if code == 0 {
        return None;
    }
    // `struct nlmsgerr`: the number, the request's header and, unless capped, its body; then
    // attributes.
    let request = if message.flags & CAPPED == 0 {
        number32(message.body, 4).map_or(HEADER_LEN, |l| (l as usize).next_multiple_of(4))
    } else {
        HEADER_LEN
    };
    let explanation = (message.flags & EXPLAINED != 0)
        .then(|| message.body.get(4 + request..))
        .flatten()
        .and_then(|rest| attribute(rest, EXPLANATION))
        .map(text);
    Some((Errno::from_raw(code.wrapping_neg()), explanation))
}

/// A request for a list.
#[must_use]
pub(crate) fn dump(action: &'static str, kind: u16, fixed: &[u8]) -> Request {
    Request::new(action, Message::new(kind, flags::DUMP).fixed(fixed))
}
