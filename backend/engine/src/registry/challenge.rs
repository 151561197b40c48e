//! Reads `WWW-Authenticate` (RFC 9110, section 11): what a registry wants to see.
//!
//! Pure, and lenient as the header's writers are; what cannot be read is left out.

use std::collections::BTreeMap;

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User name and password with each request.
    Basic,
    /// A token from a token service.
    Bearer {
        /// Address of the token service.
        realm: String,
        /// What to tell it the token is for.
        service: Option<String>,
        /// Which rights it must carry; the caller knows better where this is absent.
        scope: Option<String>,
    },
}

/// The strongest challenge of a header's values that is spoken here.
pub(crate) fn choose<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let all: Vec<_> = values.into_iter().flat_map(parse).collect();
    let bearer = all
        .iter()
        .find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or_else(|| all.first()).cloned()
}

/// All challenges of one header value that are spoken here.
fn parse(value: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut scanner = Scanner { rest: value };
    while let Some((scheme, mut parameters)) = scanner.challenge() {
        if scheme.eq_ignore_ascii_case("basic") {
            found.push(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = parameters.remove("realm")
        {
            let service = parameters.remove("service");
            found.push(Challenge::Bearer {
                realm,
                service,
                scope: parameters.remove("scope"),
            });
        }
    }
    found
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
    }

    fn token(&mut self) -> Option<&'a str> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/:".contains(c);
        let end = self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A scheme and the parameters up to the next scheme.
    fn challenge(&mut self) -> Option<(&'a str, BTreeMap<String, String>)> {
        self.skip();
        let scheme = self.token()?;
        let mut parameters = BTreeMap::new();
        loop {
            self.skip();
            let before = self.rest;
            let Some(name) = self.token() else { break };
            let after = self.rest.trim_start();
            let Some(value) = after.strip_prefix('=') else {
                self.rest = before; // the next scheme
                break;
            };
            self.rest = value.trim_start();
            let Some(value) = self.value() else { break };
            parameters.insert(name.to_ascii_lowercase(), value);
        }
        Some((scheme, parameters))
    }

    /// A token, or a quoted string with its escapes undone.
    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return self.token().map(str::to_owned);
        };
        let mut text = String::new();
        let mut letters = quoted.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Some(text);
                }
                '\\' => text.extend(letters.next().map(|(_, escaped)| escaped)),
                other => text.push(other),
            }
        }
        self.rest = "";
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
            scope: scope.map(Into::into),
        }
    }

    #[test]
    fn docker_hubs_header_is_read() {
        let value = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/debian:pull,push""#;
        assert_eq!(
            choose([value]),
            Some(bearer(
                "https://auth.docker.io/token",
                Some("registry.docker.io"),
                Some("repository:library/debian:pull,push")
            ))
        );
    }

    #[test]
    fn a_bearer_challenge_is_preferred_wherever_it_stands() {
        let one = r#"Basic realm="a \"b\"", Negotiate, BEARER realm=https://t/x , scope="""#;
        assert_eq!(choose([one]), Some(bearer("https://t/x", None, Some(""))));
        assert_eq!(
            choose(["Basic realm=x", r#"Bearer realm="y""#]),
            Some(bearer("y", None, None))
        );
        assert_eq!(
            choose([r#"Basic realm="Registry Realm""#]),
            Some(Challenge::Basic)
        );
    }

    #[test]
    fn what_cannot_be_read_is_no_challenge() {
        for value in [
            "",
            "   ,, ",
            "Digest realm=x",
            "Bearer",
            "Bearer service=x",
            "\"",
            "Bearer realm=\"open",
        ] {
            assert_eq!(choose([value]), None, "{value}");
        }
    }
}
