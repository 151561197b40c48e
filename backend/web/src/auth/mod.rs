//! Who asks, as extractors: a handler's signature says what it needs, and a page cannot forget it.
//!
//! | extractor | for | needs |
//! |---|---|---|
//! | [`Visitor`] | pages (GET) | a log-in |
//! | [`Command`] | forms (POST) | a log-in and the token of its forms |
//! | [`Delivery`] | forms with files | the same |
//! | [`Listener`] | WebSockets | a log-in; refuses by close code |
//! | [`Guest`], [`GuestForm`] | log-in and sign-up | nothing, or the token of the guest's cookie |
//!
//! [`Visitor`] refuses requests that may change something, so a handler that takes it by mistake
//! in place of [`Command`] does not work at all instead of working unprotected.

mod command;
mod cookies;
mod delivery;
mod guest;
mod listener;
mod login;
mod token;
mod visitor;

pub(crate) use command::Command;
pub(crate) use cookies::{client_address, session_cookie, session_gone, theme_cookie};
pub(crate) use delivery::Delivery;
pub(crate) use guest::{Guest, GuestForm};
pub(crate) use listener::Listener;
pub(crate) use login::known_login;
pub(crate) use orlop_engine::accounts::Login;
pub(crate) use visitor::Visitor;
