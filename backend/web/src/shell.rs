//! What every page shows around its content: who is logged in, where one is, a word on what was
//! just done.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, web};

use crate::auth::Login;
use crate::respond::send_cookie;
use crate::state::State;

/// Cookie of the theme; scripts write it too.
pub(crate) const THEME_COOKIE: &str = "orlop_theme";
/// Cookie that carries a word to the next page.
const FLASH_COOKIE: &str = "orlop_flash";
const FLASH_SECONDS: i64 = 30;
const FLASH_MAX_CHARS: usize = 400;

/// The frame of a page; the layouts read it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shell {
    /// Who is logged in; empty when nobody is.
    pub(crate) user: String,
    /// Shown under the name.
    pub(crate) role: String,
    /// Which entry of the navigation is current.
    pub(crate) section: &'static str,
    /// Token of every form.
    pub(crate) csrf: String,
    /// `system`, `light` or `dark`.
    pub(crate) theme: &'static str,
    /// Path and query of this page.
    pub(crate) path: String,
    /// The host's name.
    pub(crate) host: String,
    /// Orlop's version.
    pub(crate) version: &'static str,
    /// A word on what was just done.
    pub(crate) flash: Option<Flash>,
}

/// A word on what was just done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flash {
    /// `good`, `bad` or `note`.
    pub(crate) tone: &'static str,
    /// The words.
    pub(crate) text: String,
}

impl Shell {
    /// The frame of a page for somebody who is not logged in.
    pub(crate) fn guest(request: &HttpRequest, csrf: String) -> Self {
        let path = request.uri().path_and_query();
        let flash = request
            .cookie(FLASH_COOKIE)
            .and_then(|c| Flash::read(c.value()));
        if flash.is_some() {
            let mut gone = Cookie::build(FLASH_COOKIE, "").path("/").finish();
            gone.make_removal();
            send_cookie(request, gone);
        }
        Self {
            csrf,
            theme: theme_of(
                request
                    .cookie(THEME_COOKIE)
                    .as_ref()
                    .map_or("", |c| c.value()),
            ),
            path: path.map_or_else(|| "/".to_owned(), ToString::to_string),
            version: env!("CARGO_PKG_VERSION"),
            flash,
            ..Self::default()
        }
    }

    /// The frame of a page for somebody who is.
    pub(crate) async fn of(request: &HttpRequest, login: &Login) -> Self {
        let state = request.app_data::<web::Data<State>>();
        let host = match state {
            Some(state) => state.host_name().await,
            None => String::new(),
        };
        Self {
            user: login.user.name.clone(),
            role: "admin".to_owned(),
            host,
            ..Self::guest(request, login.csrf.clone())
        }
    }

    /// The same frame in another section.
    pub(crate) fn section(mut self, section: &'static str) -> Self {
        self.section = section;
        self
    }
}

/// The host's name, if some page has asked for it before.
pub(crate) fn known_host(request: &HttpRequest) -> String {
    let state = request.app_data::<web::Data<State>>();
    state.and_then(|s| s.known_host_name()).unwrap_or_default()
}

impl Flash {
    /// Something was done.
    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self {
            tone: "good",
            text: text.into(),
        }
    }

    /// Something went wrong.
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self {
            tone: "bad",
            text: text.into(),
        }
    }

    /// Something to know.
    pub(crate) fn note(text: impl Into<String>) -> Self {
        Self {
            tone: "note",
            text: text.into(),
        }
    }

    /// The cookie that carries it to the next page.
    pub(crate) fn cookie(&self) -> Cookie<'static> {
        let text: String = self.text.chars().take(FLASH_MAX_CHARS).collect();
        let value = hex::encode(format!("{} {text}", self.tone));
        Cookie::build(FLASH_COOKIE, value)
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .max_age(Duration::seconds(FLASH_SECONDS))
            .finish()
    }

    fn read(value: &str) -> Option<Self> {
        let text = String::from_utf8(hex::decode(value).ok()?).ok()?;
        let (tone, text) = text.split_once(' ')?;
        let tone = ["good", "bad", "note"].into_iter().find(|t| *t == tone)?;
        Some(Self {
            tone,
            text: text.chars().take(FLASH_MAX_CHARS).collect(),
        })
    }
}

/// A theme that exists.
pub(crate) fn theme_of(text: &str) -> &'static str {
    match text {
        "light" => "light",
        "dark" => "dark",
        _ => "system",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flash_reads_back_as_written_and_nothing_else_is_one() {
        let flash = Flash::good("Started web; \"quoted\" ünïcode\nline");
        assert_eq!(Flash::read(flash.cookie().value()), Some(flash));
        for foreign in ["", "zz", "00", "good", &hex::encode("evil text")] {
            assert_eq!(Flash::read(foreign), None, "{foreign}");
        }
    }
}
