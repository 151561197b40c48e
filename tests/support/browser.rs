//! Browser specs: each is a script that drives Chromium, bundled from `tests/browser/specs` and run
//! against a server of its test. Needs the bundles, which `cargo xtask test` makes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::server::Server;

/// A line of a spec that begins so asks for something.
const ASK: &str = "ask ";

/// A running spec, ended when its test gives up.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has mostly ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a spec to its end, with further values for its environment.
///
/// # Panics
/// If it fails; what it printed says why, and where the pictures of its pages are.
pub fn run(server: &mut Server, spec: &str, environment: &[(&str, &str)]) {
    let script = folder().join(format!("node_modules/.specs/{spec}.spec.mjs"));
    assert!(
        script.exists(),
        "{} is missing: cargo xtask test console",
        script.display()
    );
    // The pages that a spec has open come back to the server that it has started again.
    server.keep_address();
    let mut command = command(server, &script, spec);
    command.envs(environment.iter().copied());
    let mut child = command.spawn().expect("node is installed");
    let stdout = child.stdout.take().expect("piped");
    let mut running = Running(child);
    let told = serve(server, &mut running, stdout);
    let status = running.0.wait().expect("wait");
    assert!(status.success(), "{spec}: {status}\n{told}");
}

fn command(server: &Server, script: &Path, spec: &str) -> Command {
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/browser-failures");
    std::fs::create_dir_all(&shots).expect("folder");
    let docker = server.docker_command(&[]);
    let docker = docker
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let mut command = Command::new("node");
    command
        .args(["--enable-source-maps", "--test-reporter=spec"])
        .arg(script)
        .current_dir(folder())
        .envs(docker)
        .env("ORLOP_URL", &server.address)
        .env("ORLOP_TOKEN", server.token.as_deref().unwrap_or_default())
        .env("ORLOP_FOLDER", server.folder())
        .env("ORLOP_SHOTS", shots)
        .env("ORLOP_SPEC", spec)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Does what the spec asks for until its output ends; returns the rest of what it printed.
fn serve(server: &mut Server, running: &mut Running, stdout: ChildStdout) -> String {
    let mut stdin = running.0.stdin.take().expect("piped");
    let mut told = String::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.expect("UTF-8");
        let Some(verb) = line.strip_prefix(ASK) else {
            told += &line;
            told.push('\n');
            continue;
        };
        match verb {
            "kill" => server.kill(),
            "launch" => server.launch(),
            other => panic!("a spec asked for {other:?}"),
        }
        // A spec that is gone has failed, and its status tells.
        let _ = stdin.write_all(b"done\n");
    }
    told
}

/// The package of the specs.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}
