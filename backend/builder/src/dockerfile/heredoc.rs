//! Here-documents: `<<NAME`, `<<-NAME`, `<<"NAME"` in `RUN`, `COPY` and `ADD`.

use serde::{Deserialize, Serialize};

use super::expand;

/// A here-document with its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heredoc {
    /// The line that ends it, and the name of the file that `COPY` makes of it.
    pub name: String,
    /// `<<-`: tabs at the start of its lines do not count.
    pub strips_tabs: bool,
    /// Variables in it are replaced: its name was not quoted.
    pub expands: bool,
    /// The lines in between, as they are.
    pub content: String,
}

impl Heredoc {
    /// The content as the command or file gets it.
    #[must_use]
    pub fn body(&self) -> String {
        if !self.strips_tabs {
            return self.content.clone();
        }
        let lines = self.content.split_inclusive('\n');
        lines.map(|line| line.trim_start_matches('\t')).collect()
    }

    /// The document that a word opens, without content yet.
    #[must_use]
    pub fn opened_by(word: &str) -> Option<Self> {
        let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = rest.strip_prefix("<<")?;
        let (strips_tabs, raw) = match rest.strip_prefix('-') {
            Some(raw) => (true, raw),
            None => (false, rest),
        };
        if raw.is_empty() || raw.contains('<') {
            return None;
        }
        let name = expand::unquote(raw)?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return None;
        }
        Some(Self {
            strips_tabs,
            expands: name == raw,
            name,
            content: String::new(),
        })
    }

    /// All documents that a line opens, in order.
    #[must_use]
    pub fn opened_on(line: &str) -> Vec<Self> {
        if !line.contains("<<") {
            return Vec::new();
        }
        let words = expand::raw_words(line);
        words
            .iter()
            .filter_map(|word| Self::opened_by(word))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<String> {
        Heredoc::opened_on(line)
            .into_iter()
            .map(|h| h.name)
            .collect()
    }

    #[test]
    fn documents_are_found_on_a_line() {
        assert_eq!(names("COPY <<a <<'b c' 3<<-d /x"), ["a", "d"]);
        assert_eq!(
            names("RUN cat <<EOF > /x && echo \"<<NO\" 1<2 <<<word"),
            ["EOF"]
        );
        assert!(names("RUN echo $((1 << 2)) 'unfinished").is_empty());
    }

    #[test]
    fn a_quoted_name_keeps_variables_and_a_dash_strips_tabs() {
        let document = Heredoc::opened_by("<<-\"EOF\"").expect("opens");
        assert!(document.strips_tabs && !document.expands);
        assert!(Heredoc::opened_by("<<EOF").expect("opens").expands);
        let document = Heredoc {
            content: "\ta\n\t\tb".into(),
            ..document
        };
        assert_eq!(document.body(), "a\nb");
    }
}
