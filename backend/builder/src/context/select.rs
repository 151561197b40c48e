//! Which files a `COPY` or `ADD` means, as an explicit list, and their digests.

mod pick;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ignore::{Ignore, IgnoreError};
use super::index::{Entry, Index, Kind, clean};
use super::pattern::{Pattern, PatternError, is_pattern};
use crate::dockerfile::name::nearest;
use pick::Picker;

/// What to select, every variable replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Sources as written.
    pub sources: Vec<String>,
    /// Absolute destination; a `/` at its end says that it is a folder.
    pub destination: String,
    /// Patterns of what to leave out.
    pub exclude: Vec<String>,
    /// Keep the folders that a source names.
    pub parents: bool,
    /// Unpack archives.
    pub unpack: bool,
    /// Owners are kept, so they count in digests.
    pub keeps_owner: bool,
}

/// What is copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// What goes where, in order.
    pub items: Vec<Item>,
    /// The destination is a folder, whether it is there or not.
    pub into_directory: bool,
    /// Digest of each entry by its path below the destination.
    pub files: Vec<(String, String)>,
}

/// One thing to copy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Path in the source.
    pub from: String,
    /// Path below the destination; empty for the destination itself.
    pub to: String,
    /// Unpack it if it is an archive.
    pub unpack: bool,
    /// It alone, not what is below it.
    pub shallow: bool,
}

/// Why nothing can be selected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// Nothing is there.
    #[error("{source_text:?} is not there{}", similar(.meant.as_deref()))]
    Missing {
        /// The source.
        source_text: String,
        /// A name beside it that is nearly the same.
        meant: Option<String>,
    },
    /// It is there, and ignored.
    #[error("{source_text:?} is excluded by .dockerignore{}", rule(.line.as_ref()))]
    Ignored {
        /// The source.
        source_text: String,
        /// Line and text of the rule.
        line: Option<(u32, String)>,
    },
    /// Several files and one name.
    #[error("several files are copied, so the destination must be a folder and end in /")]
    NotAFolder,
    /// The source is no pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// `--exclude` is no pattern.
    #[error("--exclude: {}", .0.reason)]
    Exclude(IgnoreError),
}

impl SelectError {
    /// The source that it is about, where it is about one.
    #[must_use]
    pub fn source_text(&self) -> Option<&str> {
        match self {
            Self::Missing { source_text, .. } | Self::Ignored { source_text, .. } => {
                Some(source_text)
            }
            _ => None,
        }
    }
}

fn similar(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"))
}

fn rule(line: Option<&(u32, String)>) -> String {
    line.map_or_else(String::new, |(line, text)| format!(", line {line}: {text}"))
}

/// A tree to select from.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    /// What can be selected.
    pub index: &'a Index,
    /// What is there too, but hidden, and by which rules.
    pub hidden: Option<(&'a Index, &'a Ignore)>,
}

/// The longest folder that holds all that a source can mean: what has to be listed for it.
#[must_use]
pub fn base(source: &str) -> String {
    let cleaned = clean(source);
    let parts: Vec<&str> = cleaned.split('/').collect();
    let fixed = parts.iter().position(|part| is_pattern(part));
    parts[..fixed.unwrap_or(parts.len())].join("/")
}

/// The paths that a source names directly, in order.
///
/// # Errors
/// If it is no pattern.
pub fn matches(index: &Index, source: &str) -> Result<Vec<String>, PatternError> {
    let cleaned = clean(source);
    if !is_pattern(&cleaned) {
        let there = cleaned.is_empty()
            || index
                .get(&cleaned)
                .is_some_and(|e| !matches!(e.kind, Kind::Symlink { .. }))
            || index.resolve(&cleaned).is_some();
        return Ok(if there { vec![cleaned] } else { Vec::new() });
    }
    let pattern = Pattern::simple(&cleaned)?;
    let below = index.below(&base(source)).iter();
    let found = below.filter(|entry| pattern.matches(&entry.path));
    Ok(found.map(|entry| entry.path.clone()).collect())
}

/// Selects.
///
/// # Errors
/// If a source is not there, or several files would get one name.
pub fn select(tree: Tree<'_>, wanted: &Wanted) -> Result<Selection, SelectError> {
    let exclude = Ignore::of_patterns(&wanted.exclude).map_err(SelectError::Exclude)?;
    let mut found = Vec::new();
    let mut missing = None;
    for source in &wanted.sources {
        let paths = matches(tree.index, source)?;
        if paths.is_empty() {
            // A pattern may match nothing as long as something else is copied.
            let error = absent(tree, source);
            if !is_pattern(source) {
                return Err(error);
            }
            missing.get_or_insert(error);
        }
        found.extend(paths.into_iter().map(|path| (path, source)));
    }
    if let Some(error) = missing.filter(|_| found.is_empty()) {
        return Err(error);
    }
    let is_folder = wanted.destination.ends_with('/');
    if !is_folder && !wanted.parents && (found.len() > 1 || wanted.sources.len() > 1) {
        return Err(SelectError::NotAFolder);
    }
    let mut picker = Picker::new(tree, wanted, exclude);
    for (path, source) in found {
        picker.pick(&path, source);
    }
    Ok(picker.finish())
}

/// Selects single files that come from nowhere in particular, each under its own name.
///
/// # Errors
/// If several files would get one name.
pub fn select_files(files: &[Entry], wanted: &Wanted) -> Result<Selection, SelectError> {
    let into_directory = wanted.destination.ends_with('/');
    if !into_directory && files.len() > 1 {
        return Err(SelectError::NotAFolder);
    }
    let mut selection = Selection {
        into_directory,
        ..Selection::default()
    };
    for file in files {
        let to = match into_directory && !wanted.unpack {
            true => file.path.clone(),
            false => String::new(),
        };
        selection
            .files
            .push((to.clone(), digest(file, wanted.keeps_owner)));
        selection.items.push(Item {
            from: file.path.clone(),
            to,
            unpack: wanted.unpack,
            shallow: false,
        });
    }
    Ok(selection)
}

fn absent(tree: Tree<'_>, source: &str) -> SelectError {
    let (source_text, cleaned) = (source.to_owned(), clean(source));
    if let Some((hidden, ignore)) = tree.hidden {
        let hit = matches(hidden, source)
            .ok()
            .and_then(|paths| paths.into_iter().next());
        if let Some(path) = hit {
            let line = ignore.rule_for(&path);
            let line = line.map(|(line, text)| (line, text.to_owned()));
            return SelectError::Ignored { source_text, line };
        }
    }
    let (parent, name) = cleaned.rsplit_once('/').unwrap_or(("", &cleaned));
    let siblings = tree.index.below(parent).iter().filter_map(|entry| {
        let rest = entry.path.strip_prefix(parent)?.trim_start_matches('/');
        (!rest.contains('/')).then_some(rest)
    });
    let siblings: Vec<&str> = siblings.collect();
    let meant = nearest(name, &siblings).map(str::to_owned);
    SelectError::Missing { source_text, meant }
}

/// Digest of what a copy keeps of an entry: kind, content, permissions and perhaps owner, never
/// times.
fn digest(entry: &Entry, keeps_owner: bool) -> String {
    let content = match &entry.kind {
        Kind::File { sha256, .. } => format!("file {sha256}"),
        Kind::Directory => "directory".to_owned(),
        Kind::Symlink { target } => format!("link {target}"),
        Kind::Special => "special".to_owned(),
    };
    let owner = match keeps_owner {
        true => format!("{}:{}", entry.uid, entry.gid),
        false => String::new(),
    };
    let text = format!("{:o} {owner} {content}", entry.mode);
    hex::encode(&Sha256::digest(text)[..16])
}

#[cfg(test)]
mod tests;
