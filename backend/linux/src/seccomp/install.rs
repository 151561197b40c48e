//! Handing a filter to the kernel.

use nix::errno::Errno;

use super::program::{Instruction, Program};

/// `struct sock_fprog`.
#[repr(C)]
struct FilterProgram {
    len: u16,
    filter: *const Instruction,
}

/// Filters the calling thread from now on, and what it starts. Needs CAP_SYS_ADMIN, or
/// no_new_privs set before. Allocates nothing.
///
/// # Errors
/// As seccomp(2).
pub fn install(program: &Program) -> Result<(), Errno> {
    install_logging(program, false)
}

/// The same; with `log`, the kernel logs whatever the filter does not simply let through.
///
/// # Errors
/// As seccomp(2).
pub fn install_logging(program: &Program, log: bool) -> Result<(), Errno> {
    let instructions = program.instructions();
    let program = FilterProgram {
        len: u16::try_from(instructions.len()).map_err(|_| Errno::EINVAL)?,
        filter: instructions.as_ptr(),
    };
    // Kernels before 5.16 switch a processor's speculation off for filtered programs unless told
    // not to, at a great cost; those that do not know the flag (before 4.17) do not.
    let log = if log {
        libc::SECCOMP_FILTER_FLAG_LOG
    } else {
        0
    };
    match set_filter(libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW | log, &program) {
        Err(Errno::EINVAL) => set_filter(log, &program),
        result => result,
    }
}

fn set_filter(flags: libc::c_ulong, program: &FilterProgram) -> Result<(), Errno> {
    // SAFETY: the kernel reads `len` instructions from `filter`, which the caller's program holds
    // for longer than the call, and keeps a copy. `Instruction` has the layout of `struct
    // sock_filter`.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER as libc::c_ulong,
            flags,
            std::ptr::from_ref(program),
        )
    };
    Errno::result(result).map(drop)
}
