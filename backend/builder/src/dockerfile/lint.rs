//! What looks wrong in a Dockerfile but is allowed, by the names that BuildKit gives it
//! (<https://docs.docker.com/reference/build-checks/>).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::instruction::{Command, Dockerfile, From, Instruction, Pair, Statement};

/// Parts of names that tell of a secret.
const SECRETS: [&str; 9] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "passwd",
    "password",
    "secret",
    "token",
];

/// Something that looks wrong but is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Its name.
    pub name: String,
    /// Line in the Dockerfile, where it has one.
    pub line: Option<u32>,
    /// What it is about.
    pub message: String,
}

/// Looks a Dockerfile over.
#[must_use]
pub fn lint(text: &str, file: &Dockerfile) -> Vec<Warning> {
    let mut linter = Linter {
        text,
        warnings: Vec::new(),
        stages: BTreeSet::new(),
        seen: BTreeSet::new(),
    };
    linter.casing(file);
    for statement in &file.statements {
        linter.statement(statement);
    }
    linter.warnings
}

struct Linter<'a> {
    text: &'a str,
    warnings: Vec<Warning>,
    /// Names of stages so far.
    stages: BTreeSet<String>,
    /// Instructions of this stage so far of which only the last counts.
    seen: BTreeSet<&'static str>,
}

impl Linter<'_> {
    fn warn(&mut self, name: &str, statement: &Statement, message: impl Into<String>) {
        self.warnings.push(Warning {
            name: name.to_owned(),
            line: Some(statement.line),
            message: message.into(),
        });
    }

    /// Names are all in upper case or all in lower case; the majority is right.
    fn casing(&mut self, file: &Dockerfile) {
        let is_lower = |statement: &&Statement| !keyword(statement).contains(char::is_uppercase);
        let lower = file.statements.iter().filter(is_lower).count();
        let majority_is_lower = lower * 2 > file.statements.len();
        for statement in &file.statements {
            let word = keyword(statement);
            let right = match majority_is_lower {
                true => word.to_lowercase(),
                false => word.to_uppercase(),
            };
            if word != right {
                let kind = if majority_is_lower { "lower" } else { "upper" };
                let message = format!(
                    "Command '{word}' should match the case of the command majority ({kind}case)"
                );
                self.warn("ConsistentInstructionCasing", statement, message);
            }
        }
    }

    fn statement(&mut self, statement: &Statement) {
        if statement.has_empty_continuation {
            self.warn("NoEmptyContinuation", statement, "Empty continuation line");
        }
        match &statement.instruction {
            Instruction::From(from) => self.stage(statement, from),
            Instruction::Maintainer(_) => {
                let message = "Maintainer instruction is deprecated in favor of using label";
                self.warn("MaintainerDeprecated", statement, message);
            }
            Instruction::Env(pairs) => {
                self.legacy(statement, "ENV", pairs);
                for pair in pairs {
                    self.secret(statement, "ENV", &pair.name.text);
                }
            }
            Instruction::Label(pairs) => self.legacy(statement, "LABEL", pairs),
            Instruction::Arg(arguments) => {
                for argument in arguments {
                    self.secret(statement, "ARG", &argument.name.text);
                }
            }
            Instruction::Cmd(command) => self.command(statement, "CMD", command),
            Instruction::Entrypoint(command) => self.command(statement, "ENTRYPOINT", command),
            Instruction::Healthcheck(_) => self.once(statement, "HEALTHCHECK"),
            _ => {}
        }
    }

    fn stage(&mut self, statement: &Statement, from: &From) {
        self.seen.clear();
        let Some(name) = &from.name else { return };
        let written = self
            .text
            .get(name.span.start..name.span.end)
            .unwrap_or_default();
        if written != name.text {
            let message = format!("Stage name '{written}' should be lowercase");
            self.warn("StageNameCasing", statement, message);
        }
        let keyword = statement
            .text
            .split_whitespace()
            .rev()
            .nth(1)
            .unwrap_or_default();
        let from_is_lower = statement.text.starts_with("from");
        if matches!(keyword, "as" | "AS") && (keyword == "as") != from_is_lower {
            let from = self::keyword(statement);
            let message = format!("'{keyword}' and '{from}' keywords' casing do not match");
            self.warn("FromAsCasing", statement, message);
        }
        if matches!(&name.text[..], "scratch" | "context") {
            let message = format!(
                "Stage name should not use the same name as reserved stage {:?}",
                name.text
            );
            self.warn("ReservedStageName", statement, message);
        }
        if !self.stages.insert(name.text.clone()) {
            let message = format!(
                "Duplicate stage name {:?}, stage names should be unique",
                name.text
            );
            self.warn("DuplicateStageName", statement, message);
        }
    }

    fn command(&mut self, statement: &Statement, name: &'static str, command: &Command) {
        self.once(statement, name);
        if matches!(command, Command::Shell(_)) {
            let message = format!(
                "JSON arguments recommended for {name} to prevent unintended behavior related to OS signals"
            );
            self.warn("JSONArgsRecommended", statement, message);
        }
    }

    fn once(&mut self, statement: &Statement, name: &'static str) {
        if !self.seen.insert(name) {
            let message = format!(
                "Multiple {name} instructions should not be used in the same stage because only the last one will be used"
            );
            self.warn("MultipleInstructionsDisallowed", statement, message);
        }
    }

    fn legacy(&mut self, statement: &Statement, name: &str, pairs: &[Pair]) {
        if pairs.iter().any(|pair| pair.is_legacy) {
            let message = format!(
                "\"{name} key=value\" should be used instead of legacy \"{name} key value\" format"
            );
            self.warn("LegacyKeyValueFormat", statement, message);
        }
    }

    fn secret(&mut self, statement: &Statement, instruction: &str, name: &str) {
        let lower = name.to_lowercase();
        let mut parts = lower.split(['_', '-']);
        if !lower.contains("public") && parts.any(|part| SECRETS.contains(&part)) {
            let message = format!(
                "Do not use ARG or ENV instructions for sensitive data ({instruction} {name:?})"
            );
            self.warn("SecretsUsedInArgOrEnv", statement, message);
        }
    }
}

/// The instruction's name as written.
fn keyword(statement: &Statement) -> &str {
    statement.text.split_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn found(text: &str) -> Vec<(String, u32)> {
        let file = parse(text).expect("parses");
        let warnings = lint(text, &file).into_iter();
        warnings
            .map(|warning| (warning.name, warning.line.unwrap_or(0)))
            .collect()
    }

    #[test]
    fn a_tidy_file_has_no_warnings() {
        let text = "FROM a AS build\nENV A=1\nRUN x \\\n # c\n y\nFROM b\nCMD [\"x\"]";
        assert_eq!(found(text), []);
    }

    #[test]
    fn each_habit_has_its_name() {
        for (text, name, line) in [
            ("FROM a AS Build", "StageNameCasing", 1),
            ("FROM a as b", "FromAsCasing", 1),
            ("FROM a AS scratch", "ReservedStageName", 1),
            ("FROM a AS x\nFROM b AS x", "DuplicateStageName", 2),
            ("FROM a\nrun x\nENV a=b", "ConsistentInstructionCasing", 2),
            ("FROM a\nMAINTAINER x", "MaintainerDeprecated", 2),
            ("FROM a\nENV a b", "LegacyKeyValueFormat", 2),
            ("FROM a\nRUN x \\\n\n y", "NoEmptyContinuation", 2),
            ("FROM a\nCMD x", "JSONArgsRecommended", 2),
            (
                "FROM a\nCMD [\"x\"]\nCMD [\"y\"]",
                "MultipleInstructionsDisallowed",
                3,
            ),
            ("FROM a\nARG API_KEY", "SecretsUsedInArgOrEnv", 2),
            ("FROM a\nENV DB_PASSWORD=x", "SecretsUsedInArgOrEnv", 2),
        ] {
            assert_eq!(found(text), [(name.to_owned(), line)], "{text}");
        }
        assert_eq!(found("FROM a\nENV PUBLIC_KEY=x MONKEY=y"), []);
        assert_eq!(found("FROM a\nCMD [\"x\"]\nFROM b\nCMD [\"y\"]"), []);
    }
}
