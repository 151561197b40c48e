//! Dockerfile instructions applied to an image's configuration: `--change` of an import.
//!
//! Pure. Takes those instructions that change nothing but the configuration, as Docker does.

use std::collections::BTreeMap;

use orlop_builder::dockerfile::expand::{Expander, Variables};
use orlop_builder::dockerfile::instruction::{Command, Healthcheck, Pair, Word, parse_fragment};
use orlop_builder::dockerfile::{Instruction, Statement};
use orlop_image::config::{self, Empty, Execution, ImageConfig};
use orlop_model::network::Port;

use crate::EngineError;

/// Ports in one range of `EXPOSE`.
const MOST_PORTS: u16 = 4096;

/// Refuses changes that cannot be applied, before any work is begun for them.
pub(crate) fn check(changes: &[String]) -> Result<(), EngineError> {
    apply(ImageConfig::default(), changes).map(|_| ())
}

/// The configuration with the changes, in order.
pub(crate) fn apply(
    mut config: ImageConfig,
    changes: &[String],
) -> Result<ImageConfig, EngineError> {
    let wrong = |reason: String| EngineError::field("changes", reason);
    if changes.iter().all(|change| change.trim().is_empty()) {
        return Ok(config);
    }
    // One text, so that an escape directive or a here-document cannot span two changes unnoticed.
    let file = parse_fragment(&changes.join("\n")).map_err(|refusal| wrong(refusal.to_string()))?;
    let mut has_cmd = false;
    for statement in file.statements {
        has_cmd |= matches!(statement.instruction, Instruction::Cmd(_));
        let text = statement.text.clone();
        change(&mut config.config, statement, has_cmd)
            .map_err(|reason| wrong(format!("{text}: {reason}")))?;
    }
    Ok(config)
}

fn change(run: &mut Execution, statement: Statement, has_cmd: bool) -> Result<(), String> {
    let variables = variables(run);
    let expander = Expander::new('\\', &variables);
    let expanded = |word: &Word| match expander.word(&word.text) {
        Ok(expanded) => Ok(expanded.text),
        Err(error) => Err(error.to_string()),
    };
    let pair = |pair: &Pair| Ok::<_, String>((expanded(&pair.name)?, expanded(&pair.value)?));
    match statement.instruction {
        Instruction::Cmd(command) => run.cmd = Some(words(run, command)),
        Instruction::Entrypoint(command) => {
            run.entrypoint = Some(words(run, command));
            // As in a build: an inherited command belonged to the inherited entry point.
            if !has_cmd {
                run.cmd = None;
            }
        }
        Instruction::Env(pairs) => {
            for entry in &pairs {
                let (name, value) = pair(entry)?;
                set_env(&mut run.env, &name, &value);
            }
        }
        Instruction::Label(pairs) => {
            for entry in &pairs {
                let (name, value) = pair(entry)?;
                run.labels.insert(name, value);
            }
        }
        Instruction::Expose(ports) => {
            for word in &ports {
                for text in expander
                    .words(&word.text)
                    .map_err(|error| error.to_string())?
                {
                    run.exposed_ports.extend(exposed(&text)?);
                }
            }
        }
        Instruction::Volume(paths) => {
            for path in &paths {
                run.volumes.insert(expanded(path)?, Empty {});
            }
        }
        Instruction::User(user) => run.user = expanded(&user)?,
        Instruction::Workdir(path) => {
            run.working_dir = workdir(&run.working_dir, &expanded(&path)?);
        }
        Instruction::StopSignal(signal) => run.stop_signal = Some(expanded(&signal)?),
        Instruction::Healthcheck(check) => run.healthcheck = Some(healthcheck(run, check)),
        Instruction::OnBuild(trigger) => {
            run.on_build.get_or_insert_default().push(trigger.text);
        }
        _ => return Err("is not a valid change command".to_owned()),
    }
    Ok(())
}

fn variables(run: &Execution) -> Variables {
    let pairs = run.env.iter().filter_map(|entry| entry.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A command as the configuration keeps it; the shell form names its shell.
fn words(run: &Execution, command: Command) -> Vec<String> {
    match command {
        Command::Exec(words) => words,
        Command::Shell(text) => {
            let default = || vec!["/bin/sh".to_owned(), "-c".to_owned()];
            let mut words = run.shell.clone().unwrap_or_else(default);
            words.push(text);
            words
        }
    }
}

fn set_env(env: &mut Vec<String>, name: &str, value: &str) {
    let entry = format!("{name}={value}");
    let is_same = |old: &&mut String| old.split_once('=').is_some_and(|(old, _)| old == name);
    match env.iter_mut().find(is_same) {
        Some(old) => *old = entry,
        None => env.push(entry),
    }
}

/// `80`, `80/udp` or `8000-8010/tcp`.
fn exposed(text: &str) -> Result<BTreeMap<String, Empty>, String> {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let port = |number: &str| -> Result<Port, String> {
        format!("{number}/{protocol}")
            .parse()
            .map_err(|error| format!("{error}"))
    };
    let (first, last) = (port(first)?, port(last)?);
    if last.number < first.number || last.number - first.number >= MOST_PORTS {
        return Err(format!(
            "{range} is not a range of at most {MOST_PORTS} ports"
        ));
    }
    let numbers = first.number..=last.number;
    Ok(numbers
        .map(|number| (Port { number, ..first }.to_string(), Empty {}))
        .collect())
}

/// A relative path is below the one before; `.` and `..` are resolved.
fn workdir(before: &str, path: &str) -> String {
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{before}/{path}")
    };
    let mut names: Vec<&str> = Vec::new();
    for name in whole.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            _ => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

fn healthcheck(run: &Execution, check: Healthcheck) -> config::Healthcheck {
    let with_kind = |kind: &str, mut rest: Vec<String>| {
        rest.insert(0, kind.to_owned());
        rest
    };
    let test = match check.command {
        None => vec!["NONE".to_owned()],
        Some(Command::Exec(words)) => with_kind("CMD", words),
        Some(Command::Shell(text)) if run.shell.is_none() => with_kind("CMD-SHELL", vec![text]),
        Some(shell) => with_kind("CMD", words(run, shell)),
    };
    config::Healthcheck {
        test,
        interval: check.interval,
        timeout: check.timeout,
        start_period: check.start_period,
        start_interval: check.start_interval,
        retries: check.retries,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Execution {
        let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
        apply(ImageConfig::default(), &changes)
            .expect("changes")
            .config
    }

    #[test]
    fn every_instruction_finds_its_place() {
        let run = changed(&[
            "CMD [\"sh\"]",
            "ENTRYPOINT exec top -b",
            "ENV A=1 B=\"two words\"",
            "ENV A=$A:x",
            "EXPOSE 80 53/udp 8000-8002",
            "USER nobody",
            "WORKDIR /srv",
            "WORKDIR ../data/.",
            "VOLUME [\"/var/lib\"]",
            "LABEL tier=\"a b\"",
            "STOPSIGNAL SIGINT",
            "ONBUILD RUN true",
            "HEALTHCHECK --retries=3 CMD true",
        ]);
        assert_eq!(run.cmd, Some(vec!["sh".to_owned()]));
        let entrypoint = ["/bin/sh", "-c", "exec top -b"].map(str::to_owned);
        assert_eq!(run.entrypoint, Some(entrypoint.to_vec()));
        assert_eq!(run.env, ["A=1:x", "B=two words"]);
        let ports: Vec<_> = run.exposed_ports.keys().map(String::as_str).collect();
        assert_eq!(
            ports,
            ["53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"]
        );
        assert_eq!((&run.user[..], &run.working_dir[..]), ("nobody", "/data"));
        assert!(run.volumes.contains_key("/var/lib"));
        assert_eq!(run.labels["tier"], "a b");
        assert_eq!(run.stop_signal.as_deref(), Some("SIGINT"));
        assert_eq!(run.on_build, Some(vec!["RUN true".to_owned()]));
        let check = run.healthcheck.expect("health check");
        assert_eq!(
            (check.test, check.retries),
            (vec!["CMD-SHELL".into(), "true".into()], 3)
        );
    }

    #[test]
    fn what_is_no_change_is_refused_beside_the_field() {
        for wrong in [
            "RUN true",
            "FROM debian",
            "CMDD x",
            "EXPOSE 0",
            "EXPOSE 1-60000",
            "ENV A",
            "ENV A=${",
        ] {
            let error = check(&[wrong.to_owned()]).expect_err(wrong);
            assert_eq!(error.field_name(), Some("changes"), "{wrong}");
        }
        assert!(check(&[]).is_ok());
    }

    #[test]
    fn a_new_entry_point_takes_an_inherited_command_away() {
        let inherited = ImageConfig {
            config: Execution {
                cmd: Some(vec!["sh".into()]),
                ..Execution::default()
            },
            ..ImageConfig::default()
        };
        let run = apply(inherited, &["ENTRYPOINT [\"top\"]".to_owned()])
            .expect("change")
            .config;
        assert_eq!(
            (run.cmd, run.entrypoint),
            (None, Some(vec!["top".to_owned()]))
        );
    }
}
