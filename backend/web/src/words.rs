//! Numbers and times as people read them. Pure; the same words as the scripts' own formatting, so
//! that nothing changes under the reader's eyes when a script takes over.

use jiff::Timestamp;

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// `134217728` → `128 MiB`: three digits at most.
pub(crate) fn bytes(count: u64) -> String {
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 1000.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 => 0,
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A span of time in the two units that matter: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..10 => format!("{:.1} s", millis as f64 / 1000.0),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// How long ago, in one unit: `just now`, `5 minutes ago`, `in 2 hours`.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    let size = seconds.unsigned_abs();
    if size < 5 {
        return "just now".to_owned();
    }
    let steps = [
        (60.0, "second"),
        (60.0, "minute"),
        (24.0, "hour"),
        (7.0, "day"),
        (4.35, "week"),
        (12.0, "month"),
    ];
    let (mut value, mut unit) = (size as f64, "year");
    for (limit, name) in steps {
        if value < limit {
            unit = name;
            break;
        }
        value /= limit;
    }
    let whole = value.floor();
    let plural = if whole == 1.0 { "" } else { "s" };
    if seconds < 0 {
        format!("in {whole} {unit}{plural}")
    } else {
        format!("{whole} {unit}{plural} ago")
    }
}

/// A moment for `<time>`: the exact time and the words shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// RFC 3339; empty when there is no time.
    pub(crate) at: String,
    /// How long ago.
    pub(crate) words: String,
}

impl Moment {
    /// The moment as it looks now.
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            at: at.to_string(),
            words: ago(at, Timestamp::now()),
        }
    }

    /// The moment, or nothing to show.
    pub(crate) fn maybe(at: Option<Timestamp>) -> Self {
        at.map_or_else(Self::default, Self::new)
    }
}

/// A program's text as inert text: without escape sequences and control characters. Tabs stay.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// The same for a text of several lines, which stay lines.
pub(crate) fn plain_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(plain).collect();
    lines.join("\n")
}

/// ECMA-48: after ESC comes a CSI, a string (OSC, DCS, SOS, PM, APC), or a two-character sequence.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => skip_csi(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    return;
                }
                if c == '\u{1b}' {
                    // ST is ESC \; any other escape ends the string as well.
                    chars.next_if_eq(&'\\');
                    return;
                }
            }
        }
        Some(' '..='/') => {
            // Intermediate characters, then one final.
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next();
        }
        _ => {}
    }
}

fn skip_csi(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_three_digits() {
        for (count, words) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "0.98 KiB"),
            (134_217_728, "128 MiB"),
            (3 << 29, "1.50 GiB"),
        ] {
            assert_eq!(bytes(count), words);
        }
    }

    #[test]
    fn spans_use_the_two_units_that_matter() {
        for (millis, words) in [
            (420, "0.4 s"),
            (12_900, "12 s"),
            (185_000, "3 min 5 s"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(span(millis), words);
        }
    }

    #[test]
    fn past_and_future_are_told_apart() {
        let now = Timestamp::from_second(1_700_000_000).expect("valid");
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).expect("valid");
        for (offset, words) in [
            (-2, "just now"),
            (-60, "1 minute ago"),
            (-3 * 86_400, "3 days ago"),
            (7200, "in 2 hours"),
            (-800 * 86_400, "2 years ago"),
        ] {
            assert_eq!(ago(at(offset), now), words);
        }
    }

    #[test]
    fn escape_sequences_leave_no_trace() {
        for (hostile, text) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]52;c;ZXZpbA==\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]0;title\u{9c}x", "x"),
            ("\u{9b}2Jx", "x"),
            ("a\rb\u{8}c\u{0}", "abc"),
            ("\u{1b}(Bx\u{1b}", "x"),
            ("\u{1b}P+q544e\u{1b}\\x", "x"),
            ("tab\tstays", "tab\tstays"),
        ] {
            assert_eq!(plain(hostile), text, "{hostile:?}");
        }
    }
}
