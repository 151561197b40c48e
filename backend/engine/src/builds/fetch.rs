//! `ADD` of an address: a download with a size limit, never from this host's own addresses.

use std::path::{Path, PathBuf};

use orlop_builder::context::{Entry, Kind};
use reqwest::Url;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use super::extra::PREFIX;
use crate::registry::{Get, Transport, Trust};
use crate::{EngineError, ErrorKind};

/// Bytes that a file may have.
const MOST_BYTES: u64 = 8 << 30;
/// Permissions of a fetched file, as Docker gives them.
const MODE: u32 = 0o600;

/// A file that was fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Where it is for now.
    pub(super) path: PathBuf,
    /// What it is.
    pub(super) entry: Entry,
}

/// Fetches an address into a job's folder.
pub(super) async fn fetch(
    transport: &Transport,
    dir: &Path,
    url: &str,
    name: &str,
    sha256: Option<&str>,
) -> Result<Fetched, EngineError> {
    let failed = |why: String| EngineError::invalid(format!("ADD {url}: {why}"));
    let address = Url::parse(url).map_err(|error| failed(error.to_string()))?;
    let response = transport.get(Trust::Verified, &Get::new(address)).await;
    let mut response = response.map_err(|error| failed(error.to_string()))?;
    if !response.status().is_success() {
        return Err(failed(format!("the server answered {}", response.status())));
    }
    let path = dir.join(format!(
        "{PREFIX}{}",
        hex::encode(crate::random::bytes32()?)
    ));
    let storing = |error: std::io::Error| {
        EngineError::new(ErrorKind::Internal, format!("storing {url}: {error}"))
    };
    let mut file = tokio::fs::File::create(&path).await.map_err(storing)?;
    let (mut hasher, mut size) = (Sha256::new(), 0);
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| failed(error.without_url().to_string()))?;
        let Some(chunk) = chunk else { break };
        size += chunk.len() as u64;
        if size > MOST_BYTES {
            return Err(failed(format!(
                "it is larger than {} GiB",
                MOST_BYTES >> 30
            )));
        }
        hasher.update(&chunk);
        file.write_all(&chunk).await.map_err(storing)?;
    }
    file.flush().await.map_err(storing)?;
    let found = hex::encode(hasher.finalize());
    if let Some(wanted) = sha256.filter(|wanted| *wanted != found) {
        return Err(failed(format!("its SHA-256 is {found}, not {wanted}")));
    }
    Ok(Fetched {
        path,
        entry: Entry {
            path: name.to_owned(),
            kind: Kind::File {
                size,
                sha256: found,
            },
            mode: MODE,
            uid: 0,
            gid: 0,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_hosts_own_addresses_are_refused() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let transport = Transport::new().expect("transport");
        let dir = tempfile::tempdir().expect("dir");
        for url in [
            "http://127.0.0.1:1/x",
            "http://169.254.169.254/latest",
            "ftp://h/x",
            "x",
        ] {
            let refused = fetch(&transport, dir.path(), url, "x", None).await;
            let message = refused.expect_err(url).to_string();
            assert!(message.starts_with(&format!("ADD {url}: ")), "{message}");
        }
    }
}
