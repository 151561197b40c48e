//! A token service as registries use them: it signs what the registry verifies by itself
//! (<https://distribution.github.io/distribution/spec/auth/jwt/>).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::server::{PASSWORD, USER};

/// A running token service; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct TokenService {
    /// Its address.
    pub(crate) realm: String,
    /// Whom the registry has to believe.
    pub(crate) certificate: PathBuf,
    key: PathBuf,
    granted: Arc<AtomicU64>,
}

impl TokenService {
    /// Makes a key in `folder` and serves on a free port of loopback.
    pub(crate) async fn start(folder: &Path) -> Self {
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
            ])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl runs");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let realm = format!("http://{}/token", listener.local_addr().expect("address"));
        let service = Self {
            realm,
            certificate,
            key,
            granted: Arc::default(),
        };
        let serving = service.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                let answer = serving.answer(&String::from_utf8_lossy(&head));
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        service
    }

    /// How many tokens it gave out.
    pub(crate) fn granted(&self) -> u64 {
        self.granted.load(Ordering::Relaxed)
    }

    fn answer(&self, head: &str) -> String {
        let expected = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let is_known = head.lines().any(|line| {
            line.split_once(": ").is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("authorization") && value == format!("Basic {expected}")
            })
        });
        let (status, body) = if is_known {
            self.granted.fetch_add(1, Ordering::Relaxed);
            let target = head.split(' ').nth(1).unwrap_or_default();
            (
                "200 OK",
                format!(r#"{{"token":"{}","expires_in":300}}"#, self.token(target)),
            )
        } else {
            ("401 Unauthorized", "{}".to_owned())
        };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// A token for the scope that the request asks for.
    fn token(&self, target: &str) -> String {
        let url = Url::parse(&self.realm)
            .and_then(|realm| realm.join(target))
            .expect("address");
        let access: Vec<_> = url
            .query_pairs()
            .filter(|(name, _)| name == "scope")
            .filter_map(|(_, scope)| {
                let mut parts = scope.split(':');
                let (kind, name) = (parts.next()?.to_owned(), parts.next()?.to_owned());
                let actions: Vec<_> = parts.next()?.split(',').map(str::to_owned).collect();
                Some(serde_json::json!({"type": kind, "name": name, "actions": actions}))
            })
            .collect();
        let pem = std::fs::read_to_string(&self.certificate).expect("certificate");
        let der: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let header = serde_json::json!({"typ": "JWT", "alg": "RS256", "x5c": [der]});
        let now = jiff::Timestamp::now().as_second();
        let claims = serde_json::json!({
            "iss": "test", "sub": USER, "aud": "test", "jti": "1", "access": access,
            "iat": now, "nbf": now - 60, "exp": now + 300,
        });
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        format!(
            "{signed}.{}",
            URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes()))
        )
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign"])
            .arg(&self.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl runs");
        openssl
            .stdin
            .take()
            .expect("piped")
            .write_all(bytes)
            .expect("write");
        openssl.wait_with_output().expect("signature").stdout
    }
}
