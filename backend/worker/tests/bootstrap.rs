//! Making a base image: cancelled, it leaves no process, no mount and no folder.

mod support;

use std::fs;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use orlop_wire::channel;
use orlop_wire::reply::FailureKind;
use orlop_wire::request::{Bootstrap, Request};

use support::{Host, PATIENCE};

fn request(suite: &str) -> Request {
    Request::Bootstrap(Bootstrap {
        suite: suite.to_owned(),
        packages: Vec::new(),
        mirror: None,
    })
}

#[test]
fn a_closed_connection_ends_the_whole_process_tree() {
    let host = Host::new();
    let (mut log, theirs) = UnixStream::pair().expect("log");
    log.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let null = fs::File::options()
        .write(true)
        .open("/dev/null")
        .expect("null");
    let connection = host.connect();
    let fds = [null.as_fd(), theirs.as_fd()];
    channel::send(connection.as_fd(), &request("bookworm"), &fds).expect("send");
    drop(theirs);
    let mut said = [0; 4096];
    let mut text = String::new();
    // The first line is the worker's own; then the tool speaks.
    while text.lines().count() < 3 {
        let count = log.read(&mut said).expect("the tool speaks");
        assert!(count > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&said[..count]));
    }
    let tool = text.lines().next().unwrap_or_default().to_owned();
    assert!(tool.contains("strap --variant=minbase"), "{text}");
    drop(connection);
    // Every process of the tree has the log open: its end is the end of them all.
    let mut rest = Vec::new();
    log.read_to_end(&mut rest).expect("all of them end");
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert!(!mounts.contains("orlop-bootstrap"), "{mounts}");
}

#[test]
fn hostile_names_never_reach_a_tool() {
    let host = Host::new();
    for suite in ["--help", "a b", "../x", "$(id)", ""] {
        let failure = host.ask(&request(suite)).expect_err(suite);
        assert_eq!(failure.kind, FailureKind::Invalid);
    }
    let without = host.ask(&request("bookworm")).expect_err("no descriptors");
    assert_eq!(without.kind, FailureKind::Invalid);
}
