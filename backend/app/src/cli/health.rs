//! Health check options of `orlop run`. Pure.

use anyhow::{Context as _, ensure};
use bollard::models::HealthConfig;
use orlop_model::quantity::TimeSpan;

/// Options that describe the health check.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Health check")]
pub(crate) struct HealthOptions {
    /// Command that tells whether it is well, for a shell
    #[arg(long, value_name = "COMMAND")]
    health_cmd: Option<String>,
    /// Time between two checks, such as 30s
    #[arg(long, value_name = "TIME")]
    health_interval: Option<TimeSpan>,
    /// Longest time of one check
    #[arg(long, value_name = "TIME")]
    health_timeout: Option<TimeSpan>,
    /// Time after the start in which failures do not count
    #[arg(long, value_name = "TIME")]
    health_start_period: Option<TimeSpan>,
    /// Time between two checks while it starts
    #[arg(long, value_name = "TIME")]
    health_start_interval: Option<TimeSpan>,
    /// Failures in a row that make it unhealthy
    #[arg(long, value_name = "N")]
    health_retries: Option<i64>,
    /// No health check, whatever the image says
    #[arg(long, conflicts_with = "health_cmd")]
    no_healthcheck: bool,
}

impl HealthOptions {
    /// The part of the request; nothing where nothing was asked for.
    pub(crate) fn body(&self) -> anyhow::Result<Option<HealthConfig>> {
        let nanos = |time: Option<TimeSpan>| {
            time.map(|TimeSpan(t)| i64::try_from(t.as_nanos()).context("too long a time"))
                .transpose()
        };
        if let Some(retries) = self.health_retries {
            ensure!(retries >= 0, "--health-retries cannot be negative");
        }
        let test = match &self.health_cmd {
            _ if self.no_healthcheck => Some(vec!["NONE".to_owned()]),
            Some(line) => Some(vec!["CMD-SHELL".to_owned(), line.clone()]),
            None => None,
        };
        let health = HealthConfig {
            test,
            interval: nanos(self.health_interval)?,
            timeout: nanos(self.health_timeout)?,
            start_period: nanos(self.health_start_period)?,
            start_interval: nanos(self.health_start_interval)?,
            retries: self.health_retries,
        };
        Ok((health != HealthConfig::default()).then_some(health))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: HealthOptions,
    }

    fn body(words: &[&str]) -> Option<HealthConfig> {
        let line = Line::try_parse_from([&["run"], words].concat()).expect("valid");
        line.options.body().expect("valid")
    }

    #[test]
    fn options_become_the_request() {
        assert_eq!(body(&[]), None);
        let health = body(&["--health-cmd", "true", "--health-interval", "1m30s"]).expect("some");
        assert_eq!(health.interval, Some(90_000_000_000));
        assert_eq!(health.test, Some(vec!["CMD-SHELL".into(), "true".into()]));
        let none = body(&["--no-healthcheck"]).expect("some");
        assert_eq!(none.test, Some(vec!["NONE".into()]));
        assert!(Line::try_parse_from(["run", "--health-interval", "soon"]).is_err());
    }
}
