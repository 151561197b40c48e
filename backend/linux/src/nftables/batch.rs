//! A transaction of nftables being built: tables, chains, rules, maps and their elements, pure.

use std::borrow::Cow;

use super::expression::{self, DataType, Expression};
use super::names::{chain, common, element, message, rule, set, table};
use crate::netlink::Message;
use crate::netlink::message::flags;
use crate::netlink::socket::Request;

/// Elements in one message: below the 64 KiB that an attribute can hold.
const ELEMENTS_PER_MESSAGE: usize = 256;
/// The longest comment of a rule or element: user data is 256 bytes, its header two.
const MAX_COMMENT_LEN: usize = 128;

/// Address family of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// Both.
    Inet,
    /// Anything else, such as bridge; Orlop only ever reads those.
    Other(u8),
}

impl Family {
    /// The kernel's number.
    pub(super) fn number(self) -> u8 {
        // The constants are small numbers.
        match self {
            Self::Ipv4 => libc::NFPROTO_IPV4 as u8,
            Self::Ipv6 => libc::NFPROTO_IPV6 as u8,
            Self::Inet => libc::NFPROTO_INET as u8,
            Self::Other(number) => number,
        }
    }

    /// The family of a number.
    pub(super) fn of(number: u8) -> Self {
        [Self::Ipv4, Self::Ipv6, Self::Inet]
            .into_iter()
            .find(|family| family.number() == number)
            .unwrap_or(Self::Other(number))
    }
}

/// Names a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Table {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: String,
}

/// Where in a packet's way a chain sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Before the routing decision.
    Prerouting,
    /// For packets to this host.
    Input,
    /// For packets that are passed on.
    Forward,
    /// For packets of this host.
    Output,
    /// Before a packet leaves.
    Postrouting,
}

impl Hook {
    pub(super) const ALL: [Self; 5] = [
        Self::Prerouting,
        Self::Input,
        Self::Forward,
        Self::Output,
        Self::Postrouting,
    ];

    /// The kernel's number (`enum nf_inet_hooks`), which is the place in [`Self::ALL`].
    pub(super) fn number(self) -> u32 {
        self as u32
    }
}

/// What becomes of a packet at the end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It goes on.
    Accept,
    /// It is dropped.
    Drop,
}

/// A base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: &'static str,
    /// `nat` or `filter`.
    pub kind: &'static str,
    /// Where it sits.
    pub hook: Hook,
    /// Order among the chains of a hook, lowest first.
    pub priority: i32,
}

/// A map from a key to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map {
    /// Its name.
    pub name: &'static str,
    /// Parts of its key.
    pub key: &'static [DataType],
    /// Parts of its value.
    pub value: &'static [DataType],
}

/// An entry of a map, as bytes: each part padded to whole registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// For people, and for finding it again.
    pub comment: String,
}

/// A transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    requests: Vec<Request>,
    maps: u32,
}

impl Batch {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Makes a table, unless it is there.
    #[must_use]
    pub fn add_table(self, t: &Table) -> Self {
        let action = format!("add the nftables table {}", t.name);
        let message = new(message::NEW_TABLE, flags::CREATE, t.family);
        self.push(action, message.text(table::NAME, &t.name))
    }

    /// Removes a table with all that is in it.
    #[must_use]
    pub fn delete_table(self, t: &Table) -> Self {
        let action = format!("remove the nftables table {}", t.name);
        let message = new(message::DELETE_TABLE, 0, t.family);
        self.push(action, message.text(table::NAME, &t.name))
    }

    /// Makes a base chain, unless it is there. Its policy is to accept.
    #[must_use]
    pub fn add_chain(self, t: &Table, c: &Chain) -> Self {
        let action = format!("add the chain {} to the nftables table {}", c.name, t.name);
        let message = new(message::NEW_CHAIN, flags::CREATE, t.family)
            .text(chain::TABLE, &t.name)
            .text(chain::NAME, c.name)
            .nested(chain::HOOK, |m| {
                m.attribute(chain::HOOK_NUMBER, &c.hook.number().to_be_bytes())
                    .attribute(chain::HOOK_PRIORITY, &c.priority.to_be_bytes())
            })
            .attribute(chain::POLICY, &libc::NF_ACCEPT.to_be_bytes())
            .text(chain::TYPE, c.kind);
        self.push(action, message)
    }

    /// Removes every rule of a chain.
    #[must_use]
    pub fn flush_chain(self, t: &Table, chain: &str) -> Self {
        let action = format!("empty the chain {chain} of the nftables table {}", t.name);
        let message = new(message::DELETE_RULE, 0, t.family)
            .text(rule::TABLE, &t.name)
            .text(rule::CHAIN, chain);
        self.push(action, message)
    }

    /// Appends a rule to a chain.
    #[must_use]
    pub fn add_rule(self, t: &Table, chain: &str, steps: &[Expression]) -> Self {
        self.rule(t, chain, flags::APPEND, steps, "")
    }

    /// Puts a rule before all others of a chain.
    #[must_use]
    pub fn insert_rule(self, t: &Table, chain: &str, steps: &[Expression], comment: &str) -> Self {
        self.rule(t, chain, 0, steps, comment)
    }

    fn rule(self, t: &Table, chain: &str, flag: u16, steps: &[Expression], comment: &str) -> Self {
        let action = format!(
            "add a rule to the chain {chain} of the nftables table {}",
            t.name
        );
        let message = new(message::NEW_RULE, flags::CREATE | flag, t.family)
            .text(rule::TABLE, &t.name)
            .text(rule::CHAIN, chain);
        let message = expression::append(message, steps);
        let message = match comment {
            "" => message,
            _ => message.attribute(rule::USERDATA, &comment_data(comment)),
        };
        self.push(action, message)
    }

    /// Removes one rule.
    #[must_use]
    pub fn delete_rule(self, t: &Table, chain: &str, handle: u64) -> Self {
        let action = format!(
            "remove a rule from the chain {chain} of the nftables table {}",
            t.name
        );
        let message = new(message::DELETE_RULE, 0, t.family)
            .text(rule::TABLE, &t.name)
            .text(rule::CHAIN, chain)
            .attribute(rule::HANDLE, &handle.to_be_bytes());
        self.push(action, message)
    }

    /// Makes a map, unless it is there.
    #[must_use]
    pub fn add_map(mut self, t: &Table, map: &Map) -> Self {
        self.maps += 1;
        let action = format!("add the map {} to the nftables table {}", map.name, t.name);
        let types = |parts: &[DataType]| parts.iter().fold(0, |all, p| all << 6 | p.number());
        let lengths = |parts: &[DataType]| parts.iter().map(|p| p.len()).sum::<u32>();
        let message = [
            (set::FLAGS, set::IS_MAP),
            (set::KEY_TYPE, types(map.key)),
            (set::KEY_LEN, lengths(map.key)),
            (set::DATA_TYPE, types(map.value)),
            (set::DATA_LEN, lengths(map.value)),
            (set::ID, self.maps),
        ]
        .into_iter()
        .fold(
            new(message::NEW_SET, flags::CREATE, t.family)
                .text(set::TABLE, &t.name)
                .text(set::NAME, map.name),
            |m, (kind, value)| m.attribute(kind, &value.to_be_bytes()),
        );
        self.push(action, message)
    }

    /// Adds entries to a map; one that is there already with the same key is an error.
    #[must_use]
    pub fn add_elements(self, t: &Table, map: &str, elements: &[Element]) -> Self {
        self.elements(
            message::NEW_ELEMENT,
            flags::CREATE | flags::EXCL,
            t,
            map,
            elements,
        )
    }

    /// Removes entries from a map; one that is not there is an error.
    #[must_use]
    pub fn delete_elements(self, t: &Table, map: &str, elements: &[Element]) -> Self {
        self.elements(message::DELETE_ELEMENT, 0, t, map, elements)
    }

    fn elements(self, kind: u16, flag: u16, t: &Table, map: &str, all: &[Element]) -> Self {
        let adding = kind == message::NEW_ELEMENT;
        all.chunks(ELEMENTS_PER_MESSAGE).fold(self, |batch, some| {
            let action = format!("change the map {map} of the nftables table {}", t.name);
            let message = new(kind, flag, t.family)
                .text(element::TABLE, &t.name)
                .text(element::SET, map)
                .nested(element::ELEMENTS, |m| {
                    some.iter().fold(m, |m, e| append_element(m, e, adding))
                });
            batch.push(action, message)
        })
    }

    fn push(mut self, action: String, message: Message) -> Self {
        self.requests.push(Request::new(action, message));
        self
    }

    /// What each message does, the first and the last of the datagram included.
    pub(super) fn actions(&self) -> Vec<Cow<'static, str>> {
        let mut all = vec![Cow::Borrowed("change nftables")];
        all.extend(self.requests.iter().map(|r| r.action.clone()));
        all.push(Cow::Borrowed("change nftables"));
        all
    }

    /// The datagram, its messages numbered from `first`. Only the last change is acknowledged:
    /// the batch succeeds or fails as a whole.
    pub(super) fn datagram(&self, first: u32) -> Vec<u8> {
        let edge = |kind| {
            let id = message::BATCH_OF.to_be_bytes();
            Message::new(kind, 0).fixed(&[0, 0, id[0], id[1]])
        };
        let mut bytes = edge(message::BATCH_BEGIN).numbered(first, false);
        let mut sequence = first;
        for (index, request) in self.requests.iter().enumerate() {
            sequence = sequence.wrapping_add(1);
            let last = index + 1 == self.requests.len();
            bytes.extend(request.message.numbered(sequence, last));
        }
        bytes.extend(edge(message::BATCH_END).numbered(sequence.wrapping_add(1), false));
        bytes
    }
}

/// A message with `struct nfgenmsg`: family, version, resource.
pub(super) fn new(kind: u16, flag: u16, family: Family) -> Message {
    Message::new(kind, flag).fixed(&[family.number(), 0, 0, 0])
}

fn append_element(message: Message, e: &Element, adding: bool) -> Message {
    message.nested(common::LIST_ELEMENT, |m| {
        let m = m.nested(element::KEY, |m| m.attribute(common::DATA_VALUE, &e.key));
        if !adding {
            return m;
        }
        let m = m.nested(element::DATA, |m| m.attribute(common::DATA_VALUE, &e.value));
        match &*e.comment {
            "" => m,
            comment => m.attribute(element::USERDATA, &comment_data(comment)),
        }
    })
}

/// A comment as the nft program stores it: type 0, length, text with a final NUL.
fn comment_data(comment: &str) -> Vec<u8> {
    let text = &comment.as_bytes()[..comment.len().min(MAX_COMMENT_LEN)];
    let mut bytes = vec![0, text.len() as u8 + 1];
    bytes.extend(text);
    bytes.push(0);
    bytes
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
