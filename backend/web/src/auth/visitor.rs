//! Somebody who is logged in and looks at a page.

use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, FromRequest, HttpRequest};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use super::login;
use crate::error::Problem;
use crate::shell::Shell;

/// Somebody who is logged in and reads.
pub(crate) struct Visitor {
    shell: Shell,
}

impl Visitor {
    /// The frame of the page.
    pub(crate) fn shell(self, section: &'static str) -> Shell {
        self.shell.section(section)
    }
}

impl FromRequest for Visitor {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                // A handler that changes something must take `Command`, which checks the token.
                return Err(Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).into());
            }
            let login = login::require(&request).await?;
            let shell = Shell::of(&request, &login).await;
            Ok(Self { shell })
        }
        .boxed_local()
    }
}
