//! What a container uses.

use std::fs;

use jiff::Timestamp;
use orlop_linux::netlink::counters;
use orlop_model::id::ContainerId;
use orlop_wire::reply::{Failure, Reply};

use super::processes::find;
use crate::context::Context;

/// Reads what a container uses.
pub(crate) fn read(context: &Context, id: &ContainerId) -> Result<Reply, Failure> {
    let (state, _) = find(&context.run_folder(id), &format!("container {id}"))?;
    let mut stats = context.cgroup(id).stats();
    stats.at = Timestamp::now();
    let traffic = fs::read_to_string(format!("/proc/{}/net/dev", state.pid)).unwrap_or_default();
    if let Some(traffic) = counters::of_interface(&traffic, orlop_network::endpoint::INTERFACE) {
        stats.network_rx_bytes = traffic.received_bytes;
        stats.network_rx_packets = traffic.received_packets;
        stats.network_tx_bytes = traffic.sent_bytes;
        stats.network_tx_packets = traffic.sent_packets;
    }
    Ok(Reply::Stats(Box::new(stats)))
}
