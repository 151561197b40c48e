//! The table of routes.

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use orlop_engine::Engine;
use percent_encoding::percent_decode_str;

use crate::body::{Answer, Body};
use crate::error::ApiError;
use crate::handlers::{build, containers, events, exec, images, streams, system, update};
use crate::query::Query;
use crate::version;

/// A request on its way to a handler.
pub(crate) struct Call {
    pub(crate) engine: Engine,
    pub(crate) query: Query,
    pub(crate) request: Request<Incoming>,
}

impl Call {
    /// The request's body alone.
    pub(crate) fn into_body(self) -> Incoming {
        self.request.into_body()
    }
}

/// Answers one request; errors become Docker's JSON here, once.
pub(crate) async fn answer(
    engine: Engine,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::convert::Infallible> {
    let head = request.method() == Method::HEAD;
    let line = format!("{} {}", request.method(), request.uri().path());
    let mut response = match dispatch(engine, request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::debug!(request = line, ?error, "refused");
            error.respond()
        }
    };
    let headers = response.headers_mut();
    headers.insert("api-version", HeaderValue::from_static(NEWEST_TEXT));
    headers.insert("ostype", HeaderValue::from_static("linux"));
    headers.insert(
        "server",
        HeaderValue::from_static(concat!("Orlop/", env!("CARGO_PKG_VERSION"))),
    );
    headers.insert(
        HeaderName::from_static("docker-experimental"),
        HeaderValue::from_static("false"),
    );
    if head {
        *response.body_mut() = crate::body::full("");
    }
    Ok(response)
}

/// [`version::NEWEST`] as a header's text.
const NEWEST_TEXT: &str = "1.47";

async fn dispatch(engine: Engine, request: Request<Incoming>) -> Answer {
    let method = request.method().clone();
    let (_, path) = version::split(request.uri().path())?;
    let segments = decode(path)?;
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let call = Call {
        engine,
        query,
        request,
    };
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    route(&method, &parts, call).await
}

fn decode(path: &str) -> Result<Vec<String>, ApiError> {
    let wrong = |_| ApiError::bad_request("the path is not UTF-8");
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            percent_decode_str(segment)
                .decode_utf8()
                .map(std::borrow::Cow::into_owned)
                .map_err(wrong)
        })
        .collect()
}

async fn route(method: &Method, path: &[&str], call: Call) -> Answer {
    let verb = method.as_str();
    match (verb, path) {
        ("GET" | "HEAD", ["_ping"]) => system::ping(),
        ("GET", ["version"]) => system::version(&call.engine).await,
        ("GET", ["info"]) => system::info(&call.engine).await,
        ("GET", ["events"]) => events::follow(call).await,
        (_, ["containers", rest @ ..]) => route_container(verb, rest, call).await,
        (_, ["exec", id, action]) => route_exec(verb, id, action, call).await,
        (_, ["images", rest @ ..]) => route_image(verb, rest, call).await,
        ("POST", ["build"]) => build::build(call).await,
        _ => Err(unknown(verb, path)),
    }
}

async fn route_container(verb: &str, path: &[&str], call: Call) -> Answer {
    match (verb, path) {
        ("GET", ["json"]) => containers::list(call).await,
        ("POST", ["create"]) => containers::create(call).await,
        ("DELETE", [id]) => containers::remove(id, call).await,
        ("GET", [id, "json"]) => containers::inspect(id, call).await,
        ("GET", [id, "top"]) => containers::top(id, call).await,
        ("GET", [id, "logs"]) => streams::logs(id, call).await,
        ("GET", [id, "stats"]) => streams::stats(id, call).await,
        ("POST", [id, "attach"]) => streams::attach(id, call).await,
        ("POST", [id, "wait"]) => streams::wait(id, call).await,
        ("POST", [id, "exec"]) => exec::create(id, call).await,
        ("POST", [id, "update"]) => update::update(id, call).await,
        ("POST", [id, action]) => containers::act(id, action, call).await,
        _ => Err(unknown(verb, path)),
    }
}

async fn route_exec(verb: &str, id: &str, action: &str, call: Call) -> Answer {
    match (verb, action) {
        ("POST", "start") => exec::start(id, call).await,
        ("POST", "resize") => exec::resize(id, call).await,
        ("GET", "json") => exec::inspect(id, call).await,
        _ => Err(unknown(verb, &["exec", id, action])),
    }
}

/// Image names have slashes, so what stands between the first and the last word is the name.
async fn route_image(verb: &str, path: &[&str], call: Call) -> Answer {
    match (verb, path) {
        ("GET", ["json"]) => images::list(call).await,
        ("POST", ["create"]) => images::create(call).await,
        ("POST", ["load"]) => images::load(call).await,
        ("GET", [name @ .., "json"]) => images::inspect(&name.join("/"), call).await,
        ("GET", [name @ .., "history"]) => images::history(&name.join("/"), call).await,
        ("POST", [name @ .., "tag"]) => images::tag(&name.join("/"), call).await,
        ("DELETE", name) if !name.is_empty() => images::remove(&name.join("/"), call).await,
        _ => Err(unknown(verb, path)),
    }
}

/// A call that is not (yet) answered. 501, so that clients tell it apart from a missing object.
pub(crate) fn unknown(verb: &str, path: &[&str]) -> ApiError {
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        format!(
            "{verb} /{} is not among the calls that Orlop answers",
            path.join("/")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_the_newest_version() {
        assert_eq!(NEWEST_TEXT, version::NEWEST.to_string());
    }

    #[test]
    fn segments_are_decoded() {
        assert_eq!(
            decode("/images/a%2Fb/json").expect("valid"),
            ["images", "a/b", "json"]
        );
    }
}
