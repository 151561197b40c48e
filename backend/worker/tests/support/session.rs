//! A client of a shim, and the runs that most tests are made of.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use orlop_model::lifecycle::Exit;
use orlop_model::spec::ContainerSpec;
use orlop_wire::frame::Stream;
use orlop_wire::record::SOCKET_FILE;
use orlop_wire::reply::Failure;
use orlop_wire::request::{Exec, Request};
use orlop_wire::shim::{Attach, FromShim, ToShim};

use super::{Host, PATIENCE, spec};

/// A connection to a shim.
pub(crate) struct Session {
    socket: UnixStream,
    bytes: Vec<u8>,
    /// Standard output so far.
    pub(crate) stdout: String,
    /// Standard error so far.
    pub(crate) stderr: String,
    /// How it ended.
    pub(crate) exit: Option<Exit>,
    /// Number of the next byte.
    pub(crate) next: u64,
}

/// From the first byte on, without a loss, with input.
pub(crate) const ALL: Attach = Attach {
    output: true,
    input: true,
    from: Some(0),
    lossless: true,
};

impl Session {
    /// Connects to the shim of a folder.
    pub(crate) fn attach(folder: &Path, attach: Attach) -> Self {
        let socket = UnixStream::connect(folder.join(SOCKET_FILE)).expect("shim");
        socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
        let mut session = Self {
            socket,
            bytes: Vec::new(),
            stdout: String::new(),
            stderr: String::new(),
            exit: None,
            next: 0,
        };
        session.send(&ToShim::Attach(attach));
        session
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &ToShim) {
        assert!(self.try_send(message), "the shim is gone");
    }

    /// Sends a message to a shim that may be gone.
    pub(crate) fn try_send(&mut self, message: &ToShim) -> bool {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.socket.write_all(&bytes).is_ok()
    }

    /// Types.
    pub(crate) fn write(&mut self, text: &str) {
        self.send(&ToShim::Stdin(text.as_bytes().to_vec()));
    }

    /// Receives one message; nothing at the end.
    pub(crate) fn receive(&mut self) -> Option<FromShim> {
        loop {
            if let Some((message, used)) = FromShim::decode(&self.bytes).expect("a message") {
                self.bytes.drain(..used);
                return Some(message);
            }
            let mut buffer = [0; 64 * 1024];
            match self
                .socket
                .read(&mut buffer)
                .expect("the shim answers in time")
            {
                0 => return None,
                count => self.bytes.extend_from_slice(&buffer[..count]),
            }
        }
    }

    fn take(&mut self) -> bool {
        match self.receive() {
            Some(FromShim::Attached { .. }) => true,
            Some(FromShim::Output { seq, stream, bytes }) => {
                self.next = seq + bytes.len() as u64;
                let text = String::from_utf8_lossy(&bytes);
                match stream {
                    Stream::Stdout => self.stdout.push_str(&text),
                    Stream::Stderr => self.stderr.push_str(&text),
                }
                true
            }
            Some(FromShim::Exited(exit)) => {
                self.exit = Some(exit);
                false
            }
            None => false,
        }
    }

    /// The same connection once more, to write from another thread.
    pub(crate) fn again(&self) -> Self {
        Self {
            socket: self.socket.try_clone().expect("socket"),
            bytes: Vec::new(),
            stdout: String::new(),
            stderr: String::new(),
            exit: None,
            next: 0,
        }
    }

    /// Listens to one more message, which must not be the last.
    pub(crate) fn expect_more(&mut self) {
        assert!(self.take(), "it ended");
    }

    /// Listens until the standard output has this in it.
    pub(crate) fn expect(&mut self, text: &str) {
        while !self.stdout.contains(text) {
            assert!(
                self.take(),
                "{text:?} never came: {:?} {:?}",
                self.stdout,
                self.stderr
            );
        }
    }

    /// Listens to the end.
    pub(crate) fn finish(mut self) -> Run {
        while self.take() {}
        Run {
            exit: self.exit.expect("the shim tells the end"),
            stdout: self.stdout,
            stderr: self.stderr,
        }
    }
}

/// A whole run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output of a run that must have gone well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.exit.code, 0, "{self:?}");
        self.stdout
    }
}

impl Host {
    /// Runs a container to its end and tidies up after it.
    pub(crate) fn run(&self, spec: &ContainerSpec) -> Run {
        self.try_run(spec).expect("the container starts")
    }

    /// The same, where the start may fail.
    pub(crate) fn try_run(&self, spec: &ContainerSpec) -> Result<Run, Failure> {
        self.ask(&spec::start(spec, true))?;
        let run = Session::attach(&self.run_folder(&spec.id), ALL).finish();
        self.done(Request::Release {
            container: spec.id.clone(),
        });
        Ok(run)
    }

    /// Runs a shell command in a container with Docker's defaults.
    pub(crate) fn shell(&self, script: &str) -> Run {
        self.run(&spec::shell(self, script))
    }

    /// Runs an exec session to its end.
    pub(crate) fn exec(&self, exec: &Exec) -> Run {
        self.try_exec(exec).expect("the session starts")
    }

    /// The same, where the start may fail.
    pub(crate) fn try_exec(&self, exec: &Exec) -> Result<Run, Failure> {
        self.ask(&Request::Exec(Box::new(exec.clone())))?;
        let run = Session::attach(&self.exec_folder(&exec.id), ALL).finish();
        self.done(Request::ReleaseExec {
            exec: exec.id.clone(),
        });
        Ok(run)
    }
}
