//! Walks a plan: asks the cache for each step, has done what is not there, and remembers it.
//! What is done, and how, is behind [`Steps`].

pub mod schedule;
pub mod steps;

pub use schedule::{SolveError, Solved, solve};
pub use steps::{CopyWork, Event, Layer, Memo, Outcome, Steps};
