//! From what a person writes (a name, an ID, the beginning of an ID) to one image.

use orlop_image::config::ImageConfig;
use orlop_model::id::ImageId;
use orlop_model::image::{Image, ImageFilter};
use orlop_model::reference::Reference;
use orlop_records::images::StoredImage;

use crate::images::describe::describe;
use crate::images::matching::matching;
use crate::{Engine, EngineError};

/// An image that was found, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Which image.
    pub(crate) id: ImageId,
    /// The name by which it was found; absent when it was found by its ID.
    pub(crate) name: Option<Reference>,
}

/// What a text may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    /// A whole ID.
    Id(ImageId),
    /// A name, or the beginning of an ID where the digits are given.
    Name(Reference, Option<String>),
    /// The beginning of an ID.
    Prefix(String),
}

impl Engine {
    /// Images, the newest first.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<Image>, EngineError> {
        let stored = self.records().images().await?;
        let all = stored.into_iter().map(|image| Ok(opened(image)?.0));
        Ok(matching(all.collect::<Result<_, EngineError>>()?, filter))
    }

    /// One image.
    ///
    /// # Errors
    /// If there is no such image, or several begin with these digits.
    pub async fn inspect_image(&self, which: &str) -> Result<Image, EngineError> {
        let found = self.find_image(which).await?;
        Ok(self.image_with_config(&found.id).await?.0)
    }

    /// The image that `which` means. A name comes before the beginning of an ID.
    pub(crate) async fn find_image(&self, which: &str) -> Result<Found, EngineError> {
        let found = match meaning(which)? {
            Meaning::Id(id) => {
                let stored = self.records().image(&id).await?;
                stored
                    .filter(|image| !image.hidden)
                    .map(|_| Found { id, name: None })
            }
            Meaning::Prefix(digits) => self.find_by_prefix(&digits).await?,
            Meaning::Name(name, digits) => match self.records().image_named(&name).await? {
                Some(id) => Some(Found {
                    id,
                    name: Some(name),
                }),
                None => match digits {
                    Some(digits) => self.find_by_prefix(&digits).await?,
                    None => None,
                },
            },
        };
        found.ok_or_else(|| no_such_image(which))
    }

    async fn find_by_prefix(&self, digits: &str) -> Result<Option<Found>, EngineError> {
        let mut found = self.records().images_with_prefix(digits).await?.into_iter();
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(EngineError::invalid(format!(
                "multiple image IDs begin with {digits}: give more digits"
            ))),
            (first, _) => Ok(first.map(|id| Found { id, name: None })),
        }
    }

    /// An image by its ID, hidden ones too, with its configuration.
    pub(crate) async fn image_with_config(
        &self,
        id: &ImageId,
    ) -> Result<(Image, ImageConfig), EngineError> {
        let stored = self.records().image(id).await?;
        opened(stored.ok_or_else(|| no_such_image(id.as_str()))?)
    }
}

/// A recorded image with its configuration.
pub(crate) fn opened(stored: StoredImage) -> Result<(Image, ImageConfig), EngineError> {
    let config = ImageConfig::parse(&stored.config).map_err(|error| {
        EngineError::internal(format!("image {} is damaged: {error}", stored.id.short()))
    })?;
    Ok((describe(stored, &config), config))
}

/// Docker's words: the name is told in full.
pub(crate) fn no_such_image(which: &str) -> EngineError {
    let full = which
        .parse::<Reference>()
        .map_or_else(|_| which.to_owned(), |name| name.familiar());
    EngineError::not_found(format!("No such image: {full}"))
}

fn meaning(which: &str) -> Result<Meaning, EngineError> {
    let is_hex = |text: &str| {
        !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    if let Some(digits) = which
        .strip_prefix("sha256:")
        .filter(|digits| is_hex(digits))
    {
        return Ok(which
            .parse()
            .map_or_else(|_| Meaning::Prefix(digits.to_owned()), Meaning::Id));
    }
    if which.len() == 64
        && let Ok(id) = format!("sha256:{which}").parse()
    {
        return Ok(Meaning::Id(id));
    }
    let name: Reference =
        which
            .parse()
            .map_err(|error: orlop_model::reference::ReferenceError| {
                EngineError::invalid(error.to_string())
            })?;
    Ok(Meaning::Name(name, is_hex(which).then(|| which.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_prefixes_and_names_are_told_apart() {
        let hex = "0a".repeat(32);
        let id: ImageId = format!("sha256:{hex}").parse().expect("id");
        assert_eq!(meaning(&hex).expect("id"), Meaning::Id(id.clone()));
        assert_eq!(meaning(id.as_str()).expect("id"), Meaning::Id(id));
        assert_eq!(
            meaning("sha256:0a0a").expect("prefix"),
            Meaning::Prefix("0a0a".into())
        );
        let name = |text: &str| text.parse().expect("reference");
        assert_eq!(
            meaning("beef").expect("either"),
            Meaning::Name(name("beef"), Some("beef".into()))
        );
        assert_eq!(
            meaning("debian:12").expect("name"),
            Meaning::Name(name("debian:12"), None)
        );
        assert!(meaning("Debian").is_err());
        assert!(meaning("").is_err());
    }

    #[test]
    fn what_is_missing_is_told_in_dockers_words() {
        assert_eq!(
            no_such_image("debian").to_string(),
            "No such image: debian:latest"
        );
        assert_eq!(
            no_such_image("sha256:ab").to_string(),
            "No such image: sha256:ab"
        );
    }
}
