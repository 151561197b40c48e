//! Other software's rules that would drop the containers' packets.
//!
//! An accept in one table never overrides a drop in another, so where iptables (through nftables)
//! drops what is forwarded, as Docker and ufw make it, the only remedy is an accept of our own
//! in that very chain: in `DOCKER-USER`, which exists for this, or in `FORWARD`. Of tables that
//! belong to other tools this only tells.

use orlop_linux::nftables::expression::Way;
use orlop_linux::nftables::{self, Batch, ChainInfo, Expression, Family, Hook, Policy, Table};

use crate::kernel::{Kernel, NetworkError};

/// The table that iptables-nft works on.
const IPTABLES_TABLE: &str = "filter";
/// Its chain for forwarded packets.
const FORWARD: &str = "FORWARD";
/// The chain that Docker runs before its own and never writes to.
const DOCKER_USER: &str = "DOCKER-USER";

/// Accepts the instance's packets where iptables would drop them, and tells who else drops.
/// Safe to repeat.
///
/// # Errors
/// If the kernel refuses.
pub fn let_through(kernel: &mut Kernel, bridge: &str) -> Result<Vec<String>, NetworkError> {
    let chains = nftables::list_chains(&mut kernel.netfilter)?;
    let table = iptables();
    let mut warnings = Vec::new();
    for chain in chains.iter().filter(|c| drops_forwarded(c)) {
        if is_iptables_forward(chain) {
            let target = target(&chains);
            let rules = nftables::list_rules(&mut kernel.netfilter, &table, target)?;
            if !rules.iter().any(|rule| rule.comment == comment(bridge)) {
                nftables::commit(&mut kernel.netfilter, &accept(bridge, target))?;
            }
        } else {
            warnings.push(format!(
                "the chain {} of the nftables table {} drops forwarded packets; containers \
                 reach nothing unless it accepts those from and to the interface {}",
                chain.name, chain.table.name, bridge
            ));
        }
    }
    Ok(warnings)
}

/// Takes our rules out of the chains of iptables again.
///
/// # Errors
/// If the kernel refuses.
pub fn withdraw(kernel: &mut Kernel, bridge: &str) -> Result<(), NetworkError> {
    let table = iptables();
    let mut batch = Batch::new();
    for chain in [DOCKER_USER, FORWARD] {
        for rule in nftables::list_rules(&mut kernel.netfilter, &table, chain)? {
            if rule.comment == comment(bridge) {
                batch = batch.delete_rule(&table, chain, rule.handle);
            }
        }
    }
    Ok(nftables::commit(&mut kernel.netfilter, &batch)?)
}

fn iptables() -> Table {
    Table {
        family: Family::Ipv4,
        name: IPTABLES_TABLE.to_owned(),
    }
}

fn comment(bridge: &str) -> String {
    format!("orlop {bridge}")
}

fn drops_forwarded(chain: &ChainInfo) -> bool {
    chain.hook == Some(Hook::Forward)
        && chain.policy == Some(Policy::Drop)
        && matches!(chain.table.family, Family::Ipv4 | Family::Inet)
}

fn is_iptables_forward(chain: &ChainInfo) -> bool {
    chain.table == iptables() && chain.name == FORWARD
}

/// The chain of iptables that takes our rules.
fn target(chains: &[ChainInfo]) -> &'static str {
    let docker = chains
        .iter()
        .any(|c| c.table == iptables() && c.name == DOCKER_USER);
    if docker { DOCKER_USER } else { FORWARD }
}

fn accept(bridge: &str, chain: &str) -> Batch {
    [Way::In, Way::Out]
        .into_iter()
        .fold(Batch::new(), |batch, way| {
            let steps = [
                Expression::Interface(way, bridge.to_owned(), true),
                Expression::Accept,
            ];
            batch.insert_rule(&iptables(), chain, &steps, &comment(bridge))
        })
}
