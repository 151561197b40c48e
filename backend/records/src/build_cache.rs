//! Steps of builds that need not be done again.

use jiff::Timestamp;
use orlop_model::id::DiffId;
use sqlx::Row as _;

use crate::layers::{NewLayer, insert_layer};
use crate::row::parsed;
use crate::row::{micros, time};
use crate::{Records, RecordsError};

/// A step on its way into the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStep {
    /// Names the file system after it.
    pub key: String,
    /// Names the file system before it.
    pub parent: String,
    /// The instruction as written.
    pub instruction: String,
    /// What decided about the result, as JSON.
    pub inputs: String,
    /// What came out; absent when no file was changed.
    pub layer: Option<DiffId>,
    /// Bytes of its files.
    pub size: u64,
    /// When it was done.
    pub made_at: Timestamp,
}

/// What the cache knows of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedStep {
    /// What came out; absent when no file was changed.
    pub layer: Option<DiffId>,
    /// Bytes of its files.
    pub size: u64,
    /// When it was done.
    pub made_at: Timestamp,
}

/// Who keeps the layer of a cached step.
fn holder(key: &str) -> String {
    format!("build-cache:{key}")
}

impl Records {
    /// Puts a step into the cache, in place of an earlier one of the same key, and keeps its
    /// layer.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_cached_step(&self, step: &NewStep) -> Result<(), RecordsError> {
        let mut transaction = self.writer().begin().await?;
        let size = i64::try_from(step.size).unwrap_or(i64::MAX);
        let holder = holder(&step.key);
        sqlx::query("DELETE FROM layer_holds WHERE holder = ?")
            .bind(&holder)
            .execute(&mut *transaction)
            .await?;
        if let Some(diff_id) = &step.layer {
            let layer = NewLayer {
                diff_id: diff_id.clone(),
                size: step.size,
                blob: None,
            };
            insert_layer(&mut transaction, &layer, micros(step.made_at)).await?;
            sqlx::query("INSERT INTO layer_holds (holder, diff_id) VALUES (?, ?)")
                .bind(&holder)
                .bind(diff_id.as_str())
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(
            "INSERT OR REPLACE INTO build_cache
                 (key, parent, instruction, inputs, diff_id, size, made_at, used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
        )
        .bind(&step.key)
        .bind(&step.parent)
        .bind(&step.instruction)
        .bind(&step.inputs)
        .bind(step.layer.as_ref().map(DiffId::as_str))
        .bind(size)
        .bind(micros(step.made_at))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The step of this key, which counts as used now.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn cached_step(&self, key: &str) -> Result<Option<CachedStep>, RecordsError> {
        let row = sqlx::query(
            "UPDATE build_cache SET used_at = max(used_at, ?) WHERE key = ?
             RETURNING diff_id, size, made_at",
        )
        .bind(micros(Timestamp::now()))
        .bind(key)
        .fetch_optional(self.writer())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let diff_id: Option<String> = row.try_get("diff_id")?;
        Ok(Some(CachedStep {
            layer: diff_id.map(|text| parsed(&text)).transpose()?,
            size: row.try_get("size")?,
            made_at: time(row.try_get("made_at")?)?,
        }))
    }

    /// What the same instruction was last done with on the same parent, as JSON.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn last_inputs(
        &self,
        parent: &str,
        instruction: &str,
    ) -> Result<Option<String>, RecordsError> {
        let inputs = sqlx::query_scalar(
            "SELECT inputs FROM build_cache WHERE parent = ? AND instruction = ?
             ORDER BY made_at DESC LIMIT 1",
        )
        .bind(parent)
        .bind(instruction)
        .fetch_optional(self.reader())
        .await?;
        Ok(inputs)
    }

    /// Forgets the steps that were used the longest ago, until the layers of the rest have no
    /// more bytes than this; their layers are then no longer kept for the cache. Returns how many
    /// went.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn shrink_build_cache(&self, keep_bytes: u64) -> Result<u64, RecordsError> {
        let keep = i64::try_from(keep_bytes).unwrap_or(i64::MAX);
        let mut transaction = self.writer().begin().await?;
        let gone: Vec<String> = sqlx::query_scalar(
            "DELETE FROM build_cache WHERE key IN (
                 SELECT key FROM (
                     SELECT key, sum(size) OVER (ORDER BY used_at DESC, key) AS total
                     FROM build_cache
                 ) WHERE total > ?
             ) RETURNING key",
        )
        .bind(keep)
        .fetch_all(&mut *transaction)
        .await?;
        for key in &gone {
            sqlx::query("DELETE FROM layer_holds WHERE holder = ?")
                .bind(holder(key))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(gone.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use orlop_model::id::Digest;

    use super::*;

    async fn records() -> (tempfile::TempDir, Records) {
        let folder = tempfile::tempdir().expect("folder");
        let records = Records::open(&folder.path().join("orlop.db")).await;
        (folder, records.expect("records"))
    }

    fn step(key: &str, seed: Option<u8>, made_at: i64) -> NewStep {
        NewStep {
            key: key.to_owned(),
            parent: "parent".to_owned(),
            instruction: "RUN x".to_owned(),
            inputs: format!("{{\"key\":\"{key}\"}}"),
            layer: seed.map(|seed| Digest::from_sha256([seed; 32])),
            size: 100,
            made_at: Timestamp::from_second(made_at).expect("time"),
        }
    }

    #[tokio::test]
    async fn a_step_is_found_again_with_its_layer() {
        let (_folder, records) = records().await;
        let first = step("a", Some(1), 10);
        records.put_cached_step(&first).await.expect("put");
        records
            .put_cached_step(&step("b", None, 20))
            .await
            .expect("put");
        let found = records
            .cached_step("a")
            .await
            .expect("read")
            .expect("there");
        assert_eq!((found.layer, found.made_at), (first.layer, first.made_at));
        let empty = records
            .cached_step("b")
            .await
            .expect("read")
            .expect("there");
        assert_eq!(empty.layer, None);
        assert_eq!(records.cached_step("c").await.expect("read"), None);
        let last = records.last_inputs("parent", "RUN x").await.expect("read");
        assert_eq!(last.as_deref(), Some("{\"key\":\"b\"}"));
        assert_eq!(
            records.last_inputs("other", "RUN x").await.expect("read"),
            None
        );
    }

    #[tokio::test]
    async fn a_layer_stays_as_long_as_a_step_has_it() {
        let (_folder, records) = records().await;
        for (key, seed, at) in [("old", 1, 10), ("shared", 2, 20), ("new", 2, 30)] {
            records
                .put_cached_step(&step(key, Some(seed), at))
                .await
                .expect("put");
        }
        assert!(
            records
                .delete_unused_layers()
                .await
                .expect("sweep")
                .is_empty()
        );
        assert_eq!(records.shrink_build_cache(200).await.expect("shrink"), 1);
        let unused = records.delete_unused_layers().await.expect("sweep");
        assert_eq!(unused.len(), 1);
        assert_eq!(records.cached_step("old").await.expect("read"), None);
        // Using a step keeps it longer than newer ones.
        records.cached_step("shared").await.expect("read");
        assert_eq!(records.shrink_build_cache(100).await.expect("shrink"), 1);
        assert!(records.cached_step("shared").await.expect("read").is_some());
        // A step that is done anew with another result lets go of the first one's layer.
        records
            .put_cached_step(&step("shared", Some(3), 40))
            .await
            .expect("put");
        let unused = records.delete_unused_layers().await.expect("sweep");
        assert_eq!(unused[0].diff_id, Digest::from_sha256([2; 32]));
    }
}
