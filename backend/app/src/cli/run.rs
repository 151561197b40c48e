//! `orlop run`: create, attach, wait, start, in this order, so that nothing is missed.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use bollard::Docker;
use bollard::container::AttachContainerResults;
use bollard::errors::Error;
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, KillContainerOptions,
    ResizeContainerTTYOptions, StartContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::signal::unix::{SignalKind, signal};

use super::create::CreateOptions;
use super::image::{self, PullOptions};
use super::{logs, terminal};
use crate::telemetry::complain;

/// Exit code when the engine failed, not the program (docker-run(1)).
pub(crate) const ENGINE_FAILED: u8 = 125;

/// Options of `orlop run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Do not stay: print the container's id
    #[arg(short, long)]
    detach: bool,
    #[command(flatten)]
    create: CreateOptions,
}

/// Runs a container; the exit code is the program's.
pub(crate) async fn run(docker: &Docker, options: Options) -> anyhow::Result<ExitCode> {
    match run_inner(docker, &options).await {
        Ok(code) => Ok(ExitCode::from(code)),
        Err(error) => {
            complain(&error);
            Ok(ExitCode::from(ENGINE_FAILED))
        }
    }
}

async fn run_inner(docker: &Docker, options: &Options) -> anyhow::Result<u8> {
    let wanted = &options.create;
    if wanted.tty && wanted.interactive && !options.detach && !terminal::is_terminal() {
        bail!("the input device is not a TTY: leave out -t, or run in a terminal");
    }
    let id = create(docker, wanted).await?;
    if options.detach {
        return Ok(match start(docker, &id).await? {
            Some(code) => code,
            None => {
                writeln!(std::io::stdout(), "{id}")?;
                0
            }
        });
    }
    let attach = AttachContainerOptions {
        stream: true,
        stdin: wanted.interactive,
        stdout: true,
        stderr: true,
        ..AttachContainerOptions::default()
    };
    let session = docker
        .attach_container(&id, Some(attach))
        .await
        .context("cannot attach")?;
    let condition = if wanted.rm { "removed" } else { "next-exit" };
    let mut wait = docker.wait_container(
        &id,
        Some(WaitContainerOptions {
            condition: condition.to_owned(),
        }),
    );
    // Its request goes out when it is polled, and must be there before the start.
    let ended = tokio::spawn(async move { wait.next().await });
    if let Some(code) = start(docker, &id).await? {
        return Ok(code);
    }
    join(docker, &id, session, wanted).await?;
    match ended.await.context("the wait was lost")? {
        Some(Ok(answer)) => Ok(exit_code(answer.status_code)),
        Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(exit_code(code)),
        Some(Err(error)) => Err(error.into()),
        None => bail!("the engine went away while the container ran; it goes on: orlop ps"),
    }
}

fn exit_code(code: i64) -> u8 {
    u8::try_from(code).unwrap_or(ENGINE_FAILED)
}

/// Makes the container, and gets the image first when it is missing.
async fn create(docker: &Docker, wanted: &CreateOptions) -> anyhow::Result<String> {
    let query = || {
        Some(CreateContainerOptions {
            name: wanted.name.clone(),
            ..CreateContainerOptions::default()
        })
    };
    let body = wanted.body(|name| std::env::var(name).ok())?;
    let created = match docker.create_container(query(), body.clone()).await {
        Err(Error::DockerResponseServerError {
            status_code: 404,
            message,
        }) if message.contains("No such image") => {
            writeln!(
                std::io::stderr(),
                "Unable to find image '{}' locally",
                wanted.image
            )?;
            image::pull_quietly(
                docker,
                &PullOptions {
                    reference: wanted.image.clone(),
                },
            )
            .await?;
            docker.create_container(query(), body).await?
        }
        other => other?,
    };
    for warning in created.warnings {
        writeln!(std::io::stderr(), "WARNING: {warning}")?;
    }
    Ok(created.id)
}

/// Starts it; for a program that cannot run, the exit code that tells so.
async fn start(docker: &Docker, id: &str) -> anyhow::Result<Option<u8>> {
    let Err(error) = docker
        .start_container(id, None::<StartContainerOptions>)
        .await
    else {
        return Ok(None);
    };
    let code = code_of_failed_start(&error.to_string());
    complain(&error.into());
    Ok(Some(code))
}

/// By the message, as Docker's client does: with `--rm` there may be no record left to ask.
fn code_of_failed_start(message: &str) -> u8 {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["executable file not found", "no such file or directory"]) {
        127
    } else if says(&["permission denied", "not a directory", "is a directory"]) {
        126
    } else {
        ENGINE_FAILED
    }
}

/// Joins this process's input and output to the container's until its output ends.
async fn join(
    docker: &Docker,
    id: &str,
    session: AttachContainerResults,
    wanted: &CreateOptions,
) -> anyhow::Result<()> {
    let raw = (wanted.tty && terminal::is_terminal())
        .then(terminal::Raw::enter)
        .transpose()?;
    let AttachContainerResults {
        mut output,
        mut input,
    } = session;
    let interactive = wanted.interactive;
    let forward = tokio::spawn(async move {
        if !interactive {
            return std::future::pending().await;
        }
        let mut stdin = tokio::io::stdin();
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(count @ 1..) = stdin.read(&mut buffer).await {
            if input.write_all(&buffer[..count]).await.is_err() || input.flush().await.is_err() {
                return;
            }
        }
        // The process may have ended already.
        let _ = input.shutdown().await;
    });
    let signals = tokio::spawn(pass_signals(docker.clone(), id.to_owned(), wanted.tty));
    while let Some(piece) = output.next().await {
        logs::print(&piece?)?;
    }
    forward.abort();
    signals.abort();
    drop(raw);
    Ok(())
}

/// Ctrl-C and its like go to the container; a new size of the terminal goes to its terminal.
async fn pass_signals(docker: Docker, id: String, tty: bool) -> anyhow::Result<()> {
    let mut resized = signal(SignalKind::window_change())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    if tty {
        resize(&docker, &id).await;
    }
    loop {
        let name = tokio::select! {
            _ = resized.recv() => {
                if tty {
                    resize(&docker, &id).await;
                }
                continue;
            }
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        let query = KillContainerOptions {
            signal: name.to_owned(),
        };
        if let Err(error) = docker.kill_container(&id, Some(query)).await {
            complain(&anyhow::Error::new(error).context(format!("{name} was not passed on")));
        }
    }
}

async fn resize(docker: &Docker, id: &str) {
    if let Some(size) = terminal::size() {
        let query = ResizeContainerTTYOptions {
            h: size.rows.into(),
            w: size.cols.into(),
        };
        // The container may have ended; the next output tells.
        let _ = docker.resize_container_tty(id, query).await;
    }
}
