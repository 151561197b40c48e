//! How often and after which pauses a failed request is tried again.
//!
//! Pure: the caller sleeps.

use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A registry that asks for more patience than this gets an error instead: somebody is waiting.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(30);

/// The tries that are left, and how long to wait before the next.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    tries: u32,
    left: u32,
}

impl Backoff {
    /// So many tries after the first.
    pub(crate) fn new(tries: u32) -> Self {
        Self { tries, left: tries }
    }

    /// It went on: all tries are there again.
    pub(crate) fn reset(&mut self) {
        self.left = self.tries;
    }

    /// The pause before the next try; nothing when it is time to give up. `asked` is what the
    /// other side asked for, `jitter` a random number that keeps clients from trying in step.
    pub(crate) fn next(&mut self, asked: Option<Duration>, jitter: u8) -> Option<Duration> {
        if self.left == 0 || asked.is_some_and(|pause| pause > LONGEST_ASKED_PAUSE) {
            return None;
        }
        let doubled = 1u32 << (self.tries - self.left).min(10);
        self.left -= 1;
        let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
        // Between three quarters and all of it.
        let pause = pause - pause.mul_f64(0.25 * f64::from(jitter) / 255.0);
        Some(asked.map_or(pause, |asked| asked.max(pause)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_end() {
        let mut backoff = Backoff::new(8);
        let pauses: Vec<_> = std::iter::from_fn(|| backoff.next(None, 0)).collect();
        let millis: Vec<_> = pauses.iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [300, 600, 1200, 2400, 4800, 9600, 10_000, 10_000]);
        backoff.reset();
        assert_eq!(backoff.next(None, 255), Some(FIRST_PAUSE.mul_f64(0.75)));
    }

    #[test]
    fn what_the_registry_asks_for_counts_unless_it_is_too_long() {
        let mut backoff = Backoff::new(3);
        let five = Duration::from_secs(5);
        assert_eq!(backoff.next(Some(five), 0), Some(five));
        assert_eq!(backoff.next(Some(Duration::from_secs(3600)), 0), None);
    }
}
