//! From a Dockerfile to steps: which stages are needed, what each instruction does once its
//! variables are replaced, and the keys by which a step is found in the cache. All of it is
//! decided before anything runs.

pub mod key;
pub mod stage;
pub mod step;

mod checks;
mod copy;
mod metadata;
mod planner;
mod scope;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Config;

pub use key::{Inputs, Key, MissReason};
pub use planner::plan;
pub use stage::{Base, Graph, Stage};
pub use step::{Action, CopyGroup, CopyStep, Origin, Plan, PlannedStage, RunStep, Step};

/// What a build is asked for besides its Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Build arguments; without a value they count as not given.
    pub args: BTreeMap<String, Option<String>>,
    /// Last stage to build: a name or a number. The last one when absent.
    pub target: Option<String>,
    /// What the image is for, which is also what builds it.
    pub platform: Platform,
    /// Labels for the image.
    pub labels: BTreeMap<String, String>,
}

/// Operating system and processor, by Go's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, …; mostly empty.
    pub variant: String,
}

/// An image that a build begins with or copies from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseImage {
    /// Its layers, lowest first, as digests of their tars.
    pub layers: Vec<String>,
    /// Its configuration.
    pub config: Config,
}

impl Default for Platform {
    fn default() -> Self {
        Self {
            os: "linux".into(),
            architecture: "amd64".into(),
            variant: String::new(),
        }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}
