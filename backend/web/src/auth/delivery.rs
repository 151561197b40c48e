//! Somebody who is logged in and sends a form with files.

use actix_multipart::Multipart;
use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use super::{login, token};
use crate::form::{Fields, Parts};
use crate::shell::Shell;

/// A form with files: its text fields have been read, its files are yet to come.
pub(crate) struct Delivery {
    /// The text fields; in our forms they stand before the files.
    pub(crate) fields: Fields,
    /// The files.
    pub(crate) parts: Parts,
    /// The frame, for the form again.
    pub(crate) shell: Shell,
}

impl FromRequest for Delivery {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        async move {
            let login = login::require(&request).await?;
            let multipart = Multipart::from_request(&request, &mut payload).await?;
            let mut parts = Parts::new(multipart);
            let fields = parts.fields().await?;
            token::check(&login.csrf, Some(fields.text("csrf")))?;
            let shell = Shell::of(&request, &login).await;
            Ok(Self {
                fields,
                parts,
                shell,
            })
        }
        .boxed_local()
    }
}
