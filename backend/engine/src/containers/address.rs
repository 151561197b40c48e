//! Addresses on the bridge: the subnet's plan is pure, who holds what is in the records.

use orlop_model::id::ContainerId;
use orlop_model::network::{Endpoint, Protocol, PublishedPort};

use crate::{Engine, EngineError, ErrorKind};

impl Engine {
    /// An endpoint for a container, with an address that is its own until it is removed.
    pub(crate) async fn plan_endpoint(
        &self,
        container: &ContainerId,
    ) -> Result<Endpoint, EngineError> {
        let subnet = self.config().subnet;
        let (first, last) = subnet.containers();
        let address = self.records().lease_address(container, first, last).await?;
        let address = address.ok_or_else(|| {
            EngineError::new(
                ErrorKind::Conflict,
                format!("every address of {subnet} is in use: remove containers, or give Orlop a larger --subnet"),
            )
        })?;
        Ok(subnet.endpoint(&self.config().bridge, container, address))
    }
}

/// Decides the host's port where any will do. The worker publishes it, and fails if somebody was
/// quicker.
pub(super) fn choose_ports(ports: &[PublishedPort]) -> Result<Vec<PublishedPort>, EngineError> {
    // Held until all are chosen, so that none is chosen twice.
    let mut held: Vec<Box<dyn std::any::Any>> = Vec::new();
    let mut chosen = Vec::with_capacity(ports.len());
    for port in ports {
        let mut port = *port;
        if port.host_port == 0 {
            let failed = |error: std::io::Error| {
                EngineError::conflict(format!(
                    "no free port on {} for {}: {error}",
                    port.host_ip, port.port
                ))
            };
            let at = (port.host_ip, 0);
            match port.port.protocol {
                Protocol::Tcp => {
                    let socket = std::net::TcpListener::bind(at).map_err(failed)?;
                    port.host_port = socket.local_addr().map_err(failed)?.port();
                    held.push(Box::new(socket));
                }
                Protocol::Udp => {
                    let socket = std::net::UdpSocket::bind(at).map_err(failed)?;
                    port.host_port = socket.local_addr().map_err(failed)?.port();
                    held.push(Box::new(socket));
                }
            }
        }
        chosen.push(port);
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ() {
        let any = PublishedPort::parse("127.0.0.1::80").expect("valid")[0];
        let chosen = choose_ports(&[any, any]).expect("free ports");
        assert!(chosen[0].host_port != 0 && chosen[0].host_port != chosen[1].host_port);
    }
}
