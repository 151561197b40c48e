//! What the server may ask for at all: a file of root's own, which a stolen server cannot change.
//!
//! Table `[policy]` of the configuration file; everything is allowed that it does not forbid.

use std::path::{Path, PathBuf};

use orlop_linux::capability::{Capability, CapabilitySet};
use orlop_model::mount::MountSource;
use orlop_model::spec::{ContainerSpec, Network, Seccomp, Security};
use orlop_wire::reply::{Failure, FailureKind};
use serde::Deserialize;

/// The policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Policy {
    /// Containers with every capability and device.
    privileged: bool,
    /// Containers in the host's network.
    host_network: bool,
    /// Containers that share other namespaces with the host.
    host_namespaces: bool,
    /// Folders of the host below which binds may lie.
    bind_sources: Vec<PathBuf>,
    /// Paths of the host at or below which devices may lie; all of `/dev` when nothing is said,
    /// and none where privileged containers are forbidden: a disk is as good as they are.
    devices: Option<Vec<PathBuf>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            privileged: true,
            host_network: true,
            host_namespaces: true,
            bind_sources: vec!["/".into()],
            devices: None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    policy: Policy,
}

/// Where devices lie.
const ALL_DEVICES: &str = "/dev";

/// Capabilities beyond the default that reach no further than the container's own namespaces.
const HARMLESS: [&str; 6] = [
    "CAP_NET_ADMIN",
    "CAP_NET_BROADCAST",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_PTRACE",
    "CAP_LEASE",
];

fn denied(message: String) -> Failure {
    Failure::new(FailureKind::Denied, message)
}

impl Policy {
    /// Reads the file. One that is missing forbids nothing; one that is wrong forbids everything,
    /// since nobody knows what it was to forbid.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = match std::fs::File::open(path).and_then(read_of_root) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(denied(format!(
                    "the policy in {} cannot be read: {error}",
                    path.display()
                )));
            }
        };
        toml::from_str::<File>(&text)
            .map(|file| file.policy)
            .map_err(|error| {
                denied(format!(
                    "the policy in {} is wrong: {error}",
                    path.display()
                ))
            })
    }

    /// Judges a container.
    pub(crate) fn judge(&self, spec: &ContainerSpec) -> Result<(), Failure> {
        let of_host = spec.namespaces.are_of_host() || spec.network == Network::Host;
        self.judge_security(&spec.security, of_host)?;
        if spec.namespaces.are_of_host() && !self.host_namespaces {
            return Err(denied(
                "the policy of this host forbids the host's namespaces".to_owned(),
            ));
        }
        if spec.network == Network::Host && !self.host_network {
            return Err(denied(
                "the policy of this host forbids the host's network".to_owned(),
            ));
        }
        if !spec.devices.rules.is_empty() && !self.allows_device(Path::new(ALL_DEVICES)) {
            return Err(denied(format!(
                "the policy of this host forbids rules for devices, which name no path below \
                 {ALL_DEVICES}; give the container single devices instead"
            )));
        }
        for mount in &spec.mounts {
            if let MountSource::Bind { path, .. } = &mount.source {
                self.judge_bind(Path::new(path))?;
            }
        }
        Ok(())
    }

    /// Judges a container that shares namespaces with others, of which something is the host's.
    pub(crate) fn judge_shared(&self, security: &Security) -> Result<(), Failure> {
        self.judge_security(security, true)?;
        if self.host_network && self.host_namespaces {
            return Ok(());
        }
        Err(denied(
            "the policy of this host forbids to share the host's namespaces".to_owned(),
        ))
    }

    /// Judges a container or exec session with every capability, or with as much as comes to the
    /// same: no filter, or a capability that leads out of a container. Where a namespace is the
    /// host's, every capability beyond the default does.
    pub(crate) fn judge_security(&self, security: &Security, of_host: bool) -> Result<(), Failure> {
        if self.privileged {
            return Ok(());
        }
        // Of a filter that somebody brought nobody can tell what it lets through.
        if security.privileged || security.seccomp != Seccomp::Default {
            return Err(denied(
                "the policy of this host forbids privileged containers".to_owned(),
            ));
        }
        if !security.confinement.hides_the_host() {
            return Err(denied(
                "the policy of this host forbids privileged containers, and without the masks of /proc and /sys it is one".to_owned(),
            ));
        }
        let harmless = CapabilitySet::DEFAULT
            .iter()
            .map(Capability::name)
            .chain(HARMLESS.into_iter().filter(|_| !of_host))
            .collect::<Vec<_>>();
        match security
            .capabilities
            .iter()
            .find(|name| !harmless.contains(&name.as_str()))
        {
            None => Ok(()),
            Some(name) => Err(denied(format!(
                "the policy of this host forbids privileged containers, and {name} makes one"
            ))),
        }
    }

    /// Judges a device by the place where it really lies.
    pub(crate) fn judge_device(&self, path: &Path) -> Result<(), Failure> {
        if self.allows_device(path) {
            return Ok(());
        }
        Err(denied(format!(
            "the policy of this host forbids the device {}",
            path.display()
        )))
    }

    fn allows_device(&self, path: &Path) -> bool {
        let usual = [PathBuf::from(ALL_DEVICES)];
        let allowed: &[PathBuf] = match &self.devices {
            Some(paths) => paths,
            None if self.privileged => &usual,
            None => &[],
        };
        allowed.iter().any(|allowed| path.starts_with(allowed))
    }

    /// Judges a bind's source by its name; by what it really is, [`Policy::judge_bind`] is asked
    /// again once it is resolved.
    pub(crate) fn judge_bind(&self, path: &Path) -> Result<(), Failure> {
        let plain = path.is_absolute()
            && !path
                .components()
                .any(|part| matches!(part, std::path::Component::ParentDir));
        if plain
            && self
                .bind_sources
                .iter()
                .any(|allowed| path.starts_with(allowed))
        {
            return Ok(());
        }
        Err(denied(format!(
            "the policy of this host forbids binds of {}",
            path.display()
        )))
    }
}

/// The text of a file that nobody but root can have written.
fn read_of_root(file: std::fs::File) -> std::io::Result<String> {
    use std::os::unix::fs::MetadataExt as _;
    let found = file.metadata()?;
    if found.uid() != 0 || found.mode() & 0o022 != 0 {
        return Err(std::io::Error::other(
            "others than root can write it; mend its owner and permissions",
        ));
    }
    std::io::read_to_string(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        toml::from_str::<File>(text).expect("valid").policy
    }

    #[test]
    fn binds_lie_below_an_allowed_folder() {
        let policy = policy("[policy]\nbind-sources = [\"/srv\"]\n");
        assert!(policy.judge_bind(Path::new("/srv/data")).is_ok());
        for path in ["/srvx", "/etc", "/srv/../etc", "srv"] {
            assert!(policy.judge_bind(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn devices_lie_at_an_allowed_path() {
        let judge = |text: &str, path: &str| policy(text).judge_device(Path::new(path)).is_ok();
        assert!(judge("", "/dev/vda") && !judge("", "/srv/node"));
        let some = "[policy]\ndevices = [\"/dev/fuse\", \"/dev/dri\"]\n";
        assert!(judge(some, "/dev/fuse") && judge(some, "/dev/dri/card0"));
        assert!(!judge(some, "/dev/vda") && !judge(some, "/dev/fuse2"));
        let unprivileged = "[policy]\nprivileged = false\n";
        assert!(!judge(unprivileged, "/dev/vda"), "a disk is the host");
        let both = format!("{unprivileged}devices = [\"/dev/fuse\"]\n");
        assert!(judge(&both, "/dev/fuse"));
    }

    #[test]
    fn what_comes_to_the_same_as_privileged_is_forbidden_with_it() {
        let policy = policy("[policy]\nprivileged = false\n");
        let security = |names: &[&str], seccomp| Security {
            capabilities: names.iter().map(ToString::to_string).collect(),
            seccomp,
            ..Security::default()
        };
        let judge =
            |names: &[&str], seccomp| policy.judge_security(&security(names, seccomp), false);
        assert!(judge(&["CAP_CHOWN", "CAP_NET_ADMIN"], Seccomp::Default).is_ok());
        assert!(judge(&["CAP_CHOWN"], Seccomp::Unconfined).is_err());
        let traces = security(&["CAP_SYS_PTRACE"], Seccomp::Default);
        assert!(policy.judge_security(&traces, false).is_ok());
        assert!(
            policy.judge_security(&traces, true).is_err(),
            "the host's processes"
        );
        let own = r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#;
        let own = orlop_model::seccomp::Profile::parse(own).expect("valid");
        assert!(judge(&["CAP_CHOWN"], Seccomp::Custom(Box::new(own))).is_err());
        for name in [
            "CAP_SYS_ADMIN",
            "CAP_SYS_MODULE",
            "CAP_DAC_READ_SEARCH",
            "CAP_BPF",
            "ALL",
        ] {
            assert!(judge(&[name], Seccomp::Default).is_err(), "{name}");
        }
    }

    #[test]
    fn a_policy_that_others_can_write_is_none() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("orlop.toml");
        std::fs::write(&path, "").expect("write");
        assert!(Policy::read(&path).is_ok());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).expect("mode");
        assert!(Policy::read(&path).is_err());
    }

    #[test]
    fn a_wrong_policy_forbids_and_a_missing_one_does_not() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("orlop.toml");
        assert_eq!(Policy::read(&path), Ok(Policy::default()));
        std::fs::write(&path, "[policy]\nprivileged = \"perhaps\"\n").expect("write");
        assert_eq!(
            Policy::read(&path).expect_err("wrong").kind,
            FailureKind::Denied
        );
    }
}
