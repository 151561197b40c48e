//! Figures of running containers, as shares: two readings make one.

use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt as _, stream};
use orlop_engine::Engine;
use orlop_model::stats::Stats;
use serde_json::{Value, json};

/// Readings under way at a time.
const AT_ONCE: usize = 8;

/// The last reading of each container.
#[derive(Debug, Default)]
pub(super) struct Meter {
    last: HashMap<String, Stats>,
}

impl Meter {
    /// Reads these containers; one that cannot be read is left out.
    pub(super) async fn read(
        &mut self,
        engine: &Engine,
        ids: &[String],
    ) -> BTreeMap<String, Value> {
        let readings = stream::iter(ids)
            .map(|id| async move { (id, engine.container_stats(id).await) })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        self.last.retain(|id, _| ids.contains(id));
        let mut figures = BTreeMap::new();
        for (id, reading) in readings {
            let Ok(now) = reading else { continue };
            if let Some(figure) = self.last.get(id).and_then(|last| figure(last, &now)) {
                figures.insert(id.clone(), figure);
            }
            self.last.insert(id.clone(), now);
        }
        figures
    }
}

/// CPU as cores in use, memory without the page cache that can go at any time.
fn figure(last: &Stats, now: &Stats) -> Option<Value> {
    let nanos = now.at.as_nanosecond() - last.at.as_nanosecond();
    let spent = now.cpu_nanos.checked_sub(last.cpu_nanos)?;
    if nanos <= 0 {
        return None;
    }
    let cpu = spent as f64 / nanos as f64;
    let memory = now.memory_usage.saturating_sub(now.memory_inactive_file);
    Some(json!({
        "cpu": (cpu * 10_000.0).round() / 10_000.0,
        "memory": memory,
        "limit": now.memory_limit,
    }))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn reading(second: i64, cpu_nanos: u64) -> Stats {
        Stats {
            at: Timestamp::from_second(second).expect("valid"),
            cpu_nanos,
            memory_usage: 100,
            memory_inactive_file: 40,
            memory_limit: 1000,
            ..Stats::default()
        }
    }

    #[test]
    fn a_share_is_time_spent_over_time_passed() {
        let figure = figure(&reading(10, 0), &reading(12, 500_000_000)).expect("two readings");
        assert_eq!(figure, json!({"cpu": 0.25, "memory": 60, "limit": 1000}));
    }

    #[test]
    fn a_restart_between_two_readings_makes_no_figure() {
        assert_eq!(figure(&reading(10, 9), &reading(12, 1)), None);
        assert_eq!(figure(&reading(10, 9), &reading(10, 10)), None);
    }
}
