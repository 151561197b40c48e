//! Changing a container: name and limits. What it uses.

use orlop_model::event::EventObject;
use orlop_model::limits::Limits;
use orlop_model::name::ContainerName;
use orlop_model::request::RestartPolicy;
use orlop_model::stats::Stats;
use orlop_records::RecordsError;
use orlop_wire::reply::Reply;
use orlop_wire::request::Request;

use super::ProcessTable;
use super::limits::{limits, overlaid};
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

    /// Changes its limits, also while it runs, and its restart policy: what is given; the rest
    /// stays. What the host cannot enforce comes back in words.
    ///
    /// # Errors
    /// If a limit cannot be set.
    pub async fn update_container(
        &self,
        which: &str,
        limits: Limits,
        restart: Option<RestartPolicy>,
    ) -> Result<Vec<String>, EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move { engine.change(&which, limits, restart).await })
            .await
    }

    async fn change(
        &self,
        which: &str,
        asked: Limits,
        restart: Option<RestartPolicy>,
    ) -> Result<Vec<String>, EngineError> {
        let mut owned = self.own(which).await?;
        if let Some(policy) = restart {
            let host = &mut owned.record.request.host;
            if host.auto_remove && policy != RestartPolicy::No {
                return Err(EngineError::field(
                    "restart",
                    "Restart policy cannot be updated because AutoRemove is enabled for the container",
                ));
            }
            host.restart = policy;
        }
        let id = owned.record.id.clone();
        let spec = self.records().spec(&id).await?;
        let mut spec =
            spec.ok_or_else(|| EngineError::internal("the container's specification is gone"))?;
        spec.limits = limits(&overlaid(spec.limits, asked), host::cpus())?;
        let warnings = if owned.record.state.status.is_alive() {
            let request = Request::UpdateLimits {
                container: id,
                limits: spec.limits.clone(),
            };
            self.warnings(&request).await?
        } else {
            self.check_limits(&spec.limits).await?
        };
        owned.record.request.host.limits = spec.limits.clone();
        self.records()
            .update_container_and_spec(&owned.record, &spec)
            .await?;
        self.tell(EventObject::Container, "update", &owned.record, []);
        Ok(warnings)
    }

    /// What this host cannot enforce of limits, in words.
    ///
    /// # Errors
    /// If it cannot do what is asked for at all.
    pub(super) async fn check_limits(&self, limits: &Limits) -> Result<Vec<String>, EngineError> {
        if *limits == Limits::default() {
            return Ok(Vec::new());
        }
        let limits = limits.clone();
        self.warnings(&Request::CheckLimits { limits }).await
    }

    async fn warnings(&self, request: &Request) -> Result<Vec<String>, EngineError> {
        match self.worker().call(request, Vec::new(), |_| ()).await? {
            Reply::Warnings(warnings) => Ok(warnings),
            other => Err(unexpected(&other)),
        }
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
