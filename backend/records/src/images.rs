//! Images and their names. What belongs together is written in one transaction, so that a name
//! never leads to half an image.

use jiff::Timestamp;
use orlop_model::id::{DiffId, Digest, ImageId};
use orlop_model::reference::Reference;
use sqlx::SqliteConnection;

use crate::layers::{NewLayer, insert_layer};
use crate::{Records, RecordsError};

mod read;

/// An image on its way into the records.
#[derive(Debug, Clone)]
pub struct NewImage {
    /// Digest of its configuration.
    pub id: ImageId,
    /// The configuration, byte for byte.
    pub config: Vec<u8>,
    /// When it was made, by its configuration.
    pub created_at: Option<Timestamp>,
    /// The manifest it came by; the blob store has it.
    pub manifest: Option<Digest>,
    /// The image it was built on.
    pub parent: Option<ImageId>,
    /// Its layers, lowest first; those that are known are not changed.
    pub layers: Vec<NewLayer>,
    /// Names with tags; each is taken off the image that has it now.
    pub tags: Vec<Reference>,
    /// Names with digests.
    pub digests: Vec<Reference>,
}

/// An image as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// Digest of its configuration.
    pub id: ImageId,
    /// The configuration, byte for byte.
    pub config: Vec<u8>,
    /// The image it was built on, which may be gone.
    pub parent: Option<ImageId>,
    /// It was removed, and only a container made of it keeps it.
    pub hidden: bool,
    /// Names with tags.
    pub tags: Vec<Reference>,
    /// Names with digests.
    pub digests: Vec<Reference>,
    /// Its layers, lowest first.
    pub layers: Vec<ImageLayer>,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLayer {
    /// Digest of its uncompressed tar.
    pub diff_id: DiffId,
    /// Bytes of its files.
    pub size: u64,
}

/// What a removal did to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Only names were taken off.
    Untagged,
    /// It is gone.
    Deleted,
    /// It is hidden, and gone with the last container made of it.
    Hidden,
}

impl Records {
    /// Records an image, its layers and its names.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn insert_image(&self, image: &NewImage) -> Result<(), RecordsError> {
        let mut transaction = self.writer().begin().await?;
        let now = Timestamp::now().as_microsecond();
        for layer in &image.layers {
            insert_layer(&mut transaction, layer, now).await?;
        }
        sqlx::query(
            "INSERT INTO images (id, config, manifest, parent, created_at, recorded_at)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET removed = 0,
                 manifest = coalesce(excluded.manifest, manifest),
                 parent = coalesce(excluded.parent, parent)",
        )
        .bind(image.id.as_str())
        .bind(&image.config[..])
        .bind(image.manifest.as_ref().map(Digest::as_str))
        .bind(image.parent.as_ref().map(Digest::as_str))
        .bind(image.created_at.map(Timestamp::as_microsecond))
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        for (position, layer) in (0_i64..).zip(&image.layers) {
            sqlx::query(
                "INSERT INTO image_layers (image_id, position, diff_id) VALUES (?, ?, ?)
                 ON CONFLICT DO NOTHING",
            )
            .bind(image.id.as_str())
            .bind(position)
            .bind(layer.diff_id.as_str())
            .execute(&mut *transaction)
            .await?;
        }
        for tag in &image.tags {
            set_tag(&mut transaction, tag, &image.id).await?;
        }
        for digest in &image.digests {
            sqlx::query(
                "INSERT INTO image_digests (reference, image_id) VALUES (?, ?)
                 ON CONFLICT (reference) DO UPDATE SET image_id = excluded.image_id",
            )
            .bind(digest.to_string())
            .bind(image.id.as_str())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Gives an image a name, which is taken off the image that has it now.
    ///
    /// # Errors
    /// If the database fails or the image is gone.
    pub async fn tag_image(&self, id: &ImageId, tag: &Reference) -> Result<(), RecordsError> {
        let mut transaction = self.writer().begin().await?;
        set_tag(&mut transaction, tag, id).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes names off an image, and removes it with `delete`. A container that was made of it
    /// keeps it, hidden, until that one goes ([`Records::delete_hidden_images`]).
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remove_image(
        &self,
        id: &ImageId,
        untag: &[Reference],
        delete: bool,
    ) -> Result<Removal, RecordsError> {
        let mut transaction = self.writer().begin().await?;
        for name in untag {
            // Only of this image: the name may have moved to another one meanwhile.
            for statement in [
                "DELETE FROM image_tags WHERE reference = ? AND image_id = ?",
                "DELETE FROM image_digests WHERE reference = ? AND image_id = ?",
            ] {
                sqlx::query(statement)
                    .bind(name.to_string())
                    .bind(id.as_str())
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        let mut removal = Removal::Untagged;
        if delete {
            let deleted = sqlx::query(
                "DELETE FROM images WHERE id = ?1
                 AND NOT EXISTS (SELECT 1 FROM containers WHERE image_id = ?1)",
            )
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
            removal = Removal::Deleted;
            if deleted.rows_affected() == 0 {
                removal = Removal::Hidden;
                sqlx::query("UPDATE images SET removed = 1 WHERE id = ?")
                    .bind(id.as_str())
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(removal)
    }

    /// Removes hidden images that no container needs any more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_hidden_images(&self) -> Result<(), RecordsError> {
        sqlx::query(
            "DELETE FROM images WHERE removed = 1
             AND NOT EXISTS (SELECT 1 FROM containers WHERE image_id = images.id)",
        )
        .execute(self.writer())
        .await?;
        Ok(())
    }
}

async fn set_tag(
    connection: &mut SqliteConnection,
    tag: &Reference,
    id: &ImageId,
) -> Result<(), RecordsError> {
    sqlx::query(
        "INSERT INTO image_tags (reference, image_id) VALUES (?, ?)
         ON CONFLICT (reference) DO UPDATE SET image_id = excluded.image_id",
    )
    .bind(tag.to_string())
    .bind(id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
