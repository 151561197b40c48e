//! Amounts of bytes and of time as people write them.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

/// A text that is not an amount of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid size: '{0}' (a number, then optionally b, k, m, g or t)")]
pub struct ByteSizeError(String);

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    /// As Docker reads `--memory`: `512m`, `1.5g`, `1024`, `2GiB`; the units are powers of 1024.
    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let wrong = || ByteSizeError(text.to_owned());
        let trimmed = text.trim().to_ascii_lowercase();
        let digits = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let shift = match unit.trim() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return Err(wrong()),
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(1 << shift).map(Self).ok_or_else(wrong);
        }
        let value = number.parse::<f64>().map_err(|_| wrong())? * (1u64 << shift) as f64;
        // 2^63: every smaller float converts to u64 exactly enough for a limit.
        if value.is_finite() && value < 9.2e18 {
            Ok(Self(value as u64))
        } else {
            Err(wrong())
        }
    }
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan(pub Duration);

/// A text that is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid time: '{0}' (such as 500ms, 30s or 1m30s)")]
pub struct TimeSpanError(String);

impl FromStr for TimeSpan {
    type Err = TimeSpanError;

    /// As Docker reads `--health-interval`: numbers with units, one after the other.
    fn from_str(text: &str) -> Result<Self, TimeSpanError> {
        let wrong = || TimeSpanError(text.to_owned());
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong());
        }
        let mut total = Duration::ZERO;
        while rest != "0" && !rest.is_empty() {
            let is_number = |c: char| c.is_ascii_digit() || c == '.';
            let unit_at = rest.find(|c| !is_number(c)).ok_or_else(wrong)?;
            let (number, behind) = rest.split_at(unit_at);
            let (unit, next) = behind.split_at(behind.find(is_number).unwrap_or(behind.len()));
            let seconds = match unit {
                "ns" => 1e-9,
                "us" | "µs" | "μs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return Err(wrong()),
            };
            let part: f64 = number.parse().map_err(|_| wrong())?;
            let part = Duration::try_from_secs_f64(part * seconds).map_err(|_| wrong())?;
            total = total.checked_add(part).ok_or_else(wrong)?;
            rest = next;
        }
        Ok(Self(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_docker_reads_them() {
        for (text, millis) in [
            ("0", 0),
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("1.5s", 1500),
            ("200ms", 200),
            ("2h", 7_200_000),
        ] {
            let span = text.parse().map(|TimeSpan(span)| span.as_millis());
            assert_eq!(span, Ok(millis), "{text}");
        }
        for text in ["", "5", "s", "-1s", "1x", "1.2.3s", "1e300h"] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("512m", 512 << 20),
            ("1.5g", 3 << 29),
            ("2GiB", 2 << 30),
            ("64 kb", 64 << 10),
        ] {
            assert_eq!(text.parse::<ByteSize>(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "m", "-1", "1x", "1.2.3", "99999999999t", "1e5"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
