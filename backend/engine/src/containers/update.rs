//! Changing a container: name and limits. What it uses.

use orlop_model::event::EventObject;
use orlop_model::limits::Limits;
use orlop_model::name::ContainerName;
use orlop_model::stats::Stats;
use orlop_records::RecordsError;
use orlop_wire::reply::Reply;
use orlop_wire::request::Request;

use super::ProcessTable;
use super::merge::limits;
use crate::worker::unexpected;
use crate::{Engine, EngineError, host};

impl Engine {
    /// Gives it another name.
    ///
    /// # Errors
    /// If the name is in use.
    pub async fn rename_container(
        &self,
        which: &str,
        name: ContainerName,
    ) -> Result<(), EngineError> {
        let mut owned = self.own(which).await?;
        let old = std::mem::replace(&mut owned.record.name, name);
        match self.records().update_container(&owned.record).await {
            Err(RecordsError::Taken(what)) => {
                return Err(self.name_taken(&owned.record.name, what).await);
            }
            other => other?,
        }
        let old = ("oldName".to_owned(), format!("/{old}"));
        self.tell(EventObject::Container, "rename", &owned.record, [old]);
        Ok(())
    }

    /// Changes its limits, also while it runs: those that are set; the others stay.
    ///
    /// # Errors
    /// If a limit cannot be set.
    pub async fn update_container(&self, which: &str, limits: Limits) -> Result<(), EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move { engine.set_limits(&which, limits).await })
            .await
    }

    async fn set_limits(&self, which: &str, asked: Limits) -> Result<(), EngineError> {
        let mut owned = self.own(which).await?;
        let id = owned.record.id.clone();
        let spec = self.records().spec(&id).await?;
        let mut spec =
            spec.ok_or_else(|| EngineError::internal("the container's specification is gone"))?;
        spec.limits = limits(&overlaid(spec.limits, asked), host::cpus())?;
        if owned.record.state.status.is_alive() {
            let request = Request::UpdateLimits {
                container: id,
                limits: spec.limits.clone(),
            };
            self.worker().done(request).await?;
        }
        owned.record.request.host.limits = spec.limits.clone();
        self.records()
            .update_container_and_spec(&owned.record, &spec)
            .await?;
        self.tell(EventObject::Container, "update", &owned.record, []);
        Ok(())
    }

    /// What it uses now.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn container_stats(&self, which: &str) -> Result<Stats, EngineError> {
        let container = self.running(which).await?;
        match self
            .worker()
            .call(&Request::Stats { container }, Vec::new(), |_| ())
            .await?
        {
            Reply::Stats(stats) => Ok(*stats),
            other => Err(unexpected(&other)),
        }
    }

    /// Its processes, with the columns that arguments of ps(1) ask for; none are `-ef`.
    ///
    /// # Errors
    /// If it does not run, or an argument is not known.
    pub async fn container_processes(
        &self,
        which: &str,
        arguments: &str,
    ) -> Result<ProcessTable, EngineError> {
        let columns = orlop_model::process_table::parse(arguments)
            .map_err(|error| EngineError::invalid(error.to_string()))?;
        let container = self.running(which).await?;
        match self
            .worker()
            .call(&Request::Top { container, columns }, Vec::new(), |_| ())
            .await?
        {
            Reply::Processes { titles, rows } => Ok(ProcessTable { titles, rows }),
            other => Err(unexpected(&other)),
        }
    }

    /// The id of a container that runs.
    pub(crate) async fn running(
        &self,
        which: &str,
    ) -> Result<orlop_model::id::ContainerId, EngineError> {
        let (record, _) = self.find(which).await?;
        if record.state.status.is_alive() {
            Ok(record.id)
        } else {
            Err(EngineError::conflict(format!(
                "container {} is not running",
                record.id
            )))
        }
    }
}

/// Limits in which what is set in `new` replaces what was. Swap that was made up for the memory
/// is made up anew.
fn overlaid(old: Limits, new: Limits) -> Limits {
    let made_up = old
        .memory
        .is_some_and(|memory| i64::try_from(memory.saturating_mul(2)).ok() == old.memory_swap);
    let swap = old
        .memory_swap
        .filter(|_| !(made_up && new.memory.is_some()));
    Limits {
        memory: new.memory.or(old.memory),
        memory_swap: new.memory_swap.or(swap),
        memory_reservation: new.memory_reservation.or(old.memory_reservation),
        nano_cpus: new.nano_cpus.or(old.nano_cpus),
        cpu_quota: new.cpu_quota.or(old.cpu_quota),
        cpu_period: new.cpu_period.or(old.cpu_period),
        cpu_shares: new.cpu_shares.or(old.cpu_shares),
        cpuset_cpus: new.cpuset_cpus.or(old.cpuset_cpus),
        cpuset_mems: new.cpuset_mems.or(old.cpuset_mems),
        pids: new.pids.or(old.pids),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_memory_takes_the_swap_that_was_made_up_with_it() {
        let asked = |memory, memory_swap| Limits {
            memory: Some(memory),
            memory_swap,
            ..Limits::default()
        };
        let old = limits(&asked(64 << 20, None), 1).expect("valid");
        let new = limits(&overlaid(old.clone(), asked(256 << 20, None)), 1).expect("valid");
        assert_eq!(new.memory_swap, Some(512 << 20));
        let fixed = overlaid(asked(64 << 20, Some(65 << 20)), asked(256 << 20, None));
        assert!(limits(&fixed, 1).is_err());
        let unlimited = overlaid(asked(64 << 20, Some(-1)), asked(256 << 20, None));
        assert_eq!(unlimited.memory_swap, Some(-1));
        let other = Limits {
            pids: Some(9),
            ..Limits::default()
        };
        assert_eq!(overlaid(old.clone(), other).memory_swap, old.memory_swap);
    }
}
