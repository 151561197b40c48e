//! An image's configuration as far as a build changes it, and what instructions do to it.

mod history;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use history::created_by;

/// What a container made from the image runs, and how the image came to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `user[:group]`; empty for root.
    pub user: String,
    /// `port/protocol` each.
    pub exposed: BTreeSet<String>,
    /// `NAME=value` each, in order.
    pub env: Vec<String>,
    /// The fixed part of the command.
    pub entrypoint: Option<Vec<String>>,
    /// The part that arguments replace.
    pub cmd: Option<Vec<String>>,
    /// Paths that get a volume of their own.
    pub volumes: BTreeSet<String>,
    /// Where it runs; empty for `/`.
    pub working_dir: String,
    /// Free notes.
    pub labels: BTreeMap<String, String>,
    /// The signal that asks it to end.
    pub stop_signal: Option<String>,
    /// How to tell whether it is well.
    pub health: Option<Health>,
    /// Shell of the shell form; absent for `/bin/sh -c`.
    pub shell: Option<Vec<String>>,
    /// Triggers for a build on top.
    pub on_build: Vec<String>,
    /// Who made it.
    pub author: Option<String>,
    /// The steps that made it, oldest first.
    pub history: Vec<Made>,
}

/// How to tell whether a container is well; durations in nanoseconds, 0 for the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `["CMD", …]`, `["CMD-SHELL", line]`, or `["NONE"]`.
    pub test: Vec<String>,
    /// Between two tests.
    pub interval: i64,
    /// For one test.
    pub timeout: i64,
    /// After the start, while failures do not count.
    pub start_period: i64,
    /// Between two tests during that time.
    pub start_interval: i64,
    /// Failures in a row that make it unhealthy.
    pub retries: i64,
}

/// One step in the history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// When, if it was before this build (RFC 3339).
    pub created: Option<String>,
    /// By which instruction.
    pub created_by: String,
    /// A note.
    pub comment: Option<String>,
    /// By whom.
    pub author: Option<String>,
    /// It made no layer.
    pub empty_layer: bool,
}

/// What an instruction does to a configuration, every variable replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Sets variables.
    Env(Vec<(String, String)>),
    /// Sets labels.
    Labels(Vec<(String, String)>),
    /// Sets the command.
    Cmd(Vec<String>),
    /// Sets the entry point.
    Entrypoint {
        /// The entry point.
        command: Vec<String>,
        /// The command is the base image's, which does not fit the new entry point.
        drops_cmd: bool,
    },
    /// Sets the shell.
    Shell(Vec<String>),
    /// Exposes ports.
    Expose(Vec<String>),
    /// Adds volumes.
    Volumes(Vec<String>),
    /// Sets the user.
    User(String),
    /// Sets the working directory.
    WorkingDir(String),
    /// Sets the stop signal.
    StopSignal(String),
    /// Sets the author.
    Author(String),
    /// Sets the health check.
    Health(Health),
    /// Adds a trigger.
    OnBuild(String),
}

impl Config {
    /// Does what an instruction asks for.
    pub fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Env(pairs) => {
                for (name, value) in pairs {
                    set_variable(&mut self.env, &name, &value);
                }
            }
            Effect::Labels(pairs) => self.labels.extend(pairs),
            Effect::Cmd(command) => self.cmd = filled(command),
            Effect::Entrypoint { command, drops_cmd } => {
                self.entrypoint = filled(command);
                if drops_cmd {
                    self.cmd = None;
                }
            }
            Effect::Shell(shell) => self.shell = filled(shell),
            Effect::Expose(ports) => self.exposed.extend(ports),
            Effect::Volumes(paths) => self.volumes.extend(paths),
            Effect::User(user) => self.user = user,
            Effect::WorkingDir(path) => self.working_dir = path,
            Effect::StopSignal(signal) => self.stop_signal = Some(signal),
            Effect::Author(author) => self.author = Some(author),
            Effect::Health(health) => self.health = Some(health),
            Effect::OnBuild(trigger) => self.on_build.push(trigger),
        }
    }

    /// The command line for a text in shell form.
    #[must_use]
    pub fn in_shell(&self, text: &str) -> Vec<String> {
        let mut line = match &self.shell {
            Some(shell) => shell.clone(),
            None => vec!["/bin/sh".to_owned(), "-c".to_owned()],
        };
        line.push(text.to_owned());
        line
    }

    /// A path seen from the working directory, cleaned; a `/` at its end stays.
    #[must_use]
    pub fn absolute(&self, path: &str) -> String {
        let joined = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("{}/{path}", self.working_dir),
        };
        let cleaned = format!("/{}", crate::context::index::clean(&joined));
        let is_folder = path.ends_with('/') || path == "." || path.ends_with("/.");
        if is_folder && cleaned != "/" {
            cleaned + "/"
        } else {
            cleaned
        }
    }
}

fn filled(list: Vec<String>) -> Option<Vec<String>> {
    (!list.is_empty()).then_some(list)
}

fn value_of<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    entry.strip_prefix(name)?.strip_prefix('=')
}

/// Replaces a variable at its place, or adds it.
fn set_variable(env: &mut Vec<String>, name: &str, value: &str) {
    let entry = format!("{name}={value}");
    match env.iter_mut().find(|old| value_of(old, name).is_some()) {
        Some(old) => *old = entry,
        None => env.push(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn variables_keep_their_place() {
        let mut config = Config {
            env: list(&["PATH=/bin", "A=1"]),
            ..Config::default()
        };
        config.apply(Effect::Env(vec![
            ("PATH".into(), "/x".into()),
            ("AB".into(), "2".into()),
        ]));
        assert_eq!(config.env, ["PATH=/x", "A=1", "AB=2"]);
    }

    #[test]
    fn an_entry_point_drops_the_command_of_the_base_only() {
        let mut config = Config {
            cmd: Some(list(&["bash"])),
            ..Config::default()
        };
        let entrypoint = |drops_cmd| Effect::Entrypoint {
            command: list(&["/run"]),
            drops_cmd,
        };
        config.apply(entrypoint(false));
        assert_eq!(config.cmd, Some(list(&["bash"])));
        config.apply(entrypoint(true));
        assert_eq!(
            (config.entrypoint, config.cmd),
            (Some(list(&["/run"])), None)
        );
    }

    #[test]
    fn paths_are_seen_from_the_working_directory() {
        let config = Config {
            working_dir: "/srv/app".into(),
            ..Config::default()
        };
        for (path, absolute) in [
            ("x", "/srv/app/x"),
            ("./x/", "/srv/app/x/"),
            (".", "/srv/app/"),
            ("../..", "/"),
            ("/a//b/../c", "/a/c"),
            ("/", "/"),
        ] {
            assert_eq!(config.absolute(path), absolute);
        }
        assert_eq!(Config::default().absolute("x"), "/x");
    }
}
