//! Uploads on their way to becoming a build context: whatever comes is one archive file in the
//! job's folder in the end, for the worker to unpack.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::io::AsyncWriteExt as _;

use super::{BuildContext, ContextFile};
use crate::EngineError;
use crate::images::Upload;
use crate::images::store::blocking;

/// Name of the spooled archive in a job's folder.
pub(super) const ARCHIVE: &str = "upload";
/// Name of a single file on its way into the archive.
pub(super) const PART: &str = "part";
/// Bytes that an upload may have.
const MOST_BYTES: u64 = 32 << 30;
/// Bytes that a path in the context may have.
const LONGEST_PATH: usize = 4000;

/// Spools an upload as an archive and opens it.
pub(super) async fn spool(dir: &Path, context: BuildContext) -> Result<File, EngineError> {
    let target = dir.join(ARCHIVE);
    match context {
        BuildContext::Archive(upload) => {
            if write(&target, upload, MOST_BYTES).await? == 0 {
                return Err(EngineError::field("file", "the archive is empty"));
            }
        }
        BuildContext::Files(files) => spool_files(dir, files).await?,
        BuildContext::Dockerfile(text) => {
            let bytes = bytes::Bytes::from(text);
            let file = ContextFile {
                path: "Dockerfile".to_owned(),
                body: futures_util::stream::iter([Ok(bytes)]).boxed(),
            };
            spool_files(dir, futures_util::stream::iter([Ok(file)]).boxed()).await?;
        }
    }
    blocking(move || File::open(&target))
        .await?
        .map_err(|error| failed("opening", &error))
}

async fn spool_files(
    dir: &Path,
    mut files: BoxStream<'static, Result<ContextFile, std::io::Error>>,
) -> Result<(), EngineError> {
    let part = dir.join(PART);
    let archive = File::create(dir.join(ARCHIVE)).map_err(|error| failed("making", &error))?;
    let mut builder = tar::Builder::new(archive);
    let (mut count, mut total) = (0_u64, 0);
    while let Some(file) = files.next().await {
        let file = file.map_err(|error| broken(&error))?;
        let path = clean(&file.path)?;
        total += write(&part, file.body, MOST_BYTES - total).await?;
        count += 1;
        let source = part.clone();
        builder = blocking(move || append(builder, &source, &path))
            .await?
            .map_err(|error| failed("storing", &error))?;
    }
    if count == 0 {
        return Err(EngineError::field("file", "no file was uploaded"));
    }
    let finished = blocking(move || {
        let written = builder.into_inner();
        // What is not there any more need not be removed.
        let _ = std::fs::remove_file(part);
        written
    });
    finished.await?.map_err(|error| failed("storing", &error))?;
    Ok(())
}

/// Writes a stream to a file; says how many bytes it had.
async fn write(path: &PathBuf, mut upload: Upload, limit: u64) -> Result<u64, EngineError> {
    let file = tokio::fs::File::create(path).await;
    let mut file = file.map_err(|error| failed("making", &error))?;
    let mut count = 0;
    while let Some(chunk) = upload.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        count += chunk.len() as u64;
        if count > limit {
            let reason = format!("the upload is larger than {} GiB", MOST_BYTES >> 30);
            return Err(EngineError::field("file", reason));
        }
        file.write_all(&chunk)
            .await
            .map_err(|error| failed("storing", &error))?;
    }
    file.flush()
        .await
        .map_err(|error| failed("storing", &error))?;
    Ok(count)
}

fn append(
    mut builder: tar::Builder<File>,
    source: &Path,
    path: &str,
) -> Result<tar::Builder<File>, std::io::Error> {
    let mut file = File::open(source)?;
    let mut head = Vec::with_capacity(4);
    (&mut file).take(4).read_to_end(&mut head)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(file.metadata()?.len());
    header.set_mode(mode_of(&head));
    header.set_mtime(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0));
    builder.append_data(&mut header, path, File::open(source)?)?;
    Ok(builder)
}

/// Browsers tell no permissions: what begins like a program is one.
fn mode_of(head: &[u8]) -> u32 {
    if head.starts_with(b"#!") || head.starts_with(b"\x7fELF") {
        0o755
    } else {
        0o644
    }
}

/// A file's path within the context.
fn clean(path: &str) -> Result<String, EngineError> {
    let refuse = |why: &str| Err(EngineError::field("file", format!("{path:?} {why}")));
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    if parts.is_empty() {
        return refuse("names no file");
    }
    if parts.contains(&"..") || path.contains('\0') {
        return refuse("leads out of the context");
    }
    if path.len() > LONGEST_PATH {
        return refuse("is too long");
    }
    Ok(parts.join("/"))
}

fn failed(action: &str, error: &std::io::Error) -> EngineError {
    EngineError::internal(format!("{action} the upload: {error}"))
}

fn broken(error: &std::io::Error) -> EngineError {
    EngineError::invalid(format!("the upload broke off: {error}"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn body(parts: &[&'static str]) -> Upload {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| Ok(Bytes::from_static(part.as_bytes())))
            .collect();
        futures_util::stream::iter(parts).boxed()
    }

    fn files(list: &[(&str, &[&'static str])]) -> BuildContext {
        let files: Vec<_> = list
            .iter()
            .map(|(path, parts)| {
                Ok(ContextFile {
                    path: (*path).to_owned(),
                    body: body(parts),
                })
            })
            .collect();
        BuildContext::Files(futures_util::stream::iter(files).boxed())
    }

    fn listed(file: File) -> Vec<(String, u32, String)> {
        let mut archive = tar::Archive::new(file);
        let entries = archive.entries().expect("entries").map(|entry| {
            let mut entry = entry.expect("entry");
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            let path = entry.path().expect("path").display().to_string();
            (path, entry.header().mode().expect("mode"), text)
        });
        entries.collect()
    }

    #[tokio::test]
    async fn single_files_become_one_archive() {
        let dir = tempfile::tempdir().expect("dir");
        let long = format!("{}/file", "folder".repeat(40));
        let context = files(&[
            ("Dockerfile", &["FROM ", "scratch"]),
            ("./app//run.sh", &["#!/bin/sh\n"]),
            (&long, &[]),
        ]);
        let file = spool(dir.path(), context).await.expect("spools");
        assert_eq!(
            listed(file),
            [
                ("Dockerfile".to_owned(), 0o644, "FROM scratch".to_owned()),
                ("app/run.sh".to_owned(), 0o755, "#!/bin/sh\n".to_owned()),
                (long, 0o644, String::new()),
            ]
        );
        assert!(!dir.path().join(PART).exists());
    }

    #[tokio::test]
    async fn a_dockerfile_alone_is_a_context() {
        let dir = tempfile::tempdir().expect("dir");
        let file = spool(dir.path(), BuildContext::Dockerfile("FROM a".into())).await;
        let listed = listed(file.expect("spools"));
        assert_eq!(
            listed,
            [("Dockerfile".to_owned(), 0o644, "FROM a".to_owned())]
        );
    }

    #[tokio::test]
    async fn paths_out_of_the_context_and_empty_uploads_are_refused() {
        let dir = tempfile::tempdir().expect("dir");
        for path in ["../x", "a/../../x", "", "/", "a\0b"] {
            let refused = spool(dir.path(), files(&[(path, &[])])).await;
            assert_eq!(refused.expect_err(path).field_name(), Some("file"));
        }
        assert!(spool(dir.path(), files(&[])).await.is_err());
        assert!(
            spool(dir.path(), BuildContext::Archive(body(&[])))
                .await
                .is_err()
        );
        let cut = futures_util::stream::iter([Err(std::io::ErrorKind::BrokenPipe.into())]);
        assert!(
            spool(dir.path(), BuildContext::Archive(cut.boxed()))
                .await
                .is_err()
        );
    }
}
