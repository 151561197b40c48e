//! `GET /containers/{id}/stats`.

use orlop_model::container::Container;
use orlop_model::stats::{BlockCount, Stats};
use serde_json::{Value, json};

use crate::types::time::nano;

fn cpu(stats: &Stats) -> Value {
    json!({
        "cpu_usage": {
            "total_usage": stats.cpu_nanos,
            "percpu_usage": some(&stats.cpu_nanos_each),
            "usage_in_kernelmode": stats.cpu_system_nanos,
            "usage_in_usermode": stats.cpu_user_nanos,
        },
        "system_cpu_usage": stats.host_cpu_nanos,
        "online_cpus": stats.online_cpus,
        "throttling_data": {
            "periods": stats.cpu_periods,
            "throttled_periods": stats.cpu_throttled_periods,
            "throttled_time": stats.cpu_throttled_nanos,
        },
    })
}

/// Docker shows what a host does not count as null.
fn some<T: serde::Serialize>(list: &[T]) -> Value {
    if list.is_empty() {
        Value::Null
    } else {
        json!(list)
    }
}

fn block(counts: &[BlockCount]) -> Value {
    let count =
        |c: &BlockCount| json!({"major": c.major, "minor": c.minor, "op": c.way, "value": c.count});
    some(&counts.iter().map(count).collect::<Vec<_>>())
}

/// One reading, with the one before it.
pub(crate) fn reading(container: &Container, now: &Stats, before: &Stats) -> Value {
    json!({
        "id": container.id,
        "name": format!("/{}", container.name),
        "read": nano(now.at),
        "preread": nano(before.at),
        "num_procs": 0,
        "cpu_stats": cpu(now),
        "precpu_stats": cpu(before),
        "memory_stats": {
            "usage": now.memory_usage,
            "max_usage": now.memory_max_usage,
            "limit": now.memory_limit,
            "failcnt": now.memory_failures,
            "stats": now.memory_details,
        },
        "pids_stats": {"current": now.pids, "limit": now.pids_limit},
        "blkio_stats": {
            "io_service_bytes_recursive": block(&now.block_bytes),
            "io_serviced_recursive": block(&now.block_operations),
            "io_queue_recursive": null, "io_service_time_recursive": null,
            "io_wait_time_recursive": null, "io_merged_recursive": null,
            "io_time_recursive": null, "sectors_recursive": null,
        },
        "networks": {
            "eth0": {
                "rx_bytes": now.network_rx_bytes, "rx_packets": now.network_rx_packets,
                "rx_errors": 0, "rx_dropped": 0,
                "tx_bytes": now.network_tx_bytes, "tx_packets": now.network_tx_packets,
                "tx_errors": 0, "tx_dropped": 0,
            }
        },
        "storage_stats": {},
    })
}
