//! An image's configuration as a build sees it, and back. Pure.

use jiff::Timestamp;
use orlop_builder::config::{Config, Health, Made};
use orlop_builder::solve::Solved;
use orlop_image::config::{Empty, Execution, Healthcheck, History, ImageConfig, RootFs};
use orlop_image::manifest::Platform;
use orlop_model::id::DiffId;

use crate::images::describe::to_image_digest;

/// What a build needs to know of a base image's configuration.
pub(super) fn of_image(image: &ImageConfig) -> Config {
    let run = &image.config;
    Config {
        user: run.user.clone(),
        exposed: run.exposed_ports.keys().cloned().collect(),
        env: run.env.clone(),
        entrypoint: run.entrypoint.clone(),
        cmd: run.cmd.clone(),
        volumes: run.volumes.keys().cloned().collect(),
        working_dir: run.working_dir.clone(),
        labels: run.labels.clone(),
        stop_signal: run.stop_signal.clone(),
        health: run.healthcheck.as_ref().map(health),
        shell: run.shell.clone(),
        on_build: run.on_build.clone().unwrap_or_default(),
        author: image.author.clone(),
        history: image.history.iter().map(made).collect(),
    }
}

/// The configuration of what was built on `base`, or on nothing.
pub(super) fn to_image(
    solved: Solved,
    base: Option<&ImageConfig>,
    layers: &[DiffId],
    now: Timestamp,
) -> ImageConfig {
    let config = solved.config;
    let host = Platform::host();
    let fresh = ImageConfig {
        architecture: host.architecture,
        variant: host.variant,
        os: host.os,
        ..ImageConfig::default()
    };
    let base = base.cloned().unwrap_or(fresh);
    let now = now.to_string();
    let history: Vec<History> = config
        .history
        .into_iter()
        .map(|step| history(step, &now))
        .collect();
    let created = history.last().and_then(|step| step.created.clone());
    let set = |names: std::collections::BTreeSet<String>| {
        names.into_iter().map(|name| (name, Empty {})).collect()
    };
    ImageConfig {
        created: created.or(Some(now)),
        author: config.author,
        config: Execution {
            user: config.user,
            exposed_ports: set(config.exposed),
            env: config.env,
            entrypoint: config.entrypoint,
            cmd: config.cmd,
            volumes: set(config.volumes),
            working_dir: config.working_dir,
            labels: config.labels,
            stop_signal: config.stop_signal,
            stop_timeout: base.config.stop_timeout,
            healthcheck: config.health.map(healthcheck),
            shell: config.shell,
            on_build: Some(config.on_build).filter(|triggers| !triggers.is_empty()),
            other: base.config.other,
        },
        rootfs: RootFs {
            diff_ids: layers.iter().map(to_image_digest).collect(),
            ..RootFs::default()
        },
        history,
        // What tells of the container or program that made the base does not tell of this.
        other: serde_json::Map::new(),
        architecture: base.architecture,
        variant: base.variant,
        os: base.os,
    }
}

fn made(step: &History) -> Made {
    Made {
        created: step.created.clone(),
        created_by: step.created_by.clone().unwrap_or_default(),
        comment: step.comment.clone(),
        author: step.author.clone(),
        empty_layer: step.empty_layer,
    }
}

fn history(step: Made, now: &str) -> History {
    History {
        created: Some(step.created.unwrap_or_else(|| now.to_owned())),
        created_by: Some(step.created_by).filter(|text| !text.is_empty()),
        author: step.author,
        comment: step.comment,
        empty_layer: step.empty_layer,
    }
}

fn health(check: &Healthcheck) -> Health {
    Health {
        test: check.test.clone(),
        interval: check.interval,
        timeout: check.timeout,
        start_period: check.start_period,
        start_interval: check.start_interval,
        retries: check.retries,
    }
}

fn healthcheck(health: Health) -> Healthcheck {
    Healthcheck {
        test: health.test,
        interval: health.interval,
        timeout: health.timeout,
        start_period: health.start_period,
        start_interval: health.start_interval,
        retries: health.retries,
    }
}

#[cfg(test)]
mod tests {
    use orlop_model::id::Digest;

    use super::*;

    const BASE: &str = r#"{"architecture":"arm64","os":"linux","docker_version":"20",
        "created":"2024-01-01T00:00:00Z","author":"a","config":{"User":"web","Env":["A=1"],
        "Cmd":["sh"],"ExposedPorts":{"80/tcp":{}},"Volumes":{"/v":{}},"WorkingDir":"/w",
        "Labels":{"l":"1"},"StopSignal":"SIGINT","StopTimeout":3,"Shell":["/bin/bash","-c"],
        "OnBuild":["RUN x"],"ArgsEscaped":true,
        "Healthcheck":{"Test":["CMD","t"],"Interval":5,"Retries":2}},
        "history":[{"created":"2023-01-01T00:00:00Z","created_by":"ADD","comment":"c"}],
        "rootfs":{"type":"layers","diff_ids":[]}}"#;

    #[test]
    fn a_build_that_changes_nothing_keeps_everything_of_its_base() {
        let base = ImageConfig::parse(BASE.as_bytes()).expect("parses");
        let solved = Solved {
            layers: Vec::new(),
            config: of_image(&base),
        };
        let built = to_image(solved, Some(&base), &[], Timestamp::UNIX_EPOCH);
        assert_eq!(built.config, base.config);
        assert_eq!(built.history, base.history);
        assert_eq!(
            (&built.architecture, &built.author),
            (&base.architecture, &base.author)
        );
        assert_eq!(built.created, base.history[0].created);
        assert!(built.other.is_empty());
    }

    #[test]
    fn an_image_from_nothing_is_of_this_machine() {
        let solved = Solved {
            layers: Vec::new(),
            config: Config {
                history: vec![Made {
                    created_by: "COPY a b".into(),
                    ..Made::default()
                }],
                ..Config::default()
            },
        };
        let layer = Digest::from_sha256([7; 32]);
        let built = to_image(solved, None, &[layer], Timestamp::UNIX_EPOCH);
        assert_eq!(built.os, "linux");
        assert_eq!(built.rootfs.diff_ids.len(), 1);
        assert_eq!(built.created.as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(
            ImageConfig::parse(&built.to_bytes()).expect("parses"),
            built
        );
    }
}
