//! The `filters` parameter: `{"status": ["running"]}`, or the older `{"status": {"running": true}}`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::ApiError;
use crate::query::Query;

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Values {
    List(Vec<String>),
    Map(BTreeMap<String, bool>),
}

/// Decoded filters.
#[derive(Debug, Default)]
pub(crate) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads the parameter, and refuses a filter that the endpoint does not know.
    pub(crate) fn read(query: &Query, known: &[&str]) -> Result<Self, ApiError> {
        let raw: BTreeMap<String, Values> = query.json("filters")?;
        let mut filters = BTreeMap::new();
        for (key, values) in raw {
            if !known.contains(&key.as_str()) {
                return Err(ApiError::bad_request(format!("invalid filter '{key}'")));
            }
            let values = match values {
                Values::List(list) => list,
                Values::Map(map) => map
                    .into_iter()
                    .filter(|(_, on)| *on)
                    .map(|(v, _)| v)
                    .collect(),
            };
            filters.insert(key, values);
        }
        Ok(Self(filters))
    }

    /// Values of one filter; none when it is not set.
    pub(crate) fn values(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Values of one filter, each of another type.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, key: &str) -> Result<Vec<T>, ApiError> {
        let parse = |value: &String| {
            value
                .parse()
                .map_err(|_| ApiError::bad_request(format!("invalid filter '{key}={value}'")))
        };
        self.values(key).iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_unknown_filters_refused() {
        let read = |json: &str| {
            let text = form_urlencoded::Serializer::new(String::new())
                .append_pair("filters", json)
                .finish();
            Filters::read(&Query::parse(&text), &["status", "label"])
        };
        let filters =
            read(r#"{"status":{"running":true,"dead":false},"label":["a=b"]}"#).expect("valid");
        assert_eq!(filters.values("status"), ["running"]);
        assert_eq!(filters.values("label"), ["a=b"]);
        assert!(read(r#"{"colour":["red"]}"#).is_err());
    }
}
