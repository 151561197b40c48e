//! A build from its bases to its image.

use std::collections::BTreeMap;

use jiff::Timestamp;
use orlop_builder::plan::plan;
use orlop_builder::plan::{Action, Base as StageBase, BaseImage, Plan};
use orlop_builder::solve::schedule::Cause;
use orlop_builder::solve::{SolveError, Solved, solve};
use orlop_image::manifest::MAX_LAYERS;
use orlop_model::id::{DiffId, ImageId};
use orlop_model::job::{JobEvent, PlannedStep};
use orlop_model::reference::Reference;
use orlop_records::images::ImageLayer;
use orlop_wire::request::Tree;

use super::context::{Prepared, refused};
use super::steps::Effects;
use super::work::diff_ids;
use super::{BuildOptions, config};
use crate::images::base::{Base, Built};
use crate::jobs::JobContext;
use crate::{Engine, EngineError, ErrorKind};

/// Bytes of layers that the build cache keeps.
const CACHE_BYTES: u64 = 20 << 30;

/// Images by the names that the Dockerfile has for them.
type Bases = BTreeMap<String, Base>;

impl Engine {
    /// Does a build.
    pub(super) async fn build(
        &self,
        job: &JobContext,
        wanted: &BuildOptions,
        prepared: &Prepared,
    ) -> Result<ImageId, EngineError> {
        let say = |text: String| job.tell(JobEvent::Message { text });
        let waits = || say("Waiting for another build to end".to_owned());
        let _turn = self.inner.builds.turn(waits).await;
        // No layer goes while only this build knows that it is needed.
        let _busy = self.busy_with_images().await;
        let bases = self.bases(job, wanted, prepared).await?;
        let plan = planned(prepared, &bases)?;
        job.tell(JobEvent::Plan {
            steps: steps(&plan),
        });
        for warning in &plan.warnings {
            let line = warning
                .line
                .map_or_else(String::new, |line| format!(" (line {line})"));
            say(format!(
                "[Warning] {}: {}{line}",
                warning.name, warning.message
            ));
        }
        let context = Tree::Context(prepared.folder.job.clone());
        let mut effects = Effects::new(self, job, context);
        let solved = solve(&plan, !wanted.no_cache, &mut effects).await;
        let solved = solved.map_err(|error| failed(job, error))?;
        let sizes = std::mem::take(&mut effects.sizes);
        drop(effects);
        let base = base_of(&plan).and_then(|name| bases.get(name));
        let id = self.store(wanted, solved, base, &sizes).await?;
        self.records().shrink_build_cache(CACHE_BYTES).await?;
        Ok(id)
    }

    /// Every image that the build needs, pulled where it is missing.
    async fn bases(
        &self,
        job: &JobContext,
        wanted: &BuildOptions,
        prepared: &Prepared,
    ) -> Result<Bases, EngineError> {
        let mut bases = Bases::new();
        for image in &prepared.graph.images {
            let base = self.base_image(job, &image.name, wanted.pull).await;
            let base = base.map_err(|error| {
                let message = format!("Dockerfile:{}: {}: {error}", image.line, image.name);
                EngineError::new(error.kind(), message)
            })?;
            bases.insert(image.name.clone(), base);
        }
        Ok(bases)
    }

    /// Refuses what can be seen to be wrong already: a plan is made if every image is here.
    pub(super) async fn check_build(
        &self,
        wanted: &BuildOptions,
        prepared: &Prepared,
    ) -> Result<(), EngineError> {
        if wanted.pull {
            return Ok(());
        }
        let mut bases = Bases::new();
        for image in &prepared.graph.images {
            let base = self.local_base(&image.name).await.map_err(|error| {
                let message = format!("Dockerfile:{}: {error}", image.line);
                EngineError::field("dockerfile", message)
            })?;
            let Some(base) = base else {
                return Ok(());
            };
            bases.insert(image.name.clone(), base);
        }
        planned(prepared, &bases).map(drop)
    }

    async fn store(
        &self,
        wanted: &BuildOptions,
        solved: Solved,
        base: Option<&Base>,
        sizes: &std::collections::HashMap<DiffId, u64>,
    ) -> Result<ImageId, EngineError> {
        let diff_ids = diff_ids(&solved.layers)?;
        let config = config::to_image(
            solved,
            base.map(|base| &base.config),
            &diff_ids,
            Timestamp::now(),
        );
        let mut layers = Vec::with_capacity(diff_ids.len());
        for diff_id in diff_ids {
            let size = match sizes.get(&diff_id) {
                Some(size) => *size,
                None => self
                    .records()
                    .layer(&diff_id)
                    .await?
                    .map_or(0, |layer| layer.size),
            };
            layers.push(ImageLayer { diff_id, size });
        }
        self.store_built(Built {
            config,
            layers,
            parent: base.map(|base| base.id.clone()),
            tags: wanted.tags.clone(),
        })
        .await
    }
}

fn planned(prepared: &Prepared, bases: &Bases) -> Result<Plan, EngineError> {
    let known = |name: &str| {
        bases.get(name).map(|base| BaseImage {
            layers: base
                .layers
                .iter()
                .map(|layer| layer.diff_id.to_string())
                .collect(),
            config: config::of_image(&base.config),
        })
    };
    let Prepared {
        text,
        file,
        graph,
        options,
        context,
        ..
    } = prepared;
    let plan = plan(text, file, graph, options, &known, context).map_err(refused)?;
    check_layers(&plan)?;
    Ok(plan)
}

/// Refuses a file that would make an image with more layers than an image can have.
fn check_layers(plan: &Plan) -> Result<(), EngineError> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for stage in &plan.stages {
        let below = match stage.base {
            StageBase::Stage(index) => counts.get(&index).copied().unwrap_or(0),
            _ => stage.layers.len(),
        };
        let is_note = |action: &Action| matches!(action, Action::From | Action::Metadata);
        let own = stage
            .steps
            .iter()
            .filter(|step| !is_note(&step.action))
            .count();
        counts.insert(stage.index, below + own);
        if below + own > MAX_LAYERS {
            let reason = format!(
                "stage {} would have more than {MAX_LAYERS} layers: join some of its instructions",
                stage.label
            );
            return Err(EngineError::field("dockerfile", reason));
        }
    }
    Ok(())
}

/// The steps for people, all stages in one list.
fn steps(plan: &Plan) -> Vec<PlannedStep> {
    let of_stage = plan.stages.iter().flat_map(|stage| {
        stage.steps.iter().map(|step| PlannedStep {
            stage: stage.label.clone(),
            instruction: step.text.clone(),
            line: step.line,
        })
    });
    of_stage.collect()
}

/// The image that the target stage goes back to.
fn base_of(plan: &Plan) -> Option<&str> {
    let mut stage = plan.stages.last()?;
    loop {
        match &stage.base {
            StageBase::Scratch => return None,
            StageBase::Image(name) => return Some(name),
            StageBase::Stage(index) => {
                stage = plan.stages.iter().find(|stage| stage.index == *index)?;
            }
        }
    }
}

fn failed(job: &JobContext, error: SolveError<EngineError>) -> EngineError {
    let SolveError {
        step,
        line,
        text,
        cause,
    } = error;
    let (kind, reason) = match cause {
        Cause::Select(error) => (ErrorKind::Invalid, error.to_string()),
        Cause::Effect(error) => (error.kind(), error.to_string()),
    };
    let message = format!("Dockerfile:{line}: {text}\n{reason}");
    job.tell(JobEvent::StepFailed {
        step,
        message: message.clone(),
    });
    EngineError::new(kind, message)
}

/// A title for a build that was given none.
pub(super) fn title(wanted: &BuildOptions) -> String {
    if !wanted.title.is_empty() {
        return wanted.title.clone();
    }
    let tag = wanted.tags.first().map(Reference::familiar);
    tag.unwrap_or_else(|| {
        wanted
            .dockerfile
            .clone()
            .unwrap_or_else(|| "Dockerfile".to_owned())
    })
}
