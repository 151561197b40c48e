//! All five capability sets of a process at once (capabilities(7)), for who asks for each by
//! name. For processes with one thread, between clone(2) and execve(2).

use nix::errno::Errno;

use crate::capability::{CapabilitySet, Data, Header, VERSION_3};

/// The sets of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CapabilitySets {
    /// What it and its children can ever have.
    pub bounding: CapabilitySet,
    /// What is in force.
    pub effective: CapabilitySet,
    /// What it may put in force.
    pub permitted: CapabilitySet,
    /// What a program with capabilities of its own may inherit.
    pub inheritable: CapabilitySet,
    /// What any program inherits.
    pub ambient: CapabilitySet,
}

impl CapabilitySets {
    /// The sets as far as they can be given to anyone: none goes beyond what `possible` has, the
    /// effective not beyond the permitted, the ambient not beyond permitted and inheritable.
    #[must_use]
    pub fn within(self, possible: CapabilitySet) -> Self {
        let permitted = self.permitted.intersection(possible);
        let inheritable = self.inheritable.intersection(possible);
        Self {
            bounding: self.bounding.intersection(possible),
            effective: self.effective.intersection(permitted),
            permitted,
            inheritable,
            ambient: self
                .ambient
                .intersection(permitted)
                .intersection(inheritable),
        }
    }
}

/// Sets permitted, effective, inheritable and ambient; the bounding set is limited before the
/// user changes ([`crate::capability::limit_bounding`]). Allocates nothing.
///
/// # Errors
/// If a capability is not in the permitted set now.
pub fn apply(sets: &CapabilitySets) -> Result<(), Errno> {
    ambient(libc::PR_CAP_AMBIENT_CLEAR_ALL, 0)?;
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let word = |set: CapabilitySet, word: u32| (set.bits() >> (32 * word)) as u32;
    let data = [0, 1].map(|n| Data {
        effective: word(sets.effective, n),
        permitted: word(sets.permitted, n),
        inheritable: word(sets.inheritable, n),
    });
    // SAFETY: version 3 reads one header and two data words, both of which outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    Errno::result(result)?;
    sets.ambient
        .iter()
        .try_for_each(|capability| ambient(libc::PR_CAP_AMBIENT_RAISE, capability.number()))
}

fn ambient(command: libc::c_int, capability: u8) -> Result<(), Errno> {
    // SAFETY: PR_CAP_AMBIENT takes numbers and touches no memory.
    let result = unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            command as libc::c_ulong,
            libc::c_ulong::from(capability),
            0 as libc::c_ulong,
            0 as libc::c_ulong,
        )
    };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_set_goes_beyond_what_can_be_given() {
        let set = |names: &[&str]| CapabilitySet::from_names(names).expect("names");
        let wanted = CapabilitySets {
            bounding: set(&["CHOWN", "KILL", "SYS_RESOURCE"]),
            effective: set(&["CHOWN", "KILL"]),
            permitted: set(&["CHOWN", "SYS_RESOURCE"]),
            inheritable: set(&["CHOWN"]),
            ambient: set(&["CHOWN", "SYS_RESOURCE"]),
        };
        let given = wanted.within(set(&["CHOWN", "KILL"]));
        assert_eq!(given.bounding, set(&["CHOWN", "KILL"]));
        assert_eq!(given.effective, set(&["CHOWN"]));
        assert_eq!(given.ambient, set(&["CHOWN"]));
    }

    #[test]
    fn a_thread_gets_each_set_as_asked() {
        // Capabilities belong to the thread: this one is thrown away.
        let status = std::thread::spawn(|| {
            let chown = CapabilitySet::from_names(["CHOWN"]).expect("name");
            apply(&CapabilitySets {
                bounding: chown,
                effective: CapabilitySet::EMPTY,
                permitted: chown,
                inheritable: chown,
                ambient: chown,
            })
            .expect("apply");
            std::fs::read_to_string("/proc/thread-self/status").expect("status")
        })
        .join()
        .expect("thread");
        for line in [
            "CapInh:\t0000000000000001",
            "CapPrm:\t0000000000000001",
            "CapEff:\t0000000000000000",
            "CapAmb:\t0000000000000001",
        ] {
            assert!(status.contains(line), "{line} in {status}");
        }
    }
}
