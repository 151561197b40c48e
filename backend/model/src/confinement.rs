//! What of the host's kernel a container is shown, and the labels of security modules. Pure.

use serde::{Deserialize, Serialize};

/// Paths under `/proc` and `/sys` that tell or change too much of the host, and are shown empty.
pub const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// Paths under `/proc` that may be read.
pub const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Paths of one list.
const MOST_PATHS: usize = 256;

/// What is shown and labelled otherwise than by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Confinement {
    /// Paths that are shown empty, in place of [`MASKED`].
    pub masked_paths: Option<Vec<String>>,
    /// Paths that may only be read, in place of [`READ_ONLY`].
    pub readonly_paths: Option<Vec<String>>,
    /// AppArmor profile; `unconfined` and none are the same.
    pub apparmor: Option<String>,
    /// SELinux label.
    pub selinux: Option<SelinuxLabel>,
}

/// Parts of a SELinux label; those that are absent are a container's usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelinuxLabel {
    /// User.
    pub user: Option<String>,
    /// Role.
    pub role: Option<String>,
    /// Type.
    pub kind: Option<String>,
    /// Level.
    pub level: Option<String>,
}

/// Why a confinement makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfinementError {
    /// Not a path in a container.
    #[error("{0:?} is no absolute path: masked and read-only paths are")]
    Path(String),
    /// Too many.
    #[error("more than {MOST_PATHS} masked or read-only paths")]
    TooMany,
    /// Not a name.
    #[error("{0:?} is no name of an AppArmor profile or part of a SELinux label")]
    Label(String),
    /// Not a part of a label.
    #[error("invalid label option {0:?}: user, role, type, level and disable are known")]
    LabelOption(String),
}

impl Confinement {
    /// Shows all of `/proc` and `/sys`, as `systempaths=unconfined` asks for.
    pub fn unmask(&mut self) {
        self.masked_paths = Some(Vec::new());
        self.readonly_paths = Some(Vec::new());
    }

    /// Takes one `label=` option.
    ///
    /// # Errors
    /// If the option is not known.
    pub fn label(&mut self, option: &str) -> Result<(), ConfinementError> {
        if option == "disable" {
            self.selinux = None;
            return Ok(());
        }
        let wrong = || ConfinementError::LabelOption(option.to_owned());
        let (part, value) = option.split_once(':').ok_or_else(wrong)?;
        let label = self.selinux.get_or_insert_default();
        let place = match part {
            "user" => &mut label.user,
            "role" => &mut label.role,
            "type" => &mut label.kind,
            "level" => &mut label.level,
            _ => return Err(wrong()),
        };
        *place = Some(value.to_owned());
        Ok(())
    }

    /// Checks paths and names.
    ///
    /// # Errors
    /// Names what is wrong.
    pub fn check(&self) -> Result<(), ConfinementError> {
        for list in [&self.masked_paths, &self.readonly_paths] {
            let list = list.as_deref().unwrap_or_default();
            if list.len() > MOST_PATHS {
                return Err(ConfinementError::TooMany);
            }
            if let Some(path) = list.iter().find(|path| !is_plain(path)) {
                return Err(ConfinementError::Path(path.clone()));
            }
        }
        let label = self.selinux.as_ref();
        let parts = label.map(|l| [&l.user, &l.role, &l.kind, &l.level]);
        let names = parts.into_iter().flatten().flatten().chain(&self.apparmor);
        for name in names {
            let is_name = !name.is_empty()
                && name.len() <= 255
                && !name.chars().any(|c| c.is_control() || c.is_whitespace());
            if !is_name {
                return Err(ConfinementError::Label(name.clone()));
            }
        }
        Ok(())
    }

    /// Whether everything is masked and closed that is so by default.
    #[must_use]
    pub fn hides_the_host(&self) -> bool {
        let has_all = |list: &Option<Vec<String>>, all: &[&str]| {
            list.as_ref()
                .is_none_or(|list| all.iter().all(|path| list.iter().any(|own| own == path)))
        };
        has_all(&self.masked_paths, &MASKED) && has_all(&self.readonly_paths, &READ_ONLY)
    }

    /// The AppArmor profile, where one is to be set.
    #[must_use]
    pub fn apparmor_profile(&self) -> Option<&str> {
        self.apparmor
            .as_deref()
            .filter(|name| *name != "unconfined")
    }
}

impl std::fmt::Display for SelinuxLabel {
    /// The whole label.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |part: &Option<String>, usual: &str| part.clone().unwrap_or(usual.to_owned());
        write!(
            f,
            "{}:{}:{}:{}",
            part(&self.user, "system_u"),
            part(&self.role, "system_r"),
            part(&self.kind, "container_t"),
            part(&self.level, "s0")
        )
    }
}

fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && path.len() > 1
        && !path.contains('\0')
        && !path.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_put_together_from_their_parts() {
        let mut confinement = Confinement::default();
        confinement.label("type:svirt_t").expect("known");
        confinement.label("level:s0:c1,c2").expect("known");
        let label = confinement.selinux.clone().expect("some");
        assert_eq!(label.to_string(), "system_u:system_r:svirt_t:s0:c1,c2");
        assert_eq!(confinement.check(), Ok(()));
        confinement.label("disable").expect("known");
        assert_eq!(confinement.selinux, None);
        assert!(confinement.label("nope:x").is_err() && confinement.label("type").is_err());
    }

    #[test]
    fn paths_and_names_are_checked() {
        let with = |path: &str| Confinement {
            masked_paths: Some(vec![path.to_owned()]),
            ..Confinement::default()
        };
        assert_eq!(with("/proc/acpi").check(), Ok(()));
        for wrong in ["", "/", "proc", "/a/../b", "/a\0"] {
            assert!(with(wrong).check().is_err(), "{wrong:?}");
        }
        let named = Confinement {
            apparmor: Some("a b".to_owned()),
            ..Confinement::default()
        };
        assert!(named.check().is_err());
    }

    #[test]
    fn less_than_the_default_shows_the_host() {
        let mut confinement = Confinement::default();
        assert!(confinement.hides_the_host());
        confinement.masked_paths = Some(MASKED.map(str::to_owned).to_vec());
        assert!(confinement.hides_the_host());
        confinement.readonly_paths = Some(vec!["/proc/bus".to_owned()]);
        assert!(!confinement.hides_the_host());
        confinement.unmask();
        assert!(!confinement.hides_the_host());
    }
}
