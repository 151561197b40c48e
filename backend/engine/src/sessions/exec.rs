//! Exec sessions: further processes in a running container.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use orlop_model::event::EventObject;
use orlop_model::id::{ContainerId, ExecId};
use orlop_model::lifecycle::{Exit, Status};
use orlop_model::request::{ExecRequest, TermSize};
use orlop_model::signal::Signal;
use orlop_model::spec::{ContainerSpec, Process};
use orlop_wire::fault::{self, Point};
use orlop_wire::request::{Exec, Request, Target, Tree};

use super::{AttachOptions, ExecInfo, Session, SessionEvent, connection};
use crate::containers::watch::{exit_of, is_shim_alive, read_state};
use crate::{Engine, EngineError, random};

/// How long an ended session can be asked about.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);
/// Shells in the order in which people like them.
const SHELLS: [&str; 5] = ["/bin/bash", "/bin/zsh", "/bin/fish", "/bin/ash", "/bin/sh"];

impl Engine {
    pub(super) fn exec_dir(&self, id: &ExecId) -> PathBuf {
        self.config().run_dir.join("execs").join(id.as_str())
    }

    /// Prepares an exec session in a running container.
    ///
    /// # Errors
    /// If the container does not run, or the request makes no sense.
    pub async fn create_exec(
        &self,
        which: &str,
        request: ExecRequest,
    ) -> Result<ExecId, EngineError> {
        let (record, _) = self.find(which).await?;
        match record.state.status {
            Status::Running => {}
            Status::Paused => {
                return Err(EngineError::conflict(format!(
                    "Container {} is paused, unpause the container before exec",
                    record.id
                )));
            }
            _ => {
                return Err(EngineError::conflict(format!(
                    "container {} is not running",
                    record.id
                )));
            }
        }
        if request.args.first().is_none_or(String::is_empty) {
            return Err(EngineError::field("command", "No exec command specified"));
        }
        let id = ExecId::from_bytes(random::bytes32()?);
        let info = ExecInfo {
            id: id.clone(),
            container: record.id,
            request,
            running: false,
            pid: 0,
            exit: None,
        };
        self.inner.execs.with(|execs| {
            let now = jiff::Timestamp::now();
            execs.retain(|_, known| {
                let ended = known.exit.as_ref().map(|exit| exit.at);
                ended.is_none_or(|at| now.duration_since(at) < REMEMBERED)
            });
            execs.insert(id.clone(), info);
        });
        Ok(id)
    }

    /// Starts an exec session and attaches to it. With `linger` the session outlives its client
    /// (a console terminal): it is killed only when nobody was attached for that long.
    ///
    /// # Errors
    /// If it was started before, or its command cannot run.
    pub async fn start_exec(
        &self,
        id: &ExecId,
        linger: Option<Duration>,
    ) -> Result<Session, EngineError> {
        let of = id.clone();
        let info = self
            .see_to_it(|engine| async move { engine.launch(&of, true, linger).await })
            .await?;
        let options = AttachOptions {
            output: true,
            input: info.request.open_stdin,
            from: Some(0),
            lossless: true,
        };
        let session = connection::connect(self.exec_dir(id), options).await?;
        Ok(self.noting_exit(id, session))
    }

    /// Notes the end of a session before its client hears of it, since the client then asks for
    /// the exit code.
    fn noting_exit(&self, id: &ExecId, session: Session) -> Session {
        let (engine, id) = (self.clone(), id.clone());
        let events = session.events.inspect(move |event| {
            if let Ok(SessionEvent::Exited(exit)) = event {
                engine.note_exec_exit(&id, exit);
            }
        });
        Session {
            events: events.boxed(),
            ..session
        }
    }

    /// Notes how a session ended; the container it was in, if it is known.
    fn note_exec_exit(&self, id: &ExecId, exit: &Exit) -> Option<ContainerId> {
        self.inner.execs.with(|execs| {
            execs.get_mut(id).map(|info| {
                info.running = false;
                info.pid = 0;
                info.exit = Some(exit.clone());
                info.container.clone()
            })
        })
    }

    /// Starts an exec session without attaching.
    ///
    /// # Errors
    /// As [`Engine::start_exec`].
    pub async fn start_exec_detached(&self, id: &ExecId) -> Result<(), EngineError> {
        let id = id.clone();
        self.see_to_it(|engine| async move { engine.launch(&id, false, None).await })
            .await
            .map(|_| ())
    }

    async fn launch(
        &self,
        id: &ExecId,
        wait_for_attach: bool,
        linger: Option<Duration>,
    ) -> Result<ExecInfo, EngineError> {
        // Taken at once, so that of two starts one fails.
        let info = self.inner.execs.with(|execs| match execs.get_mut(id) {
            None => Err(no_such(id)),
            Some(info) if info.running || info.exit.is_some() => Err(EngineError::conflict(
                format!("exec {id} was started already"),
            )),
            Some(info) => {
                info.running = true;
                Ok(info.clone())
            }
        })?;
        let started = self.send_exec(&info, wait_for_attach, linger).await;
        fault::reach(Point::ExecAnswered);
        self.inner.execs.with(|execs| {
            if let Some(info) = execs.get_mut(id) {
                match &started {
                    Ok(pid) => info.pid = *pid,
                    Err(error) => {
                        info.running = false;
                        info.exit = Some(failed(error));
                    }
                }
            }
        });
        started?;
        self.watch_exec(id.clone());
        Ok(info)
    }

    async fn send_exec(
        &self,
        info: &ExecInfo,
        wait_for_attach: bool,
        linger: Option<Duration>,
    ) -> Result<u32, EngineError> {
        let (record, _) = self.find(info.container.as_str()).await?;
        let spec = self.records().spec(&record.id).await?;
        let spec =
            spec.ok_or_else(|| EngineError::internal("the container's specification is gone"))?;
        let request = Exec {
            wait_for_attach,
            linger_millis: linger.map(|l| u64::try_from(l.as_millis()).unwrap_or(u64::MAX)),
            ..exec_of(&info.id, &info.request, &spec)?
        };
        Ok(self
            .worker()
            .started(Request::Exec(Box::new(request)))
            .await?
            .pid)
    }

    fn watch_exec(&self, id: ExecId) {
        let engine = self.clone();
        self.spawn(async move {
            let folder = engine.exec_dir(&id);
            let exit = tokio::select! {
                () = engine.inner.stop.cancelled() => return,
                exit = exit_of(&folder) => exit,
            };
            if let Some(container) = engine.note_exec_exit(&id, &exit) {
                let attributes = [
                    ("execID".to_owned(), id.to_string()),
                    ("exitCode".to_owned(), exit.code.to_string()),
                ];
                engine.publish(
                    EventObject::Container,
                    "exec_die",
                    container.as_str(),
                    attributes,
                );
            }
            if let Err(error) = engine
                .worker()
                .done(Request::ReleaseExec { exec: id.clone() })
                .await
            {
                tracing::warn!(exec = %id.short(), %error, "something of an exec session was left behind");
            }
        });
    }

    /// Attaches again to an exec session that was started, from a byte on.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn resume_exec(
        &self,
        id: &ExecId,
        from: Option<u64>,
    ) -> Result<Session, EngineError> {
        let info = self.inspect_exec(id).await?;
        let options = AttachOptions {
            output: true,
            input: info.request.open_stdin,
            from: from.or(Some(0)),
            lossless: true,
        };
        let session = connection::connect(self.exec_dir(id), options).await?;
        Ok(self.noting_exit(id, session))
    }

    /// Sets the size of an exec session's terminal.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn resize_exec(&self, id: &ExecId, size: TermSize) -> Result<(), EngineError> {
        self.inspect_exec(id).await?;
        let session = connection::connect(self.exec_dir(id), AttachOptions::default()).await?;
        session.input.resize(size).await
    }

    /// What is known of an exec session.
    ///
    /// # Errors
    /// If there is no such session.
    pub async fn inspect_exec(&self, id: &ExecId) -> Result<ExecInfo, EngineError> {
        self.inner
            .execs
            .with(|execs| execs.get(id).cloned())
            .ok_or_else(|| no_such(id))
    }

    /// Ends an exec session and its whole process tree.
    ///
    /// # Errors
    /// If there is no such session.
    pub async fn kill_exec(&self, id: &ExecId) -> Result<(), EngineError> {
        if !self.inspect_exec(id).await?.running {
            return Ok(());
        }
        let target = Target::Exec(id.clone());
        self.worker()
            .done(Request::Signal {
                target,
                signal: Signal::KILL,
            })
            .await
    }

    /// Exec sessions of a container that run with a terminal: those a console can go back to.
    ///
    /// # Errors
    /// If there is no such container, or it does not run.
    pub async fn list_terminals(&self, which: &str) -> Result<Vec<ExecInfo>, EngineError> {
        let id = self.running(which).await?;
        Ok(self.inner.execs.with(|execs| {
            let ours = execs
                .values()
                .filter(|e| e.container == id && e.running && e.request.tty);
            ours.cloned().collect()
        }))
    }

    /// Shells that exist in a container's root, such as `/bin/bash` and `/bin/sh`.
    ///
    /// # Errors
    /// If there is no such container, or it does not run.
    pub async fn find_shells(&self, which: &str) -> Result<Vec<String>, EngineError> {
        let id = self.running(which).await?;
        let spec = self.records().spec(&id).await?;
        let layers = spec.map(|spec| spec.layers).unwrap_or_default();
        let source = Tree::Container { id, layers };
        let looks = SHELLS.map(|shell| {
            let request = Request::Index {
                source: source.clone(),
                path: shell.to_owned(),
            };
            async move {
                self.worker()
                    .indexed(request, Vec::new())
                    .await
                    .is_ok()
                    .then(|| shell.to_owned())
            }
        });
        Ok(join_all(looks).await.into_iter().flatten().collect())
    }

    /// At start: takes over exec sessions that run.
    pub(crate) fn adopt_execs(&self) {
        let folder = self.config().run_dir.join("execs");
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(id) = entry.file_name().to_string_lossy().parse::<ExecId>() else {
                continue;
            };
            let path = entry.path();
            let Some(state) = read_state(&path) else {
                continue;
            };
            let alive = is_shim_alive(&path);
            let info = ExecInfo {
                id: id.clone(),
                container: state.container,
                // What was asked for is not kept: what is left is how to speak to it.
                request: ExecRequest {
                    tty: state.tty,
                    open_stdin: state.tty,
                    ..ExecRequest::default()
                },
                running: alive,
                pid: if alive { state.pid } else { 0 },
                exit: None,
            };
            self.inner
                .execs
                .with(|execs| execs.insert(id.clone(), info));
            self.watch_exec(id);
        }
    }

    /// Forgets the exec sessions of a container that was removed.
    pub(crate) fn forget_execs(&self, container: &ContainerId) {
        self.inner
            .execs
            .with(|execs| execs.retain(|_, info| info.container != *container));
    }
}

fn no_such(id: &ExecId) -> EngineError {
    EngineError::not_found(format!("No such exec instance: {id}"))
}

/// How a session that could not start is shown.
fn failed(error: &EngineError) -> Exit {
    let code = match error.kind() {
        crate::ErrorKind::CommandNotFound => 127,
        crate::ErrorKind::CommandNotExecutable => 126,
        _ => 128,
    };
    Exit {
        code,
        signal: None,
        oom_killed: false,
        at: jiff::Timestamp::now(),
        error: Some(error.to_string()),
    }
}

/// The worker's request for a session that nothing waits for and that lives on by itself.
pub(super) fn exec_of(
    id: &ExecId,
    request: &ExecRequest,
    spec: &ContainerSpec,
) -> Result<Exec, EngineError> {
    let mut security = spec.security.clone();
    if request.privileged {
        security.privileged = true;
        security.seccomp = orlop_model::spec::Seccomp::Unconfined;
        security.capabilities = crate::containers::all_capabilities()?;
        security.confinement.apparmor = None;
    }
    Ok(Exec {
        id: id.clone(),
        container: spec.id.clone(),
        process: process(request, spec),
        security,
        wait_for_attach: false,
        linger_millis: None,
        size: request.size,
    })
}

/// The process: what is not asked for is the container's.
fn process(request: &ExecRequest, spec: &ContainerSpec) -> Process {
    let own = &spec.process;
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    let mut env = own.env.clone();
    if request.tty && !env.iter().any(|e| name(e) == "TERM") {
        env.push("TERM=xterm".to_owned());
    }
    for entry in &request.env {
        env.retain(|known| name(known) != name(entry));
        env.push(entry.clone());
    }
    Process {
        args: request.args.clone(),
        env,
        cwd: request.workdir.clone().unwrap_or_else(|| own.cwd.clone()),
        user: request.user.clone().unwrap_or_else(|| own.user.clone()),
        groups: own.groups.clone(),
        tty: request.tty.then(|| request.size.unwrap_or_default()),
        open_stdin: request.open_stdin,
        stdin_once: true,
        ulimits: own.ulimits.clone(),
        oom_score_adj: own.oom_score_adj,
    }
}
