//! Instructions that change the configuration, `ARG` included.

use super::planner::{Draft, Planner};
use super::step::Action;
use crate::config::{Config, Effect, Health, created_by};
use crate::dockerfile::diagnostic::Diagnostic;
use crate::dockerfile::instruction::{
    Argument, Command, Healthcheck, Instruction, Pair, Statement, Word,
};

/// Bytes that the environment of an image may have.
const MOST_ENVIRONMENT_BYTES: usize = 1 << 20;

/// Signals by name (signal(7)), without `SIG`.
const SIGNALS: [&str; 32] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS", "POLL",
];

impl Planner<'_> {
    /// Plans one instruction.
    pub(super) fn statement(
        &mut self,
        draft: &mut Draft,
        statement: &Statement,
    ) -> Result<(), Diagnostic> {
        let effect = match &statement.instruction {
            Instruction::From(_) => return Ok(()),
            Instruction::Arg(arguments) => return self.arguments(draft, statement, arguments),
            Instruction::Run(run) => return self.run(draft, statement, run),
            Instruction::Copy(copy) => return self.copy(draft, statement, copy),
            Instruction::Workdir(path) => return self.workdir(draft, statement, path),
            Instruction::Env(pairs) => {
                let pairs = self.pairs(draft, pairs)?;
                self.check_environment(draft, &pairs, statement)?;
                for (name, value) in &pairs {
                    draft.scope.set_env(name, value);
                }
                Effect::Env(pairs)
            }
            Instruction::Label(pairs) => Effect::Labels(self.pairs(draft, pairs)?),
            Instruction::Cmd(command) => {
                draft.has_cmd = true;
                Effect::Cmd(line_of(&draft.config, command))
            }
            Instruction::Entrypoint(command) => Effect::Entrypoint {
                command: line_of(&draft.config, command),
                drops_cmd: !draft.has_cmd,
            },
            Instruction::Shell(shell) => Effect::Shell(shell.clone()),
            Instruction::Expose(words) => Effect::Expose(self.ports(draft, words)?),
            Instruction::Volume(words) => Effect::Volumes(self.volumes(draft, words)?),
            Instruction::User(word) => Effect::User(self.filled(draft, word)?),
            Instruction::StopSignal(word) => Effect::StopSignal(self.signal(draft, word)?),
            Instruction::Maintainer(word) => Effect::Author(word.text.clone()),
            Instruction::Healthcheck(check) => Effect::Health(health(check)),
            Instruction::OnBuild(inner) => Effect::OnBuild(inner.text.clone()),
        };
        let made = created_by(&effect);
        draft.config.apply(effect);
        Self::push(draft, statement, Action::Metadata, made);
        Ok(())
    }

    fn arguments(
        &mut self,
        draft: &mut Draft,
        statement: &Statement,
        arguments: &[Argument],
    ) -> Result<(), Diagnostic> {
        let mut made = String::from("ARG");
        for argument in arguments {
            let globals = &self.graph.globals;
            let value = draft
                .scope
                .declare(self.escape, argument, globals, self.options);
            let value =
                value.map_err(|error| self.complain(argument.name.span, error.to_string()))?;
            made.push(' ');
            made.push_str(&argument.name.text);
            if let Some(value) = value {
                made.push('=');
                made.push_str(&value);
            }
        }
        Self::push(draft, statement, Action::Metadata, made);
        Ok(())
    }

    fn workdir(
        &mut self,
        draft: &mut Draft,
        statement: &Statement,
        word: &Word,
    ) -> Result<(), Diagnostic> {
        let path = draft.config.absolute(&self.filled(draft, word)?);
        let path = match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => path.to_owned(),
        };
        let effect = Effect::WorkingDir(path.clone());
        let made = created_by(&effect);
        draft.config.apply(effect);
        let action = match path == "/" {
            true => Action::Metadata,
            false => Action::Folder {
                path,
                owner: Some(draft.config.user.clone()).filter(|user| !user.is_empty()),
            },
        };
        Self::push(draft, statement, action, made);
        Ok(())
    }

    /// Names and values are expanded by what was set before this instruction.
    fn pairs(
        &mut self,
        draft: &Draft,
        pairs: &[Pair],
    ) -> Result<Vec<(String, String)>, Diagnostic> {
        let mut expanded = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let name = self.expand(draft, &pair.name)?;
            if name.is_empty() {
                return Err(self.complain(pair.name.span, "the name is empty"));
            }
            expanded.push((name, self.expand(draft, &pair.value)?));
        }
        Ok(expanded)
    }

    fn check_environment(
        &self,
        draft: &Draft,
        added: &[(String, String)],
        statement: &Statement,
    ) -> Result<(), Diagnostic> {
        let old: usize = draft.config.env.iter().map(String::len).sum();
        let new: usize = added
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if old + new > MOST_ENVIRONMENT_BYTES {
            let reason = format!("the environment is longer than {MOST_ENVIRONMENT_BYTES} bytes");
            return Err(self.complain(statement.span, reason));
        }
        Ok(())
    }

    fn filled(&mut self, draft: &Draft, word: &Word) -> Result<String, Diagnostic> {
        let text = self.expand(draft, word)?;
        if text.is_empty() {
            return Err(self.complain(word.span, format!("{} is empty", word.text)));
        }
        Ok(text)
    }

    fn volumes(&mut self, draft: &Draft, words: &[Word]) -> Result<Vec<String>, Diagnostic> {
        words.iter().map(|word| self.filled(draft, word)).collect()
    }

    fn ports(&mut self, draft: &Draft, words: &[Word]) -> Result<Vec<String>, Diagnostic> {
        let mut ports = Vec::new();
        for word in words {
            for text in self.expand_words(draft, word)? {
                let parsed = parse_ports(&text).ok_or_else(|| {
                    let complaint = self.complain(word.span, format!("{text:?} is no port"));
                    complaint.hint("write 80, 53/udp or 8000-8010/tcp")
                })?;
                ports.extend(parsed);
            }
        }
        Ok(ports)
    }

    fn signal(&mut self, draft: &Draft, word: &Word) -> Result<String, Diagnostic> {
        let text = self.filled(draft, word)?;
        let upper = text.to_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let is_number = text
            .parse::<u8>()
            .is_ok_and(|number| (1..=64).contains(&number));
        let is_realtime = name.starts_with("RTMIN") || name.starts_with("RTMAX");
        if is_number || is_realtime || SIGNALS.contains(&name) {
            return Ok(text);
        }
        Err(self.complain(word.span, format!("there is no signal {text}")))
    }
}

/// The words that run a command.
fn line_of(config: &Config, command: &Command) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(text) => config.in_shell(text),
    }
}

fn health(check: &Healthcheck) -> Health {
    let test = match &check.command {
        None => vec!["NONE".to_owned()],
        Some(Command::Shell(text)) => vec!["CMD-SHELL".to_owned(), text.clone()],
        Some(Command::Exec(words)) => {
            let mut test = vec!["CMD".to_owned()];
            test.extend_from_slice(words);
            test
        }
    };
    Health {
        test,
        interval: check.interval,
        timeout: check.timeout,
        start_period: check.start_period,
        start_interval: check.start_interval,
        retries: check.retries,
    }
}

/// `80`, `80/udp`, `8000-8010/tcp`; of `host:container` the container's part counts.
fn parse_ports(text: &str) -> Option<Vec<String>> {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_lowercase();
    if !matches!(&protocol[..], "tcp" | "udp" | "sctp") {
        return None;
    }
    let range = range.rsplit(':').next()?;
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    if first == 0 || first > last {
        return None;
    }
    Some(
        (first..=last)
            .map(|port| format!("{port}/{protocol}"))
            .collect(),
    )
}
