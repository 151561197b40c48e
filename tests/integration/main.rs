//! The product as people use it: the real binary as root, the real kernel, the real clients.
#![forbid(unsafe_code)]

mod build;
mod confinement;
mod console;
mod crash;
mod faults;
mod health;
mod hostile;
mod images;
mod isolation;
mod lifecycle;
mod limits;
mod namespaces;
mod network;
mod oci;
mod processes;
mod requests;
mod resume;
mod serve;
mod volumes;
