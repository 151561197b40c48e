//! Uploads and other bytes of unknown digest on their way into the blob store.

use std::io::{self, PipeReader, Write as _};

use futures_util::StreamExt as _;
use orlop_image::compression::{Compression, gzip_writer};
use orlop_image::content::ContentError;
use orlop_image::digest::Digest as ImageDigest;
use orlop_image::manifest::media_type;

use crate::EngineError;
use crate::images::Upload;
use crate::images::store::{ImageStore, blocking};
use crate::images::tee::Tee;

/// Enough of the first bytes to tell the compression.
const HEAD_BYTES: usize = 6;

/// Bytes that are now a blob. No record names it yet: who holds the store busy keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spooled {
    /// Its digest.
    pub(super) digest: ImageDigest,
    /// Its length.
    pub(super) size: u64,
    /// How it is compressed.
    pub(super) compression: Compression,
}

impl Spooled {
    /// The media type of a layer with these bytes. For xz and bzip2 no registry's type exists;
    /// such a layer is compressed anew before it is pushed.
    pub(super) fn layer_type(&self) -> String {
        match self.compression {
            Compression::None => media_type::OCI_LAYER.to_owned(),
            Compression::Gzip => media_type::OCI_LAYER_GZIP.to_owned(),
            Compression::Zstd => media_type::OCI_LAYER_ZSTD.to_owned(),
            Compression::Xz => format!("{}+xz", media_type::OCI_LAYER),
            Compression::Bzip2 => format!("{}+bzip2", media_type::OCI_LAYER),
        }
    }
}

/// Takes a whole upload. One that breaks off leaves nothing.
pub(super) async fn spool_upload(
    store: &ImageStore,
    mut upload: Upload,
) -> Result<Spooled, EngineError> {
    let mut tee = Tee::start(store.blobs.begin()?, None);
    let mut head = Vec::with_capacity(HEAD_BYTES);
    while let Some(chunk) = upload.next().await {
        let chunk = chunk
            .map_err(|error| EngineError::invalid(format!("the upload broke off: {error}")))?;
        head.extend(chunk.iter().take(HEAD_BYTES - head.len()));
        tee.write(chunk).await?;
    }
    let staged = tee.finish(None).await?;
    let size = staged.size();
    if size == 0 {
        return Err(EngineError::field("file", "the file is empty"));
    }
    let digest = blocking(move || staged.publish()).await??;
    Ok(Spooled {
        digest,
        size,
        compression: Compression::of(&head),
    })
}

/// Takes a tar from a pipe until its end, compressing it. Nothing is kept unless `whole` says, at
/// the end, that all of it came.
pub(super) async fn spool_pipe(
    store: &ImageStore,
    mut pipe: PipeReader,
    whole: impl Future<Output = Result<(), EngineError>>,
) -> Result<Spooled, EngineError> {
    let blob = store.blobs.begin()?;
    let copied = tokio::task::spawn_blocking(move || {
        let mut packed = gzip_writer(blob);
        io::copy(&mut pipe, &mut packed)?;
        let mut blob = packed.finish()?;
        blob.flush()?;
        Ok::<_, io::Error>(blob)
    });
    whole.await?;
    let failed = |error: io::Error| EngineError::internal(format!("storing the tar: {error}"));
    let blob = copied
        .await
        .map_err(|error| EngineError::internal(format!("storing the tar was cut short: {error}")))?
        .map_err(failed)?;
    let (digest, size) = blocking(move || {
        let staged = blob.stage(None)?;
        let size = staged.size();
        Ok::<_, ContentError>((staged.publish()?, size))
    })
    .await??;
    Ok(Spooled {
        digest,
        size,
        compression: Compression::Gzip,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use bytes::Bytes;
    use futures_util::stream;
    use orlop_image::compression::{Decoder, Limits};

    use super::*;

    fn store() -> (tempfile::TempDir, ImageStore) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("folder");
        let store = ImageStore::open_at(folder.path()).expect("store");
        (folder, store)
    }

    fn upload(chunks: &[&'static [u8]]) -> Upload {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok(Bytes::from_static(chunk)))
            .collect();
        stream::iter(chunks).boxed()
    }

    #[tokio::test]
    async fn an_upload_is_stored_and_its_compression_told_from_split_bytes() {
        let (_folder, store) = store();
        let spooled = spool_upload(&store, upload(&[b"\x1f", b"\x8b", b"rest"])).await;
        let spooled = spooled.expect("stored");
        assert_eq!((spooled.size, spooled.compression), (6, Compression::Gzip));
        assert_eq!(spooled.layer_type(), media_type::OCI_LAYER_GZIP);
        assert_eq!(
            store.blobs.read(&spooled.digest, 10).expect("blob"),
            b"\x1f\x8brest"
        );
    }

    #[tokio::test]
    async fn an_empty_or_broken_upload_leaves_nothing() {
        let (_folder, store) = store();
        assert!(spool_upload(&store, upload(&[])).await.is_err());
        let broken = stream::iter([
            Ok(Bytes::from_static(b"half")),
            Err(io::ErrorKind::BrokenPipe.into()),
        ]);
        assert!(spool_upload(&store, broken.boxed()).await.is_err());
        assert!(store.blobs.list().expect("list").is_empty());
    }

    #[tokio::test]
    async fn a_tar_from_a_pipe_is_kept_only_when_it_is_whole() {
        let (_folder, store) = store();
        let piped = || {
            let (reader, mut writer) = io::pipe().expect("pipe");
            writer.write_all(b"tar bytes").expect("write");
            reader
        };
        let spooled = spool_pipe(&store, piped(), async { Ok(()) })
            .await
            .expect("stored");
        let mut bytes = Vec::new();
        let file = store.blobs.file(&spooled.digest).expect("blob");
        let mut decoder = Decoder::new(file, Limits::default()).expect("gzip");
        decoder.read_to_end(&mut bytes).expect("gzip");
        assert_eq!(bytes, b"tar bytes");
        store.blobs.remove(&spooled.digest).expect("removed");
        let cut = async { Err(EngineError::internal("the tool failed")) };
        assert!(spool_pipe(&store, piped(), cut).await.is_err());
        assert!(store.blobs.list().expect("list").is_empty());
    }
}
