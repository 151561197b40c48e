//! Unpacks an archive into a directory: a layer in overlay form, a build context, a local archive
//! of `ADD`, or what a client copies into a container.
//!
//! Whatever the archive says, nothing outside the target is touched: names are clean paths, parents
//! are resolved inside the target, the last name is never followed and never written through (what
//! stands there is removed first), and hard links start from a name inside.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};

use orlop_image::layer::{Entry, EntryPath, Kind, PathError, ReadError, Source, Time, Whiteout};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::attributes::{Attributes, set_opaque, timestamps};
use crate::confine::{
    DIRECTORY, FileError, Root, c_name, failed, file_type, is_whiteout, look, make_directory,
};
use crate::trash::remove_at;

/// Why an archive could not be unpacked. What was unpacked before stays for the caller to remove.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The archive is bad.
    #[error(transparent)]
    Archive(#[from] ReadError),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A name in the archive cannot be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A hard link to something that the archive does not hold.
    #[error("{path}: the hard link's target {target} is not there")]
    LinkTarget {
        /// The link.
        path: EntryPath,
        /// Where it points.
        target: EntryPath,
    },
    /// The archive would replace a directory of a running container by something else, or the
    /// other way round, and the client asked not to.
    #[error("{0}: a directory and something else would replace each other")]
    Replace(EntryPath),
}

/// How to read what an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// `.wh.` names are marks for overlayfs (a layer), not files.
    pub whiteouts: bool,
    /// Make devices; they are left out otherwise.
    pub devices: bool,
    /// Everything belongs to this user and group instead of the archive's.
    pub owner: Option<(u32, u32)>,
    /// Every file and directory gets these permission bits instead of the archive's.
    pub mode: Option<u32>,
    /// The archive's entry for its top sets the target's own attributes.
    pub top: bool,
    /// A directory in the archive may land on a link to a directory in the target.
    pub keep_directory_links: bool,
    /// A directory and something else may replace each other.
    pub replace_kinds: bool,
}

impl Policy {
    /// An image layer, into an empty directory.
    pub const LAYER: Self = Self {
        whiteouts: true,
        devices: true,
        owner: None,
        mode: None,
        top: true,
        keep_directory_links: false,
        replace_kinds: true,
    };
    /// A build context, into an empty directory: files, directories and links, all of root.
    pub const CONTEXT: Self = Self {
        whiteouts: false,
        devices: false,
        owner: Some((0, 0)),
        top: false,
        ..Self::LAYER
    };
    /// An archive on top of a container's files.
    pub const OVER: Self = Self {
        whiteouts: false,
        top: false,
        keep_directory_links: true,
        ..Self::LAYER
    };
}

/// What was unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Objects.
    pub entries: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Objects that the policy left out, and attributes that the file system did not take.
    pub left_out: u64,
    /// Directories that hide what lower layers have in them, yet to be marked with
    /// [`mark_opaque`]: that needs `CAP_SYS_ADMIN`, which whoever reads an archive should not have.
    pub opaque: Vec<EntryPath>,
}

/// Marks directories of a layer, as [`apply`] says.
pub fn mark_opaque(target: &Root, directories: &[EntryPath]) -> Result<(), FileError> {
    for path in directories {
        let directory = open_directory(target, path).map_err(failed("opening", path))?;
        set_opaque(&directory).map_err(failed("marking", path))?;
    }
    Ok(())
}

/// Opens a directory whose last name is no link.
fn open_directory(target: &Root, path: &EntryPath) -> Result<OwnedFd, Errno> {
    let (parent, name) = target.parent(path.as_bytes())?;
    rustix::fs::openat(&parent, &name, DIRECTORY, Mode::empty())
}

const BUFFER_BYTES: usize = 256 << 10;

/// Content that becomes a hole: whole runs of it cost no space, whatever an archive holds.
static ZEROS: [u8; BUFFER_BYTES] = [0; BUFFER_BYTES];

/// Shorter runs are written: a hole that is no block saves nothing.
const SHORTEST_HOLE_BYTES: usize = 4096;

/// Unpacks all of `source` into `target`. Calls nothing to disk: that is the caller's, once.
pub fn apply(
    source: &mut impl Source,
    target: &Root,
    policy: Policy,
) -> Result<Applied, ApplyError> {
    let mut unpack = Unpack {
        target,
        policy,
        applied: Applied::default(),
        parent: None,
        times: Vec::new(),
        removed: BTreeSet::new(),
        opaque: BTreeSet::new(),
        buffer: vec![0; BUFFER_BYTES],
    };
    while let Some(entry) = source.next_entry()? {
        unpack.entry(source, entry)?;
    }
    unpack.finish()
}

struct Unpack<'a> {
    target: &'a Root,
    policy: Policy,
    applied: Applied,
    /// The directory used last: archives keep the files of one together.
    parent: Option<(EntryPath, OwnedFd)>,
    /// Times of directories, to be set when nothing is put into them any more.
    times: Vec<(EntryPath, Time)>,
    /// What lower layers shall lose: marked last, so that the order in the archive is no matter.
    removed: BTreeSet<EntryPath>,
    opaque: BTreeSet<EntryPath>,
    buffer: Vec<u8>,
}

impl Unpack<'_> {
    fn entry(&mut self, source: &mut impl Source, mut entry: Entry) -> Result<(), ApplyError> {
        if let Some((uid, gid)) = self.policy.owner {
            (entry.uid, entry.gid) = (uid, gid);
        }
        if let Some(mode) = self.policy.mode {
            entry.mode = mode;
        }
        let Some((parent, name)) = entry.path.split() else {
            return self.top(&entry);
        };
        if self.policy.whiteouts {
            match Whiteout::of(name) {
                Whiteout::No => {}
                Whiteout::Ignore => return Ok(()),
                mark => {
                    self.applied.entries += 1;
                    match mark {
                        Whiteout::Remove(gone) => self.removed.insert(parent.join(gone)?),
                        _ => self.opaque.insert(parent),
                    };
                    return Ok(());
                }
            }
        }
        let is_device = matches!(
            entry.kind,
            Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo
        );
        if is_device && !self.policy.devices {
            self.applied.left_out += 1;
            return Ok(());
        }
        let name = c_name(name);
        self.enter(parent)?;
        self.applied.entries += 1;
        match &entry.kind {
            Kind::Directory => self.directory(&entry, &name),
            Kind::File { size } => self.file(source, &entry, &name, *size),
            Kind::HardLink { target } => self.hard_link(&entry, &name, target),
            _ => self.special(&entry, &name),
        }
    }

    fn top(&mut self, entry: &Entry) -> Result<(), ApplyError> {
        if self.policy.top && entry.kind == Kind::Directory {
            let directory = self
                .target
                .directory(c".")
                .map_err(failed("opening", &entry.path))?;
            self.set_directory(entry, &directory)?;
            self.applied.entries += 1;
        }
        Ok(())
    }

    /// Makes `parent` the current directory.
    fn enter(&mut self, parent: EntryPath) -> Result<(), ApplyError> {
        if self.parent.as_ref().is_none_or(|(path, _)| *path != parent) {
            let directory = self.target.make_directories(&parent)?;
            self.parent = Some((parent, directory));
        }
        Ok(())
    }

    fn here(&self) -> std::os::fd::BorrowedFd<'_> {
        // Every caller has entered a directory; the target itself is a safe answer all the same.
        self.parent
            .as_ref()
            .map_or_else(|| self.target.as_fd(), |(_, directory)| directory.as_fd())
    }

    /// Makes room for something that is not a directory.
    fn clear(&mut self, entry: &Entry, name: &CStr) -> Result<(), ApplyError> {
        let fail = failed("looking at", &entry.path);
        let Some(stat) = look(self.here(), name).map_err(fail)? else {
            return Ok(());
        };
        if file_type(&stat) == FileType::Directory && !self.policy.replace_kinds {
            return Err(ApplyError::Replace(entry.path.clone()));
        }
        remove_at(self.here(), name)?;
        if file_type(&stat) != FileType::RegularFile {
            // A directory on the way to the current one may have been a part of what is gone.
            self.parent = None;
            let parent = entry
                .path
                .split()
                .map_or_else(EntryPath::top, |(parent, _)| parent);
            self.enter(parent)?;
        }
        Ok(())
    }

    fn directory(&mut self, entry: &Entry, name: &CStr) -> Result<(), ApplyError> {
        let fail = |action| failed(action, &entry.path);
        let existing = look(self.here(), name).map_err(fail("looking at"))?;
        let directory = match existing.as_ref().map(file_type) {
            Some(FileType::Directory) => {
                rustix::fs::openat(self.here(), name, DIRECTORY, Mode::empty())
                    .map_err(fail("opening"))?
            }
            Some(FileType::Symlink) if self.policy.keep_directory_links => {
                match self.target.directory(&entry.path.to_c_string()) {
                    // Its attributes are those of another path: leave them.
                    Ok(_) => return Ok(()),
                    Err(_) => self.replace_by_directory(entry, name)?,
                }
            }
            Some(_) => self.replace_by_directory(entry, name)?,
            None => make_directory(self.here(), name, 0o700).map_err(fail("making"))?,
        };
        self.set_directory(entry, &directory)
    }

    fn replace_by_directory(&mut self, entry: &Entry, name: &CStr) -> Result<OwnedFd, ApplyError> {
        if !self.policy.replace_kinds {
            return Err(ApplyError::Replace(entry.path.clone()));
        }
        self.clear(entry, name)?;
        Ok(make_directory(self.here(), name, 0o700).map_err(failed("making", &entry.path))?)
    }

    fn set_directory(&mut self, entry: &Entry, directory: &OwnedFd) -> Result<(), ApplyError> {
        let set = attributes(entry).set(directory, &entry.xattrs);
        self.applied.left_out += set.map_err(failed("setting attributes of", &entry.path))?;
        self.times.push((entry.path.clone(), entry.mtime));
        Ok(())
    }

    fn file(
        &mut self,
        source: &mut impl Source,
        entry: &Entry,
        name: &CStr,
        size: u64,
    ) -> Result<(), ApplyError> {
        let fail = |action| failed(action, &entry.path);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        let fd = match rustix::fs::openat(self.here(), name, flags, mode) {
            Err(Errno::EXIST) => {
                self.clear(entry, name)?;
                rustix::fs::openat(self.here(), name, flags, mode).map_err(fail("making"))?
            }
            other => other.map_err(fail("making"))?,
        };
        let mut file = File::from(fd);
        // What has been written so far; all behind it is a hole until the end is set.
        let mut written = 0;
        while let Some(piece) = source.next_piece(&mut self.buffer)? {
            let length = piece.bytes.len();
            if length >= SHORTEST_HOLE_BYTES && piece.bytes == &ZEROS[..length] {
                continue;
            }
            if piece.offset != written {
                file.seek(SeekFrom::Start(piece.offset))
                    .map_err(failed("writing", &entry.path))?;
            }
            file.write_all(piece.bytes)
                .map_err(failed("writing", &entry.path))?;
            written = piece.offset + length as u64;
        }
        if written != size {
            file.set_len(size).map_err(failed("writing", &entry.path))?;
        }
        self.applied.bytes += size;
        let set = attributes(entry).set(&file, &entry.xattrs);
        self.applied.left_out += set.map_err(fail("setting attributes of"))?;
        Ok(())
    }

    fn hard_link(
        &mut self,
        entry: &Entry,
        name: &CStr,
        target: &EntryPath,
    ) -> Result<(), ApplyError> {
        let missing = || ApplyError::LinkTarget {
            path: entry.path.clone(),
            target: target.clone(),
        };
        if *target == entry.path {
            return Err(missing());
        }
        self.clear(entry, name)?;
        let (parent, target_name) = self
            .target
            .parent(target.as_bytes())
            .map_err(|_| missing())?;
        let stat = look(&parent, &target_name).map_err(failed("looking at", target))?;
        if !stat.is_some_and(|stat| file_type(&stat) != FileType::Directory && !is_whiteout(&stat))
        {
            return Err(missing());
        }
        // Without AT_SYMLINK_FOLLOW: a link to a link is one more name of that link.
        rustix::fs::linkat(&parent, &target_name, self.here(), name, AtFlags::empty())
            .map_err(failed("linking", &entry.path))?;
        Ok(())
    }

    /// Links, devices and pipes: what is never opened.
    fn special(&mut self, entry: &Entry, name: &CStr) -> Result<(), ApplyError> {
        self.clear(entry, name)?;
        let made = make_special(self.here(), name, &entry.kind, entry.mode);
        made.map_err(failed("making", &entry.path))?;
        let set = attributes(entry).set_at(self.here(), name);
        set.map_err(failed("setting attributes of", &entry.path))?;
        self.applied.left_out += entry.xattrs.len() as u64;
        Ok(())
    }

    fn finish(mut self) -> Result<Applied, ApplyError> {
        self.parent = None;
        for path in &self.opaque {
            self.target.make_directories(path)?;
        }
        // What is inside comes first: it may make the directory that is itself to be marked.
        for path in std::mem::take(&mut self.removed).into_iter().rev() {
            self.mark_removed(path)?;
        }
        for (path, time) in &self.times {
            // Where a later entry has put something else, there is no directory any more.
            if let Ok(directory) = open_directory(self.target, path) {
                rustix::fs::futimens(&directory, &timestamps(*time))
                    .map_err(failed("setting the time of", path))?;
            }
        }
        // Made through a link, the mark would be another directory's.
        self.opaque
            .retain(|path| open_directory(self.target, path).is_ok());
        Ok(Applied {
            opaque: self.opaque.into_iter().collect(),
            ..self.applied
        })
    }

    /// Hides a name of lower layers. What this layer has under the same name stays: there the
    /// removal is what made room for it.
    fn mark_removed(&mut self, path: EntryPath) -> Result<(), ApplyError> {
        let Some((parent, name)) = path.split() else {
            return Ok(());
        };
        let parent = self.target.make_directories(&parent)?;
        let name = c_name(name);
        match look(&parent, &name).map_err(failed("looking at", &path))? {
            None => {
                let nothing = Kind::CharDevice { major: 0, minor: 0 };
                make_special(&parent, &name, &nothing, 0).map_err(failed("marking", &path))?;
            }
            Some(stat) if file_type(&stat) == FileType::Directory => {
                self.opaque.insert(path);
            }
            Some(_) => {}
        }
        Ok(())
    }
}

fn attributes(entry: &Entry) -> Attributes {
    Attributes {
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        mtime: entry.mtime,
    }
}

/// Makes a link, device or pipe. The caller has set the umask to 0, or the mode may lose bits.
pub(crate) fn make_special(
    parent: impl std::os::fd::AsFd,
    name: &CStr,
    kind: &Kind,
    mode: u32,
) -> Result<(), Errno> {
    let (file_type, device) = match kind {
        Kind::Symlink { target } => {
            return rustix::fs::symlinkat(crate::confine::c_path(target)?, parent, name);
        }
        Kind::CharDevice { major, minor } => (
            FileType::CharacterDevice,
            rustix::fs::makedev(*major, *minor),
        ),
        Kind::BlockDevice { major, minor } => {
            (FileType::BlockDevice, rustix::fs::makedev(*major, *minor))
        }
        _ => (FileType::Fifo, 0),
    };
    rustix::fs::mknodat(parent, name, file_type, Mode::from_raw_mode(mode), device)
}
