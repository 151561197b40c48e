//! Query strings in Docker's forms.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::error::ApiError;

/// A decoded query string.
#[derive(Debug, Default)]
pub(crate) struct Query(BTreeMap<String, Vec<String>>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let mut map = BTreeMap::<String, Vec<String>>::new();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            map.entry(key.into_owned())
                .or_default()
                .push(value.into_owned());
        }
        Self(map)
    }

    /// The first value that is not empty.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)?
            .iter()
            .map(String::as_str)
            .find(|value| !value.is_empty())
    }

    /// Every value that is not empty.
    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0
            .get(key)
            .into_iter()
            .flatten()
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Docker's truth: anything but absence, empty, `0`, `no`, `false` and `none`.
    pub(crate) fn flag(&self, key: &str) -> bool {
        let value = self
            .text(key)
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        !matches!(value.as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// A value of another type.
    pub(crate) fn number<T: FromStr>(&self, key: &str) -> Result<Option<T>, ApiError> {
        self.text(key)
            .map(|value| {
                value
                    .parse()
                    .map_err(|_| ApiError::bad_request(format!("{key}={value:?} is not a number")))
            })
            .transpose()
    }

    /// A value that is itself JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned + Default>(
        &self,
        key: &str,
    ) -> Result<T, ApiError> {
        self.text(key).map_or(Ok(T::default()), |value| {
            serde_json::from_str(value).map_err(|error| {
                ApiError::bad_request(format!("{key} is not the JSON that is expected: {error}"))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_follow_dockers_truth() {
        let query = Query::parse("a=1&b=true&c=0&d=False&e=&f&g=yes");
        for (key, truth) in [
            ("a", true),
            ("b", true),
            ("c", false),
            ("d", false),
            ("e", false),
            ("f", false),
            ("g", true),
            ("x", false),
        ] {
            assert_eq!(query.flag(key), truth, "{key}");
        }
    }

    #[test]
    fn values_are_decoded_and_kept_in_order() {
        let query = Query::parse("t=a%2Fb%3A1&t=c&n=x");
        assert_eq!(query.all("t").collect::<Vec<_>>(), ["a/b:1", "c"]);
        assert!(query.number::<u16>("n").is_err());
    }
}
