//! Reads a form with files part by part, never holding a file in memory.
//!
//! actix's parts stay on their thread; the engine's streams may go to another. A bounded channel
//! lies between, so that a slow disk slows the upload down and nothing piles up.

use std::io;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::StatusCode;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::Fields;
use crate::error::Problem;

/// Most text fields of a form.
const FIELDS_MAX: usize = 100;
/// Most bytes of a text field: a Dockerfile may be one.
const FIELD_MAX_LEN: usize = 1 << 20;
/// Most files of a form.
const FILES_MAX: usize = 100_000;
/// Most bytes of all files together.
const BODY_MAX_LEN: u64 = 64 << 30;
/// What is read and thrown away before an early refusal, so that the browser gets to see it.
const DRAIN_MAX_LEN: u64 = 256 << 20;

/// The parts of a form that are yet to come.
pub(crate) struct Parts {
    multipart: Multipart,
    /// A file that was met while the text fields were read.
    waiting: Option<FilePart>,
    files: usize,
    budget: u64,
}

/// A file of a form.
pub(crate) struct FilePart {
    /// Name of the form's field.
    pub(crate) field: String,
    /// Name or path as the browser sent it.
    pub(crate) name: String,
    /// What was read of it already.
    head: Option<Bytes>,
    /// What is yet to come; `None` at its end. As long as it is there the form cannot move on to
    /// its next part.
    body: Option<Field>,
}

impl Parts {
    /// All parts.
    pub(crate) fn new(multipart: Multipart) -> Self {
        Self {
            multipart,
            waiting: None,
            files: 0,
            budget: BODY_MAX_LEN,
        }
    }

    /// The text fields up to the first file.
    pub(crate) async fn fields(&mut self) -> Result<Fields, Problem> {
        let mut fields = Fields::default();
        for _ in 0..FIELDS_MAX {
            let Some(mut part) = self.next_part().await? else {
                return Ok(fields);
            };
            match file_name(&part) {
                Some(name) => {
                    self.waiting = FilePart::begin(name, part).await?;
                    if self.waiting.is_some() {
                        return Ok(fields);
                    }
                }
                None => {
                    let name = part.name().unwrap_or_default().to_owned();
                    let value = part.bytes(FIELD_MAX_LEN).await.map_err(|_| {
                        Problem::new(
                            StatusCode::PAYLOAD_TOO_LARGE,
                            "too-large",
                            format!("The field {name:?} is too long."),
                        )
                    })?;
                    let value = String::from_utf8(value.map_err(broken)?.to_vec());
                    fields.insert(name, value.map_err(|_| not_text())?);
                }
            }
        }
        Err(Problem::bad_request("The form has too many fields."))
    }

    /// The next file that holds something or has a name; `None` after the last.
    pub(crate) async fn next_file(&mut self) -> Result<Option<FilePart>, Problem> {
        if let Some(file) = self.waiting.take() {
            return self.count(file).map(Some);
        }
        while let Some(part) = self.next_part().await? {
            if let Some(name) = file_name(&part)
                && let Some(file) = FilePart::begin(name, part).await?
            {
                return self.count(file).map(Some);
            }
        }
        Ok(None)
    }

    /// Puts a file back to be the next one.
    pub(crate) fn put_back(&mut self, file: FilePart) {
        self.files -= 1;
        self.waiting = Some(file);
    }

    /// Passes a file's bytes on. Ends early, without an error, when the other side is gone: its
    /// own answer says why.
    pub(crate) async fn pass_on(
        &mut self,
        mut file: FilePart,
        to: &mpsc::Sender<io::Result<Bytes>>,
    ) {
        loop {
            let chunk = match file.chunk().await {
                None => return,
                Some(Ok(chunk)) if chunk.len() as u64 <= self.budget => Ok(chunk),
                Some(Ok(_)) => Err(io::Error::new(io::ErrorKind::FileTooLarge, "too much")),
                Some(Err(error)) => Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    error.to_string(),
                )),
            };
            self.budget -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            let last = chunk.is_err();
            if to.send(chunk).await.is_err() {
                // What is left of it is for `drain`.
                self.waiting = Some(file);
                return;
            }
            if last {
                return;
            }
        }
    }

    /// Reads on to the end, within limits: a browser that is still sending does not see an answer.
    pub(crate) async fn drain(&mut self) {
        let mut left = DRAIN_MAX_LEN;
        while let Ok(Some(mut file)) = self.next_file().await {
            while let Some(Ok(chunk)) = file.chunk().await {
                let Some(rest) = left.checked_sub(chunk.len() as u64) else {
                    return;
                };
                left = rest;
            }
        }
    }

    async fn next_part(&mut self) -> Result<Option<Field>, Problem> {
        self.multipart.next().await.transpose().map_err(broken)
    }

    fn count(&mut self, file: FilePart) -> Result<FilePart, Problem> {
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                format!("More than {FILES_MAX} files cannot be sent at once; send an archive."),
            ));
        }
        Ok(file)
    }
}

impl FilePart {
    /// A file, unless it is what an untouched file input sends: no name and no byte.
    async fn begin(name: String, mut body: Field) -> Result<Option<Self>, Problem> {
        let head = body.next().await.transpose().map_err(broken)?;
        if name.is_empty() && head.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            field: body.name().unwrap_or_default().to_owned(),
            name,
            body: head.is_some().then_some(body),
            head,
        }))
    }

    /// The next bytes.
    async fn chunk(&mut self) -> Option<Result<Bytes, MultipartError>> {
        if let Some(head) = self.head.take() {
            return Some(Ok(head));
        }
        let chunk = self.body.as_mut()?.next().await;
        if chunk.is_none() {
            self.body = None;
        }
        chunk
    }

    /// All of a file if it is no larger than `limit`. Either way it can be passed on afterwards.
    pub(crate) async fn peek(&mut self, limit: usize) -> Result<Option<Bytes>, Problem> {
        let mut read = Vec::new();
        while let Some(chunk) = self.chunk().await {
            read.extend_from_slice(&chunk.map_err(broken)?);
            if read.len() > limit {
                break;
            }
        }
        let read = Bytes::from(read);
        self.head = Some(read.clone()).filter(|read| !read.is_empty());
        Ok(self.body.is_none().then_some(read))
    }
}

/// The file's name, of a part that is a file.
fn file_name(part: &Field) -> Option<String> {
    let disposition = part.content_disposition()?;
    disposition.get_filename().map(ToOwned::to_owned)
}

fn broken(error: MultipartError) -> Problem {
    tracing::debug!(%error, "an upload broke off");
    Problem::bad_request("The upload broke off or is not a form. Send it again.")
}

fn not_text() -> Problem {
    Problem::bad_request("A field of the form is not text in UTF-8.")
}
