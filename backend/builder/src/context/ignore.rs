//! `.dockerignore`: patterns from the top of the context, in order, the last that matches a path
//! or a folder above it decides; `!` brings back.

use super::index::{Index, clean, is_below};
use super::pattern::{Pattern, PatternError};

/// Bytes of a `.dockerignore` that are read.
pub const MOST_BYTES: usize = 1 << 20;

/// The patterns of a `.dockerignore`.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    line: u32,
    text: String,
    brings_back: bool,
    pattern: Pattern,
}

/// Why a `.dockerignore` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(".dockerignore:{line}: {reason}")]
pub struct IgnoreError {
    /// Line, from 1.
    pub line: u32,
    /// What is wrong.
    pub reason: String,
}

impl Ignore {
    /// Reads the file.
    ///
    /// # Errors
    /// If a line is no pattern.
    pub fn parse(text: &str) -> Result<Self, IgnoreError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.starts_with('#') {
                continue;
            }
            let fail = |reason: String| IgnoreError {
                line: number,
                reason,
            };
            let (brings_back, pattern) = match line.trim().strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line.trim()),
            };
            if pattern.is_empty() {
                if brings_back {
                    return Err(fail("! needs a pattern".into()));
                }
                continue;
            }
            let cleaned = clean(pattern);
            if cleaned.is_empty() && pattern.trim_matches(['/', '.']).is_empty() {
                // `.` and `/` name the context itself, which cannot be taken away.
                continue;
            }
            let pattern = Pattern::deep(&cleaned);
            let pattern = pattern.map_err(|error: PatternError| fail(error.to_string()))?;
            rules.push(Rule {
                line: number,
                text: line.trim().to_owned(),
                brings_back,
                pattern,
            });
        }
        Ok(Self { rules })
    }

    /// Patterns of `--exclude`, which mean the same.
    ///
    /// # Errors
    /// If one is no pattern.
    pub fn of_patterns(patterns: &[String]) -> Result<Self, IgnoreError> {
        Self::parse(&patterns.join("\n"))
    }

    /// For each entry whether it is ignored.
    #[must_use]
    pub fn judge(&self, index: &Index) -> Vec<bool> {
        let paths = index.entries().iter().map(|entry| &entry.path[..]);
        self.judge_paths(paths)
    }

    /// For each path, a folder's content coming right after it, whether it is ignored.
    pub(super) fn judge_paths<'a>(&self, paths: impl Iterator<Item = &'a str>) -> Vec<bool> {
        if self.rules.is_empty() {
            return paths.map(|_| false).collect();
        }
        // What a rule says of a folder it says of all in it.
        let mut above: Vec<(&str, Vec<bool>)> = Vec::new();
        let judge = |path: &'a str| {
            while above
                .last()
                .is_some_and(|(parent, _)| !is_below(path, parent))
            {
                above.pop();
            }
            let inherited = above.last().map(|(_, hits)| hits);
            let hits: Vec<bool> = (0..self.rules.len())
                .map(|at| {
                    inherited.is_some_and(|hits| hits[at]) || self.rules[at].pattern.matches(path)
                })
                .collect();
            let last = hits.iter().rposition(|hit| *hit);
            let ignored = last.is_some_and(|at| !self.rules[at].brings_back);
            above.push((path, hits));
            ignored
        };
        paths.map(judge).collect()
    }

    /// The line and text of the rule that takes a path away.
    #[must_use]
    pub fn rule_for(&self, path: &str) -> Option<(u32, &str)> {
        let ends = path
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([path.len()]);
        let above: Vec<&str> = ends.map(|end| &path[..end]).collect();
        let hit = |rule: &&Rule| above.iter().any(|path| rule.pattern.matches(path));
        let rule = self.rules.iter().rev().find(hit)?;
        (!rule.brings_back).then_some((rule.line, &rule.text[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Context;
    use super::super::index::tests::index;
    use super::*;

    fn visible(ignore: &str, lines: &[&str]) -> Vec<String> {
        let ignore = Ignore::parse(ignore).expect("parses");
        let context = Context::new(index(lines), ignore);
        context
            .visible
            .entries()
            .iter()
            .map(|e| e.path.clone())
            .collect()
    }

    const FILES: [&str; 9] = [
        "Dockerfile",
        ".git/",
        ".git/config",
        "a.md",
        "README.md",
        "src/",
        "src/a.md",
        "src/keep/",
        "src/keep/x.o",
    ];

    #[test]
    fn patterns_are_anchored_at_the_top() {
        assert_eq!(
            visible("*.md\n.git", &FILES),
            ["Dockerfile", "src", "src/a.md", "src/keep", "src/keep/x.o"]
        );
        assert_eq!(visible("/src/", &FILES).len(), 5);
        assert_eq!(visible("**/*.md", &FILES).len(), 6);
        assert_eq!(visible("*/*.md", &FILES).len(), 8);
    }

    #[test]
    fn the_last_match_decides_and_folders_of_what_is_kept_stay() {
        assert_eq!(
            visible("*\n!src/keep", &FILES),
            ["src", "src/keep", "src/keep/x.o"]
        );
        assert_eq!(visible("!README.md\n*.md", &["README.md"]).len(), 0);
        assert_eq!(
            visible(
                "*.md\n!README*.md\nREADME-s.md",
                &["a.md", "README.md", "README-s.md"]
            ),
            ["README.md"]
        );
        assert_eq!(
            visible("src\n!src/keep/x.o", &FILES[5..]),
            ["src", "src/keep", "src/keep/x.o"]
        );
    }

    #[test]
    fn comments_blanks_and_odd_forms_are_read_as_docker_does() {
        let text = "\u{feff}# c\n\n  a.md  \n./src/../README.md\n  #x\n/\n.\n";
        let ignore = Ignore::parse(text).expect("parses");
        assert_eq!(ignore.rules.len(), 3);
        assert_eq!(visible(text, &FILES[3..5]).len(), 0);
        assert_eq!(Ignore::parse("a\n!\n").expect_err("refused").line, 2);
        assert_eq!(Ignore::parse("a\n[x\n").expect_err("refused").line, 2);
    }

    #[test]
    fn the_rule_that_took_a_file_is_named() {
        let ignore = Ignore::parse("# c\nsrc\n!src/a.md\n").expect("parses");
        assert_eq!(ignore.rule_for("src/keep/x.o"), Some((2, "src")));
        assert_eq!(ignore.rule_for("src/a.md"), None);
    }
}
