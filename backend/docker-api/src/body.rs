//! Bodies: the one response type, and bounded reading of requests.

use std::io;

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, BodyStream, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Body of every response.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
/// What a handler gives back.
pub(crate) type Answer = Result<Response<Body>, ApiError>;

/// Most bytes of a JSON request.
const MAX_JSON: usize = 4 << 20;

/// Bytes as a body.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A stream of chunks as a body.
pub(crate) fn stream(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}

/// A JSON response.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Answer {
    let bytes = serde_json::to_vec(value).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(with_type(status, "application/json", full(bytes)))
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    Ok(response)
}

/// A response of this type.
pub(crate) fn with_type(
    status: StatusCode,
    content_type: &'static str,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(content_type),
    );
    response
}

/// A request's JSON; an empty body is the default value.
pub(crate) async fn read_json<T: DeserializeOwned + Default>(
    body: Incoming,
) -> Result<T, ApiError> {
    let collected = Limited::new(body, MAX_JSON)
        .collect()
        .await
        .map_err(|error| {
            ApiError::bad_request(format!("the request's body cannot be read: {error}"))
        })?
        .to_bytes();
    if collected.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&collected).map_err(|error| {
        ApiError::bad_request(format!("invalid JSON in the request's body: {error}"))
    })
}

/// A request's body as the engine takes uploads.
pub(crate) fn upload(body: Incoming) -> orlop_engine::images::Upload {
    BodyStream::new(body)
        .filter_map(|frame| async move {
            match frame {
                Ok(frame) => frame.into_data().ok().map(Ok),
                Err(error) => Some(Err(io::Error::other(error))),
            }
        })
        .boxed()
}
