//! The files of images, containers and volumes on disk: unpacking, comparing, copying, removing.
//!
//! Everything here handles trees that somebody else made and may be changing right now. So a path
//! inside such a tree is never given to the kernel as it is: each operation starts at a directory
//! descriptor and is resolved inside that root (openat2(2) `RESOLVE_IN_ROOT`), last names are never
//! followed, and nothing is opened before its type is known. Needs root (or the capabilities
//! chown, dac_override, fowner, fsetid, mknod, setfcap; sys_admin for `merged` and for opaque
//! marks); starts no thread and no process.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod apply;
pub mod attributes;
pub mod bytes;
pub mod commit;
pub mod confine;
pub mod copy;
pub mod diff;
pub mod files;
pub mod index;
pub mod layout;
pub mod merged;
pub mod receive;
pub mod trash;
pub mod tree;
pub mod upper;
pub mod volume;
pub mod walk;
