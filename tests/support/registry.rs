//! A real registry on loopback, and archives to fill it with.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::client::run;
use crate::wait;

/// A registry of its own on loopback, with file storage.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Registry {
    /// Starts it, with a user `ada` whose password is `secret` when asked for.
    ///
    /// # Panics
    /// If docker-registry is not installed.
    #[must_use]
    pub fn start(password: bool) -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").expect("folder");
        let port = TcpListener::bind("127.0.0.1:0")
            .expect("bind")
            .local_addr()
            .expect("address")
            .port();
        let address = format!("127.0.0.1:{port}");
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
            folder.path().join("store").display()
        );
        if password {
            let file = folder.path().join("htpasswd");
            let made = run(
                Command::new("htpasswd").args(["-Bbn", "ada", "secret"]),
                b"",
            )
            .ok();
            fs::write(&file, made).expect("htpasswd");
            config += &format!(
                "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
                file.display()
            );
        }
        let path = folder.path().join("config.yml");
        fs::write(&path, config).expect("config");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed");
        wait::until("the registry listens", || {
            std::net::TcpStream::connect(&address).ok()
        });
        Self {
            child,
            address,
            folder,
        }
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A folder for the test's own files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Puts an archive into it under this name.
    pub fn push(&self, archive: &str, name: &str, credentials: &[&str]) {
        let mut command = Command::new("skopeo");
        command
            .args(["--insecure-policy", "copy", "--dest-tls-verify=false"])
            .args(credentials)
            .args([archive, &format!("docker://{}/{name}", self.address)]);
        run(&mut command, b"").ok();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It was started above and is not yet waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sha256(bytes: &[u8]) -> String {
    let out = run(&mut Command::new("sha256sum"), bytes).ok();
    out[..64].to_owned()
}

/// Writes an OCI layout of one image, `busybox:1`, of this layer's tar.
///
/// # Panics
/// If it cannot be written.
pub fn write_oci_layout(layout: &Path, layer: &[u8]) {
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("folder");
    let put = |bytes: &[u8]| {
        let digest = sha256(bytes);
        fs::write(blobs.join(&digest), bytes).expect("blob");
        (format!("sha256:{digest}"), bytes.len())
    };
    let (diff_id, size) = put(layer);
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/bin", "FROM=archive"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created_by": "a test"}],
    });
    let (config, config_size) = put(config.to_string().as_bytes());
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": diff_id, "size": size}],
    });
    let (manifest, manifest_size) = put(manifest.to_string().as_bytes());
    let index = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": manifest_size,
            "annotations": {"org.opencontainers.image.ref.name": "busybox:1"},
        }],
    });
    fs::write(layout.join("index.json"), index.to_string()).expect("index");
    fs::write(
        layout.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .expect("layout");
}
