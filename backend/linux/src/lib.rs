//! The doors to the kernel: the one crate with system calls, and with `unsafe` for those that no
//! other crate wraps.
//!
//! A door does one thing and decides nothing: what is to be done comes as a plain value from
//! above, and each file says what rights and how many threads it needs. No async runtime, no
//! child program.

pub mod capability;
pub mod cgroup;
pub mod confined;
pub mod credentials;
pub mod label;
pub mod mount;
pub mod netlink;
pub mod nftables;
pub mod overlay;
pub mod probe;
pub mod process;
pub mod process_tree;
pub mod seccomp;
pub mod spawn;
pub mod terminal;
pub mod users;
