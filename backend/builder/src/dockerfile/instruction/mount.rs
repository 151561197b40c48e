//! `RUN --mount=type=…`.

use super::super::diagnostic::Diagnostic;
use super::super::name::nearest;
use super::super::parser::Word;
use super::Typist;

/// One `--mount` of `RUN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountKind,
    /// Where, as written.
    pub target: Option<String>,
    /// Path in the stage, image or context that it comes from.
    pub source: Option<String>,
    /// Stage or image that it comes from.
    pub from: Option<String>,
    /// Name of a cache, secret or agent.
    pub id: Option<String>,
    /// No writes.
    pub read_only: Option<bool>,
    /// `shared`, `private` or `locked`.
    pub sharing: Option<String>,
    /// Everything else, as `name` and value.
    pub options: Vec<(String, String)>,
    /// The whole flag, and where it stands.
    pub word: Word,
}

/// What a `--mount` mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountKind {
    /// Files of the context, a stage or an image.
    Bind,
    /// A folder that is kept between builds.
    Cache,
    /// Memory.
    Tmpfs,
    /// A secret as a file.
    Secret,
    /// The socket of an SSH agent.
    Ssh,
}

const OPTIONS: [&str; 16] = [
    "type",
    "target",
    "dst",
    "destination",
    "source",
    "src",
    "from",
    "id",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "sharing",
    "mode",
    "uid",
    "gid",
];
const REST: [&str; 3] = ["size", "required", "env"];

impl MountKind {
    /// As the flag spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Cache => "cache",
            Self::Tmpfs => "tmpfs",
            Self::Secret => "secret",
            Self::Ssh => "ssh",
        }
    }
}

impl Typist<'_> {
    pub(super) fn mount(&self, word: &Word) -> Result<Mount, Diagnostic> {
        let wrong = |reason: String| self.source.complain(word.span, reason);
        let mut mount = Mount {
            kind: MountKind::Bind,
            target: None,
            source: None,
            from: None,
            id: None,
            read_only: None,
            sharing: None,
            options: Vec::new(),
            word: word.clone(),
        };
        for field in word.text.split(',') {
            let (name, value) = match field.split_once('=') {
                Some((name, value)) => (name.to_lowercase(), Some(value.to_owned())),
                None => (field.to_lowercase(), None),
            };
            let flag = match value.as_deref() {
                None | Some("true") => Some(true),
                Some("false") => Some(false),
                _ => None,
            };
            let is_flag = matches!(
                &name[..],
                "readonly" | "ro" | "readwrite" | "rw" | "required"
            );
            if is_flag && flag.is_none() {
                return Err(wrong(format!("--mount: {name} can be true or false")));
            }
            let value = match value {
                Some(value) => value,
                None if is_flag => String::new(),
                None => return Err(wrong(format!("--mount: {field:?} has no value"))),
            };
            match &name[..] {
                "type" => mount.kind = self.mount_kind(word, &value)?,
                "target" | "dst" | "destination" => mount.target = Some(value),
                "source" | "src" => mount.source = Some(value),
                "from" => mount.from = Some(value),
                "id" => mount.id = Some(value),
                "readonly" | "ro" => mount.read_only = flag,
                "readwrite" | "rw" => mount.read_only = flag.map(|writable| !writable),
                "sharing" if matches!(&value[..], "shared" | "private" | "locked") => {
                    mount.sharing = Some(value);
                }
                "sharing" => {
                    let reason = format!("--mount: sharing cannot be {value:?}");
                    return Err(wrong(reason).hint("it can be shared, private or locked"));
                }
                "mode" | "uid" | "gid" | "size" | "required" | "env" => {
                    mount.options.push((name, value));
                }
                _ => {
                    let complaint = wrong(format!("--mount has no option {name:?}"));
                    let known = [&OPTIONS[..], &REST[..]].concat();
                    return Err(match nearest(&name, &known) {
                        Some(meant) => complaint.hint(format!("did you mean {meant}?")),
                        None => complaint,
                    });
                }
            }
        }
        Ok(mount)
    }

    fn mount_kind(&self, word: &Word, value: &str) -> Result<MountKind, Diagnostic> {
        use MountKind::{Bind, Cache, Secret, Ssh, Tmpfs};
        let kinds = [Bind, Cache, Tmpfs, Secret, Ssh];
        let found = kinds.into_iter().find(|kind| kind.as_str() == value);
        found.ok_or_else(|| {
            let reason = format!("--mount has no type {value:?}");
            let complaint = self.source.complain(word.span, reason);
            complaint.hint("it can be bind, cache, tmpfs, secret or ssh")
        })
    }
}
