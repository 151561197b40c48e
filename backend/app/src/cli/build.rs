//! `orlop build`.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use bollard::Docker;
use bollard::query_parameters::{BuildImageOptions, TagImageOptions};
use bytes::Bytes;
use futures_util::StreamExt as _;
use orlop_model::reference::Reference;
use tokio_util::io::{ReaderStream, SyncIoBridge};

/// Options of `orlop build`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Name of the image; repeat for more
    #[arg(short, long)]
    tag: Vec<String>,
    /// Dockerfile [default: PATH/Dockerfile]
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Build argument; without a value, the one of the environment
    #[arg(long, value_name = "NAME[=VALUE]")]
    build_arg: Vec<String>,
    /// Label of the image
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,
    /// Stage to build
    #[arg(long, default_value = "")]
    target: String,
    /// Do not use the cache
    #[arg(long)]
    no_cache: bool,
    /// Get the base images anew
    #[arg(long)]
    pull: bool,
    /// Print only the image's id
    #[arg(short, long)]
    quiet: bool,
    /// Folder with the files of the build, or - for a tar on standard input
    path: PathBuf,
}

pub(crate) async fn build(docker: &Docker, options: Options) -> anyhow::Result<ExitCode> {
    let query = BuildImageOptions {
        t: options.tag.first().cloned(),
        dockerfile: dockerfile(&options)?,
        q: options.quiet,
        nocache: options.no_cache,
        pull: options.pull.then(|| "1".to_owned()),
        buildargs: Some(arguments(&options.build_arg)),
        labels: Some(labels(&options.label)?),
        target: options.target.clone(),
        rm: true,
        ..BuildImageOptions::default()
    };
    let body = bollard::body_try_stream(context(&options.path)?);
    let mut lines = docker.build_image(query, None, Some(body));
    while let Some(line) = lines.next().await {
        let line = line?;
        if let Some(error) = line.error_detail.and_then(|detail| detail.message) {
            bail!("{error}");
        }
        if let Some(text) = line.stream {
            let mut out = io::stdout();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
    }
    // The API's client takes one name with the build; the others are added to the image.
    if let Some((first, others)) = options.tag.split_first() {
        for name in others {
            add_tag(docker, first, name).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add_tag(docker: &Docker, image: &str, name: &str) -> anyhow::Result<()> {
    let name: Reference = name.parse()?;
    let query = TagImageOptions {
        repo: Some(name.familiar_repository()),
        tag: name.tag().map(ToOwned::to_owned),
    };
    docker.tag_image(image, Some(query)).await?;
    Ok(())
}

/// The Dockerfile's path within the context.
fn dockerfile(options: &Options) -> anyhow::Result<String> {
    let Some(file) = &options.file else {
        return Ok("Dockerfile".to_owned());
    };
    if options.path.as_os_str() == "-" {
        return Ok(file.to_string_lossy().into_owned());
    }
    let told = || format!("cannot find {}", file.display());
    let root = options.path.canonicalize().with_context(told)?;
    let whole = file.canonicalize().with_context(told)?;
    let inside = whole.strip_prefix(&root).with_context(|| {
        format!(
            "{} is not within {}: copy it there",
            file.display(),
            options.path.display()
        )
    })?;
    Ok(inside.to_string_lossy().into_owned())
}

fn arguments(list: &[String]) -> HashMap<String, String> {
    list.iter()
        .filter_map(|argument| match argument.split_once('=') {
            Some((name, value)) => Some((name.to_owned(), value.to_owned())),
            None => std::env::var(argument)
                .ok()
                .map(|value| (argument.clone(), value)),
        })
        .collect()
}

fn labels(list: &[String]) -> anyhow::Result<HashMap<String, String>> {
    let split = |label: &String| {
        let (name, value) = label.split_once('=').unwrap_or((label, ""));
        ensure!(!name.is_empty(), "label {label:?} has no name");
        Ok((name.to_owned(), value.to_owned()))
    };
    list.iter().map(split).collect()
}

/// The context as a tar stream.
fn context(
    path: &Path,
) -> anyhow::Result<futures_util::stream::BoxStream<'static, io::Result<Bytes>>> {
    if path.as_os_str() == "-" {
        return Ok(ReaderStream::with_capacity(tokio::io::stdin(), 256 * 1024).boxed());
    }
    let metadata = path
        .metadata()
        .with_context(|| format!("cannot use {}", path.display()))?;
    ensure!(metadata.is_dir(), "{} is not a folder", path.display());
    let (reader, writer) = tokio::io::duplex(256 * 1024);
    let path = path.to_owned();
    let packer = tokio::task::spawn_blocking(move || pack(&path, SyncIoBridge::new(writer)));
    // The tar ends early when packing fails, so the failure must reach the stream.
    let failure = async move {
        match packer.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Err(error)),
            Err(error) => Some(Err(io::Error::other(error))),
        }
    };
    let end = futures_util::stream::once(failure).filter_map(|end| async { end });
    Ok(ReaderStream::with_capacity(reader, 256 * 1024)
        .chain(end)
        .boxed())
}

fn pack(root: &Path, out: impl io::Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(out);
    tar.follow_symlinks(false);
    tar.append_dir_all(".", root)?;
    tar.into_inner()?.flush()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn links_are_packed_as_links() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("a"), "text").expect("write");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("b")).expect("link");
        let mut bytes = Vec::new();
        pack(folder.path(), &mut bytes).expect("pack");
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        for entry in archive.entries().expect("entries") {
            let mut entry = entry.expect("entry");
            let name = entry.path().expect("path").display().to_string();
            let kind = entry.header().entry_type();
            let mut body = Vec::new();
            entry.read_to_end(&mut body).expect("read");
            if kind.is_symlink() {
                body = b"->".to_vec();
            }
            found.push((name, body));
        }
        found.sort();
        let names: Vec<_> = found
            .iter()
            .map(|(n, b)| (n.as_str(), b.as_slice()))
            .collect();
        assert!(names.contains(&("a", b"text")), "{names:?}");
        assert!(names.contains(&("b", b"->")), "{names:?}");
    }
}
