//! Sending batches, and reading chains, rules and map entries. Needs CAP_NET_ADMIN.

use nix::errno::Errno;

use super::batch::{Batch, Family, Hook, Policy, Table, new};
use super::names::{chain, common, element, message, rule};
use crate::netlink::message::{attribute, attributes, flags, text};
use crate::netlink::socket::{NetlinkError, Request, Socket};

/// Bytes of `struct nfgenmsg`.
const INFO_LEN: usize = 4;

/// A chain as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainInfo {
    /// Its table.
    pub table: Table,
    /// Its name.
    pub name: String,
    /// Where it sits; `None` if packets only come to it by a jump.
    pub hook: Option<Hook>,
    /// What becomes of a packet at its end.
    pub policy: Option<Policy>,
}

/// A rule as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its number in its table.
    pub handle: u64,
    /// Its comment.
    pub comment: String,
}

/// A map's entry as the kernel lists it.
pub type ElementInfo = super::batch::Element;

/// Makes all changes of a batch, or none.
///
/// # Errors
/// The first change that the kernel refused.
pub fn commit(socket: &mut Socket, batch: &Batch) -> Result<(), NetlinkError> {
    if batch.is_empty() {
        return Ok(());
    }
    let actions = batch.actions();
    // The number of messages is far below 2^32.
    let first = socket.reserve(actions.len() as u32);
    socket.transact(&batch.datagram(first), first, &actions)
}

/// Every chain of every table.
///
/// # Errors
/// If the kernel refuses, or has no nftables.
pub fn list_chains(socket: &mut Socket) -> Result<Vec<ChainInfo>, NetlinkError> {
    let all = Family::Other(0);
    let message = new(message::GET_CHAIN, flags::DUMP, all);
    let mut found = Vec::new();
    socket.list(&Request::new("list nftables chains", message), |_, body| {
        found.extend(read_chain(body));
    })?;
    Ok(found)
}

/// Every rule of a chain, in order; none if there is no such chain.
///
/// # Errors
/// If the kernel refuses.
pub fn list_rules(
    socket: &mut Socket,
    table: &Table,
    chain: &str,
) -> Result<Vec<RuleInfo>, NetlinkError> {
    let message = new(message::GET_RULE, flags::DUMP, table.family)
        .text(rule::TABLE, &table.name)
        .text(rule::CHAIN, chain);
    let mut found = Vec::new();
    let request = Request::new(format!("list the rules of {chain}"), message);
    missing_is_empty(socket.list(&request, |_, body| {
        found.extend(read_rule(body));
    }))?;
    Ok(found)
}

/// Every entry of a map; none if there is no such map.
///
/// # Errors
/// If the kernel refuses.
pub fn list_elements(
    socket: &mut Socket,
    table: &Table,
    map: &str,
) -> Result<Vec<ElementInfo>, NetlinkError> {
    let message = new(message::GET_ELEMENT, flags::DUMP, table.family)
        .text(element::TABLE, &table.name)
        .text(element::SET, map);
    let mut found = Vec::new();
    let request = Request::new(format!("list the entries of {map}"), message);
    missing_is_empty(socket.list(&request, |_, body| {
        let elements = body
            .get(INFO_LEN..)
            .and_then(|b| attribute(b, element::ELEMENTS));
        for (_, one) in attributes(elements.unwrap_or_default()) {
            found.extend(read_element(one));
        }
    }))?;
    Ok(found)
}

fn missing_is_empty(result: Result<(), NetlinkError>) -> Result<(), NetlinkError> {
    match result {
        Err(error) if error.errno() == Some(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

fn read_chain(body: &[u8]) -> Option<ChainInfo> {
    let family = Family::of(*body.first()?);
    let rest = body.get(INFO_LEN..)?;
    let hook = attribute(rest, chain::HOOK)
        .and_then(|hook| attribute(hook, chain::HOOK_NUMBER))
        .and_then(big_endian)
        .and_then(|n| Hook::ALL.into_iter().find(|h| u64::from(h.number()) == n));
    let policy = attribute(rest, chain::POLICY).and_then(big_endian);
    Some(ChainInfo {
        table: Table {
            family,
            name: attribute(rest, chain::TABLE).map(text)?,
        },
        name: attribute(rest, chain::NAME).map(text)?,
        hook,
        policy: policy.map(|code| {
            if code == libc::NF_DROP as u64 {
                Policy::Drop
            } else {
                Policy::Accept
            }
        }),
    })
}

fn read_rule(body: &[u8]) -> Option<RuleInfo> {
    let rest = body.get(INFO_LEN..)?;
    Some(RuleInfo {
        handle: attribute(rest, rule::HANDLE).and_then(big_endian)?,
        comment: comment(attribute(rest, rule::USERDATA)),
    })
}

fn read_element(one: &[u8]) -> Option<ElementInfo> {
    let value = |kind| {
        attribute(one, kind)
            .and_then(|data| attribute(data, common::DATA_VALUE))
            .map(<[u8]>::to_vec)
    };
    Some(ElementInfo {
        key: value(element::KEY)?,
        value: value(element::DATA)?,
        comment: comment(attribute(one, element::USERDATA)),
    })
}

/// The comment in user data: entries of type, length and value; type 0 is the comment.
fn comment(userdata: Option<&[u8]>) -> String {
    let mut rest = userdata.unwrap_or_default();
    while let [kind, length, tail @ ..] = rest {
        let length = usize::from(*length).min(tail.len());
        if *kind == 0 {
            return text(&tail[..length]);
        }
        rest = &tail[length..];
    }
    String::new()
}

/// A number in network order, of four or eight bytes.
fn big_endian(value: &[u8]) -> Option<u64> {
    match value.len() {
        4 => Some(u32::from_be_bytes(value.try_into().ok()?).into()),
        8 => Some(u64::from_be_bytes(value.try_into().ok()?)),
        _ => None,
    }
}
