//! Terminals that are open in a browser: one reader each; who comes later takes over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use orlop_model::id::ExecId;
use tokio_util::sync::CancellationToken;

/// The reader of each terminal.
#[derive(Default)]
pub(crate) struct Terminals(Mutex<HashMap<ExecId, CancellationToken>>);

impl Terminals {
    /// Takes a terminal over: whoever has it is told by their token. The returned token tells when
    /// it is taken from here.
    pub(super) fn take_over(&self, id: &ExecId) -> CancellationToken {
        let ours = CancellationToken::new();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that ended without a word are forgotten here.
        open.retain(|_, token| !token.is_cancelled());
        if let Some(before) = open.insert(id.clone(), ours.clone()) {
            before.cancel();
        }
        ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_reader_takes_over() {
        let terminals = Terminals::default();
        let id = ExecId::from_bytes([1; 32]);
        let first = terminals.take_over(&id);
        let other = terminals.take_over(&ExecId::from_bytes([2; 32]));
        let second = terminals.take_over(&id);
        assert!(first.is_cancelled());
        assert!(!second.is_cancelled() && !other.is_cancelled());
    }
}
