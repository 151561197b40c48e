//! What a plan consists of: writes, warnings, refusals.

use std::borrow::Cow;

use super::super::layout::Controller;

/// One write to a file of a container's group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// In which hierarchy: of version 1 that has this controller, or of version 2.
    pub place: Place,
    /// The file.
    pub file: Cow<'static, str>,
    /// What to write.
    pub value: String,
    /// What to do on a kernel that has no such file.
    pub lacking: Lacking,
}

/// What to do where a kernel lacks a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lacking {
    /// It is a failure.
    Fail,
    /// Nothing is lost that could be had.
    Ignore,
    /// The limit is not in force, in words for people.
    Warn(&'static str),
    /// Without the limit the container must not run, in words for people.
    Refuse(&'static str),
    /// Other kernels have this file in its place.
    Instead(Box<Write>),
}

/// In which hierarchy a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The hierarchy of version 1 that has this controller.
    V1(Controller),
    /// Version 2, by this controller.
    V2(Controller),
}

/// Limits as writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The writes, in order.
    pub writes: Vec<Write>,
    /// Limits that this host cannot enforce, in words for people.
    pub warnings: Vec<String>,
    /// Why it cannot be done at all, in words for people.
    pub refusals: Vec<String>,
}

/// Collects what one controller needs.
pub(super) struct Out<'a> {
    pub(super) place: Place,
    /// What is not limited is set free.
    pub(super) reset: bool,
    pub(super) plan: &'a mut Plan,
}

impl Out<'_> {
    pub(super) fn is_v2(&self) -> bool {
        matches!(self.place, Place::V2(_))
    }

    /// The file gets the value, or when everything is reset the default.
    pub(super) fn put(&mut self, file: &'static str, value: Option<String>, default: &str) {
        let default = || self.reset.then(|| default.to_owned());
        if let Some(value) = value.or_else(default) {
            self.push(file, value, Lacking::Fail);
        }
    }

    pub(super) fn push(
        &mut self,
        file: impl Into<Cow<'static, str>>,
        value: String,
        lacking: Lacking,
    ) {
        let write = self.write(file, value, lacking);
        self.plan.writes.push(write);
    }

    pub(super) fn write(
        &self,
        file: impl Into<Cow<'static, str>>,
        value: String,
        lacking: Lacking,
    ) -> Write {
        Write {
            place: self.place,
            file: file.into(),
            value,
            lacking,
        }
    }

    pub(super) fn warn(&mut self, words: &str) {
        self.plan.warnings.push(words.to_owned());
    }

    pub(super) fn refuse(&mut self, words: impl Into<String>) {
        self.plan.refusals.push(words.into());
    }
}
