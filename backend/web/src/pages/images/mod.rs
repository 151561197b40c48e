//! Images: list, get (pull, import, bootstrap), look into, name, remove.

pub(crate) mod bootstrap;
pub(crate) mod detail;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod pull;

use orlop_model::id::JobId;
use orlop_model::reference::Reference;

use crate::form::Errors;
use crate::respond::SeeOther;

/// The image that an address names: the digest's digits, or any other way to say it.
fn which(path: &str) -> String {
    let is_digits = path.len() == 64 && path.bytes().all(|b| b.is_ascii_hexdigit());
    if is_digits {
        format!("sha256:{path}")
    } else {
        path.to_owned()
    }
}

/// A name of an image as it was typed; `None` when nothing was.
fn reference(errors: &mut Errors, field: &str, text: &str) -> Option<Reference> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    errors.take(field, text.parse().map(Some))
}

/// On to a job.
fn to_job(id: &JobId) -> SeeOther {
    SeeOther::to(format!("/jobs/{id}"))
}
