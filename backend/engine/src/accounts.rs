//! People: sign-up with the one-time token, log-in, sessions.

mod doors;
mod password;

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use orlop_records::RecordsError;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::broadcast::error::RecvError;

pub(crate) use doors::Doors;

use crate::{Engine, EngineError, ErrorKind, random};

/// A log-in that is not used for so long ends.
const IDLE: SignedDuration = SignedDuration::from_hours(24 * 3);
/// A log-in ends after so long, used or not.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 30);
/// The time of last use is written down no more often than this.
const TOUCH: SignedDuration = SignedDuration::from_mins(5);
/// Between two looks whether a log-in with an open socket has expired.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(60);
/// Name of the setting that holds the hash of the sign-up token.
const TOKEN_SETTING: &str = "sign_up_token_hash";

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Database id.
    pub id: i64,
    /// Log-in name.
    pub name: String,
}

/// A log-in that was made: its token goes into the cookie and is not kept in clear.
#[derive(Clone)]
pub struct NewLogin {
    /// 256 random bits in hex.
    pub token: String,
    /// The token that forms must carry.
    pub csrf: String,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Who.
    pub user: User,
}

impl std::fmt::Debug for NewLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewLogin")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A valid log-in.
#[derive(Debug, Clone)]
pub struct Login {
    /// Who.
    pub user: User,
    /// The token that forms must carry.
    pub csrf: String,
    /// Database id of the session, for ending its sockets.
    pub session: i64,
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

impl Engine {
    fn token_file(&self) -> PathBuf {
        self.config().records_dir.join("sign-up-token")
    }

    /// Whether the first person is yet to sign up.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub async fn needs_sign_up(&self) -> Result<bool, EngineError> {
        Ok(self.records().count_users().await? == 0)
    }

    /// The one-time sign-up token, made on the first call and kept (hashed) until used; `None`
    /// when somebody has signed up. The clear token is also in the records folder, in
    /// `sign-up-token` (mode 0600).
    ///
    /// # Errors
    /// If the records or the file cannot be written.
    pub async fn sign_up_token(&self) -> Result<Option<String>, EngineError> {
        if !self.needs_sign_up().await? {
            return Ok(None);
        }
        let path = self.token_file();
        let kept = std::fs::read_to_string(&path)
            .unwrap_or_default()
            .trim()
            .to_owned();
        if self.records().setting(TOKEN_SETTING).await?.as_deref() == Some(hash(&kept).as_str()) {
            return Ok(Some(kept));
        }
        let token = hex::encode(random::bytes32()?);
        write_private(&path, &token).map_err(|error| {
            EngineError::internal(format!("cannot write {}: {error}", path.display()))
        })?;
        self.records()
            .set_setting(TOKEN_SETTING, &hash(&token))
            .await?;
        Ok(Some(token))
    }

    /// Makes the first account.
    ///
    /// # Errors
    /// A wrong token, or a name or password that will not do (with the field).
    pub async fn sign_up(
        &self,
        token: &str,
        name: &str,
        password: &str,
    ) -> Result<NewLogin, EngineError> {
        if !self.needs_sign_up().await? {
            return Err(EngineError::conflict(
                "somebody has signed up already: log in",
            ));
        }
        let expected = self
            .records()
            .setting(TOKEN_SETTING)
            .await?
            .unwrap_or_default();
        if !bool::from(hash(token.trim()).as_bytes().ct_eq(expected.as_bytes())) {
            return Err(EngineError::field(
                "token",
                "this is not the sign-up token: it was printed when Orlop started first, and stands in the file sign-up-token",
            ));
        }
        let name = password::check_name(name)?;
        password::check_password(&name, password)?;
        let hashed = self.inner.accounts.hash(password).await?;
        let now = Timestamp::now();
        let id = match self.records().insert_first_user(&name, &hashed, now).await {
            Err(RecordsError::Taken(_)) => {
                return Err(EngineError::conflict(
                    "somebody has signed up already: log in",
                ));
            }
            other => other?,
        };
        // It is of no more use; a file that stays is harmless.
        let _ = std::fs::remove_file(self.token_file());
        self.new_login(User { id, name }, now).await
    }

    /// Logs in; `address` is the client's, for back-off.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`] for a wrong name or password, [`ErrorKind::Throttled`]
    /// after too many tries for this name from this address.
    pub async fn log_in(
        &self,
        name: &str,
        password: &str,
        address: &str,
    ) -> Result<NewLogin, EngineError> {
        self.inner.accounts.begin_try(name, address)?;
        let user = self.records().user(name.trim()).await?;
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let right = self.inner.accounts.verify(password, stored).await?;
        let Some(user) = user.filter(|_| right) else {
            return Err(EngineError::new(
                ErrorKind::Unauthenticated,
                "name or password is wrong",
            ));
        };
        self.inner.accounts.note_success(name, address);
        let now = Timestamp::now();
        self.records().delete_expired_sessions(now).await?;
        self.new_login(
            User {
                id: user.id,
                name: user.name,
            },
            now,
        )
        .await
    }

    async fn new_login(&self, user: User, now: Timestamp) -> Result<NewLogin, EngineError> {
        let token = hex::encode(random::bytes32()?);
        let csrf = hex::encode(random::bytes32()?);
        let expires_at = now.saturating_add(LONGEST).unwrap_or(Timestamp::MAX);
        self.records()
            .insert_session(&hash(&token), &csrf, user.id, now, expires_at)
            .await?;
        Ok(NewLogin {
            token,
            csrf,
            expires_at,
            user,
        })
    }

    /// The log-in behind a token, if it is valid.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub async fn check_login(&self, token: &str) -> Result<Option<Login>, EngineError> {
        let Some(session) = self.records().session(&hash(token)).await? else {
            return Ok(None);
        };
        let now = Timestamp::now();
        if is_over(session.seen_at, session.expires_at, now) {
            self.end_session(session.id).await?;
            return Ok(None);
        }
        if now.duration_since(session.seen_at) > TOUCH {
            self.records().touch_session(session.id, now).await?;
        }
        let user = User {
            id: session.user_id,
            name: session.user_name,
        };
        Ok(Some(Login {
            user,
            csrf: session.csrf,
            session: session.id,
        }))
    }

    /// Ends a log-in and its sockets.
    ///
    /// # Errors
    /// If the records cannot be written.
    pub async fn log_out(&self, token: &str) -> Result<(), EngineError> {
        match self.records().session(&hash(token)).await? {
            Some(session) => self.end_session(session.id).await,
            None => Ok(()),
        }
    }

    async fn end_session(&self, id: i64) -> Result<(), EngineError> {
        self.records().delete_session(id).await?;
        self.inner.accounts.tell_ended(id);
        Ok(())
    }

    /// Resolves when a session is ended (log-out, expiry): its sockets must close.
    pub async fn session_ended(&self, session: i64) {
        let mut ends = self.inner.accounts.ends();
        // Looked at after the subscription, and now and then: nobody tells that it has expired.
        while self.is_session_valid(session).await {
            tokio::select! {
                told = ends.recv() => match told {
                    Err(RecvError::Closed) => return,
                    Ok(id) if id == session => return,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                },
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn is_session_valid(&self, session: i64) -> bool {
        match self.records().session_times(session).await {
            Ok(Some((seen_at, expires_at))) => !is_over(seen_at, expires_at, Timestamp::now()),
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(%error, "a log-in could not be looked up");
                true
            }
        }
    }
}

/// Whether a log-in was not used for too long, or has lasted long enough.
fn is_over(seen_at: Timestamp, expires_at: Timestamp, now: Timestamp) -> bool {
    expires_at <= now || now.duration_since(seen_at) > IDLE
}

fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let part = path.with_extension("part");
    let mut options = std::fs::File::options();
    let mut file = options
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(part, path)
}
