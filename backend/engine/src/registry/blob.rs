//! A blob's bytes as one unbroken stream, although connections break: a download that breaks goes
//! on at its byte with a `Range` request (RFC 9110, section 14), also at another mirror.

use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use orlop_image::digest::{Digest, Mismatch};
use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};

use crate::registry::error::RegistryError;
use crate::registry::repository::{Repository, pause};
use crate::registry::retry::Backoff;
use crate::registry::transport::host_of;

/// Tries without a single byte of progress.
const TRIES: u32 = 6;

/// A blob on its way.
#[derive(Debug)]
pub(crate) struct BlobReader {
    repository: Arc<Repository>,
    digest: Digest,
    size: u64,
    offset: u64,
    open: Option<Open>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Open {
    response: Response,
    /// Bytes to pass over: the server began at the start although a range was asked for.
    skip: u64,
    host: String,
}

impl BlobReader {
    pub(super) fn new(repository: Arc<Repository>, digest: Digest, size: u64) -> Self {
        Self {
            repository,
            digest,
            size,
            offset: 0,
            open: None,
            backoff: Backoff::new(TRIES),
        }
    }

    /// The next bytes; nothing once all of them came. A stream that is too long is an error as
    /// soon as it is noticed.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        while self.offset < self.size {
            match self.try_chunk().await {
                Ok(Some(chunk)) => {
                    self.backoff.reset();
                    return Ok(Some(chunk));
                }
                Ok(None) => {}
                Err(error) => {
                    self.open = None;
                    if !pause(&mut self.backoff, &error).await {
                        return Err(error);
                    }
                }
            }
        }
        Ok(None)
    }

    /// The next bytes of the open connection, or nothing when they were only to be passed over.
    async fn try_chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        if self.open.is_none() {
            let response = self.repository.open_blob(&self.digest, self.offset).await?;
            self.open = Some(Open::new(response, self.offset)?);
        }
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        let read = open.response.chunk().await;
        let mut chunk = match read.map_err(|error| RegistryError::broken(&open.host, error))? {
            Some(chunk) => chunk,
            None => {
                let reason = format!("it ended after {} of {} bytes", self.offset, self.size);
                return Err(RegistryError::Broken {
                    host: open.host.clone(),
                    reason,
                });
            }
        };
        let passed = open.skip.min(chunk.len() as u64);
        open.skip -= passed;
        // Not more than the chunk's own length, which is a usize.
        chunk.advance(usize::try_from(passed).unwrap_or(chunk.len()));
        let found = self.offset + chunk.len() as u64;
        if found > self.size {
            let source = Mismatch::Size {
                expected: self.size,
                found,
            };
            return Err(RegistryError::Mismatch {
                host: open.host.clone(),
                source,
            });
        }
        self.offset = found;
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

impl Open {
    fn new(response: Response, offset: u64) -> Result<Self, RegistryError> {
        let host = host_of(response.url());
        let begins_at = if response.status() == StatusCode::PARTIAL_CONTENT {
            let range = response.headers().get(CONTENT_RANGE);
            let first = range.and_then(|value| first_byte(value.to_str().ok()?));
            first.ok_or_else(|| RegistryError::protocol(&host, "it sent a range without a name"))?
        } else {
            0
        };
        let Some(skip) = offset.checked_sub(begins_at) else {
            return Err(RegistryError::protocol(
                &host,
                "it sent another range than asked for",
            ));
        };
        Ok(Self {
            response,
            skip,
            host,
        })
    }
}

/// The first byte's number in `bytes 100-199/200`.
fn first_byte(content_range: &str) -> Option<u64> {
    let range = content_range.trim().strip_prefix("bytes")?.trim_start();
    range.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_tells_where_it_begins() {
        assert_eq!(first_byte("bytes 100-199/200"), Some(100));
        assert_eq!(first_byte(" bytes 0-1/*"), Some(0));
        for text in ["", "bytes */200", "items 1-2/3", "bytes -5/10"] {
            assert_eq!(first_byte(text), None, "{text}");
        }
    }
}
