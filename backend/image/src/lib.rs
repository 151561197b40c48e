//! Container images as files and bytes: digests, manifests, configurations, layers, archives.
//!
//! Works on any `Read` and `Write` (and, for the blob store, plain files); knows no crate of ours,
//! makes no system call of its own, starts no thread. Everything read here may be hostile, so
//! every parser has typed limits and says which one was passed.
#![forbid(unsafe_code)]

pub mod archive;
pub mod compression;
pub mod config;
pub mod content;
pub mod digest;
pub mod layer;
pub mod manifest;
