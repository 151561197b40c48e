//! `RUN`: a program in a work container, its output followed to the end.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::StreamExt as _;
use orlop_builder::plan::RunStep;
use orlop_model::id::{ContainerId, DiffId};
use orlop_model::lifecycle::Exit;
use orlop_model::limits::Limits;
use orlop_model::mount::Mount;
use orlop_model::namespace::Namespaces;
use orlop_model::request::LogOptions;
use orlop_model::spec::{ContainerSpec, Network, Process, Seccomp, Security};
use orlop_wire::request::{Request, Start};

use super::output::Output;
use super::work::WorkContainer;
use crate::containers::default_capabilities;
use crate::sessions::{AttachOptions, Session, SessionEvent, attach_in};
use crate::{Engine, EngineError};

/// What a process gets when its image names no path.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Bytes of `/dev/shm`, as for any container.
const SHM_BYTES: u64 = 64 << 20;

impl Engine {
    /// Runs a step's program to its end.
    ///
    /// # Errors
    /// If it cannot be started, or ends with anything but success.
    pub(super) async fn run_step(
        &self,
        work: &WorkContainer,
        layers: Vec<DiffId>,
        run: &RunStep,
        output: &mut Output<'_>,
    ) -> Result<(), EngineError> {
        let network = match run.offline {
            true => Network::None,
            false => Network::Bridge {
                endpoint: self.plan_endpoint(&work.id).await?,
                ports: Vec::new(),
            },
        };
        let mut spec = spec(&work.id, layers, run, network, default_capabilities()?);
        spec.namespaces.user = self.config().user_namespaces;
        let start = Start {
            spec,
            wait_for_attach: true,
        };
        let options = AttachOptions {
            output: true,
            input: run.stdin.is_some(),
            from: Some(0),
            lossless: true,
        };
        let starting = self.worker().started(Request::Start(Box::new(start)));
        let attaching = attach_in(self.run_dir_of(&work.id), options);
        let session = both(starting, attaching).await?;
        let exit = follow(session, run.stdin.clone(), output).await?;
        work.release().await?;
        judge(run, &exit)
    }
}

/// Starts and attaches at the same time: the process begins when somebody is attached, so neither
/// can wait for the other. A start that fails breaks the other's connection too, and it is the
/// start that knows why.
async fn both<T>(
    starting: impl Future<Output = Result<T, EngineError>>,
    attaching: impl Future<Output = Result<Session, EngineError>>,
) -> Result<Session, EngineError> {
    tokio::pin!(starting, attaching);
    tokio::select! {
        started = &mut starting => {
            started?;
            attaching.await
        }
        attached = &mut attaching => {
            starting.await?;
            attached
        }
    }
}

/// Brings the script, takes the output, and gives the end.
async fn follow(
    session: Session,
    script: Option<String>,
    output: &mut Output<'_>,
) -> Result<Exit, EngineError> {
    let Session {
        mut events, input, ..
    } = session;
    let feeding = async move {
        if let Some(script) = script {
            // A program that does not want all of it may end before.
            let _ = input.write(Bytes::from(script)).await;
            let _ = input.end().await;
        }
        // Held until the process has ended: its end would be that of the input.
        std::future::pending::<()>().await;
        drop(input);
    };
    let following = async {
        while let Some(event) = events.next().await {
            match event? {
                SessionEvent::Output { stream, bytes, .. } => output.push(stream, &bytes),
                SessionEvent::Exited(exit) => return Ok(exit),
            }
        }
        Err(EngineError::internal(
            "the step's process was lost: its shim was killed",
        ))
    };
    tokio::select! {
        exit = following => exit,
        () = feeding => unreachable!("it waits for ever"),
    }
}

fn judge(run: &RunStep, exit: &Exit) -> Result<(), EngineError> {
    if exit.code == 0 {
        return Ok(());
    }
    let mut message = format!(
        "The command '{}' returned a non-zero code: {}",
        run.args.join(" "),
        exit.code
    );
    if exit.oom_killed {
        message.push_str(": it was killed because memory ran out");
    }
    if let Some(error) = &exit.error {
        message.push_str(": ");
        message.push_str(error);
    }
    Err(EngineError::invalid(message))
}

/// What the worker is told to start. Pure.
fn spec(
    id: &ContainerId,
    layers: Vec<DiffId>,
    run: &RunStep,
    network: Network,
    capabilities: Vec<String>,
) -> ContainerSpec {
    let mut env: Vec<String> = Vec::new();
    let counted = run.env.iter().chain(&run.uncounted_env);
    if !counted.clone().any(|entry| entry.starts_with("PATH=")) {
        env.push(DEFAULT_PATH.to_owned());
    }
    env.push(format!("HOSTNAME={}", id.short()));
    env.extend(counted.cloned());
    let tmpfs = run.tmpfs.iter().map(|(path, size)| {
        let options = size.map_or_else(String::new, |size| format!("size={size}"));
        Mount::tmpfs(path.clone(), &options)
    });
    ContainerSpec {
        id: id.clone(),
        layers,
        hostname: id.short().to_owned(),
        domainname: String::new(),
        process: Process {
            args: run.args.clone(),
            env,
            cwd: match &run.working_dir[..] {
                "" => "/".to_owned(),
                path => path.to_owned(),
            },
            user: run.user.clone(),
            groups: Vec::new(),
            tty: None,
            open_stdin: run.stdin.is_some(),
            stdin_once: true,
            ulimits: Vec::new(),
            oom_score_adj: 0,
        },
        mounts: tmpfs.collect(),
        network,
        namespaces: Namespaces::default(),
        limits: Limits::default(),
        devices: Default::default(),
        security: Security {
            privileged: false,
            capabilities,
            no_new_privileges: false,
            seccomp: Seccomp::Default,
            read_only: false,
            confinement: Default::default(),
        },
        shm_size: SHM_BYTES,
        init: false,
        sysctls: BTreeMap::new(),
        extra_hosts: Vec::new(),
        dns: Vec::new(),
        dns_search: Vec::new(),
        log: LogOptions::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunStep {
        RunStep {
            args: vec!["/bin/sh".into(), "-c".into(), "false".into()],
            env: vec!["A=1".into()],
            uncounted_env: vec!["http_proxy=p".into()],
            tmpfs: vec![("/cache".into(), Some(4096))],
            ..RunStep::default()
        }
    }

    #[test]
    fn a_step_runs_as_an_ordinary_container() {
        let id = ContainerId::from_bytes([1; 32]);
        let spec = spec(
            &id,
            Vec::new(),
            &run(),
            Network::None,
            vec!["CAP_CHOWN".into()],
        );
        let hostname = format!("HOSTNAME={}", id.short());
        assert_eq!(
            spec.process.env,
            [DEFAULT_PATH, &hostname, "A=1", "http_proxy=p"]
        );
        assert_eq!(
            (&spec.process.cwd[..], spec.process.open_stdin),
            ("/", false)
        );
        assert_eq!(spec.mounts, [Mount::tmpfs("/cache".into(), "size=4096")]);
        assert!(!spec.security.privileged);
    }

    #[tokio::test]
    async fn a_start_that_fails_says_why_whoever_notices_first() {
        let failed = || async { Err::<(), _>(EngineError::not_found("no such user")) };
        let broken = || async { Err(EngineError::internal("connection reset")) };
        let late = |error: EngineError| async move {
            tokio::task::yield_now().await;
            Err::<(), _>(error)
        };
        let error = both(failed(), std::future::pending())
            .await
            .expect_err("fails");
        assert_eq!(error.to_string(), "no such user");
        let error = both(late(EngineError::not_found("no such user")), broken()).await;
        assert_eq!(error.expect_err("fails").to_string(), "no such user");
        let error = both(async { Ok(()) }, broken()).await.expect_err("fails");
        assert_eq!(error.to_string(), "connection reset");
    }

    #[test]
    fn a_failure_is_told_in_dockers_words() {
        let exit = |code, oom_killed| Exit {
            code,
            signal: None,
            oom_killed,
            at: jiff::Timestamp::now(),
            error: None,
        };
        assert!(judge(&run(), &exit(0, false)).is_ok());
        assert_eq!(
            judge(&run(), &exit(3, false))
                .expect_err("fails")
                .to_string(),
            "The command '/bin/sh -c false' returned a non-zero code: 3"
        );
        let message = judge(&run(), &exit(137, true))
            .expect_err("fails")
            .to_string();
        assert!(message.ends_with("memory ran out"), "{message}");
    }
}
