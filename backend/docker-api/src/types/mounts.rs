//! `HostConfig.Mounts`, which is what `--mount` becomes, both ways.

use std::collections::BTreeMap;

use orlop_model::mount::{Mount, MountSource, SubPath};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;

/// One entry of `HostConfig.Mounts`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct MountBody {
    target: String,
    source: String,
    r#type: String,
    read_only: bool,
    bind_options: Option<BindBody>,
    volume_options: Option<VolumeBody>,
    tmpfs_options: Option<TmpfsBody>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct BindBody {
    propagation: String,
    non_recursive: bool,
    create_mountpoint: bool,
    read_only_non_recursive: bool,
    read_only_force_recursive: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct VolumeBody {
    no_copy: bool,
    labels: Option<BTreeMap<String, String>>,
    driver_config: Option<DriverBody>,
    subpath: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DriverBody {
    name: String,
    options: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TmpfsBody {
    size_bytes: u64,
    mode: u32,
    options: Option<Vec<Vec<String>>>,
}

impl MountBody {
    /// Translates.
    pub(crate) fn into_mount(self) -> Result<Mount, ApiError> {
        let kind = if self.r#type.is_empty() {
            "volume"
        } else {
            &self.r#type
        };
        let bad = |reason: String| {
            ApiError::bad_request(format!("invalid mount config for type {kind:?}: {reason}"))
        };
        if self.target.is_empty() {
            return Err(bad("field Target must not be empty".to_owned()));
        }
        if !self.target.starts_with('/') {
            return Err(bad(format!(
                "invalid mount path: '{}' mount path must be absolute",
                self.target
            )));
        }
        for (given, owner, field) in [
            (self.bind_options.is_some(), "bind", "BindOptions"),
            (self.volume_options.is_some(), "volume", "VolumeOptions"),
            (self.tmpfs_options.is_some(), "tmpfs", "TmpfsOptions"),
        ] {
            if given && owner != kind {
                return Err(bad(format!("field {field} must not be specified")));
            }
        }
        let source = match kind {
            "bind" => self.bind().map_err(bad)?,
            "volume" => self.volume().map_err(bad)?,
            "tmpfs" => self.tmpfs().map_err(bad)?,
            _ => return Err(bad("mount type unknown".to_owned())),
        };
        Ok(Mount {
            target: self.target,
            source,
            read_only: self.read_only,
        })
    }

    fn bind(&self) -> Result<MountSource, String> {
        if self.source.is_empty() {
            return Err("field Source must not be empty".to_owned());
        }
        if !self.source.starts_with('/') {
            return Err(format!(
                "invalid mount path: '{}' mount path must be absolute",
                self.source
            ));
        }
        let none = BindBody::default();
        let options = self.bind_options.as_ref().unwrap_or(&none);
        let propagation = options.propagation.parse();
        let propagation = propagation
            .map_err(|_| format!("invalid propagation mode: {}", options.propagation))?;
        if options.read_only_non_recursive && options.read_only_force_recursive {
            return Err(
                "ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other".to_owned(),
            );
        }
        let about_read_only = options.read_only_non_recursive || options.read_only_force_recursive;
        if about_read_only && !self.read_only {
            return Err("recursion of read-only needs ReadOnly".to_owned());
        }
        Ok(MountSource::Bind {
            path: self.source.clone(),
            create: options.create_mountpoint,
            propagation,
            non_recursive: options.non_recursive,
            writable_below: options.read_only_non_recursive,
        })
    }

    fn volume(&self) -> Result<MountSource, String> {
        let none = VolumeBody::default();
        let options = self.volume_options.as_ref().unwrap_or(&none);
        let driver = options.driver_config.as_ref();
        let other = driver.filter(|driver| {
            !matches!(driver.name.as_str(), "" | "local")
                || driver.options.as_ref().is_some_and(|o| !o.is_empty())
        });
        if let Some(driver) = other {
            return Err(format!(
                "volume driver {:?} with options is not supported by Orlop",
                driver.name
            ));
        }
        if options
            .labels
            .as_ref()
            .is_some_and(|labels| !labels.is_empty())
        {
            return Err("labels of a volume are not supported by Orlop".to_owned());
        }
        let subpath = match options.subpath.as_str() {
            "" => None,
            path => Some(path.parse().map_err(|error| format!("{error}"))?),
        };
        let source = MountSource::volume(&self.source, !options.no_copy);
        Ok(source.map_err(|error| error.to_string())?.at(subpath))
    }

    fn tmpfs(&self) -> Result<MountSource, String> {
        if !self.source.is_empty() {
            return Err("field Source must not be specified".to_owned());
        }
        let none = TmpfsBody::default();
        let options = self.tmpfs_options.as_ref().unwrap_or(&none);
        let words = options.options.iter().flatten();
        Ok(MountSource::Tmpfs {
            size: (options.size_bytes > 0).then_some(options.size_bytes),
            mode: (options.mode > 0).then_some(options.mode),
            options: words.map(|pair| pair.join("=")).collect(),
        })
    }
}

/// `HostConfig.Binds`: what `--volume` can say.
pub(crate) fn bind_text(mount: &Mount) -> Option<String> {
    let mut options = Vec::new();
    if mount.read_only {
        options.push("ro".to_owned());
    }
    let source = match &mount.source {
        MountSource::Bind {
            path,
            create: true,
            propagation,
            non_recursive: false,
            writable_below: false,
        } => {
            if *propagation != Default::default() {
                options.push(propagation.as_str().to_owned());
            }
            path.clone()
        }
        MountSource::Volume {
            name,
            anonymous: false,
            copy_up,
            subpath: None,
        } => {
            if !copy_up {
                options.push("nocopy".to_owned());
            }
            name.to_string()
        }
        _ => return None,
    };
    let options = options.join(",");
    let colon = if options.is_empty() { "" } else { ":" };
    Some(format!("{source}:{}{colon}{options}", mount.target))
}

/// `HostConfig.Mounts`: what only `--mount` can say.
pub(crate) fn mount_body(mount: &Mount) -> Option<Value> {
    if bind_text(mount).is_some() || tmpfs_text(mount).is_some() {
        return None;
    }
    let mut shown = json!({"Target": mount.target, "ReadOnly": mount.read_only});
    match &mount.source {
        MountSource::Bind {
            path,
            create,
            propagation,
            non_recursive,
            writable_below,
        } => {
            shown["Type"] = json!("bind");
            shown["Source"] = json!(path);
            shown["BindOptions"] = json!({
                "Propagation": propagation.as_str(),
                "NonRecursive": non_recursive,
                "CreateMountpoint": create,
                "ReadOnlyNonRecursive": writable_below,
            });
        }
        // One of those is told by `Config.Volumes`.
        MountSource::Volume {
            anonymous: true,
            subpath: None,
            ..
        } => return None,
        MountSource::Volume {
            name,
            copy_up,
            subpath,
            ..
        } => {
            shown["Type"] = json!("volume");
            shown["Source"] = json!(name);
            shown["VolumeOptions"] = json!({
                "NoCopy": !copy_up,
                "Subpath": subpath.as_ref().map_or("", SubPath::as_str),
            });
        }
        MountSource::Tmpfs { size, mode, .. } => {
            shown["Type"] = json!("tmpfs");
            shown["TmpfsOptions"] = json!({
                "SizeBytes": size.unwrap_or(0),
                "Mode": mode.unwrap_or(0),
            });
        }
    }
    Some(shown)
}

/// `HostConfig.Tmpfs`: target and options of what `--tmpfs` can say.
pub(crate) fn tmpfs_text(mount: &Mount) -> Option<(String, String)> {
    match &mount.source {
        MountSource::Tmpfs {
            size: None,
            mode: None,
            options,
        } => {
            let closed = mount.read_only.then(|| "ro".to_owned());
            let words: Vec<_> = options.iter().cloned().chain(closed).collect();
            Some((mount.target.clone(), words.join(",")))
        }
        _ => None,
    }
}

/// `Mounts` of list and inspect.
pub(crate) fn mount_point(mount: &Mount) -> Value {
    let (kind, name, source, propagation) = match &mount.source {
        MountSource::Bind {
            path, propagation, ..
        } => ("bind", "", path.as_str(), propagation.as_str()),
        MountSource::Volume { name, .. } => ("volume", name.as_str(), "", ""),
        MountSource::Tmpfs { .. } => ("tmpfs", "", "", ""),
    };
    json!({
        "Type": kind, "Name": name, "Source": source, "Destination": mount.target,
        "Driver": if kind == "volume" { "local" } else { "" },
        "Mode": if mount.read_only { "ro" } else { "" },
        "RW": !mount.read_only,
        "Propagation": propagation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(body: Value) -> Result<Mount, String> {
        let body: MountBody = serde_json::from_value(body).expect("json");
        body.into_mount().map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn what_is_asked_for_is_shown_again() {
        for body in [
            json!({"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": true,
                "BindOptions": {"Propagation": "rslave", "NonRecursive": true}}),
            json!({"Type": "volume", "Source": "data", "Target": "/b",
                "VolumeOptions": {"Subpath": "x/y", "DriverConfig": {"Name": "local"}}}),
            json!({"Type": "tmpfs", "Target": "/b",
                "TmpfsOptions": {"SizeBytes": 4096, "Mode": 448}}),
        ] {
            let parsed = mount(body).expect("valid");
            let shown = mount_body(&parsed).expect("only --mount says it");
            assert_eq!(mount(shown).expect("valid"), parsed);
        }
        for text in ["/a:/b:ro,rslave", "data:/b:nocopy", "/a:/b"] {
            let parsed = Mount::parse_volume(text).expect("valid");
            assert_eq!(bind_text(&parsed).as_deref(), Some(text));
            assert_eq!(mount_body(&parsed), None);
        }
        let memory = Mount::tmpfs("/t".to_owned(), "size=1m,ro");
        let shown = ("/t".to_owned(), "size=1m,ro".to_owned());
        assert_eq!(tmpfs_text(&memory), Some(shown));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_field() {
        for (body, said) in [
            (json!({"Type": "bind", "Source": "/a"}), "Target"),
            (json!({"Type": "bind", "Target": "/b"}), "Source"),
            (
                json!({"Type": "bind", "Source": "a", "Target": "/b"}),
                "absolute",
            ),
            (
                json!({"Type": "bind", "Source": "/a", "Target": "/b", "VolumeOptions": {}}),
                "VolumeOptions",
            ),
            (
                json!({"Type": "bind", "Source": "/a", "Target": "/b",
                    "BindOptions": {"Propagation": "all"}}),
                "propagation",
            ),
            (
                json!({"Type": "bind", "Source": "/a", "Target": "/b",
                    "BindOptions": {"ReadOnlyForceRecursive": true}}),
                "ReadOnly",
            ),
            (
                json!({"Type": "volume", "Target": "/b", "VolumeOptions": {"Subpath": "../x"}}),
                "../x",
            ),
            (
                json!({"Type": "volume", "Target": "/b",
                    "VolumeOptions": {"DriverConfig": {"Name": "nfs"}}}),
                "nfs",
            ),
            (
                json!({"Type": "tmpfs", "Source": "x", "Target": "/b"}),
                "Source",
            ),
            (json!({"Type": "npipe", "Target": "/b"}), "unknown"),
        ] {
            let error = mount(body).expect_err(said);
            assert!(error.contains(said), "{error}");
        }
    }
}
