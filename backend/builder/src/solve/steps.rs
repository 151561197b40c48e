//! The boundary between a plan and its effects.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::context::{Entry, Selection};
use crate::plan::{CopyStep, Inputs, Key, MissReason, Origin, RunStep};

/// What a step has made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Digest of its tar; absent when the step changed no file.
    pub digest: Option<String>,
    /// Bytes of its files.
    pub size: u64,
    /// When it was made (RFC 3339).
    pub created: Option<String>,
}

/// A step that was done, for the cache.
#[derive(Debug, Clone, Copy)]
pub struct Memo<'a> {
    /// Its key.
    pub key: &'a Key,
    /// The key of what it was done on.
    pub parent: &'a Key,
    /// The instruction as written.
    pub text: &'a str,
    /// What decided about the result.
    pub inputs: &'a Inputs,
    /// The result.
    pub layer: &'a Layer,
}

/// Files of one origin to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyWork<'a> {
    /// Where they come from.
    pub origin: &'a Origin,
    /// Layers of the stage or image that they come from.
    pub layers: Vec<String>,
    /// Which.
    pub selection: Selection,
}

/// What happens while a plan is worked on. Steps are numbered through all stages, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A step began.
    Started {
        /// Which.
        step: usize,
    },
    /// A step ended well.
    Finished {
        /// Which.
        step: usize,
        /// How.
        outcome: Outcome,
        /// Names the state of the file system after it.
        key: Key,
    },
}

/// How a step ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing had to be done but to note it.
    Noted,
    /// The cache had it.
    Cached,
    /// It was done.
    Done(MissReason),
}

/// What a build can do. A future that is dropped leaves nothing behind.
pub trait Steps: Send {
    /// What can go wrong.
    type Error: Send;

    /// Lists what stands at `path` in these layers, and all below it, links followed to find it;
    /// nothing if nothing is there.
    fn list(
        &mut self,
        layers: &[String],
        path: &str,
    ) -> impl Future<Output = Result<Vec<Entry>, Self::Error>> + Send;

    /// Fetches a file and says what it is.
    fn fetch(
        &mut self,
        url: &str,
        name: &str,
        sha256: Option<&str>,
    ) -> impl Future<Output = Result<Entry, Self::Error>> + Send;

    /// What the cache has under a key, if all of it is still there.
    fn recall(
        &mut self,
        key: &Key,
    ) -> impl Future<Output = Result<Option<Layer>, Self::Error>> + Send;

    /// What the same instruction was last done with on the same parent.
    fn recall_inputs(
        &mut self,
        parent: &Key,
        text: &str,
    ) -> impl Future<Output = Result<Option<Inputs>, Self::Error>> + Send;

    /// Puts a step into the cache.
    fn remember(&mut self, memo: Memo<'_>) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Runs a program on these layers. `step` is its number, for its output.
    fn run(
        &mut self,
        step: usize,
        layers: &[String],
        run: &RunStep,
    ) -> impl Future<Output = Result<Layer, Self::Error>> + Send;

    /// Copies files onto these layers.
    fn copy(
        &mut self,
        layers: &[String],
        copy: &CopyStep,
        work: &[CopyWork<'_>],
    ) -> impl Future<Output = Result<Layer, Self::Error>> + Send;

    /// Makes a folder and those above it, where they are missing.
    fn make_folder(
        &mut self,
        layers: &[String],
        path: &str,
        owner: Option<&str>,
    ) -> impl Future<Output = Result<Layer, Self::Error>> + Send;

    /// Takes notice.
    fn tell(&mut self, event: Event);
}
