//! `--mount`: one mount as `key=value` words, separated by commas. Pure.

use crate::mount::{Mount, MountError, MountSource, Propagation, SubPath};

/// What was read so far.
#[derive(Default)]
struct Words<'a> {
    kind: Option<&'a str>,
    source: &'a str,
    target: &'a str,
    read_only: bool,
    propagation: Option<Propagation>,
    recursion: Option<Recursion>,
    no_copy: bool,
    subpath: Option<SubPath>,
    size: Option<u64>,
    mode: Option<u32>,
}

/// How far a bind reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Recursion {
    /// With all mounts below it, as read-only as itself.
    Enabled,
    /// Without the mounts below it.
    Disabled,
    /// With the mounts below it, which stay as they are.
    Writable,
    /// As `Enabled`, and read-only is asked for.
    ReadOnly,
}

impl Mount {
    /// Parses `type=bind,source=/a,target=/b,readonly` and its like, as Docker's `--mount`.
    ///
    /// # Errors
    /// Says which word is wrong.
    pub fn parse_mount(text: &str) -> Result<Self, MountError> {
        let wrong = |reason: String| MountError::new(text, reason);
        let mut words = Words::default();
        for word in text.split(',').filter(|word| !word.trim().is_empty()) {
            words.take(word.trim()).map_err(wrong)?;
        }
        words.into_mount().map_err(wrong)
    }
}

fn is_on(key: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => Err(format!("invalid value for {key}: {other}")),
    }
}

impl<'a> Words<'a> {
    fn take(&mut self, word: &'a str) -> Result<(), String> {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (word, None),
        };
        let key = key.to_ascii_lowercase();
        let need =
            || value.ok_or_else(|| format!("invalid field '{word}' must be a key=value pair"));
        match key.as_str() {
            "type" => self.kind = Some(need()?),
            "source" | "src" => self.source = need()?,
            "target" | "dst" | "destination" => self.target = need()?,
            "readonly" | "ro" => self.read_only = is_on(&key, value)?,
            // Means nothing on Linux.
            "consistency" => {}
            "bind-propagation" => {
                let text = need()?;
                let known = text
                    .parse()
                    .map_err(|_| format!("unknown propagation {text:?}"))?;
                self.propagation = Some(known);
            }
            "bind-nonrecursive" => {
                if is_on(&key, value)? {
                    self.recursion = Some(Recursion::Disabled);
                }
            }
            "bind-recursive" => {
                self.recursion = Some(match need()? {
                    "enabled" => Recursion::Enabled,
                    "disabled" => Recursion::Disabled,
                    "writable" => Recursion::Writable,
                    "readonly" => Recursion::ReadOnly,
                    other => {
                        return Err(format!(
                            "invalid value for bind-recursive: {other} (must be enabled, disabled, writable or readonly)"
                        ));
                    }
                });
            }
            "volume-nocopy" => self.no_copy = is_on(&key, value)?,
            "volume-subpath" => {
                self.subpath = Some(need()?.parse().map_err(|e| format!("{e}"))?);
            }
            "volume-driver" if matches!(need()?, "" | "local") => {}
            "tmpfs-size" => {
                let size: crate::quantity::ByteSize =
                    need()?.parse().map_err(|e| format!("{e}"))?;
                self.size = Some(size.0);
            }
            "tmpfs-mode" => {
                let bits = u32::from_str_radix(need()?, 8)
                    .ok()
                    .filter(|m| *m <= 0o7777);
                self.mode = Some(bits.ok_or_else(|| format!("invalid value for {word}"))?);
            }
            _ => return Err(format!("unexpected key '{key}' in '{word}'")),
        }
        Ok(())
    }

    fn into_mount(self) -> Result<Mount, String> {
        let kind = self.kind.unwrap_or("volume");
        let of_bind = self.propagation.is_some() || self.recursion.is_some();
        let of_volume = self.no_copy || self.subpath.is_some();
        let of_tmpfs = self.size.is_some() || self.mode.is_some();
        for (given, owner) in [
            (of_bind, "bind"),
            (of_volume, "volume"),
            (of_tmpfs, "tmpfs"),
        ] {
            if given && owner != kind {
                return Err(format!(
                    "cannot mix '{owner}-*' options with mount type '{kind}'"
                ));
            }
        }
        if !self.target.starts_with('/') {
            return Err("an absolute target is required".to_owned());
        }
        let recursion = self.recursion.unwrap_or(Recursion::Enabled);
        if matches!(recursion, Recursion::Writable | Recursion::ReadOnly) && !self.read_only {
            return Err("bind-recursive=writable and =readonly require readonly".to_owned());
        }
        if recursion == Recursion::ReadOnly
            && self.propagation.is_some_and(|p| p != Propagation::Rprivate)
        {
            return Err("bind-recursive=readonly requires bind-propagation=rprivate".to_owned());
        }
        let source = match kind {
            "bind" if !self.source.starts_with('/') => {
                return Err("a bind's source must be an absolute path".to_owned());
            }
            "bind" => MountSource::Bind {
                path: self.source.to_owned(),
                create: false,
                propagation: self.propagation.unwrap_or_default(),
                non_recursive: recursion == Recursion::Disabled,
                writable_below: recursion == Recursion::Writable,
            },
            "volume" => MountSource::volume(self.source, !self.no_copy)
                .map_err(|error| error.to_string())?
                .at(self.subpath),
            "tmpfs" if !self.source.is_empty() => {
                return Err("a tmpfs has no source".to_owned());
            }
            "tmpfs" => MountSource::Tmpfs {
                size: self.size,
                mode: self.mode,
                options: Vec::new(),
            },
            other => return Err(format!("mount type '{other}' is not supported")),
        };
        Ok(Mount {
            target: self.target.to_owned(),
            source,
            read_only: self.read_only,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Mount {
        Mount::parse_mount(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn each_kind_has_its_options() {
        let bind = parsed("type=bind,src=/a,dst=/b,ro,bind-propagation=rslave,bind-nonrecursive");
        assert!(bind.read_only);
        let expected = MountSource::Bind {
            path: "/a".to_owned(),
            create: false,
            propagation: Propagation::Rslave,
            non_recursive: true,
            writable_below: false,
        };
        assert_eq!(bind.source, expected);
        let volume = parsed("source=data,target=/d,volume-nocopy,volume-subpath=a/b");
        match volume.source {
            MountSource::Volume {
                copy_up, subpath, ..
            } => {
                assert!(!copy_up);
                assert_eq!(subpath.expect("given").as_str(), "a/b");
            }
            other => panic!("{other:?}"),
        }
        let tmpfs = parsed("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770");
        let expected = MountSource::Tmpfs {
            size: Some(1 << 20),
            mode: Some(0o1770),
            options: Vec::new(),
        };
        assert_eq!(tmpfs.source, expected);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "",
            "type=bind,source=rel,target=/b",
            "type=bind,source=/a,target=b",
            "type=bind,source=/a,target=/b,tmpfs-size=1m",
            "type=volume,source=../x,target=/b",
            "type=volume,target=/b,volume-subpath=../x",
            "type=volume,target=/b,volume-subpath=/x",
            "type=tmpfs,source=/a,target=/b",
            "type=tmpfs,target=/b,tmpfs-mode=99",
            "type=bind,source=/a,target=/b,bind-recursive=readonly",
            "type=bind,source=/a,target=/b,bind-propagation=all",
            "type=npipe,target=/b",
            "nope=1,target=/b",
            "target",
        ] {
            assert!(Mount::parse_mount(text).is_err(), "{text}");
        }
    }
}
