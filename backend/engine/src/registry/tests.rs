//! The client against a real registry: log-ins, mirrors, broken connections, plain refusals.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use orlop_image::manifest::Platform;
use orlop_model::reference::Reference;

use super::{Credentials, RegistryError, Repository, Transport};
use crate::config::RegistryConfig;

pub(crate) mod server;
pub(crate) mod token;

use server::{Access, Fault, PASSWORD, Server, USER, faulty_relay, layout};
use token::TokenService;

fn transport() -> Transport {
    // Fails when another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Transport::new().expect("transport")
}

fn repository(name: &str, mirror: Option<&str>, password: Option<&str>) -> Arc<Repository> {
    let mirrors = mirror
        .map(|address| format!("http://{address}"))
        .into_iter()
        .collect();
    let config = RegistryConfig {
        mirrors: [("docker.io".into(), mirrors)].into(),
        insecure: vec![],
    };
    let reference: Reference = name.parse().expect("reference");
    let credentials = password.map(|password| Credentials {
        username: USER.into(),
        password: password.into(),
    });
    Repository::new(transport(), reference, &config, credentials.as_ref())
}

fn platform() -> Platform {
    Platform {
        os: "linux".into(),
        architecture: "amd64".into(),
        variant: None,
    }
}

async fn all(repository: &Arc<Repository>) -> Result<Vec<u8>, RegistryError> {
    let resolved = repository.resolve(&platform()).await?;
    let layer = &resolved.manifest.layers[0];
    repository
        .small_blob(layer.digest, layer.length(), 64 << 20)
        .await
}

/// Bytes that gzip cannot shorten.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    getrandom::fill(&mut bytes).expect("random bytes");
    bytes
}

#[tokio::test]
async fn a_plain_registry_on_loopback_gives_manifest_configuration_and_layer() {
    let server = Server::start(&Access::Open);
    let made = layout(&server.folder().join("image"), b"hello");
    server.fill(&server.folder().join("image"), "team/app:v1");
    let repository = repository(&format!("{}/team/app:v1", server.address), None, None);
    let resolved = repository.resolve(&platform()).await.expect("manifest");
    assert_eq!(resolved.manifest.layers, made.layers);
    assert_eq!(resolved.digest, resolved.manifest.digest());
    let config = &resolved.manifest.config;
    let bytes = repository
        .small_blob(config.digest, config.length(), 1 << 20)
        .await;
    assert!(
        bytes
            .expect("configuration")
            .starts_with(b"{\"architecture\"")
    );
    let pinned = format!("{}/team/app@{}", server.address, resolved.digest);
    let again = self::repository(&pinned, None, None)
        .resolve(&platform())
        .await
        .expect("by digest");
    assert_eq!(again.digest, resolved.digest);
}

#[tokio::test]
async fn what_is_not_there_is_told_in_dockers_words() {
    let server = Server::start(&Access::Open);
    let name = format!("{}/no/such:tag", server.address);
    let error = repository(&name, None, None)
        .resolve(&platform())
        .await
        .expect_err("unknown");
    assert!(
        matches!(error, RegistryError::ManifestUnknown { .. }),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        format!("manifest for {name} not found: manifest unknown: manifest unknown")
    );
}

#[tokio::test]
async fn a_protected_registry_is_opened_by_the_right_password_alone() {
    let server = Server::start(&Access::Password);
    layout(&server.folder().join("image"), b"secret");
    server.fill(&server.folder().join("image"), "app");
    let name = format!("{}/app", server.address);
    assert!(all(&repository(&name, None, Some(PASSWORD))).await.is_ok());
    let wrong = all(&repository(&name, None, Some("guess")))
        .await
        .expect_err("wrong password");
    assert!(
        matches!(wrong, RegistryError::AccessDenied { .. }),
        "{wrong}"
    );
    let none = all(&repository(&name, None, None))
        .await
        .expect_err("no password");
    assert!(matches!(none, RegistryError::Unauthorized { .. }), "{none}");
}

// Several threads: skopeo is waited for while the token service answers it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_from_the_service_and_used_for_its_scope() {
    let folder = tempfile::tempdir().expect("folder");
    let service = TokenService::start(folder.path()).await;
    let server = Server::start(&Access::Token(service.clone()));
    layout(&server.folder().join("image"), b"by token");
    server.fill(&server.folder().join("image"), "team/app");
    let name = format!("{}/team/app", server.address);
    let before = service.granted();
    let repository = repository(&name, None, Some(PASSWORD));
    assert!(all(&repository).await.is_ok());
    assert_eq!(
        service.granted() - before,
        1,
        "one token serves manifest and blob"
    );
    let wrong = all(&self::repository(&name, None, Some("guess")))
        .await
        .expect_err("refused");
    assert!(
        matches!(wrong, RegistryError::Unauthorized { .. }),
        "{wrong}"
    );
}

#[tokio::test]
async fn a_mirror_is_asked_before_docker_hub() {
    let server = Server::start(&Access::Open);
    layout(&server.folder().join("image"), b"base");
    server.fill(&server.folder().join("image"), "library/debian:latest");
    assert!(
        all(&repository("debian", Some(&server.address), None))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_mirror_that_does_not_help_is_named_beside_the_registrys_own_failure() {
    let server = Server::start(&Access::Open);
    // Nothing listens on port 1.
    let reference: Reference = "127.0.0.1:1/app".parse().expect("reference");
    let mirrors = vec![format!("http://{}", server.address)];
    let config = RegistryConfig {
        mirrors: [("127.0.0.1:1".into(), mirrors)].into(),
        insecure: vec![],
    };
    let repository = Repository::new(transport(), reference, &config, None);
    let error = repository
        .resolve(&platform())
        .await
        .expect_err("nowhere")
        .to_string();
    assert!(error.starts_with("cannot reach 127.0.0.1:1: "), "{error}");
    assert!(
        error.contains(&format!("mirror {} said: manifest for", server.address)),
        "{error}"
    );
}

#[tokio::test]
async fn a_broken_download_goes_on_at_its_byte() {
    let server = Server::start(&Access::Open);
    layout(&server.folder().join("image"), &noise(1 << 20));
    server.fill(&server.folder().join("image"), "library/big:latest");
    let (relay, broken) = faulty_relay(server.address.clone(), 300_000, Fault::Break).await;
    let bytes = all(&repository("big", Some(&relay), None))
        .await
        .expect("whole and verified");
    assert!(bytes.len() > 1 << 20);
    assert!(broken.load(Ordering::Relaxed) >= 3);
}

#[tokio::test]
async fn wrong_bytes_are_refused() {
    let server = Server::start(&Access::Open);
    let made = layout(&server.folder().join("image"), b"good");
    server.fill(&server.folder().join("image"), "app");
    let hex = made.layers[0].digest.hex();
    let stored = server.folder().join("data/docker/registry/v2/blobs/sha256");
    let stored = stored.join(&hex[..2]).join(&hex).join("data");
    let length = std::fs::metadata(&stored).expect("blob").len();
    std::fs::write(&stored, vec![0; usize::try_from(length).expect("small")]).expect("damage");
    let name = format!("{}/app", server.address);
    let error = all(&repository(&name, None, None))
        .await
        .expect_err("damaged");
    assert!(matches!(error, RegistryError::Mismatch { .. }), "{error}");
}
