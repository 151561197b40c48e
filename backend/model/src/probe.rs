//! What the host offers, as `orlop doctor` and the console show it.

use serde::{Deserialize, Serialize};

/// How well the host serves one need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All there.
    Ok,
    /// There, with a restriction; Orlop works.
    Limited,
    /// Not there; what needs it does not work.
    Missing,
}

/// One feature of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What: `overlayfs`, `cgroup controllers`, …
    pub name: String,
    /// How well.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What to do about it, where something can be done.
    pub remedy: Option<String>,
    /// Orlop cannot start any container without it.
    pub required: bool,
}
