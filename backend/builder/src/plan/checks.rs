//! `RUN`: its command line, and the flags that this builder can honour. What it cannot is
//! refused by name before anything runs.

use super::planner::{Draft, Planner};
use super::step::{Action, RunStep};
use crate::dockerfile::diagnostic::Diagnostic;
use crate::dockerfile::instruction::{Command, Mount, MountKind, Run, Statement, Word};

impl Planner<'_> {
    pub(super) fn run(
        &mut self,
        draft: &mut Draft,
        statement: &Statement,
        run: &Run,
    ) -> Result<(), Diagnostic> {
        let offline = match &run.network {
            None => false,
            Some(word) => match &self.expand(draft, word)?[..] {
                "default" => false,
                "none" => true,
                other => return Err(self.unsupported(word, &format!("--network={other}"))),
            },
        };
        if let Some(word) = &run.security {
            let wanted = self.expand(draft, word)?;
            if wanted != "sandbox" {
                return Err(self.unsupported(word, &format!("--security={wanted}")));
            }
        }
        let mut tmpfs = Vec::with_capacity(run.mounts.len());
        for mount in &run.mounts {
            tmpfs.push(self.tmpfs(draft, mount)?);
        }
        let (args, stdin) = command_line(draft, run);
        let arguments = draft.scope.run_arguments();
        let assignments: Vec<String> = arguments.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let line = match &stdin {
            None => args.join(" "),
            Some(script) => format!("{} # script", script.lines().next().unwrap_or_default()),
        };
        let made = match assignments.len() {
            0 => format!("RUN {line}"),
            count => format!("RUN |{count} {} {line}", assignments.join(" ")),
        };
        let mut env = draft.config.env.clone();
        env.extend(assignments);
        let uncounted = draft.scope.predefined(self.options).into_iter();
        let step = RunStep {
            args,
            env,
            uncounted_env: uncounted
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
            user: draft.config.user.clone(),
            working_dir: draft.config.working_dir.clone(),
            offline,
            tmpfs,
            stdin,
        };
        Self::push(draft, statement, Action::Run(Box::new(step)), made);
        Ok(())
    }

    fn unsupported(&self, word: &Word, what: &str) -> Diagnostic {
        self.complain(word.span, format!("{what} is not supported"))
    }

    fn tmpfs(&mut self, draft: &Draft, mount: &Mount) -> Result<(String, Option<u64>), Diagnostic> {
        if mount.kind != MountKind::Tmpfs {
            let what = format!("--mount=type={}", mount.kind.as_str());
            let complaint = self.unsupported(&mount.word, &what);
            return Err(complaint.hint("only --mount=type=tmpfs is"));
        }
        let Some(target) = &mount.target else {
            return Err(self.complain(mount.word.span, "--mount needs a target"));
        };
        let target = Word {
            text: target.clone(),
            span: mount.word.span,
        };
        let path = draft.config.absolute(&self.expand(draft, &target)?);
        let mut size = None;
        for (name, value) in &mount.options {
            let parsed = (name == "size").then(|| parse_size(value)).flatten();
            if parsed.is_none() {
                let reason = format!("--mount: {name}={value} is not supported for tmpfs");
                return Err(self.complain(mount.word.span, reason));
            }
            size = parsed;
        }
        Ok((path.trim_end_matches('/').to_owned(), size))
    }
}

/// The words to run, and a script for standard input.
fn command_line(draft: &Draft, run: &Run) -> (Vec<String>, Option<String>) {
    if let Some(document) = run.script() {
        let body = document.body();
        // A script with an interpreter of its own is read by that from standard input, which
        // spares a file in the image. As for the kernel, all after the name is one argument.
        if let Some(first) = body.strip_prefix("#!").and_then(|rest| rest.lines().next()) {
            let (interpreter, argument) = match first.trim().split_once([' ', '\t']) {
                Some((interpreter, argument)) => (interpreter, Some(argument.trim())),
                None => (first.trim(), None),
            };
            if !interpreter.is_empty() {
                let words = [Some(interpreter), argument, Some("/dev/stdin")];
                let args = words.into_iter().flatten().map(str::to_owned).collect();
                return (args, Some(body));
            }
        }
    }
    match (&run.command, run.shell_text()) {
        (Command::Exec(words), _) => (words.clone(), None),
        (_, text) => (draft.config.in_shell(&text.unwrap_or_default()), None),
    }
}

/// Bytes, with `k`, `m` or `g`.
fn parse_size(text: &str) -> Option<u64> {
    let lower = text.to_lowercase();
    let digits = lower
        .trim_end_matches('b')
        .trim_end_matches(['k', 'm', 'g']);
    let unit = match lower.trim_end_matches('b').strip_prefix(digits)? {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
