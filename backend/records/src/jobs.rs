//! Jobs.

use orlop_model::id::JobId;
use orlop_model::job::Job;

use crate::row::{from_json, micros, to_json};
use crate::{Records, RecordsError};

impl Records {
    /// Makes or changes a job's record.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_job(&self, job: &Job) -> Result<(), RecordsError> {
        sqlx::query(
            "INSERT INTO jobs (id, status, created_at, record) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET status = ?2, record = ?4",
        )
        .bind(job.id.as_str())
        .bind(job.status.as_str())
        .bind(micros(job.created_at))
        .bind(to_json(job)?)
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// One job.
    ///
    /// # Errors
    /// If the database fails or the record is damaged.
    pub async fn job(&self, id: &JobId) -> Result<Option<Job>, RecordsError> {
        let row: Option<String> = sqlx::query_scalar("SELECT record FROM jobs WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(self.reader())
            .await?;
        row.map(|text| from_json(&text)).transpose()
    }

    /// Jobs, the newest first.
    ///
    /// # Errors
    /// If the database fails or a record is damaged.
    pub async fn jobs(&self, limit: u32) -> Result<Vec<Job>, RecordsError> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT record FROM jobs ORDER BY created_at DESC, id LIMIT ?")
                .bind(limit)
                .fetch_all(self.reader())
                .await?;
        rows.iter().map(|text| from_json(text)).collect()
    }

    /// Jobs that have not ended.
    ///
    /// # Errors
    /// If the database fails or a record is damaged.
    pub async fn unfinished_jobs(&self) -> Result<Vec<Job>, RecordsError> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT record FROM jobs WHERE status IN ('queued', 'running')")
                .fetch_all(self.reader())
                .await?;
        rows.iter().map(|text| from_json(text)).collect()
    }
}
