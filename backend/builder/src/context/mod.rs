//! Files that instructions copy: an index of them, what `.dockerignore` takes away, what a source
//! pattern means, and the digest of what is copied. The files themselves are elsewhere.

pub mod ignore;
pub mod index;
pub mod pattern;
pub mod select;

pub use ignore::Ignore;
pub use index::{Entry, Index, Kind};
pub use select::{Item, Selection};

/// A build context: the files that can be copied, and those that `.dockerignore` takes away,
/// which are kept to tell people why a file is not there.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// What can be copied.
    pub visible: Index,
    /// What is ignored.
    pub ignored: Index,
    /// Why.
    pub ignore: Ignore,
}

impl Context {
    /// Parts the files by `.dockerignore`. A folder stays as long as anything in it does.
    #[must_use]
    pub fn new(all: Index, ignore: Ignore) -> Self {
        let mut kept: Vec<bool> = ignore
            .judge(&all)
            .into_iter()
            .map(|ignored| !ignored)
            .collect();
        let entries = all.into_entries();
        let mut parent_of: Vec<usize> = Vec::with_capacity(entries.len());
        let mut open: Vec<usize> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            while open
                .last()
                .is_some_and(|top| !index::is_below(&entry.path, &entries[*top].path))
            {
                open.pop();
            }
            parent_of.push(open.last().copied().unwrap_or(at));
            open.push(at);
        }
        for at in (0..entries.len()).rev() {
            kept[parent_of[at]] |= kept[at];
        }
        let (mut visible, mut ignored) = (Vec::new(), Vec::new());
        for (entry, kept) in entries.into_iter().zip(kept) {
            if kept { &mut visible } else { &mut ignored }.push(entry);
        }
        Self {
            visible: Index::new(visible),
            ignored: Index::new(ignored),
            ignore,
        }
    }

    /// What sources are looked up in.
    #[must_use]
    pub fn tree(&self) -> select::Tree<'_> {
        select::Tree {
            index: &self.visible,
            hidden: Some((&self.ignored, &self.ignore)),
        }
    }
}
