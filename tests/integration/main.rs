//! The product as people use it: the real binary as root, the real kernel, the real clients.
#![forbid(unsafe_code)]

mod build;
mod console;
mod crash;
mod hostile;
mod images;
mod isolation;
mod lifecycle;
mod limits;
mod network;
mod oci;
mod requests;
mod serve;
