//! Somebody who opens a WebSocket. A browser cannot see the status of a refused upgrade, so the
//! refusal is left to the stream, which accepts and closes with a code.

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use super::{Login, login};

/// Somebody who opens a WebSocket, logged in or not.
pub(crate) struct Listener {
    /// Who, if the log-in is valid.
    pub(crate) login: Option<Login>,
}

impl FromRequest for Listener {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let login = login::login_of(&request).await?;
            Ok(Self { login })
        }
        .boxed_local()
    }
}
