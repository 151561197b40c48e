//! One run of a health check: an exec session that nobody but the engine knows of.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use orlop_model::health::OUTPUT_BYTES;
use orlop_model::id::{ContainerId, ExecId};
use orlop_model::request::ExecRequest;
use orlop_model::signal::Signal;
use orlop_wire::request::{Request, Target};

use super::exec::exec_of;
use super::{AttachOptions, Session, SessionEvent, connection};
use crate::containers::watch::exit_of;
use crate::{Engine, EngineError, ErrorKind, random};

/// How long a probe outlives an engine that was killed while it ran.
const LINGER: Duration = Duration::from_secs(5);

/// What a probe has found.
#[derive(Debug)]
pub(crate) struct Probed {
    /// Exit code; -1 when it did not end in time or could not run.
    pub(crate) code: i32,
    /// The beginning of its output, and why it could not end.
    pub(crate) output: String,
}

/// The beginning of an output.
#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    cut: bool,
}

impl Output {
    fn push(&mut self, bytes: &[u8]) {
        let room = OUTPUT_BYTES - self.bytes.len();
        self.cut |= bytes.len() > room;
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        format!("{text}{}", if self.cut { "..." } else { "" })
    }
}

impl Engine {
    /// Runs a probe to its end, or until its time is over: then its whole process tree is killed.
    /// Seen through also when nobody waits for it any more.
    pub(crate) async fn probe(
        &self,
        container: ContainerId,
        args: Vec<String>,
        timeout: Duration,
    ) -> Probed {
        let engine = self.clone();
        let run = self.spawn(async move { engine.run_probe(&container, args, timeout).await });
        let failed = |error: &dyn std::fmt::Display| Probed {
            code: -1,
            output: error.to_string(),
        };
        match run.await {
            Ok(Ok(probed)) => probed,
            Ok(Err(error)) => failed(&error),
            Err(error) => failed(&error),
        }
    }

    async fn run_probe(
        &self,
        container: &ContainerId,
        args: Vec<String>,
        timeout: Duration,
    ) -> Result<Probed, EngineError> {
        let spec = self.records().spec(container).await?;
        let spec =
            spec.ok_or_else(|| EngineError::internal("the container's specification is gone"))?;
        let id = ExecId::from_bytes(random::bytes32()?);
        let request = ExecRequest {
            args,
            ..ExecRequest::default()
        };
        let mut exec = exec_of(&id, &request, &spec)?;
        exec.wait_for_attach = true;
        exec.linger_millis = u64::try_from(LINGER.as_millis()).ok();
        let until = tokio::time::Instant::now() + timeout;
        let start = self.worker().started(Request::Exec(Box::new(exec)));
        let Ok(started) = tokio::time::timeout_at(until, start).await else {
            // The worker has undone what it had begun.
            return Ok(overdue(timeout, &Output::default()));
        };
        started?;
        let folder = self.exec_dir(&id);
        let mut output = Output::default();
        let ended = tokio::time::timeout_at(until, listen(folder, &mut output)).await;
        if ended.is_err() {
            self.end_probe(&id).await?;
        }
        self.tidy_probe(id);
        Ok(match ended {
            Ok(code) => Probed {
                code: code?,
                output: output.text(),
            },
            Err(_) => overdue(timeout, &output),
        })
    }

    async fn end_probe(&self, id: &ExecId) -> Result<(), EngineError> {
        let request = Request::Signal {
            target: Target::Exec(id.clone()),
            signal: Signal::KILL,
        };
        match self.worker().done(request).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Takes the records of a probe away when it has ended, which a frozen one does later.
    fn tidy_probe(&self, id: ExecId) {
        let engine = self.clone();
        self.spawn(async move {
            let folder = engine.exec_dir(&id);
            tokio::select! {
                () = engine.inner.stop.cancelled() => return,
                _ = exit_of(&folder) => {}
            }
            let request = Request::ReleaseExec { exec: id.clone() };
            if let Err(error) = engine.worker().done(request).await {
                tracing::warn!(exec = %id.short(), %error, "something of a health probe was left behind");
            }
        });
    }
}

/// Listens to a session until its end; its exit code.
async fn listen(folder: PathBuf, output: &mut Output) -> Result<i32, EngineError> {
    let options = AttachOptions {
        output: true,
        input: false,
        from: Some(0),
        lossless: false,
    };
    // The input lives as long as the session is listened to.
    let Session {
        mut events,
        input: _input,
        ..
    } = connection::connect(folder, options).await?;
    while let Some(event) = events.next().await {
        match event? {
            SessionEvent::Output { bytes, .. } => output.push(&bytes),
            SessionEvent::Exited(exit) => return Ok(exit.code),
        }
    }
    Err(EngineError::internal("the probe's shim went away"))
}

fn overdue(timeout: Duration, output: &Output) -> Probed {
    let text = output.text();
    let colon = if text.is_empty() { "" } else { ": " };
    Probed {
        code: -1,
        output: format!("Health check exceeded timeout ({timeout:?}){colon}{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_output_the_beginning_is_kept() {
        let mut output = Output::default();
        output.push(&[b'a'; OUTPUT_BYTES - 1]);
        assert_eq!(output.text().len(), OUTPUT_BYTES - 1);
        output.push(b"bc");
        assert!(output.text().ends_with("ab..."));
        output.push(b"d");
        assert_eq!(output.text().len(), OUTPUT_BYTES + 3);
    }

    #[test]
    fn what_an_overdue_probe_has_said_is_told() {
        let mut output = Output::default();
        output.push(b"hm");
        let told = overdue(Duration::from_millis(1500), &output).output;
        assert_eq!(told, "Health check exceeded timeout (1.5s): hm");
    }
}
