//! `COPY` and `ADD`: from where, which files, where to.

use sha2::{Digest as _, Sha256};

use super::planner::{Draft, Planner};
use super::stage::{CopyFrom, copy_from};
use super::step::{Action, CopyGroup, CopyStep, Origin};
use crate::context::select::{Wanted, select, select_files};
use crate::context::{Entry, Kind};
use crate::dockerfile::diagnostic::{Diagnostic, Span};
use crate::dockerfile::expand::Expander;
use crate::dockerfile::heredoc::Heredoc;
use crate::dockerfile::instruction::{Copy, CopySource, Statement, Word};

/// Permissions of a here-document's file.
const INLINE_MODE: u32 = 0o644;

/// The sources of one instruction, sorted.
#[derive(Default)]
struct Sources {
    paths: Vec<(String, Span)>,
    urls: Vec<(String, Span)>,
    inline: Vec<(String, String)>,
}

impl Planner<'_> {
    pub(super) fn copy(
        &mut self,
        draft: &mut Draft,
        statement: &Statement,
        copy: &Copy,
    ) -> Result<(), Diagnostic> {
        let sources = self.sources(draft, copy)?;
        let written = self.expand(draft, &copy.destination)?;
        if written.is_empty() {
            return Err(self.complain(copy.destination.span, "the destination is empty"));
        }
        let destination = draft.config.absolute(&written);
        if copy.sources.len() > 1 && !destination.ends_with('/') && !copy.parents {
            let reason = "with several sources the destination must be a folder and end in /";
            return Err(self.complain(copy.destination.span, reason));
        }
        let chown = copy
            .chown
            .as_ref()
            .map(|word| self.expand(draft, word))
            .transpose()?;
        let chmod = copy
            .chmod
            .as_ref()
            .map(|word| self.mode(draft, word))
            .transpose()?;
        let mut exclude = Vec::with_capacity(copy.exclude.len());
        for word in &copy.exclude {
            exclude.push(self.expand(draft, word)?);
        }
        let from = copy_from(copy, draft.index, &self.graph.stages);
        let common = Wanted {
            destination: destination.clone(),
            exclude,
            parents: copy.parents,
            keeps_owner: from != CopyFrom::Context && chown.is_none(),
            ..Wanted::default()
        };
        let groups = self.groups(copy, &from, &sources, common)?;
        let keyword = if copy.is_add { "ADD" } else { "COPY" };
        let mut names: Vec<&str> = Vec::new();
        names.extend(
            sources
                .paths
                .iter()
                .chain(&sources.urls)
                .map(|(text, _)| &text[..]),
        );
        let inline: Vec<String> = sources
            .inline
            .iter()
            .map(|(n, _)| format!("<<{n}"))
            .collect();
        names.extend(inline.iter().map(String::as_str));
        let made = format!("{keyword} {} {destination}", names.join(" "));
        let step = CopyStep {
            groups,
            destination,
            chown,
            chmod,
        };
        Self::push(draft, statement, Action::Copy(Box::new(step)), made);
        Ok(())
    }

    fn sources(&mut self, draft: &Draft, copy: &Copy) -> Result<Sources, Diagnostic> {
        let mut sources = Sources::default();
        for source in &copy.sources {
            let word = match source {
                CopySource::Path(word) => word,
                CopySource::Inline(document) => {
                    if document.name.contains('/') || matches!(&document.name[..], "." | "..") {
                        let reason = format!("{} is no name for a file", document.name);
                        return Err(self.complain(copy.destination.span, reason));
                    }
                    let content = self.content(draft, document, copy)?;
                    sources.inline.push((document.name.clone(), content));
                    continue;
                }
            };
            let text = self.expand(draft, word)?;
            if text.is_empty() {
                return Err(self.complain(word.span, format!("{} is empty", word.text)));
            }
            if copy.is_add && is_repository(&text) {
                let reason = format!("ADD of a Git repository ({text}) is not supported");
                return Err(self.complain(word.span, reason));
            }
            let is_url = text.starts_with("http://") || text.starts_with("https://");
            match (copy.is_add, is_url) {
                (true, true) => sources.urls.push((text, word.span)),
                (false, true) => {
                    let complaint = self.complain(word.span, "COPY takes no addresses");
                    return Err(complaint.hint("ADD does"));
                }
                _ => sources.paths.push((text, word.span)),
            }
        }
        if copy.keep_git_dir || (copy.checksum.is_some() && sources.urls.is_empty()) {
            let flag = if copy.keep_git_dir {
                "keep-git-dir"
            } else {
                "checksum"
            };
            let span = copy
                .checksum
                .as_ref()
                .map_or(copy.destination.span, |word| word.span);
            return Err(self.complain(span, format!("--{flag} means nothing for these sources")));
        }
        Ok(sources)
    }

    fn content(
        &self,
        draft: &Draft,
        document: &Heredoc,
        copy: &Copy,
    ) -> Result<String, Diagnostic> {
        let body = document.body();
        if !document.expands {
            return Ok(body);
        }
        let expander = Expander::new(self.escape, &draft.scope.values);
        expander.content(&body).map_err(|error| {
            let reason = format!("in the here-document {}: {error}", document.name);
            self.complain(copy.destination.span, reason)
        })
    }

    fn mode(&mut self, draft: &Draft, word: &Word) -> Result<u32, Diagnostic> {
        let text = self.expand(draft, word)?;
        let mode = u32::from_str_radix(&text, 8)
            .ok()
            .filter(|mode| *mode <= 0o7777);
        mode.ok_or_else(|| {
            let complaint = self.complain(word.span, format!("--chmod={text} is not supported"));
            complaint.hint("write octal permissions such as 755")
        })
    }

    /// Parts the sources by where they come from, and selects what can be selected already.
    fn groups(
        &self,
        copy: &Copy,
        from: &CopyFrom,
        sources: &Sources,
        common: Wanted,
    ) -> Result<Vec<CopyGroup>, Diagnostic> {
        let mut groups = Vec::new();
        if !sources.paths.is_empty() {
            let wanted = Wanted {
                sources: sources.paths.iter().map(|(text, _)| text.clone()).collect(),
                unpack: copy.is_add && copy.unpack != Some(false),
                ..common.clone()
            };
            groups.push(self.group(from, wanted, &sources.paths)?);
        }
        for (url, span) in &sources.urls {
            groups.push(self.fetch(copy, url, *span, &common)?);
        }
        if !sources.inline.is_empty() {
            groups.push(self.inline(sources, common, copy.destination.span)?);
        }
        Ok(groups)
    }

    fn group(
        &self,
        from: &CopyFrom,
        wanted: Wanted,
        places: &[(String, Span)],
    ) -> Result<CopyGroup, Diagnostic> {
        let span = places.first().map_or(Span::default(), |(_, span)| *span);
        let (origin, selection) = match from {
            CopyFrom::Stage(index) => (Origin::Stage(*index), None),
            CopyFrom::Image(name) if name == "scratch" => (Origin::Image(Vec::new()), None),
            CopyFrom::Image(name) => {
                let image = (self.bases)(name);
                let missing = || self.complain(span, format!("the image {name} is not there"));
                (Origin::Image(image.ok_or_else(missing)?.layers), None)
            }
            CopyFrom::Context => {
                let selection = select(self.context.tree(), &wanted);
                let selection = selection.map_err(|error| {
                    let is_meant = |(text, _): &&(String, Span)| error.source_text() == Some(text);
                    let place = places.iter().find(is_meant).map_or(span, |(_, span)| *span);
                    self.complain(place, error.to_string())
                })?;
                (Origin::Context, Some(selection))
            }
        };
        Ok(CopyGroup {
            origin,
            wanted,
            selection,
        })
    }

    fn fetch(
        &self,
        copy: &Copy,
        url: &str,
        span: Span,
        common: &Wanted,
    ) -> Result<CopyGroup, Diagnostic> {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let after_host = path.splitn(4, '/').nth(3).unwrap_or_default();
        let name = after_host.rsplit('/').next().unwrap_or_default();
        if name.is_empty() && common.destination.ends_with('/') {
            let complaint = self.complain(span, format!("{url} has no file name"));
            return Err(complaint.hint("give the destination a name"));
        }
        let name = if name.is_empty() { "download" } else { name };
        let sha256 = match &copy.checksum {
            None => None,
            Some(word) => {
                let digest = word.text.strip_prefix("sha256:").unwrap_or_default();
                if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
                    let complaint = self.complain(word.span, "--checksum is no SHA-256 digest");
                    return Err(complaint.hint("write --checksum=sha256:64 hex digits"));
                }
                Some(digest.to_lowercase())
            }
        };
        Ok(CopyGroup {
            origin: Origin::Url {
                url: url.to_owned(),
                sha256,
                name: name.to_owned(),
            },
            wanted: Wanted {
                sources: vec![name.to_owned()],
                unpack: copy.unpack == Some(true),
                ..common.clone()
            },
            selection: None,
        })
    }

    fn inline(
        &self,
        sources: &Sources,
        common: Wanted,
        span: Span,
    ) -> Result<CopyGroup, Diagnostic> {
        let entries = sources.inline.iter().map(|(name, content)| Entry {
            path: name.clone(),
            kind: Kind::File {
                size: content.len() as u64,
                sha256: hex::encode(Sha256::digest(content)),
            },
            mode: INLINE_MODE,
            uid: 0,
            gid: 0,
        });
        let entries: Vec<Entry> = entries.collect();
        let wanted = Wanted {
            sources: sources
                .inline
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
            ..common
        };
        let selection = select_files(&entries, &wanted);
        Ok(CopyGroup {
            origin: Origin::Inline(sources.inline.clone()),
            selection: Some(selection.map_err(|error| self.complain(span, error.to_string()))?),
            wanted,
        })
    }
}

fn is_repository(text: &str) -> bool {
    let address = text.split('#').next().unwrap_or(text);
    text.starts_with("git@")
        || text.starts_with("git://")
        || text.starts_with("ssh://")
        || (address.starts_with("http") && address.contains("://") && address.ends_with(".git"))
}
