//! Cache keys: the parent's key, what the step does, and the digest of what it copies. And why a
//! step was not found under its key.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Files that are remembered one by one, to tell later which of them changed.
const MOST_FILES: usize = 2000;

/// Names the state of a file system by how it came to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

/// Everything that decides what a step makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Inputs {
    /// Runs a program.
    Run {
        /// Program and arguments.
        args: Vec<String>,
        /// Environment with build arguments.
        env: Vec<String>,
        /// User.
        user: String,
        /// Working directory.
        working_dir: String,
        /// Everything else that changes how it runs.
        settings: Vec<String>,
    },
    /// Copies files.
    Copy {
        /// Where to.
        destination: String,
        /// Owner, permissions and the like.
        settings: Vec<String>,
        /// Digest of all files.
        digest: String,
        /// Digest of each, by its path at the destination; empty when there are too many.
        files: BTreeMap<String, String>,
    },
    /// Makes a folder.
    Folder {
        /// Which.
        path: String,
        /// Whose it becomes if it is made.
        owner: Option<String>,
    },
}

/// Why a step had to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissReason {
    /// The cache was not to be used.
    Disabled,
    /// A step before it was done anew.
    ParentChanged,
    /// It was never done on this base.
    NeverDone,
    /// The instruction does something else now.
    InstructionChanged,
    /// A variable or build argument has another value.
    VariableChanged {
        /// Which.
        name: String,
    },
    /// A file is new.
    FileAdded {
        /// Which.
        path: String,
    },
    /// A file is gone.
    FileRemoved {
        /// Which.
        path: String,
    },
    /// A file has changed.
    FileChanged {
        /// Which.
        path: String,
    },
    /// Some file has changed.
    FilesChanged,
    /// It was done, but its layer is gone.
    LayerGone,
}

impl Key {
    /// A file system of these layers.
    #[must_use]
    pub fn of_layers(layers: &[String]) -> Self {
        Self::hash(&["layers", &layers.join(" ")])
    }

    /// What these inputs make of this.
    #[must_use]
    pub fn then(&self, inputs: &Inputs) -> Self {
        // The order of fields is fixed, and text always serialises.
        let canonical = serde_json::to_string(&inputs.without_names()).unwrap_or_default();
        Self::hash(&["step", &self.0, &canonical])
    }

    /// In hex.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..self.0.len().min(12)]
    }

    fn hash(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hex::encode(hasher.finalize()))
    }
}

impl Inputs {
    /// A copy of these files.
    #[must_use]
    pub fn copy(destination: &str, settings: Vec<String>, files: &[(String, String)]) -> Self {
        let mut hasher = Sha256::new();
        for (path, digest) in files {
            hasher.update((path.len() as u64).to_le_bytes());
            hasher.update(path);
            hasher.update(digest);
        }
        let remembered = if files.len() > MOST_FILES { &[] } else { files };
        Self::Copy {
            destination: destination.to_owned(),
            settings,
            digest: hex::encode(hasher.finalize()),
            files: remembered.iter().cloned().collect(),
        }
    }

    /// What counts: one digest stands for all files.
    fn without_names(&self) -> Self {
        let mut inputs = self.clone();
        if let Self::Copy { files, .. } = &mut inputs {
            files.clear();
        }
        inputs
    }

    /// What differs from what the same step was before.
    #[must_use]
    pub fn differs_from(&self, before: &Self) -> MissReason {
        match (before, self) {
            (old, new) if old.without_names() == new.without_names() => MissReason::LayerGone,
            (
                Self::Run { args, env, .. },
                Self::Run {
                    args: new_args,
                    env: new_env,
                    ..
                },
            ) if args == new_args => match changed_variable(env, new_env) {
                Some(name) => MissReason::VariableChanged { name },
                None => MissReason::InstructionChanged,
            },
            (
                Self::Copy {
                    destination,
                    settings,
                    files,
                    ..
                },
                Self::Copy {
                    destination: new_destination,
                    settings: new_settings,
                    files: new_files,
                    ..
                },
            ) if destination == new_destination && settings == new_settings => {
                changed_file(files, new_files)
            }
            _ => MissReason::InstructionChanged,
        }
    }
}

fn changed_variable(old: &[String], new: &[String]) -> Option<String> {
    let changed = new.iter().find(|entry| !old.contains(entry));
    let changed = changed.or_else(|| old.iter().find(|entry| !new.contains(entry)))?;
    Some(changed.split('=').next().unwrap_or(changed).to_owned())
}

fn changed_file(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> MissReason {
    if old.is_empty() || new.is_empty() {
        return MissReason::FilesChanged;
    }
    for (path, digest) in new {
        let path = path.clone();
        match old.get(&path) {
            None => return MissReason::FileAdded { path },
            Some(before) if before != digest => return MissReason::FileChanged { path },
            Some(_) => {}
        }
    }
    match old.keys().find(|path| !new.contains_key(*path)) {
        Some(path) => MissReason::FileRemoved { path: path.clone() },
        None => MissReason::FilesChanged,
    }
}

impl fmt::Display for MissReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("the cache is switched off"),
            Self::ParentChanged => f.write_str("a step before it changed"),
            Self::NeverDone => f.write_str("not done before on this base"),
            Self::InstructionChanged => f.write_str("the instruction changed"),
            Self::VariableChanged { name } => write!(f, "{name} has another value"),
            Self::FileAdded { path } => write!(f, "{} is new", shown(path)),
            Self::FileRemoved { path } => write!(f, "{} is gone", shown(path)),
            Self::FileChanged { path } => write!(f, "{} changed", shown(path)),
            Self::FilesChanged => f.write_str("files changed"),
            Self::LayerGone => f.write_str("its layer was removed"),
        }
    }
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "the file" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str], env: &[&str]) -> Inputs {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Inputs::Run {
            args: own(args),
            env: own(env),
            user: String::new(),
            working_dir: String::new(),
            settings: Vec::new(),
        }
    }

    fn copy(files: &[(&str, &str)]) -> Inputs {
        let files = files
            .iter()
            .map(|(path, digest)| ((*path).to_owned(), (*digest).to_owned()));
        Inputs::copy("/x", Vec::new(), &files.collect::<Vec<_>>())
    }

    #[test]
    fn keys_depend_on_the_parent_and_on_every_input() {
        let (a, b) = (Key::of_layers(&["a".into()]), Key::of_layers(&["b".into()]));
        let keys = [
            a.then(&run(&["x"], &[])),
            b.then(&run(&["x"], &[])),
            a.then(&run(&["x", "y"], &[])),
            a.then(&run(&["x"], &["y"])),
            a.then(&copy(&[("f", "1")])),
            a.then(&copy(&[("f", "2")])),
            a.then(&copy(&[("f", "1"), ("g", "1")])),
        ];
        let unique: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(unique.len(), keys.len());
        assert_eq!(keys[0], a.then(&run(&["x"], &[])));
    }

    #[test]
    fn a_miss_names_what_changed() {
        let reason = |old: &Inputs, new: &Inputs| new.differs_from(old).to_string();
        let base = copy(&[("a", "1"), ("b", "1")]);
        assert_eq!(reason(&base, &copy(&[("a", "1"), ("b", "2")])), "b changed");
        assert_eq!(
            reason(&base, &copy(&[("a", "1"), ("b", "1"), ("c", "1")])),
            "c is new"
        );
        assert_eq!(reason(&base, &copy(&[("b", "1")])), "a is gone");
        assert_eq!(reason(&base, &base), "its layer was removed");
        let before = run(&["x"], &["A=1", "B=2"]);
        assert_eq!(
            reason(&before, &run(&["x"], &["A=1", "B=3"])),
            "B has another value"
        );
        assert_eq!(
            reason(&before, &run(&["x"], &["A=1"])),
            "B has another value"
        );
        assert_eq!(
            reason(&before, &run(&["y"], &["A=1"])),
            "the instruction changed"
        );
    }

    #[test]
    fn very_many_files_are_remembered_by_one_digest() {
        let files: Vec<_> = (0..=MOST_FILES)
            .map(|n| (n.to_string(), "1".to_owned()))
            .collect();
        let inputs = Inputs::copy("/x", Vec::new(), &files);
        assert!(matches!(&inputs, Inputs::Copy { files, .. } if files.is_empty()));
        let reason = inputs.differs_from(&copy(&[("a", "1")]));
        assert_eq!(reason, MissReason::FilesChanged);
    }
}
