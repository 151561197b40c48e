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
    /// Folders of the host below which binds may lie.
    bind_sources: Vec<PathBuf>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            privileged: true,
            host_network: true,
            bind_sources: vec!["/".into()],
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    policy: Policy,
}

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
        self.judge_security(&spec.security)?;
        if spec.network == Network::Host && !self.host_network {
            return Err(denied(
                "the policy of this host forbids the host's network".to_owned(),
            ));
        }
        for mount in &spec.mounts {
            if let MountSource::Bind { path, .. } = &mount.source {
                self.judge_bind(Path::new(path))?;
            }
        }
        Ok(())
    }

    /// Judges a container or exec session with every capability, or with as much as comes to the
    /// same: no filter, or a capability that leads out of a container.
    pub(crate) fn judge_security(&self, security: &Security) -> Result<(), Failure> {
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
            .chain(HARMLESS)
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
    fn what_comes_to_the_same_as_privileged_is_forbidden_with_it() {
        let policy = policy("[policy]\nprivileged = false\n");
        let security = |names: &[&str], seccomp| Security {
            capabilities: names.iter().map(ToString::to_string).collect(),
            seccomp,
            ..Security::default()
        };
        let judge = |names: &[&str], seccomp| policy.judge_security(&security(names, seccomp));
        assert!(judge(&["CAP_CHOWN", "CAP_NET_ADMIN"], Seccomp::Default).is_ok());
        assert!(judge(&["CAP_CHOWN"], Seccomp::Unconfined).is_err());
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
