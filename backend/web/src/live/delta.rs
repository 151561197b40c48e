//! What has changed of a page since its reader last heard. Pure.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Serialize;
use serde_json::Value;

/// A page's changing parts as they are now.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    /// Key and HTML of each part, in the page's order.
    pub(super) parts: Vec<(String, String)>,
    /// Texts by name.
    pub(super) texts: Vec<(String, String)>,
    /// Whatever makes the page another page when it changes.
    pub(super) shape: String,
    /// Containers whose figures the page shows.
    pub(super) measured: Vec<String>,
}

/// A message: what to put in, what to take out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Delta {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) set: Vec<Part>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) drop: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) text: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) stats: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) reload: bool,
}

/// One part of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Part {
    pub(super) key: String,
    pub(super) html: String,
}

/// What the reader has.
#[derive(Debug, Default)]
pub(super) struct Seen {
    parts: BTreeMap<String, u64>,
    texts: BTreeMap<String, String>,
    shape: Option<String>,
}

impl Seen {
    /// What to send so that the reader has `now`; `None` when nothing has changed.
    pub(super) fn update(&mut self, now: Snapshot) -> Option<Delta> {
        let mut delta = Delta {
            reload: self.shape.as_ref().is_some_and(|shape| *shape != now.shape),
            ..Delta::default()
        };
        self.shape = Some(now.shape);
        let mut parts = BTreeMap::new();
        // Backwards: new rows are put in front, so the newest must come last.
        for (key, html) in now.parts.into_iter().rev() {
            let hash = hash(&html);
            if self.parts.remove(&key) != Some(hash) {
                delta.set.push(Part {
                    key: key.clone(),
                    html,
                });
            }
            parts.insert(key, hash);
        }
        let gone = std::mem::replace(&mut self.parts, parts);
        delta.drop = gone.into_keys().collect();
        for (name, text) in now.texts {
            if self.texts.get(&name) != Some(&text) {
                delta.text.insert(name.clone(), text.clone());
                self.texts.insert(name, text);
            }
        }
        (delta != Delta::default()).then_some(delta)
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(parts: &[(&str, &str)], count: &str) -> Snapshot {
        let own = |(key, html): &(&str, &str)| ((*key).to_owned(), (*html).to_owned());
        Snapshot {
            parts: parts.iter().map(own).collect(),
            texts: vec![("count".to_owned(), count.to_owned())],
            ..Snapshot::default()
        }
    }

    #[test]
    fn only_what_changed_is_sent_and_what_went_is_dropped() {
        let mut seen = Seen::default();
        let first = seen.update(snapshot(&[("b", "B"), ("a", "A")], "2"));
        let first = first.expect("all is new");
        let keys: Vec<_> = first.set.iter().map(|part| part.key.as_str()).collect();
        assert_eq!(keys, ["a", "b"]);
        assert_eq!(seen.update(snapshot(&[("b", "B"), ("a", "A")], "2")), None);
        let next = seen
            .update(snapshot(&[("c", "C"), ("b", "B2")], "2"))
            .expect("changed");
        let keys: Vec<_> = next.set.iter().map(|part| part.key.as_str()).collect();
        assert_eq!(keys, ["b", "c"]);
        assert_eq!(next.drop, ["a"]);
        assert!(next.text.is_empty());
    }

    #[test]
    fn another_shape_asks_for_the_page_anew() {
        let mut seen = Seen::default();
        let shaped = |shape: &str| Snapshot {
            shape: shape.to_owned(),
            ..Snapshot::default()
        };
        assert_eq!(seen.update(shaped("runs")), None);
        let next = seen.update(shaped("ended")).expect("changed");
        assert!(next.reload);
    }
}
