//! What a step prints, on its way into the job's log: whole characters, and no more than a log
//! can bear.

use orlop_model::job::JobEvent;

use crate::Stream;
use crate::jobs::JobContext;

/// Bytes of one step's output that are kept.
const MOST_BYTES: usize = 16 << 20;

/// The output of one step.
#[derive(Debug)]
pub(super) struct Output<'a> {
    job: &'a JobContext,
    step: usize,
    /// Bytes of standard output and error that are half a character.
    rest: [Vec<u8>; 2],
    told: usize,
}

impl<'a> Output<'a> {
    pub(super) fn new(job: &'a JobContext, step: usize) -> Self {
        Self {
            job,
            step,
            rest: [Vec::new(), Vec::new()],
            told: 0,
        }
    }

    /// Takes what the step has printed.
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let is_error = matches!(stream, Stream::Stderr);
        let text = whole_characters(&mut self.rest[usize::from(is_error)], bytes);
        self.tell(is_error, text);
    }

    /// The step has ended.
    pub(super) fn finish(mut self) {
        for is_error in [false, true] {
            let rest = std::mem::take(&mut self.rest[usize::from(is_error)]);
            self.tell(is_error, String::from_utf8_lossy(&rest).into_owned());
        }
    }

    fn tell(&mut self, is_error: bool, text: String) {
        if text.is_empty() || self.told > MOST_BYTES {
            return;
        }
        self.told += text.len();
        let text = match self.told > MOST_BYTES {
            true => format!(
                "\n[output of more than {} MiB is left out]\n",
                MOST_BYTES >> 20
            ),
            false => text,
        };
        self.job.tell(JobEvent::StepOutput {
            step: self.step,
            stream: if is_error { 2 } else { 1 },
            text,
        });
    }
}

/// As many whole characters as there are; the beginning of one more stays in `rest`.
fn whole_characters(rest: &mut Vec<u8>, bytes: &[u8]) -> String {
    rest.extend_from_slice(bytes);
    let cut = match std::str::from_utf8(rest) {
        // Only an unfinished character at the very end is waited for.
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Ok(_) => rest.len(),
        Err(_) => rest.len() - unfinished(rest),
    };
    let left = rest.split_off(cut);
    let text = String::from_utf8_lossy(rest).into_owned();
    *rest = left;
    text
}

/// Bytes at the end that may be the beginning of a character.
fn unfinished(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let start = tail.iter().rposition(|byte| *byte >= 0xC0);
    let begun = start.map_or(&[][..], |at| &tail[at..]);
    match std::str::from_utf8(begun) {
        Err(error) if error.error_len().is_none() => begun.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_are_cut_in_two_come_out_whole() {
        let mut rest = Vec::new();
        let text = "a€😀b".as_bytes();
        let pieces: String = text
            .iter()
            .map(|byte| whole_characters(&mut rest, &[*byte]))
            .collect();
        assert_eq!((&pieces[..], rest.len()), ("a€😀b", 0));
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_and_not_held_back() {
        let mut rest = Vec::new();
        assert_eq!(whole_characters(&mut rest, b"a\xffb\xe2\x82"), "a\u{fffd}b");
        assert_eq!(whole_characters(&mut rest, b"\xac!"), "€!");
        assert_eq!(whole_characters(&mut rest, &[0x80; 10]).chars().count(), 10);
    }
}
