//! Terminals: the master goes to a socket, or is shown on the caller's own terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use acceptance::bundle::{Bundles, text};
use acceptance::client;
use orlop_wire::channel;
use serde_json::json;

/// The other side of a container's terminal, with what it showed so far.
struct Screen {
    master: File,
    seen: String,
}

impl Screen {
    /// Takes one connection, and the descriptor that comes over it.
    fn accept(listener: &UnixListener) -> Self {
        let (stream, _): (UnixStream, _) = listener.accept().expect("a connection");
        let (mut bytes, mut fds) = ([0; 64], Vec::<OwnedFd>::new());
        channel::receive_some(stream.as_fd(), &mut bytes, &mut fds).expect("a descriptor");
        Self {
            master: File::from(fds.pop().expect("a descriptor")),
            seen: String::new(),
        }
    }

    /// Waits until it shows a text.
    fn shows(&mut self, wanted: &str) {
        let mut bytes = [0; 256];
        while !self.seen.contains(wanted) {
            let len = self.master.read(&mut bytes).expect("output");
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..len]));
        }
    }
}

fn listen(path: &Path) -> UnixListener {
    UnixListener::bind(path).expect("a socket")
}

#[test]
fn the_master_goes_to_the_console_socket() {
    let bundles = Bundles::new();
    let bundle = bundles.bundle("tty", "", |config| {
        config["process"]["terminal"] = true.into();
        config["process"]["consoleSize"] = json!({"height": 33, "width": 77});
        config["process"]["args"] = json!(["sh"]);
    });
    let (id, socket) = (bundles.id("tty"), bundle.join("console.sock"));
    let listener = listen(&socket);
    let create = [
        "create",
        "--bundle",
        text(&bundle),
        "--console-socket",
        text(&socket),
        &id,
    ];
    bundles.detached(&bundle, &create).ok();
    let mut screen = Screen::accept(&listener);
    bundles.call(&["start", &id]).ok();
    screen
        .master
        .write_all(b"tty; stty size; echo con$((20+3))\n")
        .expect("input");
    screen.shows("/dev/pts/0");
    screen.shows("33 77");
    screen.shows("con23");

    let exec = [
        "exec",
        "--detach",
        "--tty",
        "--console-socket",
        text(&socket),
        &id,
        "sh",
        "-c",
        "tty; read x",
    ];
    bundles.detached(&bundle, &exec).ok();
    Screen::accept(&listener).shows("/dev/pts/1");
    bundles.call(&["delete", "--force", &id]).ok();
}

#[test]
fn a_terminal_needs_somewhere_to_go() {
    let bundles = Bundles::new();
    let bundle = bundles.bundle("lost", "true", |config| {
        config["process"]["terminal"] = true.into();
    });
    let told = bundles.create(&bundle, &bundles.id("lost")).fails_with(1);
    assert!(told.contains("--console-socket"), "{told}");
    let plain = bundles.bundle("plain", "true", |_| {});
    let told = bundles
        .call(&[
            "create",
            "--bundle",
            text(&plain),
            "--console-socket",
            "/nowhere",
            "x",
        ])
        .fails_with(1);
    assert!(told.contains("--console-socket"), "{told}");
}

#[test]
fn run_shows_the_terminal_on_the_callers_own() {
    let bundles = Bundles::new();
    let bundle = bundles.bundle("shown", "tty; echo $((40+2)); exit 3", |config| {
        config["process"]["terminal"] = true.into();
    });
    let run = bundles.command(&["run", "--bundle", text(&bundle), &bundles.id("shown")]);
    let line: Vec<String> = std::iter::once(run.get_program())
        .chain(run.get_args())
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let mut script = Command::new("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]);
    let ended = client::run(&mut script, b"");
    assert_eq!(ended.code, 3, "{}", ended.out);
    assert!(
        ended.out.contains("/dev/pts/0\r\n42\r\n"),
        "{:?}",
        ended.out
    );
}
