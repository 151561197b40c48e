//! Times as Go prints them.

use jiff::Timestamp;

/// Go's zero time, which stands for "never".
pub(crate) const NEVER: &str = "0001-01-01T00:00:00Z";

/// RFC 3339 with nine digits.
pub(crate) fn nano(time: Timestamp) -> String {
    format!("{time:.9}")
}

/// As [`nano`], or "never".
pub(crate) fn nano_or_never(time: Option<Timestamp>) -> String {
    time.map_or_else(|| NEVER.to_owned(), nano)
}

/// A `since` or `until` of a query: seconds with an optional fraction, RFC 3339, or a span before
/// now such as `10m` or `1h30m`.
pub(crate) fn parse(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some((seconds, fraction)) = text.split_once('.')
        && let (Ok(seconds), true) = (
            seconds.parse::<i64>(),
            fraction.bytes().all(|b| b.is_ascii_digit()),
        )
    {
        let nanos = format!("{fraction:0<9}").get(..9)?.parse::<i32>().ok()?;
        return Timestamp::new(seconds, nanos).ok();
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let span: jiff::Span = text.parse().ok()?;
    now.checked_sub(span).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nine_digits() {
        let time = Timestamp::new(1_700_000_000, 5).expect("valid");
        assert_eq!(nano(time), "2023-11-14T22:13:20.000000005Z");
    }

    #[test]
    fn every_form_of_since_is_read() {
        let now = Timestamp::from_second(1_700_000_000).expect("valid");
        let seconds = |text| parse(text, now).map(Timestamp::as_second);
        assert_eq!(seconds("1600000000"), Some(1_600_000_000));
        assert_eq!(seconds("1600000000.5"), Some(1_600_000_000));
        assert_eq!(seconds("10m"), Some(1_699_999_400));
        assert_eq!(seconds("2023-11-14T22:13:20Z"), Some(1_700_000_000));
        assert_eq!(seconds("yesterday"), None);
    }
}
