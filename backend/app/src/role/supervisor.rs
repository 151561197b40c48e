//! `orlop serve` itself: makes sockets and folders, starts worker and server, keeps the worker
//! alive, ends with the server.
//!
//! Root, one thread, no runtime. It holds the listening sockets, so that a worker that died is
//! replaced without a lost request: connections wait in the socket's queue.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use orlop_linux::spawn::{SealedExecutable, Spawn};

use super::handover::{ForServer, ForWorker};
use super::{SERVER, WORKER};
use crate::config::Settings;
use crate::role::prepare::{self, Account};

/// A worker that lives shorter than this did not start properly.
const HEALTHY_AFTER: Duration = Duration::from_secs(2);
/// So many workers in a row may end early before the supervisor gives up.
const EARLY_DEATHS: u32 = 5;

/// Everything that outlives a worker.
struct Held {
    settings: Settings,
    account: Account,
    executable: SealedExecutable,
    requests: UnixListener,
    api: UnixListener,
    console: TcpListener,
    _lock: File,
}

/// Serves until SIGTERM, SIGINT or the server's end.
///
/// # Errors
/// Says what keeps Orlop from starting: not root, a port in use, the data folder in use, a
/// missing kernel feature.
pub(crate) fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    prepare::check_host()?;
    let account = prepare::account(&settings.user)?;
    let lock = prepare::folders(&settings, &account)?;
    let held = Held {
        requests: prepare::unix_socket(&settings.worker_socket(), account.uid, 0, 0o600)?,
        api: prepare::unix_socket(&settings.socket, 0, account.gid, 0o660)?,
        console: prepare::console_socket(settings.listen)?,
        executable: SealedExecutable::of_self().context("cannot seal a copy of the executable")?,
        settings,
        account,
        _lock: lock,
    };
    // Blocked here and waited for below; the roles unblock them again.
    let signals: SigSet = [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGCHLD,
    ]
    .into_iter()
    .collect();
    signals.thread_block().context("cannot block signals")?;
    let mut worker = held.start_worker()?;
    let mut server = held.start_server()?;
    let status = watch(&held, &signals, &mut worker, &mut server);
    // Whatever happened, no child stays behind.
    for child in [&mut server, &mut worker.child] {
        let _ = child.kill();
        let _ = child.wait();
    }
    prepare::remove_socket(&held.settings.worker_socket());
    prepare::remove_socket(&held.settings.socket);
    let status = status?;
    Ok(match (status.code(), status.signal()) {
        (Some(code), _) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        (None, signal) => ExitCode::from(128 + u8::try_from(signal.unwrap_or(9)).unwrap_or(9)),
    })
}

struct Worker {
    child: Child,
    since: Instant,
    early_deaths: u32,
}

fn watch(
    held: &Held,
    signals: &SigSet,
    worker: &mut Worker,
    server: &mut Child,
) -> anyhow::Result<ExitStatus> {
    loop {
        if let Some(status) = server.try_wait().context("cannot wait for the server")? {
            return Ok(status);
        }
        if worker
            .child
            .try_wait()
            .context("cannot wait for the worker")?
            .is_some()
        {
            let early = worker.since.elapsed() < HEALTHY_AFTER;
            let deaths = if early { worker.early_deaths + 1 } else { 0 };
            if deaths >= EARLY_DEATHS {
                bail!("the worker ended {EARLY_DEATHS} times in a row right after its start");
            }
            *worker = Worker {
                early_deaths: deaths,
                ..held.start_worker()?
            };
            continue;
        }
        match signals.wait().context("cannot wait for signals")? {
            Signal::SIGCHLD => {}
            // A daemon has no terminal to lose; SIGHUP must not end it.
            Signal::SIGHUP => {}
            _ => {
                let pid = Pid::from_raw(i32::try_from(server.id())?);
                // It may have ended by itself in the meantime, which the next turn sees.
                let _ = kill(pid, Signal::SIGTERM);
            }
        }
    }
}

impl Held {
    fn start_worker(&self) -> anyhow::Result<Worker> {
        let mut spawn = Spawn::new(&self.executable, WORKER);
        let handed = ForWorker {
            supervisor: std::process::id(),
            settings: self.settings.clone(),
            server_uid: self.account.uid,
            server_gid: self.account.gid,
            requests: spawn.pass(self.requests.as_fd())?,
        };
        let child = spawn
            .argument(serde_json::to_string(&handed)?)
            .start()
            .context("cannot start the worker")?;
        Ok(Worker {
            child,
            since: Instant::now(),
            early_deaths: 0,
        })
    }

    fn start_server(&self) -> anyhow::Result<Child> {
        let mut spawn = Spawn::new(&self.executable, SERVER);
        let handed = ForServer {
            supervisor: std::process::id(),
            settings: self.settings.clone(),
            api: spawn.pass(self.api.as_fd())?,
            console: spawn.pass(self.console.as_fd())?,
        };
        spawn
            .argument(serde_json::to_string(&handed)?)
            .as_user(self.account.uid, self.account.gid)
            .start()
            .context("cannot start the server")
    }
}
