//! Images: get, list, name, remove. Every verb that takes `which` takes a reference, an image ID
//! or a unique prefix of one.

pub(crate) mod base;
mod bootstrap;
mod change;
pub(crate) mod describe;
mod fetches;
mod import;
mod layer;
mod load;
mod matching;
mod progress;
mod pull;
mod removal;
mod resolve;
mod spool;
pub(crate) mod store;
mod tag;
mod tee;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use orlop_model::event::EventObject;
use orlop_model::reference::Reference;

use crate::Engine;

pub(crate) use store::ImageStore;

/// Bytes that arrive from a client.
pub type Upload = BoxStream<'static, Result<Bytes, std::io::Error>>;

/// Import of a root file system.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Name of the image, if it shall have one.
    pub reference: Option<Reference>,
    /// Dockerfile instructions applied to its configuration (`CMD`, `ENV`, …).
    pub changes: Vec<String>,
    /// Comment in its history.
    pub message: String,
    /// File name for people.
    pub title: String,
}

/// A Debian base image to be made on this host.
#[derive(Debug, Clone)]
pub struct BootstrapOptions {
    /// Release, such as `bookworm`.
    pub suite: String,
    /// Further packages.
    pub packages: Vec<String>,
    /// Mirror, if not the tool's own.
    pub mirror: Option<String>,
    /// Name of the image.
    pub reference: Reference,
}

impl Engine {
    /// Tells that something happened to an image.
    fn image_event(&self, action: &str, id: &str, name: &str) {
        let attributes = [("name".to_owned(), name.to_owned())];
        self.publish(EventObject::Image, action, id, attributes);
    }
}
