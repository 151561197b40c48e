//! Which variables have which value where: global arguments, arguments of a stage, environment.

use std::collections::BTreeMap;

use super::{Options, Platform};
use crate::dockerfile::expand::{ExpandError, Expander, Variables};
use crate::dockerfile::instruction::Argument;

/// Arguments that need no `ARG` to reach `RUN`, and never count for the cache.
const PREDEFINED: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Values before the first `FROM`.
#[derive(Debug, Clone)]
pub(super) struct Globals {
    pub(super) values: Variables,
    /// Declared by the file, so that they are known to be used.
    pub(super) declared: Vec<String>,
}

/// Values in a stage.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// What words are expanded by.
    pub(super) values: Variables,
    /// Names that `ENV` has set, here or in the base.
    env: BTreeMap<String, ()>,
    /// Arguments declared so far that have a value, in order.
    arguments: Vec<(String, String)>,
    /// Every argument declared, whether or not it has a value.
    pub(super) declared: Vec<String>,
}

fn platform_values(platform: &Platform) -> Variables {
    let mut values = Variables::new();
    for prefix in ["BUILD", "TARGET"] {
        let mut set = |name: &str, value: &str| {
            values.insert(format!("{prefix}{name}"), value.to_owned());
        };
        set("PLATFORM", &platform.to_string());
        set("OS", &platform.os);
        set("ARCH", &platform.architecture);
        set("VARIANT", &platform.variant);
    }
    values
}

impl Globals {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            values: platform_values(&options.platform),
            declared: Vec::new(),
        }
    }

    /// An `ARG` before the first `FROM`.
    pub(super) fn declare(
        &mut self,
        escape: char,
        argument: &Argument,
        options: &Options,
    ) -> Result<(), ExpandError> {
        let name = argument.name.text.clone();
        let given = options.args.get(&name).cloned().flatten();
        let value = match (given, &argument.default) {
            (Some(given), _) => Some(given),
            (None, Some(default)) => Some(
                Expander::new(escape, &self.values)
                    .word(&default.text)?
                    .text,
            ),
            (None, None) => None,
        };
        if let Some(value) = value {
            self.values.insert(name.clone(), value);
        }
        self.declared.push(name);
        Ok(())
    }
}

impl Scope {
    /// What a stage begins with: the environment of its base.
    pub(super) fn new(env: &[String]) -> Self {
        let mut scope = Self::default();
        for entry in env {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            scope.set_env(name, value);
        }
        scope
    }

    /// `ENV` hides an argument of the same name, before and after.
    pub(super) fn set_env(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
        self.env.insert(name.to_owned(), ());
    }

    /// An `ARG` of the stage; gives the value that it has now.
    pub(super) fn declare(
        &mut self,
        escape: char,
        argument: &Argument,
        globals: &Globals,
        options: &Options,
    ) -> Result<Option<String>, ExpandError> {
        let name = argument.name.text.clone();
        let given = options.args.get(&name).cloned().flatten();
        let value = match (given, &argument.default) {
            (Some(given), _) => Some(given),
            (None, Some(default)) => Some(
                Expander::new(escape, &self.values)
                    .word(&default.text)?
                    .text,
            ),
            (None, None) => globals.values.get(&name).cloned(),
        };
        self.arguments.retain(|(declared, _)| *declared != name);
        if let Some(value) = &value {
            if !self.env.contains_key(&name) {
                self.values.insert(name.clone(), value.clone());
            }
            self.arguments.push((name.clone(), value.clone()));
        }
        self.declared.push(name);
        Ok(value)
    }

    /// Arguments that `RUN` gets beside the environment.
    pub(super) fn run_arguments(&self) -> Vec<(String, String)> {
        let visible = self
            .arguments
            .iter()
            .filter(|(name, _)| !self.env.contains_key(name));
        visible.cloned().collect()
    }

    /// Predefined arguments that were given and are neither declared nor set.
    pub(super) fn predefined(&self, options: &Options) -> Vec<(String, String)> {
        let hidden = |name: &str| {
            self.env.contains_key(name) || self.arguments.iter().any(|(other, _)| other == name)
        };
        let given = PREDEFINED.iter().filter(|name| !hidden(name));
        given
            .filter_map(|name| {
                let value = options.args.get(*name).cloned().flatten()?;
                Some(((*name).to_owned(), value))
            })
            .collect()
    }
}

/// Whether an argument is one that every build knows.
pub(super) fn is_predefined(name: &str) -> bool {
    PREDEFINED.contains(&name)
}
