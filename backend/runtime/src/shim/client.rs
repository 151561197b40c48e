//! One attached client: its messages, what it is still to hear.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use orlop_model::lifecycle::Exit;
use orlop_wire::shim::{Attach, FromShim, RING_BYTES, ToShim};

use super::ring::Ring;

/// Bytes of output in one message.
const CHUNK: usize = 32 * 1024;
/// A client that acknowledges gets no more than this beyond what it has dealt with, so that what
/// a person types is answered while output pours.
const CREDIT: u64 = 512 * 1024;
/// How far behind a `lossless` client may be before the process is held back.
const HOLD: u64 = (RING_BYTES - 128 * 1024) as u64;

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: UnixStream,
    read: Vec<u8>,
    write: Vec<u8>,
    pub(super) attach: Option<Attach>,
    /// Number of the next byte that it is to hear.
    next: u64,
    acknowledged: Option<u64>,
    told_exit: bool,
    /// It sends no more; it may still listen.
    pub(super) silent: bool,
    /// Its messages are not read, since the process does not take its input. What it has dealt
    /// with is not known then, and it must not wait for that: the process may be waiting for its
    /// output to be read before it takes more input.
    pub(super) unheard: bool,
}

impl Client {
    pub(super) fn new(socket: UnixStream) -> std::io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            read: Vec::new(),
            write: Vec::new(),
            attach: None,
            next: 0,
            acknowledged: None,
            told_exit: false,
            silent: false,
            unheard: false,
        })
    }

    /// Brings input that keeps standard input open.
    pub(super) fn brings_input(&self) -> bool {
        self.attach.is_some_and(|attach| attach.input) && !self.silent
    }

    /// Has attached for output or input, and does not only watch.
    pub(super) fn takes_part(&self) -> bool {
        self.attach
            .is_some_and(|attach| attach.output || attach.input)
    }

    /// Was promised that it hears every byte.
    pub(super) fn is_promised_all(&self) -> bool {
        self.attach
            .is_some_and(|attach| attach.output && attach.lossless)
    }

    /// Whether the process must be held back for it.
    pub(super) fn holds(&self, ring: &Ring) -> bool {
        self.is_promised_all() && ring.next().saturating_sub(self.next) >= HOLD
    }

    /// Messages that have arrived; an error means that it is gone or talks nonsense.
    pub(super) fn receive(&mut self, ring: &Ring) -> Result<Vec<ToShim>, ()> {
        let mut buffer = [0; 16 * 1024];
        match self.socket.read(&mut buffer) {
            Ok(0) => self.silent = true,
            Ok(count) => self.read.extend_from_slice(&buffer[..count]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return Err(()),
        }
        let mut messages = Vec::new();
        let mut used = 0;
        while let Some((message, length)) = ToShim::decode(&self.read[used..]).map_err(drop)? {
            used += length;
            match message {
                ToShim::Attach(attach) if self.attach.is_none() => self.begin(attach, ring),
                ToShim::Ack(number) => self.acknowledged = Some(number),
                other => messages.push(other),
            }
        }
        self.read.drain(..used);
        Ok(messages)
    }

    fn begin(&mut self, attach: Attach, ring: &Ring) {
        self.attach = Some(attach);
        self.next = attach.from.unwrap_or_else(|| ring.next()).min(ring.next());
        let attached = FromShim::Attached {
            oldest: ring.oldest(),
            next: ring.next(),
        };
        attached.encode(&mut self.write);
    }

    /// Whether it waits for something that is there.
    pub(super) fn wants_to_write(&self, ring: &Ring, exit: Option<&Exit>) -> bool {
        !self.write.is_empty() || self.has_output(ring) || (exit.is_some() && !self.told_exit)
    }

    fn has_output(&self, ring: &Ring) -> bool {
        let credit = self
            .acknowledged
            .is_none_or(|number| self.unheard || self.next < number.saturating_add(CREDIT));
        self.attach.is_some_and(|attach| attach.output) && credit && self.next < ring.next()
    }

    /// Has heard everything.
    pub(super) fn is_done(&self) -> bool {
        self.told_exit && self.write.is_empty()
    }

    /// Sends what it takes; an error means that it is gone.
    pub(super) fn send(&mut self, ring: &Ring, exit: Option<&Exit>) -> Result<(), ()> {
        loop {
            if self.write.is_empty() {
                self.fill(ring, exit);
            }
            if self.write.is_empty() {
                return Ok(());
            }
            match self.socket.write(&self.write) {
                Ok(count) => drop(self.write.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(()),
            }
        }
    }

    fn fill(&mut self, ring: &Ring, exit: Option<&Exit>) {
        if self.has_output(ring)
            && let Some((from, stream, bytes)) = ring.read(self.next, CHUNK)
        {
            FromShim::encode_output(from, stream, bytes, &mut self.write);
            self.next = from + bytes.len() as u64;
            return;
        }
        let heard_all =
            !self.attach.is_some_and(|attach| attach.output) || self.next >= ring.next();
        if let Some(exit) = exit.filter(|_| heard_all && !self.told_exit && self.attach.is_some()) {
            FromShim::Exited(exit.clone()).encode(&mut self.write);
            self.told_exit = true;
        }
    }
}
