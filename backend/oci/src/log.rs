//! What goes wrong, told twice: on standard error for people, and in the file that the caller
//! named with `--log`, as text or as one JSON object per line (`--log-format json`).

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

/// Where messages go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    path: Option<PathBuf>,
    json: bool,
    debug: bool,
}

impl Log {
    pub(crate) fn new(path: Option<&Path>, json: bool, debug: bool) -> Self {
        Self {
            path: path.map(Path::to_owned),
            json,
            debug,
        }
    }

    /// The reason why a verb failed.
    pub(crate) fn error(&self, message: &str) {
        // Nobody is left to tell if standard error is gone.
        let _ = writeln!(io::stderr(), "orlop oci: {message}");
        self.append("error", message);
    }

    /// Something that is not as asked, and does no harm.
    pub(crate) fn warn(&self, message: &str) {
        if self.path.is_some() {
            self.append("warning", message);
        }
    }

    /// A step, for those who look closely.
    pub(crate) fn debug(&self, message: &str) {
        if self.debug {
            self.append("debug", message);
        }
    }

    fn append(&self, level: &str, message: &str) {
        let Some(path) = &self.path else { return };
        let time = Timestamp::now();
        let line = if self.json {
            json!({"level": level, "msg": message, "time": time.to_string()}).to_string()
        } else {
            format!("time=\"{time}\" level={level} msg={message:?}")
        };
        // One write(2) for each line: several may write at once.
        let _ = File::options()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    }
}
