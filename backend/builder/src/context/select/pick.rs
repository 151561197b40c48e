//! From the paths that sources name to items: a folder is one item as long as all of it is copied,
//! and is taken apart only where something in it is left out.

use super::super::ignore::Ignore;
use super::super::index::{Entry, Kind, clean, is_below};
use super::{Item, Selection, Tree, Wanted, digest};

/// Collects the items of one selection.
pub(super) struct Picker<'a> {
    tree: Tree<'a>,
    wanted: &'a Wanted,
    exclude: Ignore,
    selection: Selection,
    /// Folders that `--parents` has made already.
    parents: Vec<String>,
}

impl<'a> Picker<'a> {
    pub(super) fn new(tree: Tree<'a>, wanted: &'a Wanted, exclude: Ignore) -> Self {
        Self {
            tree,
            wanted,
            exclude,
            selection: Selection {
                into_directory: wanted.destination.ends_with('/') || wanted.parents,
                ..Selection::default()
            },
            parents: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Selection {
        self.selection
    }

    /// Adds what a source names directly.
    pub(super) fn pick(&mut self, path: &str, source: &str) {
        let index = self.tree.index;
        let direct = index
            .get(path)
            .filter(|e| !matches!(e.kind, Kind::Symlink { .. }));
        let real = match direct {
            Some(entry) => entry.path.clone(),
            None => index.resolve(path).unwrap_or_else(|| path.to_owned()),
        };
        let kept = self.kept_path(path, source);
        match index
            .get(&real)
            .filter(|entry| entry.kind != Kind::Directory)
        {
            Some(file) => self.file(path, file, kept),
            None => self.folder(path, &real, &kept.unwrap_or_default()),
        }
    }

    /// For `--parents`, the path that stays below the destination.
    fn kept_path(&mut self, path: &str, source: &str) -> Option<String> {
        if !self.wanted.parents {
            return None;
        }
        // What stands before `/./` in the source does not stay.
        let pivot = source.split_once("/./").map_or("", |(before, _)| before);
        let dropped = clean(pivot)
            .split('/')
            .filter(|part| !part.is_empty())
            .count();
        let parts: Vec<&str> = path.split('/').collect();
        let kept = parts[dropped.min(parts.len() - 1)..].join("/");
        for (at, _) in kept.match_indices('/') {
            let to = &kept[..at];
            if self.parents.iter().any(|made| made == to) {
                continue;
            }
            self.parents.push(to.to_owned());
            let from = path[..path.len() - (kept.len() - at)].to_owned();
            if let Some(entry) = self.tree.index.get(&from).cloned() {
                self.push(&entry, to.to_owned(), from, true);
            }
        }
        Some(kept)
    }

    fn file(&mut self, path: &str, entry: &Entry, kept: Option<String>) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let left_out = self.exclude.judge_paths(std::iter::once(name));
        if left_out.contains(&true) {
            return;
        }
        let to = match kept {
            Some(kept) => kept,
            // An archive's files land in the destination itself.
            None if self.selection.into_directory && !self.wanted.unpack => name.to_owned(),
            None => String::new(),
        };
        self.push(entry, to, path.to_owned(), false);
    }

    fn folder(&mut self, path: &str, real: &str, to: &str) {
        let below = self.tree.index.below(real);
        let inner = |entry: &Entry| entry.path[real.len()..].trim_start_matches('/').to_owned();
        let names: Vec<String> = below.iter().map(inner).collect();
        let left_out = self.exclude.judge_paths(names.iter().map(String::as_str));
        // How many entries before each one are left out.
        let mut before = vec![0_usize];
        before.extend(left_out.iter().scan(0, |sum, out| {
            *sum += usize::from(*out);
            Some(*sum)
        }));
        let hidden = self.tree.hidden;
        let hides = |path: &str| hidden.is_some_and(|(hidden, _)| !hidden.below(path).is_empty());
        let whole = |from: usize, len: usize, path: &str| {
            before[from + len] == before[from] && !hides(path)
        };
        let top = Item {
            from: path.to_owned(),
            to: to.to_owned(),
            unpack: false,
            shallow: !whole(0, below.len(), real),
        };
        let is_whole = !top.shallow;
        self.selection.items.push(top);
        if let Some(entry) = self.tree.index.get(real) {
            self.digest(entry, to.to_owned());
        }
        let mut covered = if is_whole { below.len() } else { 0 };
        for (at, entry) in below.iter().enumerate() {
            let kept_below = || {
                let len = below[at + 1..].partition_point(|e| is_below(&e.path, &entry.path));
                (len, left_out[at..=at + len].contains(&false))
            };
            if left_out[at] && !(entry.kind == Kind::Directory && kept_below().1) {
                continue;
            }
            let target = join(to, &names[at]);
            if at >= covered {
                let (len, _) = kept_below();
                let shallow = !whole(at, len + 1, &entry.path);
                if !shallow {
                    covered = at + 1 + len;
                }
                self.selection.items.push(Item {
                    from: join(path, &names[at]),
                    to: target.clone(),
                    unpack: false,
                    // A link is copied as the link that it is.
                    shallow: shallow || matches!(entry.kind, Kind::Symlink { .. }),
                });
            }
            self.digest(entry, target);
        }
    }

    fn push(&mut self, entry: &Entry, to: String, from: String, shallow: bool) {
        self.digest(entry, to.clone());
        self.selection.items.push(Item {
            from,
            to,
            unpack: self.wanted.unpack && !shallow,
            shallow,
        });
    }

    fn digest(&mut self, entry: &Entry, to: String) {
        let digest = digest(entry, self.wanted.keeps_owner);
        self.selection.files.push((to, digest));
    }
}

fn join(parent: &str, name: &str) -> String {
    match (parent, name) {
        ("", name) => name.to_owned(),
        (parent, "") => parent.to_owned(),
        (parent, name) => format!("{parent}/{name}"),
    }
}
