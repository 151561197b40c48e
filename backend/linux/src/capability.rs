//! Capabilities: names and bits, the sets a container gets, and applying them.
//!
//! Computing the sets is pure. What applies them allocates nothing and takes no lock, so that it
//! may run between clone(2) and execve(2).

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

use nix::errno::Errno;

/// Every capability's name, at the place of its number (capabilities(7)).
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// One capability.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Capability(u8);

/// A name that is no capability's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no capability {0:?}")]
pub struct UnknownCapability(String);

impl Capability {
    /// Loading a file handle; reading past permissions.
    pub const DAC_READ_SEARCH: Self = Self(2);
    /// Loading and removing kernel modules.
    pub const SYS_MODULE: Self = Self(16);
    /// Raw access to ports and memory.
    pub const SYS_RAWIO: Self = Self(17);
    /// chroot(2).
    pub const SYS_CHROOT: Self = Self(18);
    /// Looking into other processes.
    pub const SYS_PTRACE: Self = Self(19);
    /// Process accounting.
    pub const SYS_PACCT: Self = Self(20);
    /// The catch-all.
    pub const SYS_ADMIN: Self = Self(21);
    /// Rebooting.
    pub const SYS_BOOT: Self = Self(22);
    /// Priorities and memory policies.
    pub const SYS_NICE: Self = Self(23);
    /// Going over limits.
    pub const SYS_RESOURCE: Self = Self(24);
    /// Setting the clock.
    pub const SYS_TIME: Self = Self(25);
    /// Hanging up terminals.
    pub const SYS_TTY_CONFIG: Self = Self(26);
    /// Reading the kernel's log.
    pub const SYSLOG: Self = Self(34);
    /// Measuring performance.
    pub const PERFMON: Self = Self(38);
    /// Loading BPF programs.
    pub const BPF: Self = Self(39);

    /// All that this program knows, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        // There are 41 names.
        (0..NAMES.len() as u8).map(Self)
    }

    /// Its name, such as `CAP_CHOWN`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    /// In either case, with or without `CAP_`.
    fn from_str(text: &str) -> Result<Self, UnknownCapability> {
        let upper = text.trim().to_ascii_uppercase();
        let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
        Self::all()
            .find(|c| &c.name()["CAP_".len()..] == bare)
            .ok_or_else(|| UnknownCapability(text.to_owned()))
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// What Docker gives root in a container unless told otherwise: chown, dac_override, fowner,
    /// fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod,
    /// audit_write, setfcap.
    pub const DEFAULT: Self = Self(0xa804_25fb);

    /// All that this program knows.
    #[must_use]
    pub fn all() -> Self {
        Capability::all().collect()
    }

    /// The set of these bits, as `/proc/<pid>/status` shows them.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The capability is in it.
    #[must_use]
    pub fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability.0) != 0
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Nothing is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its capabilities, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::all().filter(move |c| self.contains(*c))
    }

    /// The set of these names; names may come in either case, with or without `CAP_`.
    ///
    /// # Errors
    /// The first name that is none.
    pub fn from_names<T: AsRef<str>>(
        names: impl IntoIterator<Item = T>,
    ) -> Result<Self, UnknownCapability> {
        names
            .into_iter()
            .map(|name| name.as_ref().parse())
            .collect()
    }

    /// This set with names added and then dropped, as `--cap-add` and `--cap-drop` say; `ALL`
    /// stands for every capability, and what is named beside it is an exception to it.
    ///
    /// # Errors
    /// The first name that is none.
    pub fn adjusted(self, add: &[String], drop: &[String]) -> Result<Self, UnknownCapability> {
        let is_all = |name: &String| {
            name.eq_ignore_ascii_case("ALL") || name.eq_ignore_ascii_case("CAP_ALL")
        };
        let named = |names: &[String]| Self::from_names(names.iter().filter(|n| !is_all(n)));
        let (added, dropped) = (named(add)?, named(drop)?);
        let base = match (add.iter().any(is_all), drop.iter().any(is_all)) {
            (_, true) => Self::EMPTY,
            (true, false) => Self::all(),
            (false, false) => self,
        };
        Ok(Self((base.0 | added.0) & !dropped.0))
    }

    /// This process's bounding set: nothing outside of it can be given to anyone.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn bounding() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/thread-self/status")?;
        status_field(&status, "CapBnd:").ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// This process's effective set.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn effective() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/thread-self/status")?;
        status_field(&status, "CapEff:").ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<T: IntoIterator<Item = Capability>>(all: T) -> Self {
        Self(all.into_iter().fold(0, |bits, c| bits | 1 << c.0))
    }
}

impl fmt::Debug for CapabilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

fn status_field(status: &str, field: &str) -> Option<CapabilitySet> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    u64::from_str_radix(value.trim(), 16)
        .ok()
        .map(CapabilitySet)
}

/// Drops everything outside of `keep` from the calling thread's bounding set. Needs CAP_SETPCAP;
/// before the user is changed. Allocates nothing.
///
/// # Errors
/// As prctl(2).
pub fn limit_bounding(keep: CapabilitySet) -> Result<(), Errno> {
    // Up to 63: a newer kernel may know capabilities that this program does not.
    for number in 0..u64::BITS as libc::c_ulong {
        if keep.0 & (1 << number) != 0 {
            continue;
        }
        // SAFETY: PR_CAPBSET_DROP takes a number and touches no memory.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
        match Errno::result(result) {
            Ok(_) => {}
            // The kernel's last capability is behind us.
            Err(Errno::EINVAL) if number > 0 => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Keeps the permitted set when the user changes from root to another; `apply` then decides what
/// of it stays. The flag ends with execve(2). Allocates nothing.
///
/// # Errors
/// As prctl(2).
pub fn keep_over_setuid() -> Result<(), Errno> {
    // SAFETY: PR_SET_KEEPCAPS takes a number and touches no memory.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) }).map(drop)
}

/// Sets the calling thread's sets: permitted and effective, and nothing to inherit, so that the
/// ambient set is empty too. Allocates nothing.
///
/// # Errors
/// If a capability is not in the permitted set now.
pub fn apply(permitted: CapabilitySet, effective: CapabilitySet) -> Result<(), Errno> {
    // SAFETY: PR_CAP_AMBIENT takes numbers and touches no memory.
    let cleared = unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong,
            0 as libc::c_ulong,
            0 as libc::c_ulong,
            0 as libc::c_ulong,
        )
    };
    Errno::result(cleared)?;
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let word = |set: CapabilitySet, word: u32| (set.0 >> (32 * word)) as u32;
    let data = [0, 1].map(|n| Data {
        effective: word(effective, n),
        permitted: word(permitted, n),
        inheritable: 0,
    });
    // SAFETY: version 3 reads one header and two data words, both of which outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    Errno::result(result).map(drop)
}

/// `_LINUX_CAPABILITY_VERSION_3`.
pub(crate) const VERSION_3: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct`.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) pid: libc::c_int,
}

/// `struct __user_cap_data_struct`.
#[repr(C)]
pub(crate) struct Data {
    pub(crate) effective: u32,
    pub(crate) permitted: u32,
    pub(crate) inheritable: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_are_read_in_every_form_and_written_in_one() {
        for text in ["CAP_NET_ADMIN", "cap_net_admin", "NET_ADMIN", "net_admin"] {
            let capability: Capability = text.parse().expect(text);
            assert_eq!(
                (capability.number(), capability.name()),
                (12, "CAP_NET_ADMIN")
            );
        }
        assert!("CAP_FLY".parse::<Capability>().is_err());
        for capability in Capability::all() {
            assert_eq!(capability.name().parse(), Ok(capability));
        }
        assert_eq!(Capability::BPF.name(), "CAP_BPF");
        assert_eq!(Capability::SYSLOG.name(), "CAP_SYSLOG");
        assert_eq!(Capability::SYS_ADMIN.name(), "CAP_SYS_ADMIN");
    }

    #[test]
    fn the_default_is_dockers_fourteen() {
        let default: Vec<_> = CapabilitySet::DEFAULT
            .iter()
            .map(Capability::name)
            .collect();
        assert_eq!(default.len(), 14);
        assert_eq!(
            CapabilitySet::from_names(&default),
            Ok(CapabilitySet::DEFAULT)
        );
        assert!(!CapabilitySet::DEFAULT.contains(Capability::SYS_ADMIN));
    }

    #[test]
    fn adding_and_dropping_follow_docker() {
        let default = CapabilitySet::DEFAULT;
        let net_admin = CapabilitySet::from_names(["NET_ADMIN"]).expect("name");
        let adjusted = |add: &[&str], drop: &[&str]| {
            default.adjusted(&names(add), &names(drop)).expect("names")
        };
        assert_eq!(adjusted(&[], &[]), default);
        assert!(adjusted(&["NET_ADMIN"], &[]).contains(Capability(12)));
        assert_eq!(adjusted(&["NET_ADMIN"], &["ALL"]), net_admin);
        assert_eq!(adjusted(&["all"], &[]), CapabilitySet::all());
        assert_eq!(
            adjusted(&["ALL"], &["NET_ADMIN"]),
            CapabilitySet::all().difference(net_admin)
        );
        assert!(!adjusted(&[], &["chown"]).contains(Capability(0)));
        assert!(default.adjusted(&names(&["FLY"]), &[]).is_err());
    }

    #[test]
    fn a_field_of_the_status_file_is_read_as_bits() {
        let status = "Name:\tx\nCapEff:\t00000000a80425fb\nCapBnd:\t000001fffeffffff\n";
        assert_eq!(
            status_field(status, "CapEff:"),
            Some(CapabilitySet::DEFAULT)
        );
        let bounding = status_field(status, "CapBnd:").expect("bounding");
        assert!(!bounding.contains(Capability::SYS_RESOURCE));
        assert_eq!(
            CapabilitySet::all().intersection(bounding).iter().count(),
            40
        );
    }

    #[test]
    fn a_thread_keeps_only_what_it_is_given() {
        // Capabilities belong to the thread: this one is thrown away.
        let (bounding, effective) = std::thread::spawn(|| {
            let own = CapabilitySet::bounding().expect("bounding");
            let keep = CapabilitySet::DEFAULT.intersection(own);
            limit_bounding(keep).expect("limit");
            apply(keep, CapabilitySet::EMPTY).expect("apply");
            (
                CapabilitySet::bounding().expect("bounding"),
                CapabilitySet::effective().expect("effective"),
            )
        })
        .join()
        .expect("thread");
        assert!(bounding.difference(CapabilitySet::DEFAULT).is_empty());
        assert!(effective.is_empty());
        assert!(
            CapabilitySet::effective()
                .expect("own")
                .contains(Capability(0))
        );
    }
}
