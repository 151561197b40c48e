//! Health checks: `Healthcheck` of a create request and of inspect, and `State.Health`.

use orlop_model::container::State;
use orlop_model::health::{Health, HealthCheck, HealthResult, HealthStatus, HealthTest};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::types::time::nano;

/// `Healthcheck` of a create request; times in nanoseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct HealthBody {
    test: Option<Vec<String>>,
    interval: i64,
    timeout: i64,
    start_period: i64,
    start_interval: i64,
    retries: i64,
}

impl HealthBody {
    /// Translates.
    pub(crate) fn into_check(self) -> Result<HealthCheck, ApiError> {
        let times = [
            self.interval,
            self.timeout,
            self.start_period,
            self.start_interval,
        ];
        HealthCheck::from_docker(&self.test.unwrap_or_default(), times, self.retries)
            .map_err(|error| ApiError::bad_request(error.to_string()))
    }
}

/// `Config.Healthcheck`; nothing where nothing was asked for.
pub(crate) fn check(check: &HealthCheck) -> Option<Value> {
    if *check == HealthCheck::default() {
        return None;
    }
    let nanos = |time: Option<std::time::Duration>| {
        time.map_or(0, |t| u64::try_from(t.as_nanos()).unwrap_or(u64::MAX))
    };
    Some(json!({
        "Test": check.test.as_ref().map(HealthTest::to_words),
        "Interval": nanos(check.interval),
        "Timeout": nanos(check.timeout),
        "StartPeriod": nanos(check.start_period),
        "StartInterval": nanos(check.start_interval),
        "Retries": check.retries.unwrap_or(0),
    }))
}

/// `State.Health`.
pub(crate) fn found(health: &Health) -> Value {
    let result = |one: &HealthResult| {
        json!({
            "Start": nano(one.start),
            "End": nano(one.end),
            "ExitCode": one.code,
            "Output": one.output,
        })
    };
    json!({
        "Status": health.status.as_str(),
        "FailingStreak": health.failing_streak,
        "Log": health.log.iter().map(result).collect::<Vec<_>>(),
    })
}

/// What `ps` says of it behind the time: ` (healthy)`.
pub(crate) fn words(state: &State) -> &'static str {
    match state.health.as_ref().map(|health| health.status) {
        None => "",
        Some(HealthStatus::Starting) => " (health: starting)",
        Some(HealthStatus::Healthy) => " (healthy)",
        Some(HealthStatus::Unhealthy) => " (unhealthy)",
    }
}

/// A value of the filter `health`.
pub(crate) fn filter(value: &str) -> Result<Option<HealthStatus>, ApiError> {
    match value {
        "none" => Ok(None),
        "starting" => Ok(Some(HealthStatus::Starting)),
        "healthy" => Ok(Some(HealthStatus::Healthy)),
        "unhealthy" => Ok(Some(HealthStatus::Unhealthy)),
        other => Err(ApiError::bad_request(format!(
            "invalid filter 'health={other}': use starting, healthy, unhealthy or none"
        ))),
    }
}
