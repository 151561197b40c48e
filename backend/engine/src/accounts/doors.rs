//! What guards log-ins: hashing off the async threads and a few at a time, back-off for each
//! name and address, and the broadcast of ended sessions.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::{Semaphore, broadcast};

use crate::{EngineError, ErrorKind};

/// Hashes at the same time: each takes 19 MiB of memory.
const HASHES: usize = 2;
/// Wrong tries before the first pause.
const FREE_TRIES: u32 = 5;
/// The longest pause after a wrong try.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Names and addresses that are remembered at most.
const REMEMBERED: usize = 10_000;

/// State of the doors.
#[derive(Debug)]
pub(crate) struct Doors {
    hashes: Semaphore,
    failures: Mutex<HashMap<(String, String), Failures>>,
    ended: broadcast::Sender<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            hashes: Semaphore::new(HASHES),
            failures: Mutex::default(),
            ended: broadcast::Sender::new(64),
        }
    }
}

fn pause(count: u32) -> Duration {
    match count.checked_sub(FREE_TRIES) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1 << over.min(20)).min(LONGEST_PAUSE),
    }
}

fn key(name: &str, address: &str) -> (String, String) {
    (name.trim().to_lowercase(), address.to_owned())
}

impl Doors {
    /// Hashes a password with argon2id and a salt of its own.
    pub(super) async fn hash(&self, password: &str) -> Result<String, EngineError> {
        let password = password.as_bytes().to_vec();
        self.off_thread(move || {
            let hash = Argon2::default().hash_password(&password);
            hash.map(|hash| hash.to_string())
                .map_err(|error| error.to_string())
        })
        .await?
        .map_err(EngineError::internal)
    }

    /// Compares a password with a hash; without one the same work is done, so that the time does
    /// not tell whether the name exists.
    pub(super) async fn verify(
        &self,
        password: &str,
        stored: Option<String>,
    ) -> Result<bool, EngineError> {
        let password = password.as_bytes().to_vec();
        self.off_thread(move || {
            let argon2 = Argon2::default();
            let Some(stored) = stored else {
                // Its result is of no use; its time is.
                let _ = argon2.hash_password(&password);
                return false;
            };
            let parsed = argon2::password_hash::phc::PasswordHash::new(&stored);
            parsed.is_ok_and(|hash| argon2.verify_password(&password, &hash).is_ok())
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let fault = |error: &dyn std::fmt::Display| EngineError::internal(error.to_string());
        let _permit = self.hashes.acquire().await.map_err(|error| fault(&error))?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| fault(&error))
    }

    /// Begins a try, which counts as a wrong one until [`Doors::note_success`]: of many tries at
    /// once no more get through than one after the other. Refuses while the pause after wrong
    /// tries lasts; other names and addresses are free.
    pub(super) fn begin_try(&self, name: &str, address: &str) -> Result<(), EngineError> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED {
            failures.retain(|_, f| f.last.elapsed() < LONGEST_PAUSE);
        }
        let now = Instant::now();
        let entry = failures.entry(key(name, address)).or_insert(Failures {
            count: 0,
            last: now,
        });
        let left = pause(entry.count).saturating_sub(entry.last.elapsed());
        if !left.is_zero() {
            return Err(EngineError::new(
                ErrorKind::Throttled,
                format!("too many wrong tries: wait {} seconds", left.as_secs() + 1),
            ));
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
        Ok(())
    }

    pub(super) fn note_success(&self, name: &str, address: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(&key(name, address));
    }

    pub(super) fn tell_ended(&self, session: i64) {
        // Without sockets there is nobody to tell.
        let _ = self.ended.send(session);
    }

    /// Sessions that are ended from now on.
    pub(super) fn ends(&self) -> broadcast::Receiver<i64> {
        self.ended.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn guessing_is_paused_for_that_name_and_address_alone() {
        let doors = Doors::default();
        let tries = (0..200).filter(|_| doors.begin_try("Ada", "10.0.0.1").is_ok());
        assert_eq!(
            tries.count(),
            FREE_TRIES as usize,
            "also when all come at once"
        );
        let error = doors.begin_try("ada ", "10.0.0.1").expect_err("paused");
        assert_eq!(error.kind(), ErrorKind::Throttled);
        assert!(doors.begin_try("ada", "10.0.0.2").is_ok());
        assert!(doors.begin_try("grace", "10.0.0.1").is_ok());
        doors.note_success("ada", "10.0.0.1");
        assert!(doors.begin_try("ada", "10.0.0.1").is_ok());
    }

    #[tokio::test]
    async fn a_hash_is_salted_and_verifies_its_password_alone() {
        let doors = Doors::default();
        let hash = doors.hash("correct horse").await.expect("hash");
        assert!(hash.starts_with("$argon2id$"));
        assert_ne!(hash, doors.hash("correct horse").await.expect("hash"));
        assert!(
            doors
                .verify("correct horse", Some(hash.clone()))
                .await
                .expect("verify")
        );
        assert!(
            !doors
                .verify("wrong horse", Some(hash))
                .await
                .expect("verify")
        );
        assert!(!doors.verify("correct horse", None).await.expect("verify"));
    }
}
