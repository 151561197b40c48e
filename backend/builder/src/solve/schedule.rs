//! The walk itself: stages in order, steps in order. Which stage needs which is in the plan, so
//! independent ones could be walked side by side.

use std::collections::BTreeMap;

use super::steps::{CopyWork, Event, Layer, Memo, Outcome, Steps};
use crate::config::{Config, Made};
use crate::context::select::{self, SelectError, Selection, Tree, select, select_files};
use crate::context::{Entry, Index, Kind};
use crate::plan::{
    Action, Base, CopyGroup, CopyStep, Inputs, Key, MissReason, Origin, Plan, PlannedStage, Step,
};

/// What a walk has made: the image, but for its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solved {
    /// Digests of its layers, lowest first.
    pub layers: Vec<String>,
    /// Its configuration with its whole history.
    pub config: Config,
}

/// Why a walk ended early.
#[derive(Debug)]
pub struct SolveError<E> {
    /// The step that failed, through all stages, from 0.
    pub step: usize,
    /// Its line in the Dockerfile.
    pub line: u32,
    /// The instruction.
    pub text: String,
    /// What went wrong.
    pub cause: Cause<E>,
}

/// What went wrong.
#[derive(Debug)]
pub enum Cause<E> {
    /// The files to copy cannot be selected.
    Select(SelectError),
    /// An effect failed.
    Effect(E),
}

impl<E> From<SelectError> for Cause<E> {
    fn from(error: SelectError) -> Self {
        Self::Select(error)
    }
}

/// Walks the plan and gives what its last stage is.
///
/// # Errors
/// With the step that failed; later steps were not begun.
pub async fn solve<S: Steps>(
    plan: &Plan,
    use_cache: bool,
    steps: &mut S,
) -> Result<Solved, SolveError<S::Error>> {
    let mut walk = Walk {
        steps,
        use_cache,
        number: 0,
        done: BTreeMap::new(),
    };
    let mut last = None;
    for stage in &plan.stages {
        walk.stage(stage).await?;
        last = Some(stage.index);
    }
    let solved = last.and_then(|index| walk.done.remove(&index));
    Ok(solved.map_or_else(
        || Solved {
            layers: Vec::new(),
            config: Config::default(),
        },
        |state| state.solved,
    ))
}

struct Walk<'a, S> {
    steps: &'a mut S,
    use_cache: bool,
    number: usize,
    /// Stages that are built, by their number.
    done: BTreeMap<usize, State>,
}

/// Where a stage stands.
#[derive(Clone)]
struct State {
    solved: Solved,
    key: Key,
    /// A step of it was not in the cache.
    missed: bool,
}

impl<S: Steps> Walk<'_, S> {
    async fn stage(&mut self, stage: &PlannedStage) -> Result<(), SolveError<S::Error>> {
        let parent = match stage.base {
            Base::Stage(index) => self.done.get(&index).cloned(),
            _ => None,
        };
        let history = stage.config.history.clone();
        let mut state = parent.unwrap_or_else(|| State {
            solved: Solved {
                layers: stage.layers.clone(),
                config: Config {
                    history,
                    ..Config::default()
                },
            },
            key: Key::of_layers(&stage.layers),
            missed: false,
        });
        for step in &stage.steps {
            let number = self.number;
            self.number += 1;
            self.steps.tell(Event::Started { step: number });
            let outcome = self.step(number, &mut state, step).await;
            let outcome = outcome.map_err(|cause| SolveError {
                step: number,
                line: step.line,
                text: step.text.clone(),
                cause,
            })?;
            let key = state.key.clone();
            let event = Event::Finished {
                step: number,
                outcome,
                key,
            };
            self.steps.tell(event);
        }
        let history = std::mem::take(&mut state.solved.config.history);
        state.solved.config = Config {
            history,
            ..stage.config.clone()
        };
        self.done.insert(stage.index, state);
        Ok(())
    }

    async fn step(
        &mut self,
        number: usize,
        state: &mut State,
        step: &Step,
    ) -> Result<Outcome, Cause<S::Error>> {
        let (inputs, work) = match &step.action {
            Action::From => return Ok(Outcome::Noted),
            Action::Metadata => {
                note(state, step, None);
                return Ok(Outcome::Noted);
            }
            Action::Folder { path, owner } => {
                let (path, owner) = (path.clone(), owner.clone());
                (Inputs::Folder { path, owner }, Vec::new())
            }
            Action::Run(run) => (run.inputs(), Vec::new()),
            Action::Copy(copy) => {
                let work = self.selections(copy).await?;
                let selections: Vec<Selection> =
                    work.iter().map(|work| work.selection.clone()).collect();
                (copy.inputs(&selections), work)
            }
        };
        let parent = state.key.clone();
        let key = parent.then(&inputs);
        let reason = self.look_up(state, step, &inputs, &key).await?;
        let outcome = match reason {
            Ok(layer) => {
                note(state, step, Some(&layer));
                Outcome::Cached
            }
            Err(reason) => {
                let layer = self.execute(number, state, step, &work).await?;
                let memo = Memo {
                    key: &key,
                    parent: &parent,
                    text: &step.text,
                    inputs: &inputs,
                    layer: &layer,
                };
                self.steps.remember(memo).await.map_err(Cause::Effect)?;
                state.missed = true;
                note(state, step, Some(&layer));
                Outcome::Done(reason)
            }
        };
        state.key = key;
        Ok(outcome)
    }

    /// The layer that the cache has, or why it has none.
    async fn look_up(
        &mut self,
        state: &State,
        step: &Step,
        inputs: &Inputs,
        key: &Key,
    ) -> Result<Result<Layer, MissReason>, Cause<S::Error>> {
        if !self.use_cache {
            return Ok(Err(MissReason::Disabled));
        }
        if let Some(layer) = self.steps.recall(key).await.map_err(Cause::Effect)? {
            return Ok(Ok(layer));
        }
        if state.missed {
            return Ok(Err(MissReason::ParentChanged));
        }
        let before = self.steps.recall_inputs(&state.key, &step.text).await;
        let before = before.map_err(Cause::Effect)?;
        let reason = before.map_or(MissReason::NeverDone, |before| inputs.differs_from(&before));
        Ok(Err(reason))
    }

    async fn execute(
        &mut self,
        number: usize,
        state: &State,
        step: &Step,
        work: &[CopyWork<'_>],
    ) -> Result<Layer, Cause<S::Error>> {
        let layers = &state.solved.layers;
        let made = match &step.action {
            Action::Run(run) => self.steps.run(number, layers, run).await,
            Action::Copy(copy) => self.steps.copy(layers, copy, work).await,
            Action::Folder { path, owner } => {
                self.steps.make_folder(layers, path, owner.as_deref()).await
            }
            Action::From | Action::Metadata => Ok(Layer::default()),
        };
        made.map_err(Cause::Effect)
    }

    /// What each group of a copy means, now that other stages are built.
    async fn selections<'b>(
        &mut self,
        copy: &'b CopyStep,
    ) -> Result<Vec<CopyWork<'b>>, Cause<S::Error>> {
        let mut work = Vec::with_capacity(copy.groups.len());
        for group in &copy.groups {
            let layers = match &group.origin {
                Origin::Stage(index) => {
                    let stage = self.done.get(index);
                    stage
                        .map(|state| state.solved.layers.clone())
                        .unwrap_or_default()
                }
                Origin::Image(layers) => layers.clone(),
                _ => Vec::new(),
            };
            let selection = match (&group.selection, &group.origin) {
                (Some(selection), _) => selection.clone(),
                (None, Origin::Url { url, sha256, name }) => {
                    let file = self.steps.fetch(url, name, sha256.as_deref()).await;
                    select_files(&[file.map_err(Cause::Effect)?], &group.wanted)?
                }
                (None, _) => self.select_from(&layers, group).await?,
            };
            work.push(CopyWork {
                origin: &group.origin,
                layers,
                selection,
            });
        }
        Ok(work)
    }

    /// Lists as little of another tree as the sources need, and selects from that.
    async fn select_from(
        &mut self,
        layers: &[String],
        group: &CopyGroup,
    ) -> Result<Selection, Cause<S::Error>> {
        let mut entries: Vec<Entry> = Vec::new();
        for source in &group.wanted.sources {
            entries.extend(self.list(layers, &select::base(source)).await?);
        }
        // A link that a pattern names is followed; the tree knows where it leads.
        let index = Index::new(entries.clone());
        for source in &group.wanted.sources {
            for path in select::matches(&index, source).map_err(SelectError::from)? {
                let entry = index.get(&path);
                if entry.is_some_and(|entry| matches!(entry.kind, Kind::Symlink { .. })) {
                    entries.extend(self.list(layers, &path).await?);
                }
            }
        }
        let index = Index::new(entries);
        let tree = Tree {
            index: &index,
            hidden: None,
        };
        Ok(select(tree, &group.wanted)?)
    }

    async fn list(&mut self, layers: &[String], path: &str) -> Result<Vec<Entry>, Cause<S::Error>> {
        if layers.is_empty() {
            return Ok(Vec::new());
        }
        self.steps.list(layers, path).await.map_err(Cause::Effect)
    }
}

/// Adds a step to the image.
fn note(state: &mut State, step: &Step, layer: Option<&Layer>) {
    let digest = layer.and_then(|layer| layer.digest.clone());
    let history = &mut state.solved.config.history;
    // A step that makes nothing is as old as the one before it: the same file gives the same
    // image again.
    let made = layer.and_then(|layer| layer.created.clone());
    let created = made.or_else(|| history.last().and_then(|last| last.created.clone()));
    history.push(Made {
        created,
        created_by: step.created_by.clone(),
        empty_layer: digest.is_none(),
        ..Made::default()
    });
    state.solved.layers.extend(digest);
}

#[cfg(test)]
mod tests;
