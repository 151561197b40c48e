//! The default profile: what a container may call, by name, and why the rest is kept out. Pure.
//!
//! The list follows Docker's, so that what runs there runs here. A call that is in no group does
//! not exist for us: it gets ENOSYS, as from a kernel that is older than the program, and the
//! program's C library goes the way it has for that case. A call that we know and refuse gets
//! EPERM.

use std::collections::HashMap;

use crate::capability::{Capability, CapabilitySet};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on to the kernel.
    Allow,
    /// It fails with this error number.
    Fail(u16),
    /// It goes on if one of these holds, and fails with EPERM otherwise.
    AllowIf(&'static [Condition]),
}

impl Verdict {
    /// Not permitted.
    pub const REFUSE: Self = Self::Fail(libc::EPERM as u16);
    /// As if the kernel did not have it.
    pub const UNKNOWN: Self = Self::Fail(libc::ENOSYS as u16);
}

/// A test of the lower 32 bits of an argument. All that is tested here are ints for the kernel:
/// it ignores the upper half, and a test that did not could be fooled by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Which argument, from 0.
    pub argument: u8,
    /// Which of its bits.
    pub mask: u32,
    /// How they compare.
    pub compare: Compare,
    /// With what.
    pub value: u32,
}

/// A comparison without sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Equal.
    Equal,
    /// Less.
    Less,
    /// Greater.
    Greater,
}

/// Who may use a group of calls.
#[derive(Debug, Clone, Copy)]
enum Access {
    /// Everyone.
    Always,
    /// Who has one of these capabilities.
    With(&'static [Capability]),
    /// Everyone, if the arguments are harmless.
    If(&'static [Condition]),
    /// Everyone if the arguments are harmless, and who has the capability in any case.
    IfOrWith(&'static [Condition], Capability),
    /// Who has the capability; for others the call does not exist.
    ExistsWith(Capability),
    /// Nobody.
    Never,
}

/// Calls that are treated alike, with the reason.
struct Group {
    access: Access,
    /// Names, separated by blanks.
    calls: &'static str,
    /// Why they are let through or kept out; `orlop` shows it nowhere, readers of this file need
    /// it.
    #[allow(dead_code)]
    reason: &'static str,
}

/// What happens to each call of a process whose container has these capabilities. What is not in
/// it does not exist.
#[must_use]
pub fn verdicts(capabilities: CapabilitySet) -> HashMap<&'static str, Verdict> {
    GROUPS
        .iter()
        .flat_map(|group| {
            let verdict = group.access.verdict(capabilities);
            let calls = group.calls.split_ascii_whitespace();
            calls.map(move |call| (call, verdict))
        })
        .collect()
}

impl Access {
    fn verdict(self, capabilities: CapabilitySet) -> Verdict {
        let allowed = |yes: bool| if yes { Verdict::Allow } else { Verdict::REFUSE };
        match self {
            Self::Always => Verdict::Allow,
            Self::With(any) => allowed(any.iter().any(|c| capabilities.contains(*c))),
            Self::If(conditions) => Verdict::AllowIf(conditions),
            Self::IfOrWith(_, capability) if capabilities.contains(capability) => Verdict::Allow,
            Self::IfOrWith(conditions, _) => Verdict::AllowIf(conditions),
            Self::ExistsWith(capability) if capabilities.contains(capability) => Verdict::Allow,
            Self::ExistsWith(_) => Verdict::UNKNOWN,
            Self::Never => Verdict::REFUSE,
        }
    }
}

const fn when(argument: u8, compare: Compare, value: u32) -> Condition {
    Condition {
        argument,
        mask: u32::MAX,
        compare,
        value,
    }
}

/// All flags of clone(2) that make a namespace. `CLONE_NEWTIME` is not among them: clone(2) reads
/// its bit as part of the exit signal.
const NAMESPACE_FLAGS: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;

const NO_NEW_NAMESPACE: Condition = Condition {
    argument: 0,
    mask: NAMESPACE_FLAGS,
    compare: Compare::Equal,
    value: 0,
};

/// Execution domains that change nothing about protection: Linux, SVR4-like page zero is not
/// among them; `UNAME26` and 32-bit `PER_LINUX32` are; all ones asks and changes nothing.
const HARMLESS_PERSONALITIES: &[Condition] = &[
    when(0, Compare::Equal, 0x0000_0000),
    when(0, Compare::Equal, 0x0000_0008),
    when(0, Compare::Equal, 0x0002_0000),
    when(0, Compare::Equal, 0x0002_0008),
    when(0, Compare::Equal, 0xffff_ffff),
];

/// Every address family but `AF_ALG` and `AF_VSOCK`.
const HARMLESS_FAMILIES: &[Condition] = &[
    when(0, Compare::Less, libc::AF_ALG as u32),
    when(0, Compare::Equal, 39),
    when(0, Compare::Greater, libc::AF_VSOCK as u32),
];

#[rustfmt::skip]
static GROUPS: &[Group] = &[
    Group { access: Access::Always, calls: "\
        read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 close \
        close_range lseek _llseek dup dup2 dup3 pipe pipe2 fcntl fcntl64 flock ioctl sendfile \
        sendfile64 splice tee vmsplice copy_file_range readahead fadvise64 fadvise64_64 \
        sync_file_range fsync fdatasync sync syncfs cachestat",
        reason: "work on descriptors that the process has; ioctl is as safe as the device behind \
            it, and devices are confined by the control group" },
    Group { access: Access::Always, calls: "\
        open openat openat2 creat access faccessat faccessat2 stat stat64 lstat lstat64 fstat \
        fstat64 fstatat64 newfstatat statx statfs statfs64 fstatfs fstatfs64 readlink readlinkat \
        link linkat symlink symlinkat unlink unlinkat rename renameat renameat2 mkdir mkdirat \
        rmdir mknod mknodat truncate truncate64 ftruncate ftruncate64 fallocate utime utimes \
        futimesat utimensat utimensat_time64 chmod fchmod fchmodat fchmodat2 chown chown32 lchown \
        lchown32 fchown fchown32 fchownat umask getcwd chdir fchdir getdents getdents64 \
        name_to_handle_at statmount listmount",
        reason: "names are looked up in the container's own mounts; making a device node needs \
            CAP_MKNOD and opening it the control group's consent; a file handle alone opens \
            nothing" },
    Group { access: Access::Always, calls: "\
        getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat \
        setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr \
        removexattrat",
        reason: "trusted and security attributes check capabilities themselves" },
    Group { access: Access::Always, calls: "\
        inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark eventfd \
        eventfd2 signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 \
        timerfd_settime timerfd_settime64 epoll_create epoll_create1 epoll_ctl epoll_ctl_old \
        epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 poll ppoll ppoll_time64 select \
        _newselect pselect6 pselect6_time64 io_setup io_destroy io_submit io_cancel io_getevents \
        io_pgetevents io_pgetevents_time64",
        reason: "waiting for descriptors; marking needs a descriptor of fanotify_init, which is \
            kept out" },
    Group { access: Access::Always, calls: "\
        brk mmap mmap2 munmap mremap mprotect msync madvise mincore mlock mlock2 mlockall munlock \
        munlockall remap_file_pages memfd_create memfd_secret pkey_alloc pkey_free pkey_mprotect \
        map_shadow_stack mseal membarrier process_mrelease",
        reason: "the process's own memory; locking it is bounded by a resource limit" },
    Group { access: Access::Always, calls: "\
        fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid \
        getpgid getpgrp setpgid getsid setsid set_tid_address set_robust_list get_robust_list \
        rseq restart_syscall arch_prctl modify_ldt set_thread_area get_thread_area prctl \
        pidfd_open pidfd_send_signal uretprobe",
        reason: "processes see and reach only their own pid namespace; uretprobe returns from a \
            probe that the host's administrator has set" },
    Group { access: Access::Always, calls: "\
        ptrace process_vm_readv process_vm_writev",
        reason: "debuggers work; since Linux 4.8 a traced process cannot get past the filter, and \
            other users' processes need CAP_SYS_PTRACE as everywhere" },
    Group { access: Access::Always, calls: "\
        kill tkill tgkill pause alarm sigaltstack rt_sigaction rt_sigprocmask rt_sigpending \
        rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait \
        rt_sigtimedwait_time64 sigprocmask sigreturn",
        reason: "signals within the pid namespace" },
    Group { access: Access::Always, calls: "\
        futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue",
        reason: "locks between threads" },
    Group { access: Access::Always, calls: "\
        getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid \
        getresuid32 getresgid getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 \
        setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32 \
        setfsuid setfsuid32 setfsgid setfsgid32 setgroups setgroups32 capget capset seccomp \
        landlock_create_ruleset landlock_add_rule landlock_restrict_self",
        reason: "users and groups check CAP_SETUID and CAP_SETGID; a process may confine itself \
            further" },
    Group { access: Access::Always, calls: "\
        time times gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 \
        clock_nanosleep clock_nanosleep_time64 nanosleep getitimer setitimer timer_create \
        timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime \
        timer_settime64 adjtimex clock_adjtime clock_adjtime64",
        reason: "reading clocks and waiting; adjusting one needs CAP_SYS_TIME, which the kernel \
            checks, and reading through adjtimex does not" },
    Group { access: Access::Always, calls: "\
        getpriority setpriority sched_yield sched_getaffinity sched_setaffinity sched_getattr \
        sched_setattr sched_getparam sched_setparam sched_getscheduler sched_setscheduler \
        sched_get_priority_max sched_get_priority_min sched_rr_get_interval \
        sched_rr_get_interval_time64 ioprio_get ioprio_set getcpu getrlimit ugetrlimit setrlimit \
        prlimit64 getrusage sysinfo uname getrandom",
        reason: "raising a priority or a hard limit checks capabilities" },
    Group { access: Access::Always, calls: "\
        socketpair bind connect listen accept accept4 getsockname getpeername getsockopt \
        setsockopt sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg recvmmsg_time64 shutdown \
        socketcall",
        reason: "sockets of the container's own network namespace; socketcall, of 32-bit x86, \
            hides its arguments from a filter" },
    Group { access: Access::Always, calls: "\
        shmget shmat shmdt shmctl semget semop semtimedop semtimedop_time64 semctl msgget msgsnd \
        msgrcv msgctl ipc mq_open mq_unlink mq_timedsend mq_timedsend_time64 mq_timedreceive \
        mq_timedreceive_time64 mq_notify mq_getsetattr",
        reason: "objects of the container's own ipc namespace" },

    Group { access: Access::IfOrWith(&[NO_NEW_NAMESPACE], Capability::SYS_ADMIN), calls: "clone",
        reason: "a user namespace gives its maker every capability inside, and with them reach to \
            much code of the kernel that is not made for strangers" },
    Group { access: Access::ExistsWith(Capability::SYS_ADMIN), calls: "clone3",
        reason: "its flags are in memory, where no filter can read them; C libraries fall back to \
            clone when it does not exist" },
    Group { access: Access::If(HARMLESS_FAMILIES), calls: "socket",
        reason: "AF_ALG reaches the kernel's cipher code, of little use and with a history; \
            AF_VSOCK speaks past network namespaces to the machine's hypervisor" },
    Group { access: Access::If(HARMLESS_PERSONALITIES), calls: "personality",
        reason: "others switch off address space randomization or allow mappings at page zero" },

    Group { access: Access::With(&[Capability::SYS_ADMIN]), calls: "\
        mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig \
        fsmount fspick setns unshare sethostname setdomainname quotactl quotactl_fd \
        fanotify_init lookup_dcookie lsm_get_self_attr lsm_set_self_attr lsm_list_modules",
        reason: "the kernel wants CAP_SYS_ADMIN in some user namespace for them; without unshare \
            none can be had" },
    Group { access: Access::With(&[Capability::SYS_ADMIN, Capability::BPF]), calls: "bpf",
        reason: "loads programs into the kernel" },
    Group { access: Access::With(&[Capability::SYS_ADMIN, Capability::PERFMON]),
        calls: "perf_event_open",
        reason: "measures other processes and the kernel; a side channel and often at fault" },
    Group { access: Access::With(&[Capability::SYS_ADMIN, Capability::SYSLOG]), calls: "syslog",
        reason: "the kernel's log tells about the host" },
    Group { access: Access::With(&[Capability::DAC_READ_SEARCH]), calls: "open_by_handle_at",
        reason: "opens files of the whole file system, past the container's root" },
    Group { access: Access::With(&[Capability::SYS_CHROOT]), calls: "chroot",
        reason: "harmless with the capability, which is in the default set" },
    Group { access: Access::With(&[Capability::SYS_PTRACE]), calls: "\
        kcmp pidfd_getfd process_madvise",
        reason: "look into other processes; take their descriptors" },
    Group { access: Access::With(&[Capability::SYS_NICE]), calls: "\
        get_mempolicy set_mempolicy set_mempolicy_home_node mbind",
        reason: "place memory on nodes, also others' memory" },
    Group { access: Access::With(&[Capability::SYS_BOOT]), calls: "reboot",
        reason: "restarts or halts" },
    Group { access: Access::With(&[Capability::SYS_MODULE]), calls: "\
        init_module finit_module delete_module",
        reason: "code for the kernel" },
    Group { access: Access::With(&[Capability::SYS_PACCT]), calls: "acct",
        reason: "accounting of the whole host" },
    Group { access: Access::With(&[Capability::SYS_RAWIO]), calls: "iopl ioperm",
        reason: "the machine's ports" },
    Group { access: Access::With(&[Capability::SYS_TIME]), calls: "\
        settimeofday stime clock_settime clock_settime64",
        reason: "the host's clock" },
    Group { access: Access::With(&[Capability::SYS_TTY_CONFIG]), calls: "vhangup",
        reason: "hangs up terminals" },

    Group { access: Access::Never, calls: "add_key keyctl request_key",
        reason: "keyrings belong to users, not to namespaces: a container would share the host's" },
    Group { access: Access::Never, calls: "io_uring_setup io_uring_enter io_uring_register",
        reason: "does what other calls do without passing this filter, and has been the way of \
            many escapes" },
    Group { access: Access::Never, calls: "userfaultfd",
        reason: "stops the kernel in the middle of a copy, which makes races easy to win" },
    Group { access: Access::Never, calls: "kexec_load kexec_file_load",
        reason: "another kernel" },
    Group { access: Access::Never, calls: "pivot_root",
        reason: "the container's root is set before it starts" },
    Group { access: Access::Never, calls: "swapon swapoff",
        reason: "the host's swap" },
    Group { access: Access::Never, calls: "move_pages migrate_pages",
        reason: "move other processes' memory; a side channel about where it is" },
    Group { access: Access::Never, calls: "file_getattr file_setattr",
        reason: "new, and for what they do there are ioctls already" },
    Group { access: Access::Never, calls: "uprobe",
        reason: "only ever made by the kernel's own trampoline, which the filter does not see" },
    Group { access: Access::Never, calls: "\
        nice signal sigaction sigpending sigsuspend sgetmask ssetmask readdir oldstat oldlstat \
        oldfstat olduname oldolduname ustat sysfs uselib vm86 vm86old",
        reason: "old forms, of 32-bit x86 for the most part, that no C library of today uses" },
    Group { access: Access::Never, calls: "\
        _sysctl afs_syscall bdflush break create_module ftime get_kernel_syms getpmsg gtty idle \
        lock mpx nfsservctl prof profil putpmsg query_module security stty tuxcall ulimit vserver",
        reason: "numbers of calls that were removed, or never were" },
];

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
