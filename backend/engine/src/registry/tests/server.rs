//! A real registry (`docker-registry`, file storage, a free port of loopback) filled by skopeo,
//! and a relay in front of it that breaks connections.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orlop_image::compression::gzip_writer;
use orlop_image::digest::Digest;
use orlop_image::manifest::{Descriptor, Manifest, media_type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::token::TokenService;

/// User name and password that a protected registry takes.
pub(crate) const USER: &str = "ann";
pub(crate) const PASSWORD: &str = "correct horse";

/// What a registry asks for.
pub(crate) enum Access {
    /// Nothing.
    Open,
    /// [`USER`] and [`PASSWORD`].
    Password,
    /// A token of this service.
    Token(TokenService),
}

/// A running registry; it ends with the value.
pub(crate) struct Server {
    process: Child,
    /// Where it listens: `127.0.0.1:port`.
    pub(crate) address: String,
    protected: bool,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts one.
    pub(crate) fn start(access: &Access) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path();
        let mut config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:0\"}}\n",
            path.join("data").display()
        );
        if let Access::Password = access {
            let users = path.join("users");
            let made = Command::new("htpasswd")
                .arg("-Bbc")
                .arg(&users)
                .args([USER, PASSWORD])
                .output();
            assert!(
                made.expect("htpasswd (apache2-utils) runs")
                    .status
                    .success()
            );
            config += &format!(
                "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
                users.display()
            );
        }
        if let Access::Token(service) = access {
            config += &format!(
                "auth: {{token: {{realm: \"{}\", service: test, issuer: test, rootcertbundle: {}}}}}\n",
                service.realm,
                service.certificate.display()
            );
        }
        std::fs::write(path.join("config.yml"), config).expect("configuration");
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(path.join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry runs");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                Some(
                    line.split_once("listening on ")?
                        .1
                        .split('"')
                        .next()?
                        .to_owned(),
                )
            })
            .expect("the registry tells its address");
        std::thread::spawn(move || lines.for_each(drop));
        let protected = !matches!(access, Access::Open);
        Self {
            process,
            address,
            protected,
            folder,
        }
    }

    /// Copies the image in an OCI layout to `name` here.
    pub(crate) fn fill(&self, layout: &Path, name: &str) {
        let mut skopeo = Command::new("skopeo");
        skopeo.args([
            "--insecure-policy",
            "copy",
            "--dest-tls-verify=false",
            "--quiet",
        ]);
        if self.protected {
            skopeo.arg("--dest-creds").arg(format!("{USER}:{PASSWORD}"));
        }
        skopeo.arg(format!("oci:{}:test", layout.display()));
        skopeo.arg(format!("docker://{}/{name}", self.address));
        let done = skopeo.output().expect("skopeo runs");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// A folder for the test's own files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An image in an OCI layout at `path`: one gzip layer with one file of these bytes. Returns its
/// manifest.
pub(crate) fn layout(path: &Path, content: &[u8]) -> Manifest {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "file", content).expect("tar");
    let tar = tar.into_inner().expect("tar");
    let mut packed = gzip_writer(Vec::new());
    std::io::copy(&mut &tar[..], &mut packed).expect("gzip");
    let layer = packed.finish().expect("gzip");
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::of(&tar)
    );
    let blobs = path.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("folder");
    let store = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).expect("blob");
        Descriptor::new(media_type, digest, bytes.len() as u64)
    };
    let config = store(media_type::OCI_CONFIG, config.as_bytes());
    let layer = store(media_type::OCI_LAYER_GZIP, &layer);
    let manifest = Manifest::build(config, vec![layer]);
    let descriptor = store(media_type::OCI_MANIFEST, &manifest.raw);
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"{}","size":{},"annotations":{{"org.opencontainers.image.ref.name":"test"}}}}]}}"#,
        descriptor.media_type, descriptor.digest, descriptor.size
    );
    std::fs::write(path.join("index.json"), index).expect("index");
    std::fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("layout");
    manifest
}

/// What a relay does once so many bytes of an answer have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It closes the connection.
    Break,
    /// It keeps the connection and sends no more.
    Stall,
}

/// Relays connections to `target`, with a fault in each after so many bytes of answer. Returns
/// its address and a count of the faults.
pub(crate) async fn faulty_relay(
    target: String,
    after: usize,
    fault: Fault,
) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let address = listener.local_addr().expect("address").to_string();
    let broken = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&broken);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&target).await.expect("connect");
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let up = tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                });
                let mut left = after;
                let mut buffer = vec![0; 16 << 10];
                while left > 0 {
                    let room = left.min(buffer.len());
                    match from_server.read(&mut buffer[..room]).await {
                        Ok(0) | Err(_) => break,
                        Ok(got) => {
                            left -= got;
                            if to_client.write_all(&buffer[..got]).await.is_err() {
                                break;
                            }
                        }
                    }
                }
                if left == 0 {
                    count.fetch_add(1, Ordering::Relaxed);
                    if fault == Fault::Stall {
                        std::future::pending::<()>().await;
                    }
                }
                up.abort();
            });
        }
    });
    (address, broken)
}
