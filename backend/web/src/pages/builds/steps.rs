//! What a build's log amounts to: its steps, how each stands, how the whole ended. Pure.
//!
//! What is told before the first step (the base image being fetched, for one) is shown as a step
//! of its own, number 0; step n of the plan has number n + 1.

use std::collections::HashMap;

use jiff::Timestamp;
use orlop_model::job::{JobEvent, JobLine, JobStatus, PlannedStep};

use crate::pages::jobs::state_word;

/// Most bytes of one piece of output that are passed on at once.
const OUTPUT_MAX_LEN: usize = 64 << 10;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) line: u32,
    pub(crate) stage: String,
    pub(crate) state: &'static str,
    pub(crate) started: Option<Timestamp>,
    pub(crate) millis: Option<u64>,
    /// Why it was not taken from the cache.
    pub(crate) reason: String,
}

/// How the build ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) state: &'static str,
    /// Address of the image.
    pub(crate) image: String,
    pub(crate) error: String,
}

/// What one line of the log changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The step at this index of [`Steps::all`].
    Step(usize),
    /// Output of a step, by the step's number.
    Output {
        index: usize,
        stream: &'static str,
        text: String,
    },
    /// The build has ended.
    End(End),
}

/// The sum of a build's log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps {
    pub(crate) all: Vec<Step>,
    pub(crate) end: Option<End>,
    /// Last status of each part that is being fetched.
    parts: HashMap<String, String>,
}

impl Steps {
    /// Adds one line; says what changed.
    pub(crate) fn add(&mut self, line: &JobLine) -> Vec<Change> {
        match &line.event {
            JobEvent::Plan { steps } => self.plan(steps),
            JobEvent::StepStarted { step } => self.start(step + 1, line.at),
            JobEvent::StepOutput { step, stream, text } => {
                let stream = if *stream == 2 { "stderr" } else { "stdout" };
                output(step + 1, stream, text)
            }
            JobEvent::StepFinished {
                step,
                cached,
                reason,
                millis,
                ..
            } => {
                let state = if *cached { "cached" } else { "done" };
                let millis = (!cached).then_some(*millis);
                self.finish(step + 1, state, millis, reason.as_deref())
            }
            JobEvent::StepFailed { step, message } => {
                let mut changes = output(step + 1, "stderr", &format!("{message}\n"));
                let started = self.place(step + 1).and_then(|p| self.all[p].started);
                let millis = started.map(|from| since(from, line.at));
                changes.extend(self.finish(step + 1, "failed", millis, None));
                changes
            }
            JobEvent::Message { text } => self.tell(line.at, text),
            JobEvent::Progress { part, status, .. } => self.fetch(line.at, part, status),
            JobEvent::Status {
                status,
                error,
                image,
            } => {
                let image = image.as_ref();
                let image = image.map_or_else(String::new, |id| format!("/images/{}", id.hex()));
                self.status(*status, line.at, error.clone().unwrap_or_default(), image)
            }
        }
    }

    fn place(&self, index: usize) -> Option<usize> {
        self.all.iter().position(|step| step.index == index)
    }

    fn plan(&mut self, planned: &[PlannedStep]) -> Vec<Change> {
        let known = self.all.len();
        let multi = planned.iter().any(|step| step.stage != planned[0].stage);
        self.all
            .extend(planned.iter().enumerate().map(|(i, step)| Step {
                index: i + 1,
                name: step.instruction.clone(),
                line: step.line,
                stage: if multi {
                    step.stage.clone()
                } else {
                    String::new()
                },
                state: "waiting",
                started: None,
                millis: None,
                reason: String::new(),
            }));
        (known..self.all.len()).map(Change::Step).collect()
    }

    fn start(&mut self, index: usize, at: Timestamp) -> Vec<Change> {
        let mut changes = match self.place(0) {
            Some(place) if self.all[place].state == "running" => {
                let from = self.all[place].started.unwrap_or(at);
                self.finish(0, "done", Some(since(from, at)), None)
            }
            _ => Vec::new(),
        };
        if let Some(place) = self.place(index) {
            self.all[place].state = "running";
            self.all[place].started = Some(at);
            changes.push(Change::Step(place));
        }
        changes
    }

    fn finish(
        &mut self,
        index: usize,
        state: &'static str,
        millis: Option<u64>,
        reason: Option<&str>,
    ) -> Vec<Change> {
        let Some(place) = self.place(index) else {
            return Vec::new();
        };
        let step = &mut self.all[place];
        step.state = state;
        step.millis = millis;
        step.reason = reason.unwrap_or_default().to_owned();
        vec![Change::Step(place)]
    }

    /// A word that belongs to no step: shown with the one that runs, else with what comes before.
    fn tell(&mut self, at: Timestamp, text: &str) -> Vec<Change> {
        let text = format!("{}\n", text.trim_end());
        if let Some(step) = self.all.iter().rev().find(|step| step.state == "running") {
            return output(step.index, "stdout", &text);
        }
        let mut changes = Vec::new();
        if self.place(0).is_none() {
            self.all.push(Step {
                index: 0,
                name: "PREPARE the build".to_owned(),
                line: 0,
                stage: String::new(),
                state: "running",
                started: Some(at),
                millis: None,
                reason: String::new(),
            });
            changes.push(Change::Step(self.all.len() - 1));
        }
        changes.extend(output(0, "stdout", &text));
        changes
    }

    /// A part of the base image: told each time its status changes, not each time its bytes do.
    fn fetch(&mut self, at: Timestamp, part: &str, status: &str) -> Vec<Change> {
        let before = self.parts.insert(part.to_owned(), status.to_owned());
        if before.as_deref() == Some(status) {
            return Vec::new();
        }
        self.tell(at, &format!("{part}: {status}"))
    }

    fn status(
        &mut self,
        status: JobStatus,
        at: Timestamp,
        error: String,
        image: String,
    ) -> Vec<Change> {
        if !status.is_final() {
            return Vec::new();
        }
        let state = state_word(status);
        let mut changes = Vec::new();
        for (place, step) in self.all.iter_mut().enumerate() {
            let next = match (step.state, step.index) {
                ("waiting", _) => "skipped",
                ("running", 0) if state == "done" => "done",
                ("running", _) => state,
                _ => continue,
            };
            step.state = next;
            step.millis = step.started.map(|from| since(from, at));
            changes.push(Change::Step(place));
        }
        let end = End {
            state,
            image,
            error,
        };
        self.end = Some(end.clone());
        changes.push(Change::End(end));
        changes
    }
}

fn since(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}

/// Output in pieces of bounded size.
fn output(index: usize, stream: &'static str, text: &str) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut cut = rest.len().min(OUTPUT_MAX_LEN);
        while !rest.is_char_boundary(cut) {
            cut -= 1;
        }
        let (piece, after) = rest.split_at(cut);
        changes.push(Change::Output {
            index,
            stream,
            text: piece.to_owned(),
        });
        rest = after;
    }
    changes
}

#[cfg(test)]
mod tests;
