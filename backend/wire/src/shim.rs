//! What the server and a shim say to each other on `shim.sock`. Pure codec.
//!
//! Both directions carry messages of `kind` (1 byte), length (4 bytes, little-endian) and
//! payload. A client sends [`ToShim::Attach`] first. Output is a ring of at least
//! [`RING_BYTES`] per session, numbered by byte from the start of the process, so a client that
//! comes back resumes at the exact byte. A client that attaches with `lossless` holds the
//! process's output back when it reads too slowly; any other is told of a gap by the sequence
//! number of the next output.

use orlop_model::lifecycle::Exit;
use orlop_model::request::TermSize;
use serde::{Deserialize, Serialize};

use crate::frame::Stream;

/// Bytes of output that a shim keeps for those who attach late.
pub const RING_BYTES: usize = 1 << 20;
/// Most bytes of one message's payload.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// Bytes before the payload.
pub const HEADER_LEN: usize = 5;

/// How a client attaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// Wants output.
    pub output: bool,
    /// Brings input: when the last such client leaves, `stdin_once` closes standard input.
    pub input: bool,
    /// From which byte on; `None` is from now.
    pub from: Option<u64>,
    /// Never skip: rather hold the process back.
    pub lossless: bool,
}

/// Client to shim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToShim {
    /// First message.
    Attach(Attach),
    /// Bytes for standard input.
    Stdin(Vec<u8>),
    /// Standard input ends.
    StdinEnd,
    /// The terminal has a new size.
    Resize(TermSize),
    /// A `lossless` client has dealt with every byte before this one. Sent at least every
    /// 256 KiB; a client that never sends it is held to what its socket takes.
    Ack(u64),
}

/// Shim to client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromShim {
    /// Answer to `Attach`: the terminal's state.
    Attached {
        /// Sequence number of the oldest byte still in the ring.
        oldest: u64,
        /// Sequence number of the next byte that the process will write.
        next: u64,
    },
    /// Output.
    Output {
        /// Sequence number of the first byte.
        seq: u64,
        /// Where it came from.
        stream: Stream,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The process has ended and all of its output was sent. The shim closes the connection.
    Exited(Exit),
}

/// Bytes that are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("broken message on a shim socket: {0}")]
pub struct Broken(&'static str);

const ATTACH: u8 = 1;
const STDIN: u8 = 2;
const STDIN_END: u8 = 3;
const RESIZE: u8 = 4;
const ACK: u8 = 5;
const ATTACHED: u8 = 16;
const OUTPUT: u8 = 17;
const EXITED: u8 = 18;

fn message(kind: u8, payload: &[&[u8]], into: &mut Vec<u8>) {
    let len: usize = payload.iter().map(|p| p.len()).sum();
    into.push(kind);
    // Payloads are bounded by MAX_MESSAGE, which fits.
    into.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    for part in payload {
        into.extend_from_slice(part);
    }
}

/// A message before its payload is read.
struct Raw<'a> {
    kind: u8,
    payload: &'a [u8],
    /// Bytes of the whole, head and payload.
    len: usize,
}

/// Splits one whole message off the front of `bytes`.
fn split(bytes: &[u8]) -> Result<Option<Raw<'_>>, Broken> {
    let Some((head, rest)) = bytes.split_at_checked(HEADER_LEN) else {
        return Ok(None);
    };
    let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if len > MAX_MESSAGE {
        return Err(Broken("too long"));
    }
    Ok(rest.get(..len).map(|payload| Raw {
        kind: head[0],
        payload,
        len: HEADER_LEN + len,
    }))
}

fn number(payload: &[u8]) -> Result<u64, Broken> {
    payload
        .try_into()
        .map(u64::from_le_bytes)
        .map_err(|_| Broken("number of wrong length"))
}

impl ToShim {
    /// Appends the message's bytes.
    pub fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Self::Attach(attach) => {
                let flags = u8::from(attach.output)
                    | u8::from(attach.input) << 1
                    | u8::from(attach.from.is_some()) << 2
                    | u8::from(attach.lossless) << 3;
                message(
                    ATTACH,
                    &[&[flags], &attach.from.unwrap_or(0).to_le_bytes()],
                    into,
                );
            }
            Self::Stdin(bytes) => message(STDIN, &[bytes], into),
            Self::StdinEnd => message(STDIN_END, &[], into),
            Self::Resize(size) => {
                message(
                    RESIZE,
                    &[&size.rows.to_le_bytes(), &size.cols.to_le_bytes()],
                    into,
                );
            }
            Self::Ack(seq) => message(ACK, &[&seq.to_le_bytes()], into),
        }
    }

    /// Takes one message off the front: the message and how many bytes it had, or `None` when
    /// more bytes are needed.
    ///
    /// # Errors
    /// If the bytes are no message; the connection is then of no more use.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, Broken> {
        let Some(Raw { kind, payload, len }) = split(bytes)? else {
            return Ok(None);
        };
        let decoded = match kind {
            ATTACH => {
                let (flags, from) = payload.split_first().ok_or(Broken("empty attach"))?;
                let from = number(from)?;
                Self::Attach(Attach {
                    output: flags & 1 != 0,
                    input: flags & 2 != 0,
                    from: (flags & 4 != 0).then_some(from),
                    lossless: flags & 8 != 0,
                })
            }
            STDIN => Self::Stdin(payload.to_vec()),
            STDIN_END => Self::StdinEnd,
            RESIZE => match payload {
                [r0, r1, c0, c1] => Self::Resize(TermSize {
                    rows: u16::from_le_bytes([*r0, *r1]),
                    cols: u16::from_le_bytes([*c0, *c1]),
                }),
                _ => return Err(Broken("resize of wrong length")),
            },
            ACK => Self::Ack(number(payload)?),
            _ => return Err(Broken("unknown kind")),
        };
        Ok(Some((decoded, len)))
    }
}

impl FromShim {
    /// Appends the message's bytes.
    pub fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Self::Attached { oldest, next } => {
                message(
                    ATTACHED,
                    &[&oldest.to_le_bytes(), &next.to_le_bytes()],
                    into,
                );
            }
            Self::Output { seq, stream, bytes } => {
                message(OUTPUT, &[&seq.to_le_bytes(), &[*stream as u8], bytes], into);
            }
            Self::Exited(exit) => {
                // A struct of numbers and texts always serialises.
                let json = serde_json::to_vec(exit).unwrap_or_default();
                message(EXITED, &[&json], into);
            }
        }
    }

    /// Appends an output message without owning its bytes; the shim's data path.
    pub fn encode_output(seq: u64, stream: Stream, bytes: &[u8], into: &mut Vec<u8>) {
        message(OUTPUT, &[&seq.to_le_bytes(), &[stream as u8], bytes], into);
    }

    /// Takes one message off the front, as [`ToShim::decode`] does.
    ///
    /// # Errors
    /// If the bytes are no message.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, Broken> {
        let Some(Raw { kind, payload, len }) = split(bytes)? else {
            return Ok(None);
        };
        let decoded = match kind {
            ATTACHED => {
                let (oldest, next) = payload
                    .split_at_checked(8)
                    .ok_or(Broken("short attached"))?;
                Self::Attached {
                    oldest: number(oldest)?,
                    next: number(next)?,
                }
            }
            OUTPUT => {
                let (seq, rest) = payload.split_at_checked(8).ok_or(Broken("short output"))?;
                let (stream, bytes) = rest.split_first().ok_or(Broken("short output"))?;
                let stream = match stream {
                    1 => Stream::Stdout,
                    2 => Stream::Stderr,
                    _ => return Err(Broken("unknown stream")),
                };
                Self::Output {
                    seq: number(seq)?,
                    stream,
                    bytes: bytes.to_vec(),
                }
            }
            EXITED => Self::Exited(
                serde_json::from_slice(payload).map_err(|_| Broken("exit record is no JSON"))?,
            ),
            _ => return Err(Broken("unknown kind")),
        };
        Ok(Some((decoded, len)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_to_shim() -> impl Strategy<Value = ToShim> {
        prop_oneof![
            (
                any::<bool>(),
                any::<bool>(),
                any::<Option<u64>>(),
                any::<bool>()
            )
                .prop_map(|(output, input, from, lossless)| ToShim::Attach(Attach {
                    output,
                    input,
                    from,
                    lossless
                })),
            any::<Vec<u8>>().prop_map(ToShim::Stdin),
            Just(ToShim::StdinEnd),
            any::<(u16, u16)>().prop_map(|(rows, cols)| ToShim::Resize(TermSize { rows, cols })),
            any::<u64>().prop_map(ToShim::Ack),
        ]
    }

    proptest! {
        #[test]
        fn messages_read_back_as_written_and_wait_for_all_of_their_bytes(sent in any_to_shim()) {
            let mut bytes = Vec::new();
            sent.encode(&mut bytes);
            prop_assert_eq!(ToShim::decode(&bytes[..bytes.len() - 1]), Ok(None));
            prop_assert_eq!(ToShim::decode(&bytes), Ok(Some((sent, bytes.len()))));
        }

        #[test]
        fn output_reads_back_as_written(seq: u64, err: bool, data: Vec<u8>) {
            let stream = if err { Stream::Stderr } else { Stream::Stdout };
            let mut bytes = Vec::new();
            FromShim::encode_output(seq, stream, &data, &mut bytes);
            let read = FromShim::decode(&bytes).expect("whole").expect("whole");
            prop_assert_eq!(read, (FromShim::Output { seq, stream, bytes: data }, bytes.len()));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let _ = ToShim::decode(&bytes);
            let _ = FromShim::decode(&bytes);
        }
    }
}
