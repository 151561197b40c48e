//! Layers: which there are, and which nothing needs any more.

use std::collections::HashSet;

use jiff::Timestamp;
use orlop_model::id::{DiffId, Digest};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::row::parsed;
use crate::{Records, RecordsError};

/// A layer on its way into the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLayer {
    /// Digest of its uncompressed tar.
    pub diff_id: DiffId,
    /// Bytes of its files.
    pub size: u64,
    /// The layer as it came from outside.
    pub blob: Option<LayerBlob>,
}

/// A layer as it came from outside, in the blob store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
    /// What it is.
    pub media_type: String,
}

/// A layer as it is recorded.
pub type StoredLayer = NewLayer;

impl Records {
    /// Records a layer that is in place. Until an image or a hold needs it, it counts as unused.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn insert_layer(&self, layer: &NewLayer) -> Result<(), RecordsError> {
        let mut connection = self.writer().acquire().await?;
        insert_layer(&mut connection, layer, Timestamp::now().as_microsecond()).await
    }

    /// One layer.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn layer(&self, diff_id: &DiffId) -> Result<Option<StoredLayer>, RecordsError> {
        let row = sqlx::query(
            "SELECT diff_id, size, blob, blob_size, media_type FROM layers WHERE diff_id = ?",
        )
        .bind(diff_id.as_str())
        .fetch_optional(self.reader())
        .await?;
        row.as_ref().map(stored_layer).transpose()
    }

    /// Every layer.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn layers(&self) -> Result<Vec<StoredLayer>, RecordsError> {
        let rows = sqlx::query("SELECT diff_id, size, blob, blob_size, media_type FROM layers")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(stored_layer).collect()
    }

    /// Keeps layers for `holder`, over those that it holds already.
    ///
    /// # Errors
    /// If the database fails or a layer is not recorded.
    pub async fn hold_layers(&self, holder: &str, layers: &[DiffId]) -> Result<(), RecordsError> {
        let mut transaction = self.writer().begin().await?;
        for layer in layers {
            sqlx::query(
                "INSERT INTO layer_holds (holder, diff_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(holder)
            .bind(layer.as_str())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Lets go of all that `holder` holds.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn release_layers(&self, holder: &str) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM layer_holds WHERE holder = ?")
            .bind(holder)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Forgets every layer that neither an image nor a hold needs; their files are the caller's
    /// to remove. Returns them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_unused_layers(&self) -> Result<Vec<StoredLayer>, RecordsError> {
        let rows = sqlx::query(
            "DELETE FROM layers
             WHERE NOT EXISTS (SELECT 1 FROM image_layers i WHERE i.diff_id = layers.diff_id)
               AND NOT EXISTS (SELECT 1 FROM layer_holds h WHERE h.diff_id = layers.diff_id)
             RETURNING diff_id, size, blob, blob_size, media_type",
        )
        .fetch_all(self.writer())
        .await?;
        rows.iter().map(stored_layer).collect()
    }

    /// Every blob that a layer or a manifest needs.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn needed_blobs(&self) -> Result<HashSet<Digest>, RecordsError> {
        let found = sqlx::query_scalar::<_, String>(
            "SELECT blob FROM layers WHERE blob IS NOT NULL
             UNION
             SELECT manifest FROM images WHERE manifest IS NOT NULL",
        )
        .fetch_all(self.reader())
        .await?;
        found.iter().map(|text| parsed(text)).collect()
    }
}

/// Records a layer; of one that is known only the blob is added, where it had none.
pub(crate) async fn insert_layer(
    connection: &mut SqliteConnection,
    layer: &NewLayer,
    now: i64,
) -> Result<(), RecordsError> {
    let blob = layer.blob.as_ref();
    sqlx::query(
        "INSERT INTO layers (diff_id, size, blob, blob_size, media_type, recorded_at)
         VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (diff_id) DO UPDATE SET blob = excluded.blob,
             blob_size = excluded.blob_size, media_type = excluded.media_type
         WHERE blob IS NULL",
    )
    .bind(layer.diff_id.as_str())
    .bind(number(layer.size))
    .bind(blob.map(|blob| blob.digest.as_str()))
    .bind(blob.map(|blob| number(blob.size)))
    .bind(blob.map(|blob| &blob.media_type[..]))
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// A size as SQLite keeps it; no file is so large that it does not fit.
fn number(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn stored_layer(row: &SqliteRow) -> Result<StoredLayer, RecordsError> {
    let blob = match row.try_get::<Option<&str>, _>("blob")? {
        Some(digest) => Some(LayerBlob {
            digest: parsed(digest)?,
            size: row.try_get("blob_size")?,
            media_type: row.try_get("media_type")?,
        }),
        None => None,
    };
    Ok(StoredLayer {
        diff_id: parsed(row.try_get("diff_id")?)?,
        size: row.try_get("size")?,
        blob,
    })
}
