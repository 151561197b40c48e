//! The mount API of descriptors: fsopen(2), fsmount(2), open_tree(2), move_mount(2),
//! mount_setattr(2). A mount exists before it has a place, and gets its place by descriptor, so
//! no path is looked up twice.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount,
    open_tree, unmount,
};

/// Attributes of a mount (mount_setattr(2)).
pub type Attributes = MountAttrFlags;

/// An option of a file system.
#[derive(Debug, Clone, Copy)]
pub enum FsOption<'a> {
    /// `name=value`.
    Value(&'a str, &'a Path),
    /// `name` alone.
    Flag(&'a str),
}

/// Makes a new mount that is attached nowhere yet.
///
/// # Errors
/// As the kernel says; an option that it does not know is `EINVAL`.
pub fn make(
    kind: &str,
    source: Option<&str>,
    options: &[FsOption<'_>],
    attributes: Attributes,
) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    if let Some(source) = source {
        fsconfig_set_string(&context, "source", source)?;
    }
    for option in options {
        match option {
            FsOption::Value(name, value) => fsconfig_set_string(&context, *name, *value)?,
            FsOption::Flag(name) => fsconfig_set_flag(&context, *name)?,
        }
    }
    fsconfig_create(&context)?;
    Ok(fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        attributes,
    )?)
}

/// A copy of the mount (with `recursive`, of all below it) at a path, attached nowhere yet.
///
/// # Errors
/// If there is no such path.
pub fn copy_of(path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    Ok(open_tree(rustix::fs::CWD, path, tree_flags(recursive))?)
}

/// A copy of the mount that an open descriptor lies on, with the descriptor's file as its top.
///
/// # Errors
/// As open_tree(2).
pub fn copy_of_fd(fd: BorrowedFd<'_>, recursive: bool) -> io::Result<OwnedFd> {
    let flags = tree_flags(recursive) | OpenTreeFlags::AT_EMPTY_PATH;
    Ok(open_tree(fd, "", flags)?)
}

fn tree_flags(recursive: bool) -> OpenTreeFlags {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags | OpenTreeFlags::AT_RECURSIVE
    } else {
        flags
    }
}

/// Attaches a mount over the file that `target` is open on.
///
/// # Errors
/// As move_mount(2): a directory goes over a directory, a file over a file.
pub fn attach(mount: &OwnedFd, target: impl AsFd) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(mount, "", target.as_fd(), "", flags)?)
}

/// How mount events pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// They do not.
    Private,
    /// Into this mount alone.
    Slave,
    /// Both ways.
    Shared,
    /// They do not, and the mount cannot be bound elsewhere.
    Unbindable,
}

/// `struct mount_attr` of mount_setattr(2).
#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// `AT_RECURSIVE` of mount_setattr(2).
const AT_RECURSIVE: libc::c_uint = 0x8000;

/// Changes a mount, and with `recursive` all below it.
///
/// # Errors
/// As mount_setattr(2).
pub fn change(
    mount: &OwnedFd,
    recursive: bool,
    set: Attributes,
    spread: Option<Spread>,
) -> io::Result<()> {
    set_attributes(mount, recursive, set, Attributes::empty(), spread)
}

/// Sets and clears attributes of a mount, and with `recursive` of all below it. When the way of
/// noting access times changes, all of its bits are cleared first, as the kernel wants it.
///
/// # Errors
/// As mount_setattr(2).
pub fn alter(
    mount: &OwnedFd,
    recursive: bool,
    set: Attributes,
    clear: Attributes,
) -> io::Result<()> {
    set_attributes(mount, recursive, set, clear, None)
}

fn set_attributes(
    mount: &OwnedFd,
    recursive: bool,
    set: Attributes,
    clear: Attributes,
    spread: Option<Spread>,
) -> io::Result<()> {
    let propagation = match spread {
        None => 0,
        Some(Spread::Private) => libc::MS_PRIVATE,
        Some(Spread::Slave) => libc::MS_SLAVE,
        Some(Spread::Shared) => libc::MS_SHARED,
        Some(Spread::Unbindable) => libc::MS_UNBINDABLE,
    };
    let attr = MountAttr {
        attr_set: set.bits().into(),
        attr_clr: clear.bits().into(),
        propagation,
        userns_fd: 0,
    };
    apply(mount, if recursive { AT_RECURSIVE } else { 0 }, &attr)
}

fn apply(mount: &OwnedFd, flags: libc::c_uint, attr: &MountAttr) -> io::Result<()> {
    // SAFETY: the path is an empty C string, the struct is of version 0 and of the size that is
    // passed, and both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH.cast_unsigned() | flags,
            std::ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    };
    Ok(Errno::result(result).map(drop)?)
}

/// `MOUNT_ATTR_IDMAP` of mount_setattr(2).
const IDMAP: u64 = 0x0010_0000;

/// Shows the owners of a detached mount as a user namespace maps them: id 0 of the file system is
/// whoever root of the namespace is.
///
/// # Errors
/// `EINVAL` when the file system cannot, or the kernel (before 5.12).
pub fn map_ids(mount: &OwnedFd, user_namespace: BorrowedFd<'_>) -> io::Result<()> {
    let attr = MountAttr {
        attr_set: IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::from(user_namespace.as_raw_fd().cast_unsigned()),
    };
    apply(mount, 0, &attr)
}

/// Makes every mount of this namespace private, so that nothing that follows shows elsewhere.
///
/// # Errors
/// As mount(2).
pub fn make_all_private() -> io::Result<()> {
    use nix::mount::{MsFlags, mount};
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    Ok(mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)?)
}

/// Makes an attached mount the root of this mount namespace and takes the old root away.
///
/// # Errors
/// As pivot_root(2) and umount2(2).
pub fn enter_root(root: BorrowedFd<'_>) -> io::Result<()> {
    nix::unistd::fchdir(root)?;
    // pivot_root(2), NOTES: both at once stacks the old root over the new one's `/`.
    nix::unistd::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    Ok(nix::unistd::chdir("/")?)
}

/// Opens a path for use as a mount's target, without magic links (openat2(2)).
///
/// # Errors
/// If it does not exist or leads through a magic link.
pub fn open_target(path: &Path) -> io::Result<OwnedFd> {
    let root = nix::fcntl::open(
        "/",
        nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    )?;
    open_target_in(root.as_fd(), path)
}

/// The same with a directory in the place of `/`, which no link leads out of.
///
/// # Errors
/// If it does not exist or leads through a magic link.
pub fn open_target_in(root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS | ResolveFlag::RESOLVE_IN_ROOT);
    Ok(openat2(root, path, how)?)
}

/// Whether a descriptor lies on procfs.
///
/// # Errors
/// As fstatfs(2).
pub fn is_procfs(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let stat = nix::sys::statfs::fstatfs(fd)?;
    Ok(stat.filesystem_type() == nix::sys::statfs::PROC_SUPER_MAGIC)
}
