//! People and their log-ins.

use jiff::Timestamp;
use sqlx::Row as _;

use crate::row::{micros, time};
use crate::{Records, RecordsError};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUser {
    /// Number in the database.
    pub id: i64,
    /// Log-in name.
    pub name: String,
    /// argon2id, as a PHC string.
    pub password_hash: String,
}

/// A log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Number in the database.
    pub id: i64,
    /// Who.
    pub user_id: i64,
    /// Who, by name.
    pub user_name: String,
    /// The token that forms must carry.
    pub csrf: String,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

impl Records {
    /// How many people have an account.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_users(&self) -> Result<i64, RecordsError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM users")
            .fetch_one(self.reader())
            .await?)
    }

    /// Makes the first account, and none when there is one already.
    ///
    /// # Errors
    /// [`RecordsError::Taken`] if there is an account.
    pub async fn insert_first_user(
        &self,
        name: &str,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<i64, RecordsError> {
        let done = sqlx::query(
            "INSERT INTO users (name, password_hash, created_at)
             SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM users)",
        )
        .bind(name)
        .bind(password_hash)
        .bind(micros(now))
        .execute(self.writer())
        .await?;
        if done.rows_affected() == 0 {
            return Err(RecordsError::Taken("the sign-up".to_owned()));
        }
        Ok(done.last_insert_rowid())
    }

    /// A person by name, in any case.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn user(&self, name: &str) -> Result<Option<StoredUser>, RecordsError> {
        let row = sqlx::query("SELECT id, name, password_hash FROM users WHERE name = ?")
            .bind(name)
            .fetch_optional(self.reader())
            .await?;
        row.map(|row| {
            Ok(StoredUser {
                id: row.try_get("id")?,
                name: row.try_get("name")?,
                password_hash: row.try_get("password_hash")?,
            })
        })
        .transpose()
    }

    /// Keeps a log-in.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn insert_session(
        &self,
        token_hash: &str,
        csrf: &str,
        user_id: i64,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<i64, RecordsError> {
        let done = sqlx::query(
            "INSERT INTO sessions (token_hash, csrf, user_id, created_at, seen_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
        )
        .bind(token_hash)
        .bind(csrf)
        .bind(user_id)
        .bind(micros(now))
        .bind(micros(expires_at))
        .execute(self.writer())
        .await?;
        Ok(done.last_insert_rowid())
    }

    /// A log-in by the hash of its token, also one that is over.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn session(&self, token_hash: &str) -> Result<Option<StoredSession>, RecordsError> {
        let row = sqlx::query(
            "SELECT sessions.id, user_id, users.name, csrf, seen_at, expires_at
             FROM sessions JOIN users ON users.id = user_id WHERE token_hash = ?",
        )
        .bind(token_hash)
        .fetch_optional(self.reader())
        .await?;
        row.map(|row| {
            Ok(StoredSession {
                id: row.try_get("id")?,
                user_id: row.try_get("user_id")?,
                user_name: row.try_get("name")?,
                csrf: row.try_get("csrf")?,
                seen_at: time(row.try_get("seen_at")?)?,
                expires_at: time(row.try_get("expires_at")?)?,
            })
        })
        .transpose()
    }

    /// When a log-in was last used, and when it ends at the latest.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn session_times(
        &self,
        id: i64,
    ) -> Result<Option<(Timestamp, Timestamp)>, RecordsError> {
        let row: Option<(i64, i64)> =
            sqlx::query_as("SELECT seen_at, expires_at FROM sessions WHERE id = ?")
                .bind(id)
                .fetch_optional(self.reader())
                .await?;
        row.map(|(seen_at, expires_at)| Ok((time(seen_at)?, time(expires_at)?)))
            .transpose()
    }

    /// Notes that a log-in was used.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn touch_session(&self, id: i64, now: Timestamp) -> Result<(), RecordsError> {
        sqlx::query("UPDATE sessions SET seen_at = ? WHERE id = ?")
            .bind(micros(now))
            .bind(id)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Ends a log-in.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_session(&self, id: i64) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM sessions WHERE id = ?")
            .bind(id)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Ends every log-in that is over.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_expired_sessions(&self, now: Timestamp) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM sessions WHERE expires_at <= ?")
            .bind(micros(now))
            .execute(self.writer())
            .await?;
        Ok(())
    }
}
