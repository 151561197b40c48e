//! Root file systems and build contexts, made on the spot.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client;
use crate::server::Server;

/// A root file system of busybox as tar: small, quick, with every applet.
///
/// # Panics
/// If busybox is not installed.
#[must_use]
pub fn busybox_tar() -> Vec<u8> {
    let program = fs::read("/bin/busybox").expect("busybox-static is installed");
    let mut tar = tar::Builder::new(Vec::new());
    for (name, mode) in [
        ("bin/", 0o755),
        ("etc/", 0o755),
        ("root/", 0o700),
        ("tmp/", 0o1777),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(mode);
        header.set_size(0);
        tar.append_data(&mut header, name, std::io::empty())
            .expect("tar");
    }
    let mut file = |name: &str, mode, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes).expect("tar");
    };
    file("bin/busybox", 0o755, &program);
    file(
        "etc/passwd",
        0o644,
        b"root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n",
    );
    file(
        "etc/group",
        0o644,
        b"root:x:0:\nada:x:1000:\nstaff:x:50:ada\n",
    );
    let list = Command::new("/bin/busybox")
        .arg("--list")
        .output()
        .expect("busybox");
    for applet in String::from_utf8_lossy(&list.stdout)
        .lines()
        .filter(|a| *a != "busybox")
    {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_mode(0o777);
        header.set_size(0);
        tar.append_link(&mut header, format!("bin/{applet}"), "busybox")
            .expect("tar");
    }
    tar.into_inner().expect("tar")
}

/// Imports busybox as `busybox:latest`.
#[track_caller]
pub fn import_busybox(server: &Server) {
    server
        .docker_with(
            &["import", "--change", "CMD [\"sh\"]", "-", "busybox"],
            &busybox_tar(),
        )
        .ok();
}

/// A Debian root file system as tar, made once and kept for the tests that follow.
///
/// # Panics
/// If mmdebstrap fails.
#[must_use]
pub fn debian_tar() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-cache");
    fs::create_dir_all(&folder).expect("folder");
    let path = folder.join("debian-bookworm.tar");
    let lock = fs::File::create(folder.join("lock")).expect("lock");
    // One test makes it, the others wait.
    lock.lock().expect("lock");
    if !path.exists() {
        let part = folder.join("debian-bookworm.part.tar");
        let mut command = Command::new("mmdebstrap");
        command.args(["--variant=minbase", "bookworm"]).arg(&part);
        client::run(&mut command, b"").ok();
        fs::rename(&part, &path).expect("rename");
    }
    path
}

/// A folder with these files.
///
/// # Panics
/// If it cannot be made.
pub fn write_files(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(&path, text).expect("file");
    }
}
