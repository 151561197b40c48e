//! Overlayfs, by making a mount that is attached nowhere.

use std::fs;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use orlop_model::probe::Finding;

use super::{fine, missing, needed};
use crate::mount::Attributes;
use crate::overlay::Overlay;

const NAME: &str = "overlayfs";

pub(super) fn overlay() -> Finding {
    let folder = std::env::temp_dir().join(format!("orlop-probe-{}", std::process::id()));
    let result = try_in(&folder);
    // Left over only if the host takes the folder away from us; it is empty.
    let _ = fs::remove_dir_all(&folder);
    needed(match result {
        Ok(()) => fine(NAME, "mounts can be made"),
        Err(error) if error.raw_os_error() == Some(Errno::ENODEV as i32) => missing(
            NAME,
            "not in this kernel",
            "modprobe overlay, or use a kernel with CONFIG_OVERLAY_FS.",
        ),
        Err(error) => missing(
            NAME,
            format!("a mount could not be made: {error}"),
            "Run as root, with a temporary folder on a file system like ext4, xfs, btrfs or tmpfs.",
        ),
    })
}

fn try_in(folder: &Path) -> io::Result<()> {
    let [lower, upper, work] = ["lower", "upper", "work"].map(|name| folder.join(name));
    for path in [&lower, &upper, &work] {
        fs::create_dir_all(path)?;
    }
    let overlay = Overlay {
        lower: &[&lower],
        upper: Some((&upper, &work)),
    };
    overlay.make(Attributes::empty()).map(drop)
}
