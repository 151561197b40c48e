//! Which number a system call has on which architecture.

use super::{aarch64, x86};

/// Calls with consecutive numbers.
pub(super) struct Run {
    /// The number of the first name.
    pub(super) first: u32,
    /// Names, separated by blanks.
    pub(super) names: &'static str,
}

/// Set in the number of an x32 call (`__X32_SYSCALL_BIT`).
pub const X32_BIT: u32 = 0x4000_0000;
/// The first number that only x32 has.
const X32_FIRST_OWN: u32 = 512;

/// A set of system calls with numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit programs on x86.
    X86_64,
    /// 32-bit programs on x86.
    I386,
    /// 64-bit programs with 32-bit pointers on x86.
    X32,
    /// 64-bit programs on ARM.
    Aarch64,
}

impl Architecture {
    /// What programs on this machine may be, the usual first.
    pub const NATIVE: &'static [Self] = if cfg!(target_arch = "aarch64") {
        &[Self::Aarch64]
    } else {
        &[Self::X86_64, Self::I386, Self::X32]
    };

    /// The architecture as the kernel tells it to a filter (`AUDIT_ARCH_…`). X32 has the one of
    /// X86_64 and shows in the number.
    #[must_use]
    pub fn audit(self) -> u32 {
        const LITTLE_ENDIAN_64: u32 = 0xc000_0000;
        const LITTLE_ENDIAN_32: u32 = 0x4000_0000;
        // The low bits are the machine's number in ELF files (elf(5)).
        match self {
            Self::X86_64 | Self::X32 => LITTLE_ENDIAN_64 | 62,
            Self::I386 => LITTLE_ENDIAN_32 | 3,
            Self::Aarch64 => LITTLE_ENDIAN_64 | 183,
        }
    }

    /// Every call, as number and name, in no order.
    pub fn calls(self) -> impl Iterator<Item = (u32, &'static str)> {
        let (runs, more): (&[Run], &[Run]) = match self {
            Self::X86_64 => (x86::X86_64, &[]),
            Self::I386 => (x86::I386, &[]),
            Self::X32 => (x86::X86_64, x86::X32_OWN),
            Self::Aarch64 => (aarch64::AARCH64, &[]),
        };
        let bit = if self == Self::X32 { X32_BIT } else { 0 };
        // What x32 has under a number of its own is not called by the one of X86_64.
        let own: Vec<&str> = more.iter().flat_map(|r| r.names.split(' ')).collect();
        numbered(runs)
            .filter(move |(number, name)| *number < X32_FIRST_OWN && !own.contains(name))
            .chain(numbered(more))
            .map(move |(number, name)| (number | bit, name))
    }

    /// The number of a call.
    #[must_use]
    pub fn number(self, name: &str) -> Option<u32> {
        self.calls().find(|(_, n)| *n == name).map(|(n, _)| n)
    }
}

fn numbered(runs: &'static [Run]) -> impl Iterator<Item = (u32, &'static str)> {
    runs.iter()
        .flat_map(|run| (run.first..).zip(run.names.split_ascii_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_and_no_name_comes_twice() {
        for architecture in [
            Architecture::X86_64,
            Architecture::I386,
            Architecture::X32,
            Architecture::Aarch64,
        ] {
            let (mut numbers, mut names): (Vec<_>, Vec<_>) = architecture.calls().unzip();
            let count = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            names.sort_unstable();
            names.dedup();
            assert_eq!(
                (numbers.len(), names.len()),
                (count, count),
                "{architecture:?}"
            );
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn numbers_are_those_of_the_c_library() {
        for (name, number) in [
            ("read", libc::SYS_read),
            ("clone", libc::SYS_clone),
            ("execve", libc::SYS_execve),
            ("socket", libc::SYS_socket),
            ("personality", libc::SYS_personality),
            ("unshare", libc::SYS_unshare),
            ("rseq", libc::SYS_rseq),
            ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
            ("clone3", libc::SYS_clone3),
            ("mount_setattr", libc::SYS_mount_setattr),
            ("fchmodat2", libc::SYS_fchmodat2),
            ("mseal", libc::SYS_mseal),
        ] {
            let known = Architecture::X86_64.number(name).map(i64::from);
            assert_eq!(known, Some(number), "{name}");
        }
    }

    #[test]
    fn the_other_architectures_have_their_own_numbers() {
        assert_eq!(Architecture::I386.number("execve"), Some(11));
        assert_eq!(Architecture::I386.number("socketcall"), Some(102));
        assert_eq!(Architecture::I386.number("clone3"), Some(435));
        assert_eq!(Architecture::X32.number("execve"), Some(X32_BIT | 520));
        assert_eq!(Architecture::X32.number("clone"), Some(X32_BIT | 56));
        assert_eq!(Architecture::Aarch64.number("execve"), Some(221));
        assert_eq!(Architecture::Aarch64.number("open"), None);
    }
}
