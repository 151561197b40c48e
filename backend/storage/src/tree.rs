//! A tree on disk as a source of archive entries: what unpacking takes in, written the other way
//! round. Comparing, exporting, flattening and copying all read trees through this one door.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use orlop_image::layer::entry::Piece;
use orlop_image::layer::{Entry, EntryPath, Kind, ReadError, Source, whiteout};
use rustix::fs::{FileType, Mode, Stat};
use rustix::io::Errno;

use crate::attributes::{Attributes, Inspected, inspect};
use crate::bytes::Content;
use crate::confine::{DIRECTORY, failed, file_type, is_whiteout, look, open_regular, read_link};
use crate::walk::{Found, Walk, WalkError};

/// How a tree is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As files: what a process in it would see. overlayfs's marks are left out.
    Plain,
    /// As a layer: overlayfs's marks become `.wh.` names, names that are such themselves are left
    /// out, as are the empty files that a container's mounts need in `/etc`.
    Layer,
}

/// Files that the runtime makes as places to mount on, in a container that does not have them.
const MOUNT_PLACES: [&[u8]; 3] = [b"etc/hostname", b"etc/hosts", b"etc/resolv.conf"];

/// Reads a tree. Sockets are left out: no archive can hold them.
#[derive(Debug)]
pub struct TreeSource {
    form: Form,
    /// Put before every path.
    prefix: EntryPath,
    /// The file system of the top.
    device: u64,
    /// The object at the top, which comes first.
    first: Option<Entry>,
    walk: Option<Walk>,
    /// The first name of each file that has several; nothing when each shall come as a file.
    links: Option<HashMap<(u64, u64), EntryPath>>,
    /// A mark that comes right after its directory.
    mark: Option<Entry>,
    content: Option<Content>,
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> ReadError {
    ReadError::Io(io::Error::other(error))
}

impl TreeSource {
    /// Reads a directory; its own entry is the archive's top.
    pub fn of_directory(directory: impl AsFd, form: Form) -> Result<Self, ReadError> {
        let top = EntryPath::top();
        Self::new(directory, c".", top, form, true)
    }

    /// Reads what stands under a name, and all below it if it is a directory and `deep`, as `path`.
    pub fn new(
        parent: impl AsFd,
        name: &CStr,
        path: EntryPath,
        form: Form,
        deep: bool,
    ) -> Result<Self, ReadError> {
        let fail = |action| {
            let path = path.clone();
            move |errno: Errno| broken(failed(action, path)(errno))
        };
        let mut source = Self {
            form,
            prefix: path.clone(),
            device: 0,
            first: None,
            walk: None,
            links: Some(HashMap::new()),
            mark: None,
            content: None,
        };
        let stat = look(&parent, name)
            .map_err(fail("looking at"))?
            .ok_or_else(|| fail("looking at")(Errno::NOENT))?;
        source.device = stat.st_dev;
        if file_type(&stat) == FileType::Directory {
            let directory = rustix::fs::openat(&parent, name, DIRECTORY, Mode::empty())
                .map_err(fail("opening"))?;
            let stat = rustix::fs::fstat(&directory).map_err(fail("looking at"))?;
            if deep {
                source.walk = Some(Walk::new(&directory).map_err(broken)?);
            }
            source.first =
                source.object(parent.as_fd(), name, &stat, path, Some(directory.as_fd()))?;
            source.drop_default_top();
        } else {
            source.first = source.object(parent.as_fd(), name, &stat, path, None)?;
        }
        Ok(source)
    }

    /// Leaves out the entry of the top itself.
    #[must_use]
    pub fn without_top(mut self) -> Self {
        self.first = None;
        self
    }

    /// Gives each name of a file its content, instead of making the later ones hard links.
    #[must_use]
    pub fn without_hard_links(mut self) -> Self {
        self.links = None;
        self
    }

    /// A layer says something about its top only when that is not what every layer's top is; and
    /// never when it was changed, as that moves with each name that is made or removed in it.
    fn drop_default_top(&mut self) {
        if self.form == Form::Layer && self.prefix.is_top() {
            let default = Entry::new(EntryPath::top(), Kind::Directory, 0o755);
            if let Some(first) = &mut self.first {
                first.mtime = default.mtime;
            }
            self.first = self.first.take().filter(|first| *first != default);
        }
    }

    fn found(&mut self, found: &Found) -> Result<Option<Entry>, ReadError> {
        let Some(mut walk) = self.walk.take() else {
            return Ok(None);
        };
        let path = self.join(&found.path)?;
        let entry = match walk.parent() {
            Some(parent) => self.object(parent, &found.name, &found.stat, path, walk.directory()),
            None => Ok(None),
        }?;
        // What is left out is left out with all that is in it.
        if entry.is_none() || (found.stat.st_dev != self.device && is_kernel_made(&walk)) {
            walk.pass();
        }
        self.walk = Some(walk);
        Ok(entry)
    }

    fn join(&self, path: &EntryPath) -> Result<EntryPath, ReadError> {
        if self.prefix.is_top() {
            return Ok(path.clone());
        }
        Ok(self.prefix.join(path.as_bytes())?)
    }

    /// The entry for one object; nothing when it is left out.
    fn object(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        stat: &Stat,
        path: EntryPath,
        directory: Option<BorrowedFd<'_>>,
    ) -> Result<Option<Entry>, ReadError> {
        if is_whiteout(stat) {
            return match self.form {
                Form::Plain => Ok(None),
                Form::Layer => whiteout_for(&path),
            };
        }
        let left_out = self.form == Form::Layer
            && (name.to_bytes().starts_with(whiteout::PREFIX)
                || (stat.st_size == 0
                    && file_type(stat) == FileType::RegularFile
                    && MOUNT_PLACES.contains(&path.as_bytes())));
        if left_out {
            return Ok(None);
        }
        if let Some(target) = self.first_name(stat, &path) {
            return Ok(Some(with_attributes(path, Kind::HardLink { target }, stat)));
        }
        let read = self.read_object(parent, name, stat, &path, directory);
        match read {
            Ok(entry) => Ok(entry),
            // Gone or replaced since it was looked at: a live tree.
            Err(Errno::NOENT | Errno::LOOP) if self.form == Form::Plain => Ok(None),
            Err(errno) => Err(broken(failed("reading", path)(errno))),
        }
    }

    /// The earlier name of a file that has several; remembers this one if it is the first.
    fn first_name(&mut self, stat: &Stat, path: &EntryPath) -> Option<EntryPath> {
        if stat.st_nlink < 2 || file_type(stat) == FileType::Directory {
            return None;
        }
        let (links, file) = (self.links.as_mut()?, (stat.st_dev, stat.st_ino));
        let first = links.get(&file).cloned();
        if first.is_none() {
            links.insert(file, path.clone());
        }
        first
    }

    fn read_object(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        stat: &Stat,
        path: &EntryPath,
        directory: Option<BorrowedFd<'_>>,
    ) -> Result<Option<Entry>, Errno> {
        let device = || {
            (
                rustix::fs::major(stat.st_rdev),
                rustix::fs::minor(stat.st_rdev),
            )
        };
        let kind = match file_type(stat) {
            FileType::Directory => Kind::Directory,
            FileType::RegularFile => {
                let file = open_regular(parent, name, stat)?;
                return self.read_file(file, path).map(Some);
            }
            FileType::Symlink => Kind::Symlink {
                target: read_link(parent, name)?,
            },
            FileType::CharacterDevice => {
                let (major, minor) = device();
                Kind::CharDevice { major, minor }
            }
            FileType::BlockDevice => {
                let (major, minor) = device();
                Kind::BlockDevice { major, minor }
            }
            FileType::Fifo => Kind::Fifo,
            _ => return Ok(None),
        };
        let mut entry = with_attributes(path.clone(), kind, stat);
        if let Some(directory) = directory {
            let inspected = self.inspect(directory)?;
            entry.xattrs = inspected.xattrs;
            if self.form == Form::Layer && inspected.opaque {
                self.mark = opaque_for(path);
            }
        }
        Ok(Some(entry))
    }

    /// Refuses what an overlay with other options left: its content would be taken from elsewhere.
    fn inspect(&self, fd: BorrowedFd<'_>) -> Result<Inspected, Errno> {
        let inspected = inspect(fd)?;
        if self.form == Form::Layer && inspected.foreign {
            return Err(Errno::NOTSUP);
        }
        Ok(inspected)
    }

    fn read_file(&mut self, file: OwnedFd, path: &EntryPath) -> Result<Entry, Errno> {
        // Anew, by descriptor: the size must be of what will be read.
        let stat = rustix::fs::fstat(&file)?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let mut entry = with_attributes(path.clone(), Kind::File { size }, &stat);
        entry.xattrs = self.inspect(file.as_fd())?.xattrs;
        self.content = Some(Content::new(File::from(file), size));
        Ok(entry)
    }
}

impl Source for TreeSource {
    fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first)); // its content is open already
        }
        self.content = None;
        if let Some(mark) = self.mark.take() {
            return Ok(Some(mark));
        }
        loop {
            let Some(walk) = &mut self.walk else {
                return Ok(None);
            };
            let found = match walk.step() {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(None),
                Err(WalkError::Path(error)) => return Err(error.into()),
                Err(WalkError::File(error)) => return Err(broken(error)),
            };
            if let Some(entry) = self.found(&found)? {
                return Ok(Some(entry));
            }
        }
    }

    fn next_piece<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<Piece<'b>>, ReadError> {
        match &mut self.content {
            Some(content) => content.next_piece(buffer).map_err(ReadError::Io),
            None => Ok(None),
        }
    }
}

/// Whether the directory that was met last is the top of a file system whose files the kernel makes
/// up: a running container's `/proc` and the like, which nobody wants in an archive.
fn is_kernel_made(walk: &Walk) -> bool {
    // linux/magic.h: proc, sysfs, cgroup, cgroup2, devpts, mqueue, debugfs, tracefs, securityfs.
    const MAGIC: [u32; 9] = [
        0x9fa0,
        0x6265_6572,
        0x0027_e0eb,
        0x6367_7270,
        0x1cd1,
        0x1980_0202,
        0x6462_6720,
        0x7472_6163,
        0x7363_6673,
    ];
    let found = walk
        .directory()
        .and_then(|directory| rustix::fs::fstatfs(directory).ok());
    found.is_some_and(|found| u32::try_from(found.f_type).is_ok_and(|magic| MAGIC.contains(&magic)))
}

fn with_attributes(path: EntryPath, kind: Kind, stat: &Stat) -> Entry {
    let Attributes {
        mode,
        uid,
        gid,
        mtime,
    } = Attributes::of(stat);
    Entry {
        path,
        kind,
        mode,
        uid,
        gid,
        mtime,
        xattrs: Vec::new(),
    }
}

fn whiteout_for(path: &EntryPath) -> Result<Option<Entry>, ReadError> {
    let Some((parent, name)) = path.split() else {
        return Ok(None);
    };
    // The prefix may make the name too long for a file; then no layer can say that it is gone.
    let path = parent.join(&whiteout::Whiteout::name_for(name))?;
    Ok(Some(Entry::new(path, Kind::File { size: 0 }, 0)))
}

fn opaque_for(directory: &EntryPath) -> Option<Entry> {
    let path = directory.join(whiteout::OPAQUE).ok()?;
    Some(Entry::new(path, Kind::File { size: 0 }, 0))
}
