//! Columns to our own types and back.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::RecordsError;

/// Microseconds since 1970, which fit an INTEGER for 292,000 years.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A time from its column.
pub(crate) fn time(micros: i64) -> Result<Timestamp, RecordsError> {
    Timestamp::from_microsecond(micros).map_err(|e| RecordsError::Damaged(e.to_string()))
}

/// A value as JSON.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, RecordsError> {
    serde_json::to_string(value).map_err(|error| RecordsError::Damaged(error.to_string()))
}

/// A value from JSON.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, RecordsError> {
    serde_json::from_str(text).map_err(|error| RecordsError::Damaged(error.to_string()))
}

/// A value from its text.
pub(crate) fn parsed<T>(text: &str) -> Result<T, RecordsError>
where
    T: FromStr<Err: Display>,
{
    text.parse()
        .map_err(|error: T::Err| RecordsError::Damaged(error.to_string()))
}
