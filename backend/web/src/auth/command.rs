//! Somebody who is logged in and sends one of our forms.

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest, web};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{login, token};
use crate::shell::Shell;

/// A form with its token. All fields of a form are texts: what was typed is kept as it was.
#[derive(Deserialize)]
pub(super) struct Signed<T> {
    pub(super) csrf: Option<String>,
    #[serde(flatten)]
    pub(super) form: T,
}

/// A form without fields.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Empty {}

/// A form of somebody who is logged in, sent from a page of theirs.
pub(crate) struct Command<T = Empty> {
    /// What was filled in.
    pub(crate) form: T,
    /// The frame, for the form again.
    pub(crate) shell: Shell,
}

impl<T: DeserializeOwned + 'static> FromRequest for Command<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        async move {
            // First who, then what: a stranger's body is not even read.
            let login = login::require(&request).await?;
            let signed = web::Form::<Signed<T>>::from_request(&request, &mut payload).await?;
            let web::Form(Signed { csrf, form }) = signed;
            token::check(&login.csrf, csrf.as_deref())?;
            let shell = Shell::of(&request, &login).await;
            Ok(Self { form, shell })
        }
        .boxed_local()
    }
}
