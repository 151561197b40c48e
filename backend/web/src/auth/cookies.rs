//! The console's cookies, and what a trusted proxy says of the client.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::cookie::time::{Duration, OffsetDateTime};
use actix_web::cookie::{Cookie, Expiration, SameSite};
use orlop_engine::accounts::NewLogin;

use crate::shell::THEME_COOKIE;
use crate::state::State;

const THEME_DAYS: i64 = 365;

/// The cookie of a new log-in.
pub(crate) fn session_cookie(
    state: &State,
    request: &HttpRequest,
    login: &NewLogin,
) -> Cookie<'static> {
    let ends = OffsetDateTime::from_unix_timestamp(login.expires_at.as_second());
    Cookie::build(state.session_cookie.clone(), login.token.clone())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(is_secure(state, request))
        .expires(ends.map_or(Expiration::Session, Expiration::DateTime))
        .finish()
}

/// Takes the session cookie away.
pub(crate) fn session_gone(state: &State) -> Cookie<'static> {
    let mut gone = Cookie::build(state.session_cookie.clone(), "")
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .finish();
    gone.make_removal();
    gone
}

/// The cookie of the guest's token.
pub(super) fn guest_cookie(name: &'static str, token: String) -> Cookie<'static> {
    Cookie::build(name, token)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .finish()
}

/// The cookie of the theme; a script writes the same one.
pub(crate) fn theme_cookie(theme: &'static str) -> Cookie<'static> {
    Cookie::build(THEME_COOKIE, theme)
        .path("/")
        .same_site(SameSite::Lax)
        .max_age(Duration::days(THEME_DAYS))
        .finish()
}

/// The client's address, for throttling log-ins.
pub(crate) fn client_address(state: &State, request: &HttpRequest) -> String {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let forwarded = text(request, "x-forwarded-for");
    address(&state.trusted_proxies, peer, forwarded)
        .map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())
}

fn is_secure(state: &State, request: &HttpRequest) -> bool {
    let peer = request.peer_addr().map(|peer| peer.ip());
    peer.is_some_and(|peer| state.trusted_proxies.contains(&peer))
        && text(request, "x-forwarded-proto") == Some("https")
}

fn text<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    request.headers().get(name).and_then(|v| v.to_str().ok())
}

/// The last address of the list that no trusted proxy stands at: what is left of it was written
/// by the client and may be a lie.
fn address(trusted: &[IpAddr], peer: Option<IpAddr>, forwarded: Option<&str>) -> Option<IpAddr> {
    let mut address = peer?;
    let hops = forwarded.unwrap_or_default().rsplit(',');
    for hop in hops {
        if !trusted.contains(&address) {
            break;
        }
        match hop.trim().parse() {
            Ok(before) => address = before,
            Err(_) => break,
        }
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("valid");
        let proxy = [ip("10.0.0.1"), ip("10.0.0.2")];
        for (peer, forwarded, expected) in [
            ("192.0.2.1", None, "192.0.2.1"),
            ("192.0.2.1", Some("203.0.113.5"), "192.0.2.1"),
            ("10.0.0.1", Some("203.0.113.5"), "203.0.113.5"),
            ("10.0.0.1", Some("1.1.1.1, 203.0.113.5"), "203.0.113.5"),
            ("10.0.0.1", Some("203.0.113.5, 10.0.0.2"), "203.0.113.5"),
            ("10.0.0.1", Some("nonsense"), "10.0.0.1"),
            ("10.0.0.1", None, "10.0.0.1"),
        ] {
            let found = address(&proxy, Some(ip(peer)), forwarded);
            assert_eq!(found, Some(ip(expected)), "{peer} {forwarded:?}");
        }
    }
}
