//! Instructions by meaning: every flag and argument has a type, and what Docker would refuse is
//! refused here, at its line. Words that may hold variables stay unexpanded.

mod build;
mod files;
mod flags;
mod health;
mod metadata;
mod mount;

use super::diagnostic::{Diagnostic, Refusal, Source, Span};
use super::heredoc::Heredoc;
use super::lexer::Directives;
use super::name::nearest;
use super::parser::{self, Arguments, NAMES, Node};

pub use super::parser::{Pair, Word};
pub use health::Healthcheck;
pub use mount::{Mount, MountKind};

/// A Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// Its directives.
    pub directives: Directives,
    /// Its instructions.
    pub statements: Vec<Statement>,
}

/// An instruction and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it says.
    pub instruction: Instruction,
    /// Its bytes.
    pub span: Span,
    /// First line, from 1.
    pub line: u32,
    /// Last line.
    pub last_line: u32,
    /// As written, on one line.
    pub text: String,
    /// An empty line stands within it.
    pub has_empty_continuation: bool,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// `FROM`
    From(From),
    /// `ARG`
    Arg(Vec<Argument>),
    /// `RUN`
    Run(Box<Run>),
    /// `COPY` and `ADD`
    Copy(Box<Copy>),
    /// `ENV`
    Env(Vec<Pair>),
    /// `LABEL`
    Label(Vec<Pair>),
    /// `CMD`
    Cmd(Command),
    /// `ENTRYPOINT`
    Entrypoint(Command),
    /// `SHELL`
    Shell(Vec<String>),
    /// `EXPOSE`
    Expose(Vec<Word>),
    /// `VOLUME`
    Volume(Vec<Word>),
    /// `USER`
    User(Word),
    /// `WORKDIR`
    Workdir(Word),
    /// `STOPSIGNAL`
    StopSignal(Word),
    /// `MAINTAINER`
    Maintainer(Word),
    /// `HEALTHCHECK`
    Healthcheck(Healthcheck),
    /// `ONBUILD`
    OnBuild(Box<Statement>),
}

/// `FROM [--platform=p] image [AS name]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// Image, `scratch` or an earlier stage.
    pub image: Word,
    /// Platform that it shall be for.
    pub platform: Option<Word>,
    /// Name of the stage, in lower case.
    pub name: Option<Word>,
}

/// One `name[=default]` of `ARG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: Word,
    /// Its default, quotes kept.
    pub default: Option<Word>,
}

/// Shell form or JSON form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// One text for the shell.
    Shell(String),
    /// Program and arguments.
    Exec(Vec<String>),
}

/// `RUN`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What to run.
    pub command: Command,
    /// `--mount`
    pub mounts: Vec<Mount>,
    /// `--network`
    pub network: Option<Word>,
    /// `--security`
    pub security: Option<Word>,
    /// Here-documents of the shell form.
    pub heredocs: Vec<Heredoc>,
}

/// `COPY` or `ADD`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// It is `ADD`: archives are unpacked, addresses fetched.
    pub is_add: bool,
    /// What to copy.
    pub sources: Vec<CopySource>,
    /// Where to.
    pub destination: Word,
    /// `--from`: a stage or an image.
    pub from: Option<Word>,
    /// `--chown`
    pub chown: Option<Word>,
    /// `--chmod`
    pub chmod: Option<Word>,
    /// `--link`
    pub link: bool,
    /// `--parents`: keep the folders that the source names.
    pub parents: bool,
    /// `--exclude`
    pub exclude: Vec<Word>,
    /// `--checksum` of a fetched file.
    pub checksum: Option<Word>,
    /// `--unpack`, where given.
    pub unpack: Option<bool>,
    /// `--keep-git-dir`
    pub keep_git_dir: bool,
}

/// One source of `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopySource {
    /// A path with wildcards, or for `ADD` an address.
    Path(Word),
    /// A here-document.
    Inline(Heredoc),
}

/// Makes typed instructions of nodes.
#[derive(Debug, Clone, Copy)]
struct Typist<'a> {
    source: &'a Source<'a>,
}

/// Reads a Dockerfile.
///
/// # Errors
/// Everything that is wrong with it, by line.
pub fn parse(text: &str) -> Result<Dockerfile, Refusal> {
    let (file, mut complaints) = read(text);
    let source = Source::new(text);
    let first = file
        .statements
        .iter()
        .find(|s| !matches!(s.instruction, Instruction::Arg(_)));
    match first {
        Some(first) if !matches!(first.instruction, Instruction::From(_)) => {
            let complaint = source.complain(first.span, "an instruction comes before FROM");
            complaints.push(complaint.hint("only ARG may stand before the first FROM"));
        }
        None if complaints.is_empty() => {
            let complaint = source.complain(Span::default(), "the Dockerfile has no FROM");
            complaints.push(complaint.hint("begin with FROM and the name of an image"));
        }
        _ => {}
    }
    Refusal::unless_empty(complaints)?;
    Ok(file)
}

/// Reads single instructions that belong to no stage: triggers of a base image, or changes to an
/// image's configuration.
///
/// # Errors
/// Everything that is wrong with them.
pub fn parse_fragment(text: &str) -> Result<Dockerfile, Refusal> {
    let (file, complaints) = read(text);
    Refusal::unless_empty(complaints)?;
    Ok(file)
}

fn read(text: &str) -> (Dockerfile, Vec<Diagnostic>) {
    let tree = parser::tree(text);
    let source = Source::new(text);
    let typist = Typist { source: &source };
    let mut complaints = tree.complaints;
    let mut statements = Vec::with_capacity(tree.nodes.len());
    for node in tree.nodes {
        match typist.statement(node) {
            Ok(statement) => statements.push(statement),
            Err(complaint) => complaints.push(complaint),
        }
    }
    let file = Dockerfile {
        directives: tree.directives,
        statements,
    };
    (file, complaints)
}

impl Typist<'_> {
    fn statement(&self, node: Node) -> Result<Statement, Diagnostic> {
        let (span, line, last_line) = (node.span, node.line, node.last_line);
        let (text, has_empty_continuation) = (node.text.clone(), node.has_empty_continuation);
        Ok(Statement {
            instruction: self.instruction(node)?,
            span,
            line,
            last_line,
            text,
            has_empty_continuation,
        })
    }

    fn instruction(&self, node: Node) -> Result<Instruction, Diagnostic> {
        if !NAMES.contains(&&node.name[..]) {
            return Err(self.unknown(&node));
        }
        Ok(match &node.name[..] {
            "FROM" => Instruction::From(self.from(node)?),
            "ARG" => Instruction::Arg(self.argument_list(node)?),
            "RUN" => Instruction::Run(Box::new(self.run(node)?)),
            "ADD" | "COPY" => Instruction::Copy(Box::new(self.copy(node)?)),
            "ENV" => Instruction::Env(self.pairs(node)?),
            "LABEL" => Instruction::Label(self.pairs(node)?),
            "CMD" => Instruction::Cmd(self.command(node)?),
            "ENTRYPOINT" => Instruction::Entrypoint(self.command(node)?),
            "SHELL" => Instruction::Shell(self.shell(node)?),
            "EXPOSE" => Instruction::Expose(self.word_list(node)?),
            "VOLUME" => Instruction::Volume(self.volumes(node)?),
            "USER" => Instruction::User(self.text(node)?),
            "WORKDIR" => Instruction::Workdir(self.text(node)?),
            "STOPSIGNAL" => Instruction::StopSignal(self.text(node)?),
            "MAINTAINER" => Instruction::Maintainer(self.text(node)?),
            "HEALTHCHECK" => Instruction::Healthcheck(self.healthcheck(node)?),
            _ => Instruction::OnBuild(Box::new(self.trigger(node)?)),
        })
    }

    fn unknown(&self, node: &Node) -> Diagnostic {
        let reason = format!("unknown instruction {}", node.name);
        let complaint = self.source.complain(node.name_span, reason);
        match nearest(&node.name, &NAMES) {
            Some(name) => complaint.hint(format!("did you mean {name}?")),
            None => complaint.hint("a line that goes on needs a \\ at its end"),
        }
    }

    fn trigger(&self, node: Node) -> Result<Statement, Diagnostic> {
        self.no_flags(&node)?;
        match node.arguments {
            Arguments::Nested(inner) => self.statement(*inner),
            _ => Err(self.missing(&node, "an instruction")),
        }
    }

    /// The instruction lacks something.
    fn missing(&self, node: &Node, what: &str) -> Diagnostic {
        let reason = format!("{} needs {what}", node.name);
        self.source.complain(node.name_span, reason)
    }

    fn no_flags(&self, node: &Node) -> Result<(), Diagnostic> {
        self.flags(node, &[]).map(drop)
    }
}

#[cfg(test)]
mod tests;
