//! The Docker API over its unix socket, one request a connection: for measuring without a client.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

/// Status and body of an answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The whole body, put together from its chunks.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {text}"))
    }
}

/// A request that was sent and is yet to be answered.
#[derive(Debug)]
pub struct Sent(BufReader<UnixStream>);

/// Sends a request; the answer is read later.
///
/// # Panics
/// If nobody listens.
#[must_use]
pub fn send(socket: &Path, method: &str, path: &str, body: &str) -> Sent {
    let mut stream = UnixStream::connect(socket).expect("connect");
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("write");
    stream.write_all(body.as_bytes()).expect("write");
    Sent(BufReader::new(stream))
}

impl Sent {
    /// Reads the head of the answer: its status, and whether the body comes in chunks.
    fn head(&mut self) -> (u16, bool) {
        let (mut status, mut chunked) = (0, false);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("read");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                return (status, chunked);
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().expect("status");
            }
            chunked |= line == "transfer-encoding: chunked";
        }
    }

    /// Reads the whole answer.
    ///
    /// # Panics
    /// If it is broken.
    #[must_use]
    pub fn answer(mut self) -> Answer {
        let (status, chunked) = self.head();
        let mut body = Vec::new();
        if !chunked {
            self.0.read_to_end(&mut body).expect("read");
            return Answer { status, body };
        }
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("read");
            let size = u64::from_str_radix(line.trim(), 16).expect("size");
            if size == 0 {
                return Answer { status, body };
            }
            self.0
                .by_ref()
                .take(size)
                .read_to_end(&mut body)
                .expect("read");
            self.0.read_line(&mut String::new()).expect("read");
        }
    }
}

/// Sends a request and reads its answer.
#[must_use]
pub fn call(socket: &Path, method: &str, path: &str, body: &str) -> Answer {
    send(socket, method, path, body).answer()
}
