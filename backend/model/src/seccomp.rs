//! System call filters that people bring: Docker's JSON form, parsed and bounded. Pure.
//!
//! What it means on a machine (numbers, capabilities, kernel) is decided by who installs it.

use serde::{Deserialize, Serialize};

/// A profile's text may be this long.
pub const MAX_TEXT: usize = 512 * 1024;
/// Rules of a profile.
pub const MAX_RULES: usize = 2048;
/// Names of calls in all rules together.
pub const MAX_NAMES: usize = 20_000;
/// Tests of one rule.
pub const MAX_TESTS: usize = 12;
/// Arguments of a system call.
const ARGUMENTS: u32 = 6;
/// Largest error number that the kernel hands on (`MAX_ERRNO`).
const MAX_ERRNO: u32 = 4095;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// The thread ends.
    #[serde(rename = "SCMP_ACT_KILL_THREAD", alias = "SCMP_ACT_KILL")]
    KillThread,
    /// The process ends.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// The process gets SIGSYS.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// It fails with an error number.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// A tracer decides; without one it fails with ENOSYS.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// It goes on and is logged.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// It goes on.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
}

/// How an argument is compared, without sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// Not equal.
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    /// Less.
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    /// Less or equal.
    #[serde(rename = "SCMP_CMP_LE")]
    AtMost,
    /// Equal.
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    /// Greater or equal.
    #[serde(rename = "SCMP_CMP_GE")]
    AtLeast,
    /// Greater.
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    /// The bits of `value` equal `valueTwo`.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}

/// A set of calls with numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86.
    X86,
    /// 64-bit x86 with 32-bit pointers.
    X32,
    /// 64-bit ARM.
    Aarch64,
    /// One that this Orlop does not run on.
    Other,
}

impl From<String> for Arch {
    fn from(name: String) -> Self {
        match name.as_str() {
            "SCMP_ARCH_X86_64" => Self::X86_64,
            "SCMP_ARCH_X86" => Self::X86,
            "SCMP_ARCH_X32" => Self::X32,
            "SCMP_ARCH_AARCH64" => Self::Aarch64,
            _ => Self::Other,
        }
    }
}

impl From<Arch> for String {
    fn from(arch: Arch) -> Self {
        match arch {
            Arch::X86_64 => "SCMP_ARCH_X86_64",
            Arch::X86 => "SCMP_ARCH_X86",
            Arch::X32 => "SCMP_ARCH_X32",
            Arch::Aarch64 => "SCMP_ARCH_AARCH64",
            Arch::Other => "SCMP_ARCH_OTHER",
        }
        .to_owned()
    }
}

/// A kernel's version as far as profiles ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KernelVersion {
    /// Before the first dot.
    pub major: u32,
    /// Behind it.
    pub minor: u32,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no kernel version such as 4.8")]
pub struct KernelVersionError(String);

impl std::str::FromStr for KernelVersion {
    type Err = KernelVersionError;
    fn from_str(text: &str) -> Result<Self, KernelVersionError> {
        // What follows the two numbers, as in a release's name, does not matter.
        let mut parts = text.splitn(3, ['.', '-', '+']);
        let mut number = || parts.next().and_then(|part| part.parse().ok());
        match (number(), number()) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(KernelVersionError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for KernelVersion {
    type Error = KernelVersionError;
    fn try_from(text: String) -> Result<Self, KernelVersionError> {
        text.parse()
    }
}

impl From<KernelVersion> for String {
    fn from(version: KernelVersion) -> Self {
        format!("{}.{}", version.major, version.minor)
    }
}

/// A test of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Test {
    /// Which argument, from 0.
    pub index: u32,
    /// With what.
    pub value: u64,
    /// With what, where `value` is a mask.
    #[serde(default)]
    pub value_two: u64,
    /// How.
    pub op: Operator,
}

/// Where a rule applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Where {
    /// Capabilities of the container, `CAP_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caps: Option<Vec<String>>,
    /// Architectures by Go's names, such as `amd64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arches: Option<Vec<String>>,
    /// Kernels from this one on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_kernel: Option<KernelVersion>,
}

/// What becomes of some calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// One name, in older profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Names of the calls; those that are not known here do not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// What becomes of them.
    pub action: Action,
    /// Error number of `SCMP_ACT_ERRNO`, or the message of `SCMP_ACT_TRACE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// Tests that must all hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<Test>>,
    /// Where it applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub includes: Option<Where>,
    /// Where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excludes: Option<Where>,
}

impl Rule {
    /// Names of its calls.
    pub fn calls(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().flatten();
        self.name.iter().chain(names).map(String::as_str)
    }

    /// Its tests.
    #[must_use]
    pub fn tests(&self) -> &[Test] {
        self.args.as_deref().unwrap_or_default()
    }
}

/// An architecture and those that may run beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchEntry {
    /// The machine's.
    pub architecture: Arch,
    /// Those beside it.
    #[serde(default)]
    pub sub_architectures: Option<Vec<Arch>>,
}

/// How the kernel is to treat the filter (seccomp(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flag {
    /// All threads get it; there is one.
    #[serde(rename = "SECCOMP_FILTER_FLAG_TSYNC")]
    Tsync,
    /// All but allowed calls are logged.
    #[serde(rename = "SECCOMP_FILTER_FLAG_LOG")]
    Log,
    /// The processor may speculate.
    #[serde(rename = "SECCOMP_FILTER_FLAG_SPEC_ALLOW")]
    SpecAllow,
}

/// A profile as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// What becomes of a call that no rule names.
    pub default_action: Action,
    /// Error number for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Architectures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architectures: Option<Vec<Arch>>,
    /// Architectures by machine, in their place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch_map: Option<Vec<ArchEntry>>,
    /// Flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<Flag>>,
    /// Where a supervisor listens, which Orlop has none of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_path: Option<String>,
    /// The rules.
    #[serde(default)]
    pub syscalls: Option<Vec<Rule>>,
}

/// A profile that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct Profile(Document);

/// Why a text is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Longer than any honest one.
    #[error("the seccomp profile is longer than {MAX_TEXT} bytes")]
    TooLong,
    /// Not JSON of the right form; says where.
    #[error("the seccomp profile is malformed: {0}")]
    Json(#[from] serde_json::Error),
    /// Two fields that exclude each other.
    #[error("the seccomp profile has both 'architectures' and 'archMap': use one of them")]
    Architectures,
    /// Too many rules or names.
    #[error("the seccomp profile has {found} {what}; at most {limit} are supported")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// A field that asks for something else than it may.
    #[error("the seccomp profile is wrong at {place}: {reason}")]
    Field {
        /// Where, such as `syscalls[3].args[0].index`.
        place: String,
        /// Why.
        reason: String,
    },
}

impl Profile {
    /// Parses Docker's JSON form.
    ///
    /// # Errors
    /// Says where, and what is wrong.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        if text.len() > MAX_TEXT {
            return Err(ProfileError::TooLong);
        }
        serde_json::from_str::<Document>(text)?.try_into()
    }

    /// What is written in it.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.0
    }

    /// Its rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        self.0.syscalls.as_deref().unwrap_or_default()
    }
}

impl From<Profile> for Document {
    fn from(profile: Profile) -> Self {
        profile.0
    }
}

impl TryFrom<Document> for Profile {
    type Error = ProfileError;

    fn try_from(document: Document) -> Result<Self, ProfileError> {
        if document
            .architectures
            .as_ref()
            .is_some_and(|l| !l.is_empty())
            && document.arch_map.as_ref().is_some_and(|l| !l.is_empty())
        {
            return Err(ProfileError::Architectures);
        }
        if document
            .listener_path
            .as_ref()
            .is_some_and(|p| !p.is_empty())
        {
            return Err(field(
                "listenerPath",
                "Orlop has no supervisor for system calls",
            ));
        }
        check_errno(
            "defaultErrnoRet",
            document.default_action,
            document.default_errno_ret,
        )?;
        let rules = document.syscalls.as_deref().unwrap_or_default();
        at_most("rules", rules.len(), MAX_RULES)?;
        let names = rules.iter().map(|rule| rule.calls().count()).sum();
        at_most("names of system calls", names, MAX_NAMES)?;
        for (index, rule) in rules.iter().enumerate() {
            check_rule(&format!("syscalls[{index}]"), rule)?;
        }
        Ok(Self(document))
    }
}

fn field(place: impl Into<String>, reason: impl Into<String>) -> ProfileError {
    ProfileError::Field {
        place: place.into(),
        reason: reason.into(),
    }
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), ProfileError> {
    if found <= limit {
        return Ok(());
    }
    Err(ProfileError::TooMany { what, found, limit })
}

fn check_errno(place: &str, action: Action, errno: Option<u32>) -> Result<(), ProfileError> {
    let most = if action == Action::Trace {
        u32::from(u16::MAX)
    } else {
        MAX_ERRNO
    };
    match errno {
        Some(errno) if errno > most => Err(field(place, format!("{errno} is more than {most}"))),
        _ => Ok(()),
    }
}

fn check_rule(place: &str, rule: &Rule) -> Result<(), ProfileError> {
    if rule.name.as_ref().is_some_and(|n| !n.is_empty())
        && rule.names.as_ref().is_some_and(|n| !n.is_empty())
    {
        return Err(field(place, "it has both 'name' and 'names': use 'names'"));
    }
    if rule.calls().next().is_none() {
        return Err(field(place, "it names no system call"));
    }
    check_errno(&format!("{place}.errnoRet"), rule.action, rule.errno_ret)?;
    if rule.tests().len() > MAX_TESTS {
        return Err(field(
            format!("{place}.args"),
            format!("more than {MAX_TESTS} tests"),
        ));
    }
    for (number, test) in rule.tests().iter().enumerate() {
        if test.index >= ARGUMENTS {
            return Err(field(
                format!("{place}.args[{number}].index"),
                format!("{} is not between 0 and {}", test.index, ARGUMENTS - 1),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "seccomp_tests.rs"]
mod tests;
