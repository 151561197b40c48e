//! Watching a running container: its shim tells of the end, or its exit record does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use orlop_model::event::EventObject;
use orlop_model::id::ContainerId;
use orlop_model::lifecycle::{Exit, Status};
use orlop_wire::fault::{self, Point};
use orlop_wire::record::{EXIT_FILE, STATE_FILE, ShimState};
use orlop_wire::request::Request;
use orlop_wire::shim::{Attach, FromShim, ToShim};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::health;
use super::restart::{early_ends, ran};
use crate::sessions::connection::connect_shim;
use crate::{Engine, EngineError};

/// Between two looks for the record of a shim that is about to write it.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Looks for the exit record of a shim that is gone.
const LOOKS: u32 = 5;

impl Engine {
    /// Folder of what runs of a container.
    pub(crate) fn run_dir_of(&self, id: &ContainerId) -> PathBuf {
        self.config().run_dir.join("containers").join(id.as_str())
    }

    /// Watches a container until it ends.
    pub(super) fn watch(&self, id: ContainerId) {
        let engine = self.clone();
        self.spawn(async move {
            let (stop, folder) = (engine.inner.stop.clone(), engine.run_dir_of(&id));
            tokio::select! {
                () = stop.cancelled() => {}
                exit = exit_of(&folder) => {
                    if let Err(error) = engine.ended(&id, exit).await {
                        tracing::error!(container = %id.short(), %error, "the end of a container was not dealt with");
                    }
                }
            }
        });
    }

    /// Writes down that a container has ended, tells everybody, tidies up, and does what its
    /// restart policy says.
    pub(super) async fn ended(&self, id: &ContainerId, exit: Exit) -> Result<(), EngineError> {
        let mut owned = self.own_id(id).await?;
        let record = &mut owned.record;
        let before = owned.slot.observe().borrow().early_ends;
        let early_ends = early_ends(before, ran(record, &exit));
        let plan = Self::plan_restart(record, &exit, early_ends);
        record.state.status = if plan.is_some() {
            Status::Restarting
        } else {
            Status::Exited
        };
        record.state.pid = 0;
        record.state.stop_due = None;
        health::end(record);
        record.state.exit = Some(exit.clone());
        record.ports.clear();
        fault::reach(Point::EndNoticed);
        self.records().update_container(record).await?;
        fault::reach(Point::EndRecorded);
        if exit.oom_killed {
            self.tell(EventObject::Container, "oom", record, []);
        }
        let code = ("exitCode".to_owned(), exit.code.to_string());
        self.tell(EventObject::Container, "die", record, [code]);
        owned.slot.note(|seen| {
            seen.exits += 1;
            seen.early_ends = early_ends;
            seen.exit = Some(exit);
        });
        // The next start waits for this, since it needs the same names.
        if let Err(error) = self
            .worker()
            .done(Request::Release {
                container: id.clone(),
            })
            .await
        {
            tracing::warn!(container = %id.short(), %error, "something of an ended container was left on the host");
        }
        let auto_remove = owned.record.request.host.auto_remove;
        let interventions = owned.slot.observe().borrow().interventions;
        drop(owned);
        match plan {
            Some(plan) => self.restart_later(id.clone(), plan, interventions),
            None if auto_remove => self.remove_later(id.clone()),
            None => {}
        }
        Ok(())
    }
}

/// Waits for the end of what runs in a folder of the run directory.
pub(crate) async fn exit_of(folder: &Path) -> Exit {
    if let Some(exit) = told_by_shim(folder).await {
        return exit;
    }
    for _ in 0..LOOKS {
        if let Some(exit) = read_exit(folder) {
            return exit;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    while is_shim_alive(folder) {
        if let Some(exit) = told_by_shim(folder).await.or_else(|| read_exit(folder)) {
            return exit;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    read_exit(folder).unwrap_or_else(vanished)
}

/// The end of a process whose shim left no record: it was killed, or the host was restarted.
fn vanished() -> Exit {
    Exit {
        code: 137,
        signal: Some(9),
        oom_killed: false,
        at: Timestamp::now(),
        error: Some(
            "its shim ended without a record (killed, or the host was restarted), and the container with it"
                .to_owned(),
        ),
    }
}

/// The exit record, if it has been written.
pub(crate) fn read_exit(folder: &Path) -> Option<Exit> {
    serde_json::from_slice(&std::fs::read(folder.join(EXIT_FILE)).ok()?).ok()
}

/// The state record, if it has been written.
pub(crate) fn read_state(folder: &Path) -> Option<ShimState> {
    serde_json::from_slice(&std::fs::read(folder.join(STATE_FILE)).ok()?).ok()
}

/// Whether the shim of a folder lives: its pid and start time are those of its record.
pub(crate) fn is_shim_alive(folder: &Path) -> bool {
    read_state(folder)
        .is_some_and(|state| start_time(state.shim_pid) == Some(state.shim_start_time))
}

/// Start time of a process, clock ticks after boot: field 22 of proc_pid_stat(5), counted behind
/// the name, which may hold anything.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    // A zombie has ended.
    if matches!(state, "Z" | "X") {
        None
    } else {
        fields.nth(18)?.parse().ok()
    }
}

async fn told_by_shim(folder: &Path) -> Option<Exit> {
    let mut stream = connect_shim(folder).await.ok()?;
    let mut bytes = Vec::new();
    let attach = Attach {
        output: false,
        input: false,
        from: None,
        lossless: false,
    };
    ToShim::Attach(attach).encode(&mut bytes);
    stream.write_all(&bytes).await.ok()?;
    bytes.clear();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        while let Some((message, used)) = FromShim::decode(&bytes).ok()? {
            if let FromShim::Exited(exit) = message {
                return Some(exit);
            }
            bytes.drain(..used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_has_a_start_time_and_a_missing_one_has_none() {
        assert!(start_time(std::process::id()).is_some());
        assert_eq!(start_time(u32::MAX), None);
    }
}
