//! Labels of security modules: what the next execve(2) of this process puts on.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

/// A security module that labels processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    /// AppArmor.
    AppArmor,
    /// SELinux.
    Selinux,
}

impl Module {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AppArmor => "AppArmor",
            Self::Selinux => "SELinux",
        }
    }

    /// Whether this host has it switched on.
    #[must_use]
    pub fn is_enabled(self) -> bool {
        match self {
            Self::AppArmor => std::fs::read("/sys/module/apparmor/parameters/enabled")
                .is_ok_and(|text| text.starts_with(b"Y")),
            Self::Selinux => Path::new("/sys/fs/selinux/enforce").exists(),
        }
    }
}

/// Labels what this process executes next.
///
/// # Errors
/// If the module does not know the label, or `/proc` is not the kernel's: nothing is written to a
/// file that somebody has put there (CVE-2019-16884).
pub fn set_exec(module: Module, label: &str) -> io::Result<()> {
    let (files, text): (&[&str], String) = match module {
        Module::AppArmor => (
            &["self/attr/apparmor/exec", "self/attr/exec"],
            format!("exec {label}"),
        ),
        Module::Selinux => (&["self/attr/exec"], label.to_owned()),
    };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for file in files {
        match open_of_kernel(file) {
            Ok(fd) => return std::fs::File::from(fd).write_all(text.as_bytes()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Opens a file of procfs for writing, through nothing but procfs.
fn open_of_kernel(file: &str) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let proc = open("/proc", flags, Mode::empty())?;
    if fstatfs(&proc)?.filesystem_type() != PROC_SUPER_MAGIC {
        return Err(io::Error::other("/proc is not the kernel's"));
    }
    let how = OpenHow::new()
        .flags(OFlag::O_WRONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    Ok(openat2(&proc, file, how)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_procfs_are_opened_and_nothing_else() {
        assert!(open_of_kernel("self/comm").is_ok());
        assert!(open_of_kernel("self/cwd/x").is_err());
        assert!(open_of_kernel("self/root/tmp").is_err());
    }

    #[test]
    fn a_module_that_is_off_labels_nothing() {
        for module in [Module::AppArmor, Module::Selinux] {
            if !module.is_enabled() {
                assert!(set_exec(module, "no-such-label").is_err(), "{module:?}");
            }
        }
    }
}
