//! Somebody who is not logged in yet: the log-in and sign-up pages and their forms.
//!
//! Their forms carry a token as well, which must equal the one in the guest's own cookie; nobody
//! else's page can log a browser in as somebody else.

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest, web};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use serde::de::DeserializeOwned;

use super::command::Signed;
use super::{cookies, login, token};
use crate::respond::send_cookie;
use crate::shell::Shell;

const COOKIE: &str = "orlop_guest";
const TOKEN_LEN: usize = 64;

/// Somebody who reads a page that needs no log-in.
pub(crate) struct Guest {
    /// The frame.
    pub(crate) shell: Shell,
    /// They are logged in after all.
    pub(crate) logged_in: bool,
}

/// A form of somebody who is not logged in.
pub(crate) struct GuestForm<T> {
    /// What was filled in.
    pub(crate) form: T,
    /// The frame, for the form again.
    pub(crate) shell: Shell,
}

fn token_of(request: &HttpRequest) -> Option<String> {
    let cookie = request.cookie(COOKIE)?;
    let is_token = cookie.value().len() == TOKEN_LEN;
    is_token.then(|| cookie.value().to_owned())
}

impl FromRequest for Guest {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let logged_in = login::login_of(&request).await?.is_some();
            let token = match token_of(&request) {
                Some(token) => token,
                None => token::random()?,
            };
            send_cookie(&request, cookies::guest_cookie(COOKIE, token.clone()));
            let shell = Shell::guest(&request, token);
            Ok(Self { shell, logged_in })
        }
        .boxed_local()
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for GuestForm<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        async move {
            let signed = web::Form::<Signed<T>>::from_request(&request, &mut payload).await?;
            let web::Form(Signed { csrf, form }) = signed;
            let expected = token_of(&request).unwrap_or_default();
            token::check(&expected, csrf.as_deref())?;
            let shell = Shell::guest(&request, expected);
            Ok(Self { form, shell })
        }
        .boxed_local()
    }
}
