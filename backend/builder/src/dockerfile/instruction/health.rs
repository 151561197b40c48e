//! `HEALTHCHECK` and the durations of its flags.

use super::super::diagnostic::Diagnostic;
use super::super::parser::{Arguments, Node, Word};
use super::{Command, Typist};

/// `HEALTHCHECK`; durations are in nanoseconds, 0 means the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// What to run; absent for `HEALTHCHECK NONE`.
    pub command: Option<Command>,
    /// Between two tests.
    pub interval: i64,
    /// For one test.
    pub timeout: i64,
    /// After the start, while failures do not count.
    pub start_period: i64,
    /// Between two tests during that time.
    pub start_interval: i64,
    /// Failures in a row that make it unhealthy.
    pub retries: i64,
}

const FLAGS: [&str; 5] = [
    "interval",
    "timeout",
    "start-period",
    "start-interval",
    "retries",
];
/// Docker refuses shorter ones.
const SHORTEST_NANOS: i64 = 1_000_000;

impl Typist<'_> {
    pub(super) fn healthcheck(&self, node: Node) -> Result<Healthcheck, Diagnostic> {
        let mut flags = self.flags(&node, &FLAGS)?;
        let Arguments::Typed(kind, rest) = &node.arguments else {
            let complaint = self.missing(&node, "CMD or NONE");
            return Err(complaint.hint("write HEALTHCHECK CMD command"));
        };
        let none = match &kind.text.to_uppercase()[..] {
            "NONE" => true,
            "CMD" => false,
            other => {
                let reason = format!("HEALTHCHECK does not know {other}");
                let complaint = self.source.complain(kind.span, reason);
                return Err(complaint.hint("it can be CMD or NONE"));
            }
        };
        if none {
            if !node.flags.is_empty() || **rest != Arguments::None {
                let reason = "HEALTHCHECK NONE takes nothing else";
                return Err(self.source.complain(kind.span, reason));
            }
            return Ok(Healthcheck::default());
        }
        let command = match &**rest {
            Arguments::Json(words) if !words.is_empty() => {
                Command::Exec(words.iter().map(|word| word.text.clone()).collect())
            }
            Arguments::Text(word) => Command::Shell(word.text.clone()),
            _ => {
                return Err(self
                    .source
                    .complain(kind.span, "HEALTHCHECK CMD needs a command"));
            }
        };
        let mut time = |name| match flags.value(name)? {
            Some(word) => self.duration(name, &word),
            None => Ok(0),
        };
        Ok(Healthcheck {
            command: Some(command),
            interval: time("interval")?,
            timeout: time("timeout")?,
            start_period: time("start-period")?,
            start_interval: time("start-interval")?,
            retries: match flags.value("retries")? {
                Some(word) => word.text.parse::<u32>().map(i64::from).map_err(|_| {
                    let reason = format!("--retries must be a number, not {:?}", word.text);
                    self.source.complain(word.span, reason)
                })?,
                None => 0,
            },
        })
    }

    fn duration(&self, name: &str, word: &Word) -> Result<i64, Diagnostic> {
        let wrong = |reason: String| {
            let complaint = self.source.complain(word.span, reason);
            complaint.hint("write a time such as 30s, 1m30s or 500ms")
        };
        match parse_duration(&word.text) {
            None => Err(wrong(format!("--{name} is no time: {:?}", word.text))),
            Some(nanos) if nanos != 0 && nanos < SHORTEST_NANOS => {
                Err(wrong(format!("--{name} must be at least 1ms, or 0")))
            }
            Some(nanos) => Ok(nanos),
        }
    }
}

/// A duration as Go writes it (`1h2m3.5s`, `0`), in nanoseconds; negative ones are none.
fn parse_duration(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_len = rest[digits..].find(|c: char| c.is_ascii_digit() || c == '.');
        let unit_end = unit_len.map_or(rest.len(), |len| digits + len);
        nanos += number
            * match &rest[digits..unit_end] {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    // As Go's: 292 years at most, so the conversion is exact enough and in range.
    (nanos < 9.2e18).then_some(nanos as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, nanos) in [
            ("0", Some(0)),
            ("5s", Some(5_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            ("500ms", Some(500_000_000)),
            ("", None),
            ("5", None),
            ("s", None),
            ("-5s", None),
            ("5 s", None),
            ("999999999h", None),
        ] {
            assert_eq!(parse_duration(text), nanos, "{text}");
        }
    }
}
