//! A Debian base image made on this host, for those who have no registry in reach.

use std::io;
use std::path::Path;

use orlop_image::config::History;
use orlop_model::id::{ImageId, JobId};
use orlop_model::job::JobKind;
use orlop_wire::request::{Bootstrap, Request};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::unix::pipe;

use crate::error::ErrorKind;
use crate::images::BootstrapOptions;
use crate::images::progress::say;
use crate::images::spool::spool_pipe;
use crate::jobs::JobContext;
use crate::{Engine, EngineError};

/// The tools that can do it, the quicker first, and the folders that programs are in.
const TOOLS: [&str; 2] = ["mmdebstrap", "debootstrap"];
const FOLDERS: [&str; 4] = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
/// What the image runs when nothing else is said.
const COMMAND: &str = r#"CMD ["bash"]"#;

impl Engine {
    /// Begins to make a Debian base image.
    ///
    /// # Errors
    /// If no tool is there, or an option is wrong (with its field).
    pub async fn bootstrap_debian(&self, options: BootstrapOptions) -> Result<JobId, EngineError> {
        self.bootstrap_tool()?;
        check(&options)?;
        let engine = self.clone();
        let title = format!("{} as {}", options.suite, options.reference.familiar());
        self.start_job(JobKind::Bootstrap, title, move |job| async move {
            let made = engine.bootstrap(&job, &options).await;
            made.map(Some)
        })
        .await
    }

    /// The tool that would do it, or what to install.
    ///
    /// # Errors
    /// If neither is there: what to install.
    pub fn bootstrap_tool(&self) -> Result<&'static str, EngineError> {
        let is_there = |tool: &&str| FOLDERS.iter().any(|dir| Path::new(dir).join(tool).exists());
        TOOLS.into_iter().find(is_there).ok_or_else(|| {
            EngineError::new(
                ErrorKind::Unsupported,
                "making a Debian image needs mmdebstrap or debootstrap: apt-get install mmdebstrap",
            )
        })
    }

    async fn bootstrap(
        &self,
        job: &JobContext,
        options: &BootstrapOptions,
    ) -> Result<ImageId, EngineError> {
        let _busy = self.busy_with_images().await;
        let failed =
            |error: io::Error| EngineError::internal(format!("cannot make a pipe: {error}"));
        let (tar, tar_in) = io::pipe().map_err(failed)?;
        let (log, log_in) = io::pipe().map_err(failed)?;
        let log = pipe::Receiver::from_owned_fd(log.into()).map_err(failed)?;
        let request = Request::Bootstrap(Bootstrap {
            suite: options.suite.clone(),
            packages: options.packages.clone(),
            mirror: options.mirror.clone(),
        });
        let run = async {
            let made = self
                .worker()
                .done_with(request, vec![tar_in.into(), log_in.into()]);
            let ((), made) = tokio::join!(tell_lines(job, log), made);
            made
        };
        let spooled = spool_pipe(self.image_store(), tar, run).await?;
        say(job, "Unpacking the root file system").await;
        let history = History {
            created_by: Some(format!("bootstrap {}", described(options))),
            comment: Some("Debian root file system made on this host".to_owned()),
            ..History::default()
        };
        let changes = [COMMAND.to_owned()];
        let name = Some(&options.reference);
        let id = self
            .store_root_fs(job, &spooled, history, &changes, name)
            .await?;
        self.image_event("import", id.as_str(), &options.reference.familiar());
        say(
            job,
            format!("Made {} ({})", options.reference.familiar(), id.short()),
        )
        .await;
        Ok(id)
    }
}

/// Tells the tool's output line by line until it ends.
async fn tell_lines(job: &JobContext, log: pipe::Receiver) {
    let mut reader = BufReader::new(log);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line).await, Ok(count) if count > 0) {
        let text = String::from_utf8_lossy(&line);
        // Progress bars return to the line's start: the last state counts.
        let text = text
            .trim_end()
            .rsplit('\r')
            .next()
            .unwrap_or_default()
            .trim();
        if !text.is_empty() {
            say(job, text).await;
        }
        line.clear();
    }
}

fn described(options: &BootstrapOptions) -> String {
    let mut text = options.suite.clone();
    for package in &options.packages {
        text.push(' ');
        text.push_str(package);
    }
    text
}

/// Refuses what is no suite, package or mirror, beside its field; the worker checks again.
fn check(options: &BootstrapOptions) -> Result<(), EngineError> {
    let lower_and = |more: &'static str| {
        move |text: &str| {
            text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && text.bytes().all(|b| {
                    b.is_ascii_lowercase() || b.is_ascii_digit() || more.as_bytes().contains(&b)
                })
        }
    };
    if !lower_and("-")(&options.suite) {
        return Err(EngineError::field(
            "suite",
            "a suite is a name such as bookworm: lower-case letters, digits and '-'",
        ));
    }
    if let Some(wrong) = options
        .packages
        .iter()
        .find(|name| name.len() < 2 || !lower_and("+-.")(name))
    {
        return Err(EngineError::field(
            "packages",
            format!("{wrong:?} is not the name of a Debian package"),
        ));
    }
    let is_web = |mirror: &String| {
        (mirror.starts_with("http://") || mirror.starts_with("https://"))
            && mirror.bytes().all(|b| b.is_ascii_graphic())
    };
    if !options.mirror.as_ref().is_none_or(is_web) {
        return Err(EngineError::field(
            "mirror",
            "a mirror is an address that begins with http:// or https://",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(suite: &str, package: &str, mirror: Option<&str>) -> BootstrapOptions {
        BootstrapOptions {
            suite: suite.into(),
            packages: vec![package.into()],
            mirror: mirror.map(Into::into),
            reference: "debian".parse().expect("reference"),
        }
    }

    #[test]
    fn options_that_are_no_names_are_refused_beside_their_field() {
        assert!(
            check(&options(
                "bookworm",
                "libstdc++6",
                Some("http://deb.debian.org/debian")
            ))
            .is_ok()
        );
        for (suite, package, mirror, field) in [
            ("--help", "bash", None, "suite"),
            ("book worm", "bash", None, "suite"),
            ("", "bash", None, "suite"),
            ("bookworm", "-oX", None, "packages"),
            ("bookworm", "b;c", None, "packages"),
            ("bookworm", "bash", Some("file:///etc"), "mirror"),
            ("bookworm", "bash", Some("http://a b"), "mirror"),
        ] {
            let error = check(&options(suite, package, mirror)).expect_err(field);
            assert_eq!(error.field_name(), Some(field));
        }
    }
}
