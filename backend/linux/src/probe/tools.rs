//! Programs of the host that make some things easier.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use orlop_model::probe::Finding;

use super::{fine, missing};

/// What makes a Debian root file system, the better one first.
const BOOTSTRAPPERS: [&str; 2] = ["mmdebstrap", "debootstrap"];

pub(super) fn debian() -> Finding {
    const NAME: &str = "Debian bootstrap";
    match BOOTSTRAPPERS.into_iter().find_map(find) {
        Some(path) => fine(NAME, path.display().to_string()),
        None => missing(
            NAME,
            "neither mmdebstrap nor debootstrap; images can be pulled and imported",
            "apt-get install mmdebstrap",
        ),
    }
}

/// An executable file of this name in the usual folders.
fn find(program: &str) -> Option<PathBuf> {
    [
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
    ]
    .into_iter()
    .map(|folder| Path::new(folder).join(program))
    .find(|path| {
        path.metadata()
            .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    })
}
