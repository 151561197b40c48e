//! Images as they are read back: all, by id, by name, by the beginning of an id.

use std::collections::HashMap;

use orlop_model::id::{ContainerId, ImageId};
use orlop_model::reference::Reference;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{ImageLayer, StoredImage};
use crate::row::parsed;
use crate::{Records, RecordsError};

impl Records {
    /// All images, the newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn images(&self) -> Result<Vec<StoredImage>, RecordsError> {
        let mut transaction = self.reader().begin().await?;
        let rows = sqlx::query(
            "SELECT id, config, parent, removed FROM images WHERE removed = 0
             ORDER BY coalesce(created_at, recorded_at) DESC, id",
        )
        .fetch_all(&mut *transaction)
        .await?;
        let mut parts = Parts::default();
        parts.add_tags(
            sqlx::query("SELECT image_id, reference FROM image_tags ORDER BY reference")
                .fetch_all(&mut *transaction)
                .await?,
        )?;
        parts.add_digests(
            sqlx::query("SELECT image_id, reference FROM image_digests ORDER BY reference")
                .fetch_all(&mut *transaction)
                .await?,
        )?;
        parts.add_layers(
            sqlx::query(
                "SELECT image_id, diff_id, size FROM image_layers JOIN layers USING (diff_id)
                 ORDER BY image_id, position",
            )
            .fetch_all(&mut *transaction)
            .await?,
        )?;
        rows.iter().map(|row| parts.image(row)).collect()
    }

    /// One image by its id, also one that is hidden.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn image(&self, id: &ImageId) -> Result<Option<StoredImage>, RecordsError> {
        let mut transaction = self.reader().begin().await?;
        let row = sqlx::query("SELECT id, config, parent, removed FROM images WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let mut parts = Parts::default();
        parts.add_tags(
            sqlx::query(
                "SELECT image_id, reference FROM image_tags WHERE image_id = ? ORDER BY reference",
            )
            .bind(id.as_str())
            .fetch_all(&mut *transaction)
            .await?,
        )?;
        parts.add_digests(
            sqlx::query(
                "SELECT image_id, reference FROM image_digests WHERE image_id = ?
                 ORDER BY reference",
            )
            .bind(id.as_str())
            .fetch_all(&mut *transaction)
            .await?,
        )?;
        parts.add_layers(
            sqlx::query(
                "SELECT image_id, diff_id, size FROM image_layers JOIN layers USING (diff_id)
                 WHERE image_id = ? ORDER BY position",
            )
            .bind(id.as_str())
            .fetch_all(&mut *transaction)
            .await?,
        )?;
        parts.image(&row).map(Some)
    }

    /// The id of the image with this name, by tag or digest.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn image_named(&self, name: &Reference) -> Result<Option<ImageId>, RecordsError> {
        let found = sqlx::query_scalar::<_, String>(
            "SELECT image_id FROM image_tags JOIN images ON id = image_id
             WHERE reference = ?1 AND removed = 0
             UNION ALL
             SELECT image_id FROM image_digests JOIN images ON id = image_id
             WHERE reference = ?1 AND removed = 0
             LIMIT 1",
        )
        .bind(name.to_string())
        .fetch_optional(self.reader())
        .await?;
        found.map(|text| parsed(&text)).transpose()
    }

    /// Up to two images whose id begins with these hexadecimal digits: two say that the prefix
    /// is ambiguous.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn images_with_prefix(&self, digits: &str) -> Result<Vec<ImageId>, RecordsError> {
        // Text after every digit, so that the index on the id finds the range.
        let (low, high) = (format!("sha256:{digits}"), format!("sha256:{digits}g"));
        let found = sqlx::query_scalar::<_, String>(
            "SELECT id FROM images WHERE id >= ? AND id < ? AND removed = 0 LIMIT 2",
        )
        .bind(low)
        .bind(high)
        .fetch_all(self.reader())
        .await?;
        found.iter().map(|text| parsed(text)).collect()
    }

    /// The containers that were made of an image, and whether each runs.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn containers_of_image(
        &self,
        id: &ImageId,
    ) -> Result<Vec<(ContainerId, bool)>, RecordsError> {
        let rows = sqlx::query_as::<_, (String, bool)>(
            "SELECT id, status IN ('running', 'paused', 'restarting') FROM containers
             WHERE image_id = ? ORDER BY id",
        )
        .bind(id.as_str())
        .fetch_all(self.reader())
        .await?;
        rows.iter()
            .map(|(id, runs)| Ok((parsed(id)?, *runs)))
            .collect()
    }

    /// Whether an image is hidden: kept for its containers alone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_hidden_image(&self, id: &ImageId) -> Result<bool, RecordsError> {
        let hidden = sqlx::query_scalar("SELECT removed FROM images WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(self.reader())
            .await?;
        Ok(hidden.unwrap_or(false))
    }
}

/// What belongs to images, by image id.
#[derive(Default)]
struct Parts {
    tags: HashMap<String, Vec<Reference>>,
    digests: HashMap<String, Vec<Reference>>,
    layers: HashMap<String, Vec<ImageLayer>>,
}

impl Parts {
    fn add_tags(&mut self, rows: Vec<SqliteRow>) -> Result<(), RecordsError> {
        add_references(&mut self.tags, rows)
    }

    fn add_digests(&mut self, rows: Vec<SqliteRow>) -> Result<(), RecordsError> {
        add_references(&mut self.digests, rows)
    }

    fn add_layers(&mut self, rows: Vec<SqliteRow>) -> Result<(), RecordsError> {
        for row in rows {
            let layer = ImageLayer {
                diff_id: parsed(row.try_get("diff_id")?)?,
                size: row.try_get("size")?,
            };
            self.layers
                .entry(row.try_get("image_id")?)
                .or_default()
                .push(layer);
        }
        Ok(())
    }

    fn image(&mut self, row: &SqliteRow) -> Result<StoredImage, RecordsError> {
        let id: &str = row.try_get("id")?;
        let parent: Option<&str> = row.try_get("parent")?;
        Ok(StoredImage {
            id: parsed(id)?,
            config: row.try_get("config")?,
            parent: parent.map(parsed).transpose()?,
            hidden: row.try_get("removed")?,
            tags: self.tags.remove(id).unwrap_or_default(),
            digests: self.digests.remove(id).unwrap_or_default(),
            layers: self.layers.remove(id).unwrap_or_default(),
        })
    }
}

fn add_references(
    to: &mut HashMap<String, Vec<Reference>>,
    rows: Vec<SqliteRow>,
) -> Result<(), RecordsError> {
    for row in rows {
        let reference = parsed(row.try_get("reference")?)?;
        to.entry(row.try_get("image_id")?)
            .or_default()
            .push(reference);
    }
    Ok(())
}
