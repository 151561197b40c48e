//! Stages: what each is built on, which the target needs, which images have to be there.

use std::collections::{BTreeMap, BTreeSet};

use super::Options;
use super::scope::Globals;
use crate::dockerfile::diagnostic::{Diagnostic, Refusal, Source, Span};
use crate::dockerfile::expand::Expander;
use crate::dockerfile::instruction::{Copy, Dockerfile, From, Instruction, Statement, Word};
use crate::dockerfile::name::nearest;

/// The stages of a Dockerfile and what they need of each other.
#[derive(Debug, Clone)]
pub struct Graph {
    /// All stages, in order.
    pub stages: Vec<Stage>,
    /// Indices of the stages that the target needs, itself last, in the order of the file.
    pub needed: Vec<usize>,
    /// Images that the needed stages begin with or copy from, as written, each with the place
    /// that names it first.
    pub images: Vec<ImageUse>,
    pub(super) globals: Globals,
}

/// A stage.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its number, from 0.
    pub index: usize,
    /// Its name.
    pub name: Option<String>,
    /// What it begins with.
    pub base: Base,
    /// `FROM`.
    pub from: Statement,
    /// Its other instructions.
    pub statements: Vec<Statement>,
    /// Stages that it begins with or copies from.
    pub needs: BTreeSet<usize>,
    /// Images that it begins with or copies from.
    images: Vec<(String, Span)>,
}

/// What a stage begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An image, by this name.
    Image(String),
    /// An earlier stage.
    Stage(usize),
}

/// An image that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// Its name, variables replaced.
    pub name: String,
    /// Where it is named.
    pub span: Span,
    /// The line, from 1.
    pub line: u32,
}

/// Where files are copied from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CopyFrom {
    Context,
    Stage(usize),
    Image(String),
}

impl Stage {
    /// Its name, or its number.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.index.to_string())
    }
}

/// Sorts out the stages.
///
/// # Errors
/// If a name means nothing, or a platform is asked for that this host cannot build for.
pub fn graph(text: &str, file: &Dockerfile, options: &Options) -> Result<Graph, Refusal> {
    let mut sorter = Sorter {
        source: Source::new(text),
        file,
        options,
        globals: Globals::new(options),
        stages: Vec::new(),
        names: BTreeMap::new(),
        complaints: Vec::new(),
    };
    for statement in &file.statements {
        if let Err(complaint) = sorter.statement(statement) {
            sorter.complaints.push(complaint);
        }
    }
    let later = sorter.later_names();
    for index in 0..sorter.stages.len() {
        sorter.find_copies(index, &later);
    }
    let target = sorter.target()?;
    Refusal::unless_empty(std::mem::take(&mut sorter.complaints))?;
    Ok(sorter.finish(target))
}

/// What `--from` of a copy in stage `at` means.
pub(super) fn copy_from(copy: &Copy, at: usize, stages: &[Stage]) -> CopyFrom {
    let Some(from) = &copy.from else {
        return CopyFrom::Context;
    };
    let name = from.text.to_lowercase();
    let earlier = &stages[..at.min(stages.len())];
    let by_name = earlier
        .iter()
        .rposition(|stage| stage.name.as_deref() == Some(&name));
    let by_number = || {
        name.parse::<usize>()
            .ok()
            .filter(|number| *number < earlier.len())
    };
    match by_name.or_else(by_number) {
        Some(index) => CopyFrom::Stage(index),
        None => CopyFrom::Image(from.text.clone()),
    }
}

struct Sorter<'a> {
    source: Source<'a>,
    file: &'a Dockerfile,
    options: &'a Options,
    globals: Globals,
    stages: Vec<Stage>,
    /// The stage that a name means at this point of the file.
    names: BTreeMap<String, usize>,
    complaints: Vec<Diagnostic>,
}

impl Sorter<'_> {
    fn escape(&self) -> char {
        self.file.directives.escape
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), Diagnostic> {
        match (&statement.instruction, self.stages.last_mut()) {
            (Instruction::From(from), _) => self.begin(statement, from),
            (_, Some(stage)) => {
                stage.statements.push(statement.clone());
                Ok(())
            }
            (Instruction::Arg(arguments), None) => {
                for argument in arguments {
                    let escape = self.file.directives.escape;
                    let declared = self.globals.declare(escape, argument, self.options);
                    declared.map_err(|error| {
                        self.source.complain(argument.name.span, error.to_string())
                    })?;
                }
                Ok(())
            }
            // The parser refuses anything else before FROM.
            _ => Ok(()),
        }
    }

    fn begin(&mut self, statement: &Statement, from: &From) -> Result<(), Diagnostic> {
        let index = self.stages.len();
        let image = self.expand(&from.image);
        if let (Err(_), Some(name)) = (&image, &from.name) {
            // Later stages may still refer to it; one complaint is enough.
            self.names.insert(name.text.clone(), index);
        }
        let base = image.map(|image| self.base(&image));
        let mut stage = Stage {
            index,
            name: from.name.as_ref().map(|name| name.text.clone()),
            base: Base::Scratch,
            from: statement.clone(),
            statements: Vec::new(),
            needs: BTreeSet::new(),
            images: Vec::new(),
        };
        let result = base.map(|base| stage.base = base);
        match &stage.base {
            Base::Stage(earlier) => drop(stage.needs.insert(*earlier)),
            Base::Image(name) => stage.images.push((name.clone(), from.image.span)),
            Base::Scratch => {}
        }
        let platform = from.platform.as_ref().map(|word| self.check_platform(word));
        if let Some(name) = &stage.name
            && result.is_ok()
        {
            self.names.insert(name.clone(), index);
        }
        self.stages.push(stage);
        result.and(platform.unwrap_or(Ok(())))
    }

    /// An image's name with its variables replaced.
    fn expand(&self, word: &Word) -> Result<String, Diagnostic> {
        let complain = |reason: String| self.source.complain(word.span, reason);
        let expander = Expander::new(self.escape(), &self.globals.values);
        let expanded = expander
            .word(&word.text)
            .map_err(|error| complain(error.to_string()))?;
        if !expanded.text.is_empty() {
            return Ok(expanded.text);
        }
        let complaint = complain(format!("{} is empty", word.text));
        Err(match expanded.unset.first() {
            Some(name) => complaint.hint(format!(
                "{name} has no value here: declare it by ARG {name}=default before the first FROM"
            )),
            None => complaint,
        })
    }

    fn base(&self, image: &str) -> Base {
        match self.names.get(&image.to_lowercase()) {
            Some(stage) => Base::Stage(*stage),
            None if image == "scratch" => Base::Scratch,
            None => Base::Image(image.to_owned()),
        }
    }

    fn check_platform(&self, word: &Word) -> Result<(), Diagnostic> {
        let wanted = self.expand(word)?;
        let platform = &self.options.platform;
        let here = platform.to_string();
        let short = format!("{}/{}", platform.os, platform.architecture);
        if wanted == here || wanted == short {
            return Ok(());
        }
        let reason = format!("--platform={wanted} is not supported: this host builds for {here}");
        Err(self.source.complain(word.span, reason))
    }

    /// Names with the number of the first stage that has them.
    fn later_names(&self) -> BTreeMap<String, usize> {
        let named = self.stages.iter().rev();
        named
            .filter_map(|stage| Some((stage.name.clone()?, stage.index)))
            .collect()
    }

    /// Notes which stages and images a stage copies from.
    fn find_copies(&mut self, index: usize, names: &BTreeMap<String, usize>) {
        let mut found = Vec::new();
        for statement in &self.stages[index].statements {
            let inner = match &statement.instruction {
                Instruction::Copy(copy) => copy,
                _ => continue,
            };
            let Some(word) = &inner.from else {
                continue;
            };
            found.push((word.clone(), copy_from(inner, index, &self.stages)));
        }
        for (word, from) in found {
            match from {
                CopyFrom::Context => {}
                CopyFrom::Stage(stage) => drop(self.stages[index].needs.insert(stage)),
                CopyFrom::Image(name) => {
                    if let Some(complaint) = self.wrong_from(&word, &name, index, names) {
                        self.complaints.push(complaint);
                    } else if name != "scratch" {
                        self.stages[index].images.push((name, word.span));
                    }
                }
            }
        }
    }

    fn wrong_from(
        &self,
        word: &Word,
        name: &str,
        index: usize,
        names: &BTreeMap<String, usize>,
    ) -> Option<Diagnostic> {
        let complain = |reason: String| self.source.complain(word.span, reason);
        if name.contains('$') {
            let complaint = complain("--from cannot hold variables".into());
            return Some(complaint.hint("name a stage by FROM $image AS name, and copy from that"));
        }
        if name.is_empty() {
            return Some(complain("--from is empty".into()));
        }
        if name.parse::<usize>().is_ok() {
            return Some(complain(format!(
                "there is no stage {name} before this one"
            )));
        }
        let later = names
            .get(&name.to_lowercase())
            .filter(|stage| **stage >= index)?;
        Some(match *later == index {
            true => complain(format!("stage {name} cannot copy from itself")),
            false => complain(format!("stage {name} comes only later")),
        })
    }

    fn target(&self) -> Result<usize, Diagnostic> {
        let last = self.stages.len().saturating_sub(1);
        let Some(wanted) = self
            .options
            .target
            .as_deref()
            .filter(|name| !name.is_empty())
        else {
            return Ok(last);
        };
        let name = wanted.to_lowercase();
        let by_name = self
            .stages
            .iter()
            .rposition(|s| s.name.as_deref() == Some(&name));
        let by_number = || {
            name.parse()
                .ok()
                .filter(|number| *number < self.stages.len())
        };
        by_name.or_else(by_number).ok_or_else(|| {
            let names: Vec<&str> = self
                .stages
                .iter()
                .filter_map(|s| s.name.as_deref())
                .collect();
            let reason = format!("there is no stage {wanted} to build");
            let complaint = self.source.complain(Span::default(), reason);
            match (nearest(&name, &names), names.is_empty()) {
                (Some(meant), _) => complaint.hint(format!("did you mean {meant}?")),
                (None, false) => complaint.hint(format!("there are: {}", names.join(", "))),
                (None, true) => complaint.hint("no stage has a name"),
            }
        })
    }

    fn finish(self, target: usize) -> Graph {
        let mut needed = BTreeSet::from([target]);
        // Stages only need earlier ones, so one pass from the back finds all.
        for index in (0..=target).rev() {
            if let Some(stage) = self.stages.get(index).filter(|_| needed.contains(&index)) {
                needed.extend(&stage.needs);
            }
        }
        let mut images: Vec<ImageUse> = Vec::new();
        let used = needed.iter().filter_map(|index| self.stages.get(*index));
        for (name, span) in used.flat_map(|stage| &stage.images) {
            if !images.iter().any(|image| image.name == *name) {
                images.push(ImageUse {
                    name: name.clone(),
                    span: *span,
                    line: self.source.line_of(span.start),
                });
            }
        }
        Graph {
            needed: needed.into_iter().collect(),
            images,
            stages: self.stages,
            globals: self.globals,
        }
    }
}

#[cfg(test)]
mod tests;
