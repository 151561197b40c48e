//! The database file: one writer, several readers.
//!
//! SQLite allows one writer at a time; a pool of one connection makes the others wait in turn
//! instead of failing. With WAL, readers never wait. `synchronous=NORMAL` does not fsync on
//! commit: after a power cut the last commits may be gone, but the file is whole
//! (sqlite.org/pragma.html#pragma_synchronous).

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqlitePool};

use crate::RecordsError;

/// Readers at the same time.
const READERS: u32 = 4;
/// How long a statement waits for another process that has the file locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The records.
#[derive(Debug, Clone)]
pub struct Records {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Records {
    /// Opens the file, makes it when it is missing, and brings it up to date.
    ///
    /// # Errors
    /// If it cannot be opened or a migration fails.
    pub async fn open(path: &Path) -> Result<Self, RecordsError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // Its own messages name the query; every statement would drown them.
            .disable_statement_logging();
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await?;
        sqlx::migrate!("../../migrations").run(&writer).await?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self { writer, reader })
    }

    /// The connection that writes.
    pub(crate) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// Connections that read.
    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// Writes what is left and closes the file.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// A value of the installation, such as its id.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, RecordsError> {
        let value = sqlx::query_scalar("SELECT value FROM settings WHERE name = ?")
            .bind(name)
            .fetch_optional(self.reader())
            .await?;
        Ok(value)
    }

    /// Sets a value of the installation.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<(), RecordsError> {
        sqlx::query("INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")
            .bind(name)
            .bind(value)
            .execute(self.writer())
            .await?;
        Ok(())
    }
}
