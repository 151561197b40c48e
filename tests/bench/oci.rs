//! The bare runtime: one bundle run to its end by Orlop, runc and crun, turn by turn.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::bundle::Bundles;
use acceptance::client;

/// A runtime with runc's command line.
struct Runtime {
    name: &'static str,
    bundles: Bundles,
    bundle: PathBuf,
    /// It cannot read this host's mixture of cgroup versions, and gets to see only version 1.
    without_unified: bool,
}

/// Prints how long each runtime takes for `run` of `true`, and how many times Orlop is quicker.
pub(crate) fn report(rounds: usize) {
    let mut runtimes = vec![Runtime::new("orlop", &client::binary(), &["oci"])];
    for name in ["runc", "crun"] {
        if let Some(path) = find(name) {
            runtimes.push(Runtime::new(name, &path, &[]));
        } else {
            println!("{name} is not installed: no ratio");
        }
    }
    runtimes.retain_mut(Runtime::works);
    // All in the same way, so that the way costs all the same.
    let without_unified = runtimes.iter().any(|runtime| runtime.without_unified);
    for runtime in &mut runtimes {
        runtime.without_unified = without_unified;
    }
    let mut times = vec![Vec::new(); runtimes.len()];
    for _ in 0..rounds {
        for (runtime, times) in runtimes.iter().zip(&mut times) {
            times.push(runtime.run().expect("it worked before"));
        }
    }
    let medians: Vec<_> = times.into_iter().map(super::median).collect();
    for (runtime, median) in runtimes.iter().zip(&medians) {
        println!(
            "oci run of true: {} {:.1} ms, {:.2} of it is orlop's",
            runtime.name,
            median.as_secs_f64() * 1e3,
            medians[0].as_secs_f64() / median.as_secs_f64()
        );
    }
}

fn find(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}

impl Runtime {
    fn new(name: &'static str, path: &Path, arguments: &[&str]) -> Self {
        let bundles = Bundles::over(path, arguments);
        let bundle = bundles.bundle("bench", "", |config| {
            config["process"]["args"] = serde_json::json!(["true"]);
        });
        Self {
            name,
            bundles,
            bundle,
            without_unified: false,
        }
    }

    /// Whether it runs here at all; tried a second way, and said if not.
    fn works(&mut self) -> bool {
        if self.run().is_ok() {
            return true;
        }
        self.without_unified = true;
        self.run()
            .inspect_err(|told| println!("{} does not run here: {told}", self.name))
            .is_ok()
    }

    fn run(&self) -> Result<Duration, String> {
        let id = self.bundles.id("bench");
        let bundle = acceptance::bundle::text(&self.bundle);
        let command = self.bundles.command(&["run", "--bundle", bundle, &id]);
        if self.without_unified {
            return self.run_in_namespace(&command);
        }
        let mut command = command;
        let start = Instant::now();
        let output = command.output().map_err(|error| error.to_string())?;
        let took = start.elapsed();
        output
            .status
            .success()
            .then_some(took)
            .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The shell that unmounts tells how long the runtime alone took, in nanoseconds.
    fn run_in_namespace(&self, command: &Command) -> Result<Duration, String> {
        let line: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let script = format!(
            "umount /sys/fs/cgroup/unified && a=$(date +%s%N) && {} >&2 && b=$(date +%s%N) && echo $((b - a))",
            line.join(" ")
        );
        let mut shell = Command::new("unshare");
        shell.args(["--mount", "sh", "-c", &script]);
        let ended = client::run(&mut shell, b"");
        let nanos = ended.out.trim().parse().map_err(|_| ended.err)?;
        Ok(Duration::from_nanos(nanos))
    }
}
