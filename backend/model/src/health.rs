//! Health checks: what is asked for, and what the probes have found. Pure: nothing here reads a
//! clock or runs a probe.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Results that are kept.
pub const KEPT_RESULTS: usize = 5;
/// Bytes of a probe's output that are kept.
pub const OUTPUT_BYTES: usize = 4096;
/// Shortest time that can be asked for.
pub const SHORTEST: Duration = Duration::from_millis(1);
/// The shell of a probe's shell form, where the image names none.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// What a probe runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthTest {
    /// Nothing, whatever the image says.
    None,
    /// A program with its arguments.
    Exec(Vec<String>),
    /// A line for the image's shell.
    Shell(String),
}

/// A health check as it is asked for: what is absent is the image's, or the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheck {
    /// What to run.
    pub test: Option<HealthTest>,
    /// Between two probes.
    pub interval: Option<Duration>,
    /// For one probe.
    pub timeout: Option<Duration>,
    /// After the start, while failures do not count.
    pub start_period: Option<Duration>,
    /// Between two probes during that time.
    pub start_interval: Option<Duration>,
    /// Failures in a row that make it unhealthy.
    pub retries: Option<u32>,
}

/// Why a health check makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HealthCheckError {
    /// The first word of the test.
    #[error("Unknown healthcheck type {0:?}: use NONE, CMD or CMD-SHELL")]
    Kind(String),
    /// Nothing to run.
    #[error("a health check needs a command")]
    Empty,
    /// Too short a time.
    #[error("{0} in Healthcheck cannot be less than one millisecond")]
    TooShort(&'static str),
    /// Negative.
    #[error("Retries in Healthcheck cannot be negative")]
    Retries,
}

impl HealthTest {
    /// Parses Docker's list: `["NONE"]`, `["CMD", …]`, `["CMD-SHELL", line]`; empty asks for
    /// nothing.
    ///
    /// # Errors
    /// Names what is wrong.
    pub fn from_words(words: &[String]) -> Result<Option<Self>, HealthCheckError> {
        let Some((kind, rest)) = words.split_first() else {
            return Ok(None);
        };
        let has_words = rest.first().is_some_and(|word| !word.is_empty());
        match kind.as_str() {
            "" if rest.is_empty() => Ok(None),
            "NONE" => Ok(Some(Self::None)),
            "CMD" | "CMD-SHELL" if !has_words => Err(HealthCheckError::Empty),
            "CMD" => Ok(Some(Self::Exec(rest.to_vec()))),
            "CMD-SHELL" => Ok(Some(Self::Shell(rest.join(" ")))),
            other => Err(HealthCheckError::Kind(other.to_owned())),
        }
    }

    /// As Docker's list.
    #[must_use]
    pub fn to_words(&self) -> Vec<String> {
        match self {
            Self::None => vec!["NONE".to_owned()],
            Self::Exec(args) => std::iter::once("CMD".to_owned())
                .chain(args.iter().cloned())
                .collect(),
            Self::Shell(line) => vec!["CMD-SHELL".to_owned(), line.clone()],
        }
    }
}

impl HealthCheck {
    /// Parses Docker's form: times in nanoseconds, 0 for what is not asked for.
    ///
    /// # Errors
    /// Names what is wrong.
    pub fn from_docker(
        test: &[String],
        [interval, timeout, start_period, start_interval]: [i64; 4],
        retries: i64,
    ) -> Result<Self, HealthCheckError> {
        let time = |name, nanos: i64| match u64::try_from(nanos).map(Duration::from_nanos) {
            Ok(Duration::ZERO) => Ok(None),
            Ok(time) if time >= SHORTEST => Ok(Some(time)),
            _ => Err(HealthCheckError::TooShort(name)),
        };
        Ok(Self {
            test: HealthTest::from_words(test)?,
            interval: time("Interval", interval)?,
            timeout: time("Timeout", timeout)?,
            start_period: time("StartPeriod", start_period)?,
            start_interval: time("StartInterval", start_interval)?,
            retries: u32::try_from(retries)
                .map(|n| (n > 0).then_some(n))
                .map_err(|_| HealthCheckError::Retries)?,
        })
    }

    /// This one, with the image's where it says nothing.
    #[must_use]
    pub fn over(self, image: &Self) -> Self {
        Self {
            test: self.test.or_else(|| image.test.clone()),
            interval: self.interval.or(image.interval),
            timeout: self.timeout.or(image.timeout),
            start_period: self.start_period.or(image.start_period),
            start_interval: self.start_interval.or(image.start_interval),
            retries: self.retries.or(image.retries),
        }
    }

    /// What to do, with the defaults; nothing where there is no test.
    #[must_use]
    pub fn probe(&self, shell: Option<&[String]>) -> Option<Probe> {
        let args = match self.test.as_ref()? {
            HealthTest::None => return None,
            HealthTest::Exec(args) => args.clone(),
            HealthTest::Shell(line) => {
                let shell = shell.filter(|words| !words.is_empty());
                let mut args = shell.map_or_else(|| SHELL.map(str::to_owned).to_vec(), Vec::from);
                args.push(line.clone());
                args
            }
        };
        Some(Probe {
            args,
            interval: self.interval.unwrap_or(Duration::from_secs(30)),
            timeout: self.timeout.unwrap_or(Duration::from_secs(30)),
            start_period: self.start_period.unwrap_or_default(),
            start_interval: self.start_interval.unwrap_or(Duration::from_secs(5)),
            retries: self.retries.unwrap_or(3),
        })
    }
}

/// A health check in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Program and arguments.
    pub args: Vec<String>,
    /// Between two probes.
    pub interval: Duration,
    /// For one probe.
    pub timeout: Duration,
    /// After the start, while failures do not count.
    pub start_period: Duration,
    /// Between two probes during that time.
    pub start_interval: Duration,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
}

impl Probe {
    /// The pause before the next probe of a container that has run for so long.
    #[must_use]
    pub fn pause(&self, status: HealthStatus, ran: Duration) -> Duration {
        if status == HealthStatus::Starting && ran < self.start_period {
            self.start_interval
        } else {
            self.interval
        }
    }
}

/// How a container is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// No probe has decided yet.
    #[default]
    Starting,
    /// The last probe went well.
    Healthy,
    /// Too many failed in a row.
    Unhealthy,
}

impl HealthStatus {
    /// As Docker spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// One probe's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthResult {
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Exit code; -1 when it did not end in time or could not run.
    pub code: i32,
    /// The beginning of its output, and why it could not end.
    pub output: String,
}

/// What probes have found of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// How it is.
    pub status: HealthStatus,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last results, the oldest first.
    pub log: Vec<HealthResult>,
}

impl Health {
    /// Begins anew, as at a start; earlier results stay to be looked at.
    pub fn begin(&mut self) {
        self.status = HealthStatus::Starting;
        self.failing_streak = 0;
    }

    /// Takes a result in; whether the status has changed. `ran` is how long the container had run
    /// when the probe began.
    pub fn take(&mut self, probe: &Probe, ran: Duration, result: HealthResult) -> bool {
        let before = self.status;
        let well = result.code == 0;
        if self.log.len() >= KEPT_RESULTS {
            self.log.drain(..=self.log.len() - KEPT_RESULTS);
        }
        self.log.push(result);
        if well {
            self.failing_streak = 0;
            self.status = HealthStatus::Healthy;
        } else if before != HealthStatus::Starting || ran >= probe.start_period {
            self.failing_streak = self.failing_streak.saturating_add(1);
            if self.failing_streak >= probe.retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
        self.status != before
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
