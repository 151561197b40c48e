//! A build's context once the worker has unpacked it: what it holds, its Dockerfile, what is
//! ignored. Also the doors to any other tree that the worker can list.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use orlop_builder::context::{Context, Entry, Ignore, Index, Kind, ignore, index};
use orlop_builder::dockerfile::{self, Dockerfile};
use orlop_builder::plan::stage::{Graph, graph};
use orlop_builder::plan::{Options, Platform};
use orlop_image::manifest;
use orlop_model::id::JobId;
use orlop_wire::request::{IndexEntry, IndexKind, Request, Tree};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::BuildOptions;
use super::upload::ARCHIVE;
use crate::images::store::blocking;
use crate::jobs::JobContext;
use crate::{Engine, EngineError, ErrorKind};

/// Bytes that a Dockerfile may have.
const MOST_DOCKERFILE_BYTES: usize = 4 << 20;
/// Entries that a tree may have to be listed.
const MOST_ENTRIES: usize = 2_000_000;

/// Everything about a build that is known before its base images are.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) text: String,
    pub(super) file: Dockerfile,
    pub(super) graph: Graph,
    pub(super) options: Options,
    pub(super) context: Context,
    pub(super) folder: Folder,
}

/// A job's folder and its unpacked context; dropped, what is in them is removed.
#[derive(Debug)]
pub(super) struct Folder {
    engine: Engine,
    pub(super) job: JobId,
    pub(super) dir: PathBuf,
    /// The job that it belongs to, once there is one; before that the folder itself goes too.
    pub(super) owner: Option<JobContext>,
}

impl Folder {
    pub(super) fn new(engine: Engine, job: JobId, dir: PathBuf) -> Self {
        Self {
            engine,
            job,
            dir,
            owner: None,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let (engine, job, dir) = (self.engine.clone(), self.job.clone(), self.dir.clone());
        let whole = self.owner.is_none();
        let removal = async move { remove(&engine, job, dir, whole).await };
        if let Some(owner) = &self.owner {
            owner.clean_up(removal);
        } else {
            self.engine.spawn(removal);
        }
    }
}

async fn remove(engine: &Engine, job: JobId, dir: PathBuf, whole: bool) {
    if let Err(error) = engine.worker().done(Request::RemoveJob { job }).await {
        tracing::debug!(%error, "a build context stays until the next start");
    }
    let removed = blocking(move || match whole {
        true => std::fs::remove_dir_all(&dir),
        false => super::stray::remove_spooled(&dir),
    });
    if let Ok(Err(error)) = removed.await {
        tracing::debug!(%error, "an upload stays until the next start");
    }
}

impl Engine {
    /// Has the worker unpack an upload, and reads the Dockerfile in it.
    pub(super) async fn prepare_build(
        &self,
        folder: Folder,
        archive: File,
        wanted: &BuildOptions,
    ) -> Result<Prepared, EngineError> {
        let request = Request::UnpackContext {
            job: folder.job.clone(),
        };
        let stream = self.worker().indexed(request, vec![archive.into()]).await;
        let entries = read_index(stream.map_err(|error| in_field("file", error))?).await?;
        // It is unpacked now; if it stays, the next start removes it.
        let _ = std::fs::remove_file(folder.dir.join(ARCHIVE));
        let index = Index::new(entries);
        let name = index::clean(wanted.dockerfile.as_deref().unwrap_or("Dockerfile"));
        let tree = Tree::Context(folder.job.clone());
        let text = self
            .text_at(&tree, &index, &name, MOST_DOCKERFILE_BYTES)
            .await?;
        let text = text.ok_or_else(|| no_dockerfile(&name, &index))?;
        let file = dockerfile::parse(&text).map_err(refused)?;
        let options = options(wanted);
        let graph = graph(&text, &file, &options).map_err(refused)?;
        let ignore = self.ignore_file(&tree, &index, &name).await?;
        Ok(Prepared {
            text,
            file,
            graph,
            options,
            context: Context::new(index, ignore),
            folder,
        })
    }

    /// `.dockerignore`, or the one that belongs to this Dockerfile alone.
    async fn ignore_file(
        &self,
        tree: &Tree,
        index: &Index,
        dockerfile: &str,
    ) -> Result<Ignore, EngineError> {
        for name in [
            format!("{dockerfile}.dockerignore"),
            ".dockerignore".to_owned(),
        ] {
            if let Some(text) = self.text_at(tree, index, &name, ignore::MOST_BYTES).await? {
                let parsed = Ignore::parse(&text);
                return parsed.map_err(|error| EngineError::field("file", error.to_string()));
            }
        }
        Ok(Ignore::default())
    }

    /// A text file of a tree; nothing if there is none of this name.
    async fn text_at(
        &self,
        tree: &Tree,
        index: &Index,
        name: &str,
        limit: usize,
    ) -> Result<Option<String>, EngineError> {
        let real = index.resolve(name).filter(|path| !path.is_empty());
        let entry = real.as_deref().and_then(|path| index.get(path));
        let Some(Kind::File { size, .. }) = entry.map(|entry| &entry.kind) else {
            return Ok(None);
        };
        if *size > limit as u64 {
            let reason = format!("{name} is larger than {limit} bytes");
            return Err(EngineError::field("dockerfile", reason));
        }
        let (reader, writer) = io::pipe()
            .map_err(|error| EngineError::internal(format!("cannot make a pipe: {error}")))?;
        let request = Request::ReadPath {
            source: tree.clone(),
            path: format!("/{}", real.unwrap_or_default()),
        };
        let reading = blocking(move || first_file(reader, limit));
        let asking = self.worker().path_stat(request, vec![writer.into()]);
        let (_, stream) = asking.await?;
        let bytes = reading.await?;
        drop(stream);
        let bytes =
            bytes.map_err(|error| EngineError::internal(format!("reading {name}: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            EngineError::field(
                "dockerfile",
                format!("{name}:{line}: this is not UTF-8 text"),
            )
        })?;
        Ok(Some(text))
    }

    /// Lists what stands at a path of a tree; nothing if nothing is there.
    pub(super) async fn list_tree(
        &self,
        source: Tree,
        path: String,
    ) -> Result<Vec<Entry>, EngineError> {
        match self
            .worker()
            .indexed(Request::Index { source, path }, Vec::new())
            .await
        {
            Ok(stream) => read_index(stream).await,
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// The content of the first file in a tar.
fn first_file(reader: impl io::Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut archive = tar::Archive::new(reader);
    let mut bytes = Vec::new();
    if let Some(entry) = archive.entries()?.next() {
        entry?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    }
    // The rest, so that the writer does not fail.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(bytes)
}

/// Reads an index: one entry a line.
pub(super) async fn read_index(stream: tokio::net::UnixStream) -> Result<Vec<Entry>, EngineError> {
    let broken = |error: String| EngineError::internal(format!("reading a list of files: {error}"));
    let mut lines = BufReader::with_capacity(64 << 10, stream).lines();
    let mut entries = Vec::new();
    while let Some(line) = lines
        .next_line()
        .await
        .map_err(|error| broken(error.to_string()))?
    {
        let parsed: IndexEntry =
            serde_json::from_str(&line).map_err(|error| broken(error.to_string()))?;
        entries.push(entry(parsed));
        if entries.len() > MOST_ENTRIES {
            return Err(EngineError::invalid(format!(
                "there are more than {MOST_ENTRIES} files"
            )));
        }
    }
    Ok(entries)
}

fn entry(entry: IndexEntry) -> Entry {
    Entry {
        kind: match entry.kind {
            IndexKind::File => Kind::File {
                size: entry.size,
                sha256: entry.sha256.unwrap_or_default(),
            },
            IndexKind::Directory => Kind::Directory,
            IndexKind::Symlink => Kind::Symlink {
                target: entry.link.unwrap_or_default(),
            },
            IndexKind::Special => Kind::Special,
        },
        path: entry.path,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
    }
}

fn options(wanted: &BuildOptions) -> Options {
    let host = manifest::Platform::host();
    Options {
        args: wanted.args.clone(),
        target: wanted.target.clone(),
        platform: Platform {
            os: host.os,
            architecture: host.architecture,
            variant: host.variant.unwrap_or_default(),
        },
        labels: wanted.labels.clone(),
    }
}

/// A Dockerfile that is refused, beside its field.
pub(super) fn refused(refusal: dockerfile::Refusal) -> EngineError {
    EngineError::field("dockerfile", refusal.to_string())
}

/// An error of a wrong upload belongs beside its field.
fn in_field(field: &'static str, error: EngineError) -> EngineError {
    match error.kind() {
        ErrorKind::Invalid => EngineError::field(field, error.to_string()),
        _ => error,
    }
}

fn no_dockerfile(name: &str, index: &Index) -> EngineError {
    let base = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let like = index.entries().iter().find(|entry| {
        let file = entry
            .path
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_lowercase();
        matches!(entry.kind, Kind::File { .. }) && file.starts_with(&base)
    });
    let hint = match like {
        Some(entry) => format!("; there is {}", entry.path),
        None => String::new(),
    };
    EngineError::field("dockerfile", format!("the files hold no {name}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_of_a_tar_is_read_and_the_rest_passed_over() {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in [("Dockerfile", "FROM a"), ("other", "x")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            builder
                .append_data(&mut header, path, content.as_bytes())
                .expect("append");
        }
        let bytes = builder.into_inner().expect("tar");
        assert_eq!(first_file(&bytes[..], 100).expect("reads"), b"FROM a");
        assert!(first_file(&b""[..], 100).expect("reads").is_empty());
    }

    #[test]
    fn a_dockerfile_of_another_name_is_pointed_at() {
        let file = |path: &str| Entry {
            path: path.to_owned(),
            kind: Kind::File {
                size: 1,
                sha256: String::new(),
            },
            mode: 0o644,
            uid: 0,
            gid: 0,
        };
        let index = Index::new(vec![file("repo/dockerfile.dev"), file("x")]);
        let error = no_dockerfile("Dockerfile", &index);
        assert_eq!(
            error.to_string(),
            "the files hold no Dockerfile; there is repo/dockerfile.dev"
        );
        assert_eq!(error.field_name(), Some("dockerfile"));
    }
}
