//! The browser's face of Orlop: pages that work without script, live streams for those that have
//! it, and the checks that keep other origins out.
//!
//! Translates only: extract, call one verb of the engine, render. Every page needs a log-in, which
//! stands in its handler's signature ([`auth`]); every change needs a token of our own forms; every
//! request passes [`security`] first.
#![forbid(unsafe_code)]

mod assets;
mod auth;
mod error;
mod form;
mod live;
mod pages;
mod respond;
mod routes;
mod security;
mod shell;
mod startup;
mod state;
mod words;

pub use startup::{WebOptions, serve};
