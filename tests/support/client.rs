//! The command lines that people use: `docker` and `orlop`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// The command line.
    pub line: String,
    /// Exit code; 128 and the signal's number when it was killed.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// Its output without the last line end, once it is certain that it went well.
    ///
    /// # Panics
    /// If it failed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(
            self.code, 0,
            "{}\nstdout: {}\nstderr: {}",
            self.line, self.out, self.err
        );
        self.out.trim_end().to_owned()
    }

    /// Its standard error, once it is certain that it ended with this code.
    ///
    /// # Panics
    /// If it ended otherwise.
    #[track_caller]
    pub fn fails_with(self, code: i32) -> String {
        assert_eq!(
            self.code, code,
            "{}\nstdout: {}\nstderr: {}",
            self.line, self.out, self.err
        );
        self.err
    }
}

/// Runs a command to its end, with this on its standard input.
///
/// # Panics
/// If it cannot be started.
pub fn run(command: &mut Command, input: &[u8]) -> Ended {
    let line = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    let bytes = input.to_vec();
    // A command may end without reading its input.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
    let output = child.wait_with_output().expect("wait");
    writer.join().expect("writer");
    ended(line, &output)
}

fn ended(line: String, output: &Output) -> Ended {
    use std::os::unix::process::ExitStatusExt as _;
    let code = output
        .status
        .code()
        .or_else(|| output.status.signal().map(|s| 128 + s));
    Ended {
        line,
        code: code.expect("ended"),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The binary under test.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn binary() -> PathBuf {
    let path = std::env::var_os("ORLOP_BINARY").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/orlop"),
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "{} is missing: cargo build, or cargo xtask test",
        path.display()
    );
    path
}
