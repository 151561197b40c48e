//! The loop.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use orlop_linux::{process, process_tree, terminal};
use orlop_model::lifecycle::Exit;
use orlop_wire::fault::{self, Point};
use orlop_wire::frame::Stream;
use orlop_wire::record::EXIT_FILE;
use orlop_wire::shim::ToShim;

use super::client::Client;
use super::ring::Ring;
use super::stdio::{Read, Stdio};
use super::{LogFiles, Task, Watched, exit_record, oom_kills, write_record};

/// Clients at the same time.
const MOST_CLIENTS: usize = 256;
/// How long a process waits for the client that it was promised.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long clients may take to hear the end.
const FAREWELL: Duration = Duration::from_secs(5);
/// The same for clients that were promised every byte.
const LONG_FAREWELL: Duration = Duration::from_secs(600);
/// How long output that nobody ends is waited for after the process ended.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// A shim at work.
pub(crate) struct Shim {
    pub(crate) task: Task,
    pub(crate) watched: Watched,
    pub(crate) stdio: Stdio,
    pub(crate) log: Option<LogFiles>,
    pub(crate) listener: UnixListener,
    /// To init: one message lets the program begin.
    pub(crate) gate: Option<UnixStream>,
    /// Kept open for as long as the process lives: namespaces, so that its end is quick, and the
    /// host's ports.
    pub(crate) held: Vec<OwnedFd>,
}

struct State {
    ring: Ring,
    clients: Vec<Client>,
    exit: Option<Exit>,
    exited_at: Option<Instant>,
    recorded: bool,
    gate_until: Option<Instant>,
    alone_since: Option<Instant>,
}

/// What became ready.
#[derive(Default)]
struct Ready {
    exited: bool,
    accept: bool,
    outputs: Vec<Stream>,
    input: bool,
    clients: Vec<(usize, PollFlags)>,
}

impl Shim {
    /// Serves until the process has ended and everybody has heard of it.
    pub(crate) fn serve(mut self) {
        let now = Instant::now();
        let mut state = State {
            ring: Ring::new(),
            clients: Vec::new(),
            exit: None,
            exited_at: None,
            recorded: false,
            gate_until: self.gate.is_some().then(|| now + PATIENCE),
            alone_since: Some(now),
        };
        let mut buffer = vec![0; 64 * 1024];
        while !self.is_over(&state) {
            let blocked = !self.stdio.takes_input();
            for client in &mut state.clients {
                client.unheard = blocked && client.brings_input();
            }
            let ready = self.wait(&state);
            if ready.exited {
                self.reap(&mut state);
            }
            if ready.accept {
                self.accept(&mut state);
            }
            for stream in ready.outputs {
                self.pump(&mut state, stream, &mut buffer);
            }
            if ready.input {
                self.stdio.write_input();
            }
            self.serve_clients(&mut state, &ready.clients);
            self.mind_time(&mut state, &mut buffer);
        }
    }

    fn is_over(&self, state: &State) -> bool {
        let Some(at) = state.exited_at else {
            return false;
        };
        if !state.recorded {
            return false;
        }
        let mut open = state.clients.iter().filter(|client| !client.is_done());
        match open.next() {
            None => true,
            Some(first) => {
                let promised = first.is_promised_all() || open.any(Client::is_promised_all);
                at.elapsed() > if promised { LONG_FAREWELL } else { FAREWELL }
            }
        }
    }

    fn is_held(&self, state: &State) -> bool {
        state.clients.iter().any(|client| client.holds(&state.ring))
    }

    fn wait(&self, state: &State) -> Ready {
        #[derive(Clone, Copy)]
        enum Source {
            Exit,
            Listener,
            Output(Stream),
            Input,
            Client(usize),
        }
        let mut sources = Vec::with_capacity(8 + state.clients.len());
        let mut fds = Vec::with_capacity(8 + state.clients.len());
        if state.exit.is_none() {
            sources.push(Source::Exit);
            fds.push(PollFd::new(self.watched.pidfd.as_fd(), PollFlags::POLLIN));
        }
        sources.push(Source::Listener);
        fds.push(PollFd::new(self.listener.as_fd(), PollFlags::POLLIN));
        if !self.is_held(state) {
            for (stream, fd) in self.stdio.outputs() {
                sources.push(Source::Output(stream));
                fds.push(PollFd::new(fd, PollFlags::POLLIN));
            }
        }
        if let Some(fd) = self.stdio.wants_to_write() {
            sources.push(Source::Input);
            fds.push(PollFd::new(fd, PollFlags::POLLOUT));
        }
        for (index, client) in state.clients.iter().enumerate() {
            let mut flags = PollFlags::empty();
            // Input that the process does not take stays in the client's socket.
            if !client.silent && !client.unheard {
                flags |= PollFlags::POLLIN;
            }
            if client.wants_to_write(&state.ring, state.exit_told()) {
                flags |= PollFlags::POLLOUT;
            }
            sources.push(Source::Client(index));
            fds.push(PollFd::new(client.socket.as_fd(), flags));
        }
        let mut ready = Ready::default();
        // An interrupted wait is a wait in which nothing became ready.
        if poll(&mut fds, self.patience(state)).is_err() {
            return ready;
        }
        for (source, fd) in sources.iter().zip(&fds) {
            let Some(events) = fd.revents().filter(|events| !events.is_empty()) else {
                continue;
            };
            match source {
                Source::Exit => ready.exited = true,
                Source::Listener => ready.accept = true,
                Source::Output(stream) => ready.outputs.push(*stream),
                Source::Input => ready.input = true,
                Source::Client(index) => ready.clients.push((*index, events)),
            }
        }
        ready
    }

    /// How long nothing needs to happen by itself.
    fn patience(&self, state: &State) -> PollTimeout {
        let linger = self.task.linger.filter(|_| state.exit.is_none());
        let until = [
            state.gate_until,
            state.exited_at.map(|at| {
                at + if state.recorded {
                    FAREWELL
                } else {
                    LAST_OUTPUT
                }
            }),
            state
                .alone_since
                .and_then(|since| linger.and_then(|l| since.checked_add(l))),
        ];
        let next = until.into_iter().flatten().min();
        next.map_or(PollTimeout::NONE, |until| {
            let left = until.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        })
    }

    fn reap(&mut self, state: &mut State) {
        let ended = process::wait(self.watched.pidfd.as_fd());
        let oom = self
            .task
            .oom_counter
            .as_deref()
            .is_some_and(|counter| oom_kills(counter) > 0);
        let exit = match ended {
            Ok(ended) => exit_record(ended, oom),
            // Not a child of ours: that it ended is all that can be told.
            Err(error) => Exit {
                error: Some(format!("its exit status is not known: {error}")),
                ..exit_record(process::Ended::Code(255), oom)
            },
        };
        state.exit = Some(exit);
        state.exited_at = Some(Instant::now());
        state.gate_until = None;
        self.gate = None;
    }

    fn accept(&self, state: &mut State) {
        while let Ok((socket, _)) = self.listener.accept() {
            if state.clients.len() < MOST_CLIENTS
                && let Ok(client) = Client::new(socket)
            {
                state.clients.push(client);
            }
        }
    }

    fn pump(&mut self, state: &mut State, stream: Stream, buffer: &mut [u8]) -> Read {
        let read = self.stdio.read(stream, buffer);
        if let Read::Bytes(count) = read {
            let output = &buffer[..count];
            if let Some(log) = &mut self.log {
                log.write(stream, output);
            }
            state.ring.push(stream, output);
        }
        read
    }

    fn serve_clients(&mut self, state: &mut State, ready: &[(usize, PollFlags)]) {
        let mut gone = Vec::new();
        for (index, events) in ready {
            let client = &mut state.clients[*index];
            let had_input = client.brings_input();
            let mut lost = false;
            if events.contains(PollFlags::POLLIN) {
                match client.receive(&state.ring) {
                    Ok(messages) => {
                        for message in messages {
                            obey(&mut self.stdio, &self.task, message);
                        }
                    }
                    Err(()) => lost = true,
                }
            }
            // Without POLLIN asked for, a hang-up is all there is to hear.
            lost |= events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP)
                && !events.contains(PollFlags::POLLIN);
            if had_input && (lost || state.clients[*index].silent) && self.task.stdin_once {
                self.stdio.end_input();
            }
            if lost {
                gone.push(*index);
            }
        }
        let told = state.exit_told().cloned();
        for (index, client) in state.clients.iter_mut().enumerate() {
            if client.send(&state.ring, told.as_ref()).is_err() {
                gone.push(index);
            }
        }
        gone.sort_unstable();
        gone.dedup();
        for index in gone.into_iter().rev() {
            state.clients.swap_remove(index);
        }
        self.mind_attendance(state);
    }

    /// Lets the program begin when its client is there; notes since when nobody is.
    fn mind_attendance(&mut self, state: &mut State) {
        let attended = state.clients.iter().any(Client::takes_part);
        if attended {
            self.open_gate(state);
            state.alone_since = None;
        } else if state.alone_since.is_none() {
            state.alone_since = Some(Instant::now());
        }
    }

    fn open_gate(&mut self, state: &mut State) {
        state.gate_until = None;
        if let Some(gate) = self.gate.take() {
            // Init may have ended; the pidfd tells.
            let _ = orlop_wire::channel::send(gate.as_fd(), &(), &[]);
        }
    }

    fn mind_time(&mut self, state: &mut State, buffer: &mut [u8]) {
        let now = Instant::now();
        if state.gate_until.is_some_and(|until| now >= until) {
            self.open_gate(state);
        }
        let lingers = self.task.linger.zip(state.alone_since);
        if state.exit.is_none()
            && lingers.is_some_and(|(linger, since)| now.duration_since(since) >= linger)
        {
            self.kill();
            // Not again at once, should it take its time.
            state.alone_since = Some(now);
        }
        self.mind_record(state, buffer);
    }

    /// Writes the exit record when all output is in the log, or no more is to be expected.
    fn mind_record(&mut self, state: &mut State, buffer: &mut [u8]) {
        let (Some(at), false) = (state.exited_at, state.recorded) else {
            return;
        };
        if self.task.ends_alone {
            for stream in [Stream::Stdout, Stream::Stderr] {
                while !self.is_held(state)
                    && matches!(self.pump(state, stream, buffer), Read::Bytes(_))
                {}
            }
        }
        let held = self.is_held(state);
        let finished = self.stdio.is_finished() || (self.task.ends_alone && !held);
        if !finished && (held || at.elapsed() < LAST_OUTPUT) {
            return;
        }
        fault::reach(Point::ShimEnded);
        if let Some(exit) = &state.exit {
            // Without room for the record, those who listen still hear it.
            let _ = write_record(&self.task.folder, EXIT_FILE, exit);
        }
        fault::reach(Point::ShimExitRecorded);
        state.recorded = true;
        let told = state.exit.clone();
        state
            .clients
            .retain_mut(|client| client.send(&state.ring, told.as_ref()).is_ok());
        // Last, for taking namespaces down takes a moment.
        self.held.clear();
    }

    fn kill(&self) {
        if self.task.kill_session {
            // Not reaped yet, so the number is still its own.
            let _ = process_tree::kill(self.watched.pid);
        }
        // It may have ended meanwhile.
        let _ = process::send_signal(self.watched.pidfd.as_fd(), 9);
    }
}

impl State {
    /// The end, once it may be told: when it is in the record.
    fn exit_told(&self) -> Option<&Exit> {
        self.exit.as_ref().filter(|_| self.recorded)
    }
}

fn obey(stdio: &mut Stdio, task: &Task, message: ToShim) {
    match message {
        ToShim::Stdin(bytes) => {
            stdio.push_input(&bytes);
            stdio.write_input();
        }
        ToShim::StdinEnd if task.stdin_once => stdio.end_input(),
        ToShim::Resize(size) => {
            if let Some(master) = &stdio.master {
                // A terminal whose process has ended needs no size.
                let _ = terminal::set_size(master.as_fd(), size.rows, size.cols);
            }
        }
        ToShim::StdinEnd | ToShim::Attach(_) | ToShim::Ack(_) => {}
    }
}
