//! Restart policies, with a pause that doubles while a container keeps ending early.

use std::time::Duration;

use orlop_model::container::Container;
use orlop_model::id::ContainerId;
use orlop_model::lifecycle::{Exit, Status};
use orlop_model::request::RestartPolicy;

use crate::{Engine, ErrorKind};

/// Pause before the first restart.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A container that ran so long has started well: the pause begins anew.
const RAN_WELL: Duration = Duration::from_secs(10);

/// A restart that is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pause: Duration,
}

/// Whether the policy asks for a restart.
fn wants_restart(policy: RestartPolicy, exit: &Exit, restarts: u32, stopped: bool) -> bool {
    if stopped {
        return false;
    }
    match policy {
        RestartPolicy::No => false,
        RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
        RestartPolicy::OnFailure { max_retries } => {
            exit.code != 0 && (max_retries == 0 || restarts < max_retries)
        }
    }
}

/// The pause after so many ends in a row that came early.
fn pause(early_ends: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << early_ends.saturating_sub(1).min(10))
        .min(LONGEST_PAUSE)
}

/// Ends in a row that came early, with one after so long.
pub(super) fn early_ends(before: u32, ran: Duration) -> u32 {
    if ran >= RAN_WELL {
        0
    } else {
        before.saturating_add(1)
    }
}

/// How long a container ran that ended so.
pub(super) fn ran(record: &Container, exit: &Exit) -> Duration {
    record.state.started_at.map_or(Duration::ZERO, |started| {
        let ran = exit.at.duration_since(started);
        // Negative when the clock was set back.
        ran.try_into().unwrap_or_default()
    })
}

impl Engine {
    pub(super) fn plan_restart(record: &Container, exit: &Exit, early_ends: u32) -> Option<Plan> {
        let state = &record.state;
        let policy = record.request.host.restart;
        if !wants_restart(policy, exit, state.restart_count, state.stopped_by_user) {
            return None;
        }
        Some(Plan {
            pause: pause(early_ends),
        })
    }

    /// Starts a container again after the pause, unless a person does something to it before.
    pub(super) fn restart_later(&self, id: ContainerId, plan: Plan, interventions: u64) {
        let engine = self.clone();
        self.spawn(async move {
            tokio::select! {
                () = engine.inner.stop.cancelled() => return,
                () = tokio::time::sleep(plan.pause) => {}
            }
            let Ok(mut owned) = engine.own_id(&id).await else {
                return;
            };
            let untouched = owned.slot.observe().borrow().interventions == interventions;
            if !untouched || owned.record.state.status != Status::Restarting {
                return;
            }
            owned.record.state.restart_count += 1;
            match engine.start_owned(&mut owned, false).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotModified => {}
                Err(error) => {
                    tracing::warn!(container = %id.short(), %error, "a restart failed");
                }
            }
        });
    }

    /// Goes on with a restart that was planned when an earlier Orlop was killed.
    pub(super) fn resume_restart(&self, id: ContainerId) {
        let slot = self.inner.containers.slot(&id);
        let interventions = slot.observe().borrow().interventions;
        self.restart_later(id, Plan { pause: FIRST_PAUSE }, interventions);
    }

    /// Whether a container is to run after Orlop or the host was started.
    pub(super) fn wants_start_at_boot(record: &Container) -> bool {
        match record.request.host.restart {
            RestartPolicy::Always => true,
            RestartPolicy::UnlessStopped => !record.state.stopped_by_user,
            RestartPolicy::No | RestartPolicy::OnFailure { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn exit(code: i32) -> Exit {
        Exit {
            code,
            signal: None,
            oom_killed: false,
            at: Timestamp::UNIX_EPOCH,
            error: None,
        }
    }

    #[test]
    fn each_policy_asks_for_what_its_name_says() {
        let twice = RestartPolicy::OnFailure { max_retries: 2 };
        assert!(!wants_restart(RestartPolicy::No, &exit(1), 0, false));
        assert!(wants_restart(RestartPolicy::Always, &exit(0), 99, false));
        assert!(!wants_restart(RestartPolicy::Always, &exit(0), 0, true));
        assert!(wants_restart(twice, &exit(1), 1, false));
        assert!(!wants_restart(twice, &exit(1), 2, false));
        assert!(!wants_restart(twice, &exit(0), 0, false));
    }

    #[test]
    fn the_pause_doubles_up_to_a_minute_and_begins_anew() {
        let after = |ends: u32| {
            let early = (0..ends).fold(0, |before, _| early_ends(before, Duration::ZERO));
            pause(early)
        };
        assert_eq!(after(1), Duration::from_millis(100));
        assert_eq!(after(4), Duration::from_millis(800));
        assert_eq!(after(40), LONGEST_PAUSE);
        let well = early_ends(40, RAN_WELL);
        assert_eq!(pause(well), FIRST_PAUSE);
        assert_eq!(pause(early_ends(well, Duration::ZERO)), FIRST_PAUSE);
    }
}
