//! What the log of a pull, an import or another plain job amounts to: its parts, how far each has
//! come, its messages. Pure.

use std::collections::HashMap;

use orlop_model::job::JobEvent;
use serde::Serialize;

use crate::words;

/// A part of a job, such as a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Layer {
    /// A short digest, or what else tells it apart.
    pub(crate) id: String,
    /// `waiting`, `downloading`, `unpacking`, `done`, `exists` or `failed`.
    pub(crate) state: &'static str,
    /// Bytes done.
    pub(crate) done: u64,
    /// Bytes in all, 0 when unknown.
    pub(crate) total: u64,
}

impl Layer {
    /// How far it has come, in words.
    pub(crate) fn note(&self) -> String {
        match self.state {
            "downloading" if self.total > 0 => {
                format!(
                    "{} of {}",
                    words::bytes(self.done),
                    words::bytes(self.total)
                )
            }
            "downloading" => words::bytes(self.done),
            "unpacking" => "Unpacking".to_owned(),
            "exists" => "Already here".to_owned(),
            "done" if self.total > 0 => words::bytes(self.total),
            "done" => "Done".to_owned(),
            "failed" => "Failed".to_owned(),
            _ => "Waiting".to_owned(),
        }
    }
}

/// What one line of the log changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// This layer.
    Layer(usize),
    /// A new message.
    Message(String),
    /// Nothing that is shown.
    Nothing,
}

/// The sum of a job's log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// In order of their first appearance.
    pub(crate) layers: Vec<Layer>,
    places: HashMap<String, usize>,
}

impl Tally {
    /// Adds one line.
    pub(crate) fn add(&mut self, event: &JobEvent) -> Change {
        match event {
            JobEvent::Message { text } => Change::Message(words::plain(text.trim_end())),
            JobEvent::Progress {
                part,
                status,
                current,
                total,
            } => self.progress(part, status, *current, *total),
            _ => Change::Nothing,
        }
    }

    fn progress(&mut self, part: &str, status: &str, current: u64, total: u64) -> Change {
        let known = self.places.get(part).copied();
        let place = known.unwrap_or_else(|| {
            self.places.insert(part.to_owned(), self.layers.len());
            self.layers.push(Layer {
                id: part.to_owned(),
                state: "waiting",
                done: 0,
                total: 0,
            });
            self.layers.len() - 1
        });
        let layer = &mut self.layers[place];
        layer.state = state_of(status).unwrap_or(layer.state);
        layer.done = current;
        // The size that was known once stays known.
        if total > 0 {
            layer.total = total;
        }
        Change::Layer(place)
    }

    /// Bytes done and in all, over both halves of each part: fetching and unpacking. Total 0 is
    /// unknown.
    pub(crate) fn progress_made(&self) -> (u64, u64) {
        let mut sum = (0, 0);
        for layer in self.layers.iter().filter(|layer| layer.state != "exists") {
            if layer.total == 0 && layer.state != "done" {
                return (0, 0);
            }
            let done = match layer.state {
                "waiting" => 0,
                "downloading" => layer.done.min(layer.total),
                "unpacking" => layer.total + layer.done.min(layer.total),
                _ => 2 * layer.total,
            };
            sum = (sum.0 + done, sum.1 + 2 * layer.total);
        }
        sum
    }

    /// What was fetched so far, in words.
    pub(crate) fn note(&self) -> String {
        let fetched = |layer: &Layer| match layer.state {
            "waiting" => 0,
            "downloading" => layer.done,
            _ => layer.total,
        };
        let wanted = self.layers.iter().filter(|layer| layer.state != "exists");
        let (done, total) = wanted.fold((0, 0), |(done, total), layer| {
            (done + fetched(layer), total + layer.total)
        });
        match (done, total) {
            (0, 0) => String::new(),
            (done, total) if total > done => {
                format!("{} of {}", words::bytes(done), words::bytes(total))
            }
            (done, _) => words::bytes(done),
        }
    }
}

/// Docker's words for the state of a part.
fn state_of(status: &str) -> Option<&'static str> {
    let status = status.to_ascii_lowercase();
    Some(match status.as_str() {
        "waiting" | "pulling fs layer" | "preparing" => "waiting",
        "downloading" | "verifying checksum" | "download complete" | "reading" | "uploading" => {
            "downloading"
        }
        "extracting" | "unpacking" | "loading layer" | "importing" => "unpacking",
        "already exists" => "exists",
        "pull complete" | "done" | "complete" | "loaded" => "done",
        "failed" | "error" => "failed",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(part: &str, status: &str, current: u64, total: u64) -> JobEvent {
        JobEvent::Progress {
            part: part.to_owned(),
            status: status.to_owned(),
            current,
            total,
        }
    }

    #[test]
    fn a_pull_counts_fetching_and_unpacking() {
        let mut tally = Tally::default();
        tally.add(&progress("a", "Downloading", 50, 100));
        tally.add(&progress("b", "Already exists", 0, 0));
        assert_eq!(tally.progress_made(), (50, 200));
        assert_eq!(tally.note(), "50 B of 100 B");
        tally.add(&progress("a", "Extracting", 10, 100));
        assert_eq!(tally.progress_made(), (110, 200));
        tally.add(&progress("a", "Pull complete", 0, 0));
        assert_eq!(tally.progress_made(), (200, 200));
        assert_eq!(tally.layers.len(), 2);
        assert_eq!(tally.layers[0].total, 100);
    }

    #[test]
    fn an_unknown_size_makes_the_whole_unknown() {
        let mut tally = Tally::default();
        tally.add(&progress("a", "Downloading", 50, 0));
        assert_eq!(tally.progress_made(), (0, 0));
    }

    #[test]
    fn messages_are_inert_text() {
        let event = JobEvent::Message {
            text: "\u{1b}[2Jhello\n".to_owned(),
        };
        let change = Tally::default().add(&event);
        assert_eq!(change, Change::Message("hello".to_owned()));
    }
}
