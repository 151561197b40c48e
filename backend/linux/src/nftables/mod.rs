//! nftables without the `nft` program: one atomic transaction for each change.
//!
//! `expression` and `batch` are pure and build the bytes of nfnetlink messages; `apply` sends a
//! batch and reads what is there. The kernel takes a batch as a whole or not at all. Only what a
//! batch names is touched; nothing here ever flushes the ruleset.

pub mod apply;
pub mod batch;
pub mod expression;
mod names;

pub use apply::{ChainInfo, ElementInfo, RuleInfo, commit, list_chains, list_elements, list_rules};
pub use batch::{Batch, Chain, Element, Family, Hook, Map, Policy, Table};
pub use expression::{DataType, Expression};
