//! Steps: what each instruction of a needed stage does, with every variable replaced.

use super::key::Inputs;
use super::stage::Base;
use crate::config::Config;
use crate::context::Selection;
use crate::context::select::Wanted;
use crate::dockerfile::lint::Warning;

/// Everything a build will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The needed stages, in an order in which they can be built; the target comes last.
    pub stages: Vec<PlannedStage>,
    /// What looks wrong but is allowed.
    pub warnings: Vec<Warning>,
}

/// A stage to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStage {
    /// Its number in the Dockerfile.
    pub index: usize,
    /// Its name, or its number.
    pub label: String,
    /// What it begins with.
    pub base: Base,
    /// Layers of the image that it begins with.
    pub layers: Vec<String>,
    /// What is done, `FROM` first.
    pub steps: Vec<Step>,
    /// The configuration at its end; the history is that of the base image.
    pub config: Config,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The instruction as written, on one line.
    pub text: String,
    /// Its line, from 1.
    pub line: u32,
    /// What to do.
    pub action: Action,
    /// Its text in the image's history.
    pub created_by: String,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Begins with the base.
    From,
    /// Changes the configuration only.
    Metadata,
    /// Makes the working directory.
    Folder {
        /// Which.
        path: String,
        /// Whose it becomes if it is made.
        owner: Option<String>,
    },
    /// Runs a program.
    Run(Box<RunStep>),
    /// Copies files.
    Copy(Box<CopyStep>),
}

/// A program to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunStep {
    /// Program and arguments.
    pub args: Vec<String>,
    /// Environment with build arguments.
    pub env: Vec<String>,
    /// Variables that do not count for the cache: proxies.
    pub uncounted_env: Vec<String>,
    /// User.
    pub user: String,
    /// Working directory.
    pub working_dir: String,
    /// No network.
    pub offline: bool,
    /// Paths that get memory for the time of the step, with its size in bytes.
    pub tmpfs: Vec<(String, Option<u64>)>,
    /// A script for standard input.
    pub stdin: Option<String>,
}

/// Files to copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyStep {
    /// What, by where it comes from.
    pub groups: Vec<CopyGroup>,
    /// Absolute path where to.
    pub destination: String,
    /// `user[:group]` of all.
    pub chown: Option<String>,
    /// Permissions of all.
    pub chmod: Option<u32>,
}

/// Files from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyGroup {
    /// From where.
    pub origin: Origin,
    /// Which.
    pub wanted: Wanted,
    /// Which exactly, where that is known before the build runs.
    pub selection: Option<Selection>,
}

/// Where files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The build context.
    Context,
    /// Another stage, by its number in the Dockerfile.
    Stage(usize),
    /// An image: its layers.
    Image(Vec<String>),
    /// Here-documents: name and content.
    Inline(Vec<(String, String)>),
    /// An address.
    Url {
        /// The address.
        url: String,
        /// SHA-256 that the file must have, in hex.
        sha256: Option<String>,
        /// Name of the file.
        name: String,
    },
}

impl RunStep {
    /// What decides about its result.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        let mut settings = Vec::new();
        if self.offline {
            settings.push("network=none".to_owned());
        }
        settings.extend(
            self.tmpfs
                .iter()
                .map(|(path, size)| format!("tmpfs={path} {size:?}")),
        );
        settings.extend(self.stdin.iter().map(|script| format!("stdin={script}")));
        Inputs::Run {
            args: self.args.clone(),
            env: self.env.clone(),
            user: self.user.clone(),
            working_dir: self.working_dir.clone(),
            settings,
        }
    }
}

impl CopyStep {
    /// What decides about its result, given what was selected.
    #[must_use]
    pub fn inputs(&self, selections: &[Selection]) -> Inputs {
        let mut settings = Vec::new();
        settings.extend(self.chown.iter().map(|owner| format!("chown={owner}")));
        settings.extend(self.chmod.iter().map(|mode| format!("chmod={mode:o}")));
        let mut files = Vec::new();
        for (group, selection) in self.groups.iter().zip(selections) {
            if group.wanted.unpack {
                settings.push("unpack".to_owned());
            }
            if selection.into_directory {
                settings.push("folder".to_owned());
            }
            files.extend_from_slice(&selection.files);
        }
        Inputs::copy(&self.destination, settings, &files)
    }
}
