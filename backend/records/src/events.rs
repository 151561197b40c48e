//! Events.

use jiff::Timestamp;
use orlop_model::event::Event;

use crate::row::{from_json, micros, to_json};
use crate::{Records, RecordsError};

/// Events kept; the oldest go first.
const KEPT: i64 = 20_000;

impl Records {
    /// Keeps an event.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn insert_event(&self, event: &Event) -> Result<(), RecordsError> {
        let done = sqlx::query("INSERT INTO events (at, event) VALUES (?, ?)")
            .bind(micros(event.at))
            .bind(to_json(event)?)
            .execute(self.writer())
            .await?;
        let number = done.last_insert_rowid();
        if number % 1_000 == 0 {
            sqlx::query("DELETE FROM events WHERE number <= ?")
                .bind(number - KEPT)
                .execute(self.writer())
                .await?;
        }
        Ok(())
    }

    /// Events from `since` to `until`, the oldest first.
    ///
    /// # Errors
    /// If the database fails or a record is damaged.
    pub async fn events(
        &self,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Event>, RecordsError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT event FROM events WHERE at >= ? AND at <= ? ORDER BY number",
        )
        .bind(micros(since))
        .bind(micros(until))
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(|text| from_json(text)).collect()
    }
}
