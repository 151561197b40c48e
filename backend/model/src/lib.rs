//! Orlop's vocabulary: the plain types that every other crate speaks.
//!
//! Pure data and parsing only; nothing here knows a database, a socket, a kernel call or a web
//! framework. A value of one of these types has been checked: a raw `String` ends at the face
//! that received it.
#![forbid(unsafe_code)]

pub mod confinement;
pub mod container;
pub mod device;
pub mod event;
pub mod health;
pub mod id;
pub mod image;
pub mod job;
pub mod lifecycle;
pub mod limits;
pub mod mount;
mod mount_option;
pub mod name;
pub mod namespace;
pub mod network;
pub mod probe;
pub mod process_table;
pub mod quantity;
pub mod reference;
pub mod request;
pub mod seccomp;
pub mod signal;
pub mod spec;
pub mod stats;
pub mod subnet;
pub mod volumes_from;
