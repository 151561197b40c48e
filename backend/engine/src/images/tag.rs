//! Names of images: give one, take one off, remove the image with its last.

use orlop_model::image::Removed;
use orlop_model::reference::Reference;
use orlop_records::images::Removal;

use crate::images::removal::{Conflict, Facts, plan};
use crate::images::resolve::Found;
use crate::{Engine, EngineError};

impl From<Conflict> for EngineError {
    fn from(conflict: Conflict) -> Self {
        Self::conflict(conflict.to_string())
    }
}

impl Engine {
    /// Gives it a further name.
    ///
    /// # Errors
    /// If there is no such image, or the name has a digest.
    pub async fn tag_image(&self, which: &str, reference: Reference) -> Result<(), EngineError> {
        if reference.digest().is_some() {
            return Err(EngineError::field(
                "reference",
                "refusing to create a tag with a digest reference",
            ));
        }
        let found = self.find_image(which).await?;
        self.records().tag_image(&found.id, &reference).await?;
        self.image_event("tag", found.id.as_str(), &reference.familiar());
        Ok(())
    }

    /// Takes a name off, and removes the image when that was the last one and nothing uses it.
    ///
    /// # Errors
    /// If there is no such image, or Docker's rules keep it: a conflict that says what needs it.
    pub async fn remove_image(
        &self,
        which: &str,
        force: bool,
    ) -> Result<Vec<Removed>, EngineError> {
        let Found { id, name } = self.find_image(which).await?;
        let (image, _) = self.image_with_config(&id).await?;
        let facts = Facts {
            containers: self.records().containers_of_image(&id).await?,
            id: image.id,
            tags: image.tags,
            digests: image.digests,
        };
        let plan = plan(&facts, name.as_ref(), force)?;
        let removal = self
            .records()
            .remove_image(&id, &plan.untag, plan.delete)
            .await?;
        let mut removed = Vec::new();
        for name in &plan.untag {
            self.image_event("untag", id.as_str(), &name.familiar());
            removed.push(Removed::Untagged(name.familiar()));
        }
        if removal == Removal::Untagged {
            return Ok(removed);
        }
        self.image_event("delete", id.as_str(), id.as_str());
        removed.push(Removed::Deleted(id));
        let layers = self.sweep_images().await?;
        removed.extend(
            layers
                .into_iter()
                .map(|layer| Removed::Deleted(layer.diff_id)),
        );
        Ok(removed)
    }
}
