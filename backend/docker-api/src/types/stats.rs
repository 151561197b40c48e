//! `GET /containers/{id}/stats`.

use orlop_model::container::Container;
use orlop_model::stats::Stats;
use serde_json::{Value, json};

use crate::types::time::nano;

fn cpu(stats: &Stats) -> Value {
    json!({
        "cpu_usage": {
            "total_usage": stats.cpu_nanos,
            "usage_in_kernelmode": stats.cpu_system_nanos,
            "usage_in_usermode": stats.cpu_user_nanos,
        },
        "system_cpu_usage": stats.host_cpu_nanos,
        "online_cpus": stats.online_cpus,
        "throttling_data": {
            "periods": 0,
            "throttled_periods": stats.cpu_throttled_periods,
            "throttled_time": stats.cpu_throttled_nanos,
        },
    })
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
            "stats": {
                "inactive_file": now.memory_inactive_file,
                "total_inactive_file": now.memory_inactive_file,
            },
        },
        "pids_stats": {"current": now.pids, "limit": now.pids_limit},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"major": 0, "minor": 0, "op": "read", "value": now.block_read},
                {"major": 0, "minor": 0, "op": "write", "value": now.block_write},
            ],
            "io_serviced_recursive": null,
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
