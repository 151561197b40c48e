//! Requests that make no sense get a status and a reason, never a crash.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use acceptance::fixture;
use acceptance::server::Server;

fn send(server: &Server, request: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(server.run_dir().join("orlop.sock")).expect("connect");
    // A body that is too long is answered before its end: the rest finds nobody.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (
        status.unwrap_or_else(|| panic!("{request}: {answer:?}")),
        answer,
    )
}

fn get(server: &Server, path: &str) -> (u16, String) {
    send(
        server,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    )
}

fn post(server: &Server, path: &str, body: &str) -> (u16, String) {
    let length = body.len();
    send(
        server,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
}

#[test]
fn versions_are_negotiated() {
    let server = Server::start();
    let (status, answer) = get(&server, "/_ping");
    assert_eq!(status, 200);
    let lower = answer.to_lowercase();
    assert!(
        lower.contains("api-version: 1.") && lower.contains("builder-version: 1"),
        "{answer}"
    );
    assert_eq!(get(&server, "/v1.24/version").0, 200);
    let (status, answer) = get(&server, "/v1.99/version");
    assert!(status == 400 && answer.contains("too new"), "{answer}");
    assert_eq!(get(&server, "/v1.10/version").0, 400);
}

#[test]
fn bad_requests_are_told_what_is_wrong() {
    let server = Server::start();
    fixture::import_busybox(&server);
    let long = format!(r#"{{"Image":"busybox","Cmd":["{}"]}}"#, "x".repeat(5 << 20));
    let table: &[(&str, &str, u16, &str)] = &[
        ("/containers/create", "{", 400, "JSON"),
        ("/containers/create", "[]", 400, "image"),
        ("/containers/create", "{}", 400, "image"),
        (
            "/containers/create",
            r#"{"Image":"UPPER"}"#,
            400,
            "reference",
        ),
        (
            "/containers/create",
            r#"{"Image":"nothing"}"#,
            404,
            "No such image",
        ),
        (
            "/containers/create?name=a/b",
            r#"{"Image":"busybox"}"#,
            400,
            "name",
        ),
        (
            "/containers/create",
            r#"{"Image":"busybox","HostConfig":{"Memory":1}}"#,
            400,
            "emory",
        ),
        (
            "/containers/create",
            r#"{"Image":"busybox","HostConfig":{"Binds":["../x:/y"]}}"#,
            400,
            "../x",
        ),
        (
            "/containers/create",
            r#"{"Image":"busybox","HostConfig":{"PidMode":"theirs"}}"#,
            400,
            "PidMode",
        ),
        (
            "/containers/create",
            r#"{"Image":"busybox","ExposedPorts":{"x":{}}}"#,
            400,
            "port",
        ),
        ("/containers/create", &long, 400, "body"),
        ("/containers/nothing/start", "", 404, "No such container"),
        ("/containers/nothing/kill", "", 404, "No such container"),
        ("/images/create?fromImage=UPPER", "", 400, "lowercase"),
        ("/images/create?fromSrc=http://x/y", "", 400, "import"),
        ("/build?t=a&t=:", "", 400, "reference"),
        ("/swarm/init", "{}", 501, "not among"),
    ];
    for (path, body, status, words) in table {
        let (code, answer) = post(&server, path, body);
        assert_eq!(code, *status, "{path}: {answer}");
        let last = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
        assert!(
            answer.contains("\"message\"") && answer.contains(words),
            "{path}: {last}"
        );
    }
    assert_eq!(
        get(
            &server,
            "/containers/json?filters=%7B%22colour%22%3A%5B%22red%22%5D%7D"
        )
        .0,
        400
    );
    assert_eq!(get(&server, "/containers/json?limit=many").0, 400);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn broken_http_does_not_disturb_the_server() {
    let server = Server::start();
    for noise in [
        "\r\n\r\n",
        "GET\r\n\r\n",
        "\u{0}\u{1}\u{2}",
        "POST /build HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nshort",
    ] {
        let mut stream = UnixStream::connect(server.run_dir().join("orlop.sock")).expect("connect");
        stream.write_all(noise.as_bytes()).expect("write");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("shutdown");
        let mut answer = Vec::new();
        // Whatever it answers, or nothing.
        let _ = stream.read_to_end(&mut answer);
    }
    assert_eq!(get(&server, "/_ping").0, 200);
}
