//! Plans stages: walks their instructions with the values that hold at each of them.

use super::scope::{Scope, is_predefined};
use super::stage::{Base, Graph, Stage};
use super::step::{Action, Plan, PlannedStage, Step};
use super::{BaseImage, Options};
use crate::config::{Config, Effect};
use crate::context::Context;
use crate::dockerfile::diagnostic::{Diagnostic, Refusal, Source, Span};
use crate::dockerfile::expand::Expander;
use crate::dockerfile::instruction::{Dockerfile, Statement, Word, parse_fragment};
use crate::dockerfile::lint::{Warning, lint};
use crate::dockerfile::name::nearest;

/// Plans the needed stages. `bases` holds every image of [`Graph::images`] by its name.
///
/// # Errors
/// Everything that is wrong, by line: nothing has run yet.
pub fn plan(
    text: &str,
    file: &Dockerfile,
    graph: &Graph,
    options: &Options,
    bases: &dyn Fn(&str) -> Option<BaseImage>,
    context: &Context,
) -> Result<Plan, Refusal> {
    let mut planner = Planner {
        source: Source::new(text),
        escape: file.directives.escape,
        graph,
        options,
        bases,
        context,
        trigger_at: None,
        complaints: Vec::new(),
        warnings: lint(text, file),
    };
    let mut done: Vec<(PlannedStage, Scope)> = Vec::new();
    for index in &graph.needed {
        if let Some(stage) = graph.stages.get(*index) {
            let planned = planner.stage(stage, &done);
            done.push(planned);
        }
    }
    Refusal::unless_empty(std::mem::take(&mut planner.complaints))?;
    planner.warn_of_unused_arguments(done.iter().map(|(_, scope)| scope));
    let mut stages: Vec<PlannedStage> = done.into_iter().map(|(stage, _)| stage).collect();
    if let Some(target) = stages.last_mut() {
        let labels = options.labels.clone().into_iter().collect();
        target.config.apply(Effect::Labels(labels));
    }
    Ok(Plan {
        stages,
        warnings: planner.warnings,
    })
}

pub(super) struct Planner<'a> {
    source: Source<'a>,
    pub(super) escape: char,
    pub(super) graph: &'a Graph,
    pub(super) options: &'a Options,
    pub(super) bases: &'a dyn Fn(&str) -> Option<BaseImage>,
    pub(super) context: &'a Context,
    /// The `FROM` whose base has the trigger that is being planned.
    trigger_at: Option<Span>,
    complaints: Vec<Diagnostic>,
    warnings: Vec<Warning>,
}

/// A stage while it is planned.
pub(super) struct Draft {
    pub(super) index: usize,
    pub(super) config: Config,
    pub(super) scope: Scope,
    /// `CMD` was given in this stage.
    pub(super) has_cmd: bool,
    pub(super) steps: Vec<Step>,
}

impl Planner<'_> {
    fn stage(&mut self, stage: &Stage, done: &[(PlannedStage, Scope)]) -> (PlannedStage, Scope) {
        let (mut config, scope, layers) = self.base_of(stage, done);
        let triggers = std::mem::take(&mut config.on_build);
        let mut draft = Draft {
            index: stage.index,
            config,
            scope,
            has_cmd: false,
            steps: vec![Step {
                text: stage.from.text.clone(),
                line: stage.from.line,
                action: Action::From,
                created_by: String::new(),
            }],
        };
        self.trigger_at = Some(stage.from.span);
        for trigger in triggers {
            self.trigger(&mut draft, &trigger, stage.from.line);
        }
        self.trigger_at = None;
        for statement in &stage.statements {
            if let Err(complaint) = self.statement(&mut draft, statement) {
                self.complaints.push(complaint);
            }
        }
        let planned = PlannedStage {
            index: stage.index,
            label: stage.label(),
            base: stage.base.clone(),
            layers,
            steps: draft.steps,
            config: draft.config,
        };
        (planned, draft.scope)
    }

    /// Configuration, values and layers that a stage begins with.
    fn base_of(
        &mut self,
        stage: &Stage,
        done: &[(PlannedStage, Scope)],
    ) -> (Config, Scope, Vec<String>) {
        match &stage.base {
            Base::Scratch => (Config::default(), Scope::default(), Vec::new()),
            Base::Stage(index) => {
                let parent = done.iter().find(|(stage, _)| stage.index == *index);
                let parent = parent.map(|(stage, scope)| (stage.config.clone(), scope.clone()));
                let (config, scope) = parent.unwrap_or_default();
                (config, scope, Vec::new())
            }
            Base::Image(name) => {
                let Some(image) = (self.bases)(name) else {
                    let reason = format!("the image {name} is not there");
                    let complaint = self.source.complain(stage.from.span, reason);
                    self.complaints.push(complaint);
                    return Default::default();
                };
                let scope = Scope::new(&image.config.env);
                (image.config, scope, image.layers)
            }
        }
    }

    fn trigger(&mut self, draft: &mut Draft, text: &str, line: u32) {
        let parsed = match parse_fragment(text) {
            Ok(parsed) => parsed,
            Err(refusal) => {
                let reason = refusal.diagnostics().first().map(|d| d.reason.clone());
                let reason = format!("trigger {text:?}: {}", reason.unwrap_or_default());
                let complaint = self.complain(Span::default(), reason);
                self.complaints.push(complaint);
                return;
            }
        };
        for mut statement in parsed.statements {
            statement.line = line;
            if let Err(complaint) = self.statement(draft, &statement) {
                self.complaints.push(complaint);
            }
        }
    }

    /// A complaint about this place, or for a trigger about the `FROM` that brought it.
    pub(super) fn complain(&self, span: Span, reason: impl Into<String>) -> Diagnostic {
        let reason = reason.into();
        match self.trigger_at {
            Some(from) => {
                let reason = format!("in a trigger of the base image: {reason}");
                self.source.complain(from, reason)
            }
            None => self.source.complain(span, reason),
        }
    }

    pub(super) fn warn(&mut self, name: &str, span: Span, message: String) {
        let place = self.trigger_at.unwrap_or(span);
        self.warnings.push(Warning {
            name: name.to_owned(),
            line: Some(self.source.line_of(place.start)),
            message,
        });
    }

    /// A word with its variables replaced.
    pub(super) fn expand(&mut self, draft: &Draft, word: &Word) -> Result<String, Diagnostic> {
        let expanded = Expander::new(self.escape, &draft.scope.values).word(&word.text);
        let expanded = expanded.map_err(|error| self.complain(word.span, error.to_string()))?;
        for name in expanded.unset {
            let known: Vec<&str> = draft.scope.values.keys().map(String::as_str).collect();
            let hint = nearest(&name, &known);
            let hint = hint.map_or_else(String::new, |known| format!(" (did you mean ${known}?)"));
            let message = format!("Usage of undefined variable '${name}'{hint}");
            self.warn("UndefinedVar", word.span, message);
        }
        Ok(expanded.text)
    }

    /// As many words as it makes after expansion.
    pub(super) fn expand_words(
        &self,
        draft: &Draft,
        word: &Word,
    ) -> Result<Vec<String>, Diagnostic> {
        let words = Expander::new(self.escape, &draft.scope.values).words(&word.text);
        words.map_err(|error| self.complain(word.span, error.to_string()))
    }

    /// Adds a step that only changes the configuration.
    pub(super) fn push(draft: &mut Draft, statement: &Statement, action: Action, made: String) {
        draft.steps.push(Step {
            text: statement.text.clone(),
            line: statement.line,
            action,
            created_by: made,
        });
    }

    fn warn_of_unused_arguments<'b>(&mut self, scopes: impl Iterator<Item = &'b Scope>) {
        let globals = &self.graph.globals.declared;
        let declared: Vec<&String> = scopes.flat_map(|s| &s.declared).chain(globals).collect();
        for name in self.options.args.keys() {
            if declared.contains(&name) || is_predefined(name) {
                continue;
            }
            self.warnings.push(Warning {
                name: "UnusedBuildArg".to_owned(),
                line: None,
                message: format!("build argument {name} is never used: there is no ARG {name}"),
            });
        }
    }
}

#[cfg(test)]
mod tests;
