//! What reading and writing records can fail with.

/// An error of the records.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// SQLite failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("the database could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A record is not what this version writes.
    #[error("a record is damaged: {0}")]
    Damaged(String),
    /// A name or address is in use.
    #[error("{0} is already in use")]
    Taken(String),
}

impl RecordsError {
    /// Whether a unique name was to be given twice.
    pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
        error
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }
}
