//! `orlop image import|load|ls`, `orlop images`, `orlop pull`.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use bollard::Docker;
use bollard::models::{CreateImageInfo, ImageSummary};
use bollard::query_parameters::{CreateImageOptions, ImportImageOptions, ListImagesOptions};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use orlop_model::reference::Reference;
use tokio_util::io::ReaderStream;

use super::list::parse_filters;
use super::table;

/// `orlop image …`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Make an image of a root file system archive (tar: plain, gzip, xz, zstd, bzip2)
    Import(ImportOptions),
    /// Load images from a docker save or OCI archive
    Load(LoadOptions),
    /// List images
    #[command(visible_alias = "list")]
    Ls(ListOptions),
    /// Get an image from a registry
    Pull(PullOptions),
}

/// Options of `orlop image import`.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportOptions {
    /// Dockerfile instruction for the image's configuration, such as 'CMD ["sh"]'
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Comment in the image's history
    #[arg(short, long, default_value = "")]
    message: String,
    /// File, or - for standard input
    file: PathBuf,
    /// Name of the image
    reference: Option<String>,
}

/// Options of `orlop image load`.
#[derive(Debug, clap::Args)]
pub(crate) struct LoadOptions {
    /// File; standard input when absent
    #[arg(short, long, default_value = "-")]
    input: PathBuf,
}

/// Options of `orlop images`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListOptions {
    /// Show only ids
    #[arg(short, long)]
    quiet: bool,
    /// Show ids in full
    #[arg(long)]
    no_trunc: bool,
    /// Show only what matches: reference=, dangling=, label=
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Show only images of this name
    name: Option<String>,
}

/// Options of `orlop pull`.
#[derive(Debug, clap::Args)]
pub(crate) struct PullOptions {
    /// Name of the image
    pub(crate) reference: String,
}

pub(crate) async fn run(docker: &Docker, verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Import(options) => import(docker, options).await,
        Verb::Load(options) => load(docker, options).await,
        Verb::Ls(options) => list(docker, options).await,
        Verb::Pull(options) => pull(docker, &options).await,
    }
}

/// A file's bytes, or those of standard input for `-`.
async fn open(
    path: &PathBuf,
) -> anyhow::Result<futures_util::stream::BoxStream<'static, std::io::Result<Bytes>>> {
    if path.as_os_str() == "-" {
        return Ok(ReaderStream::with_capacity(tokio::io::stdin(), 256 * 1024).boxed());
    }
    let file = tokio::fs::File::open(path);
    let file = file
        .await
        .with_context(|| format!("cannot open {}", path.display()))?;
    Ok(ReaderStream::with_capacity(file, 256 * 1024).boxed())
}

async fn import(docker: &Docker, options: ImportOptions) -> anyhow::Result<ExitCode> {
    let reference = options
        .reference
        .map(|text| text.parse::<Reference>())
        .transpose()?;
    let query = CreateImageOptions {
        from_src: Some("-".to_owned()),
        repo: reference.as_ref().map(Reference::familiar_repository),
        tag: reference
            .as_ref()
            .and_then(Reference::tag)
            .map(ToOwned::to_owned),
        message: Some(options.message),
        changes: options.change,
        ..CreateImageOptions::default()
    };
    let body = bollard::body_try_stream(open(&options.file).await?);
    let mut lines = docker.create_image(Some(query), Some(body), None);
    while let Some(line) = lines.next().await {
        if let Some(status) = line?.status {
            writeln!(std::io::stdout(), "{status}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn load(docker: &Docker, options: LoadOptions) -> anyhow::Result<ExitCode> {
    let body = open(&options.input).await?;
    let mut lines = docker.import_image_stream(ImportImageOptions::default(), body, None);
    while let Some(line) = lines.next().await {
        if let Some(text) = line?.stream {
            write!(std::io::stdout(), "{text}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `orlop pull`: prints the full name at the end.
pub(crate) async fn pull(docker: &Docker, options: &PullOptions) -> anyhow::Result<ExitCode> {
    let reference = pull_quietly(docker, options).await?;
    writeln!(std::io::stdout(), "{reference}")?;
    Ok(ExitCode::SUCCESS)
}

/// Pulls, with one line on standard error for each change of a layer's state.
pub(crate) async fn pull_quietly(
    docker: &Docker,
    options: &PullOptions,
) -> anyhow::Result<Reference> {
    let reference: Reference = options.reference.parse()?;
    let tag = reference.digest().map(ToString::to_string);
    let query = CreateImageOptions {
        from_image: Some(reference.familiar_repository()),
        tag: tag.or_else(|| reference.tag().map(ToOwned::to_owned)),
        ..CreateImageOptions::default()
    };
    let lines = docker.create_image(Some(query), None, None);
    follow(lines).await?;
    Ok(reference)
}

async fn follow(
    lines: impl Stream<Item = Result<CreateImageInfo, bollard::errors::Error>>,
) -> anyhow::Result<()> {
    let mut lines = std::pin::pin!(lines);
    let mut shown = HashMap::<String, String>::new();
    while let Some(line) = lines.next().await {
        let line = line?;
        let Some(status) = line.status else { continue };
        let Some(part) = line.id else {
            writeln!(std::io::stderr(), "{status}")?;
            continue;
        };
        if shown.get(&part) != Some(&status) {
            writeln!(std::io::stderr(), "{part}: {status}")?;
            shown.insert(part, status);
        }
    }
    Ok(())
}

/// Lists images.
pub(crate) async fn list(docker: &Docker, options: ListOptions) -> anyhow::Result<ExitCode> {
    let mut filters = parse_filters(&options.filter)?;
    if let Some(name) = options.name {
        filters
            .entry("reference".to_owned())
            .or_default()
            .push(name);
    }
    let query = ListImagesOptions {
        filters: Some(filters),
        ..ListImagesOptions::default()
    };
    let images = docker.list_images(Some(query)).await?;
    let id = |image: &ImageSummary| {
        let bare = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
        if options.no_trunc {
            image.id.clone()
        } else {
            bare.get(..12).unwrap_or(bare).to_owned()
        }
    };
    let mut out = std::io::stdout().lock();
    if options.quiet {
        for image in &images {
            writeln!(out, "{}", id(image))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let now = jiff::Timestamp::now().as_second();
    let mut rows = Vec::new();
    for image in &images {
        let tags = if image.repo_tags.is_empty() {
            vec!["<none>:<none>".to_owned()]
        } else {
            image.repo_tags.clone()
        };
        for name in tags {
            let Some((repository, tag)) = name.rsplit_once(':') else {
                bail!("{name:?} has no tag")
            };
            let size = u64::try_from(image.size).unwrap_or(0);
            rows.push(vec![
                repository.to_owned(),
                tag.to_owned(),
                id(image),
                table::ago(now - image.created),
                table::size(size),
            ]);
        }
    }
    let titles = ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];
    out.write_all(table::render(&titles, &rows).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
