//! The person's terminal: raw mode while a container's terminal is joined to it.

use std::io::{IsTerminal as _, stdin};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use orlop_model::request::TermSize;

/// Whether standard input is a terminal.
pub(crate) fn is_terminal() -> bool {
    stdin().is_terminal()
}

/// The terminal's size, if there is one.
pub(crate) fn size() -> Option<TermSize> {
    let (width, height) = terminal_size::terminal_size()?;
    Some(TermSize {
        rows: height.0,
        cols: width.0,
    })
}

/// Raw mode as long as it lives.
pub(crate) struct Raw {
    before: Termios,
}

impl Raw {
    /// Every key goes to the container, Ctrl-C too.
    pub(crate) fn enter() -> anyhow::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin(), SetArg::TCSANOW, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.before);
    }
}
