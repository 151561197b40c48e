//! Answers the requests about files: layers, contexts, copies, volumes, tidying up.

use std::os::fd::OwnedFd;

use orlop_wire::reply::{Failure, FailureKind};
use orlop_wire::request::Request;

use super::stage::Stage;
use super::{contexts, copies, files, layers, sweep, volumes};

/// Whether [`serve`] answers a request.
pub(crate) fn serves(request: &Request) -> bool {
    matches!(
        request,
        Request::UnpackLayer { .. }
            | Request::UnpackContext { .. }
            | Request::Index { .. }
            | Request::Copy(_)
            | Request::CommitUpper { .. }
            | Request::ExportLayer { .. }
            | Request::Flatten { .. }
            | Request::RemoveLayer { .. }
            | Request::ListLayers
            | Request::RemoveJob { .. }
            | Request::Sweep { .. }
            | Request::RemoveVolume { .. }
            | Request::ReadPath { .. }
            | Request::WritePath { .. }
    )
}

/// Answers a request. Everything but the failure that this gives has been said to the server.
pub(crate) fn serve(
    stage: Stage<'_>,
    request: Request,
    descriptors: Vec<OwnedFd>,
) -> Result<(), Failure> {
    let removes = matches!(
        request,
        Request::CommitUpper { .. }
            | Request::RemoveLayer { .. }
            | Request::RemoveJob { .. }
            | Request::Sweep { .. }
            | Request::RemoveVolume { .. }
    );
    let reply = match request {
        Request::UnpackLayer { diff_id } => {
            layers::unpack_layer(stage, diff_id.as_ref(), descriptors)?
        }
        Request::UnpackContext { job } => {
            return contexts::unpack_context(stage, &job, descriptors);
        }
        Request::Index { source, path } => return contexts::index(stage, &source, &path),
        Request::Copy(request) => copies::copy(stage, &request)?,
        Request::CommitUpper { container } => layers::commit_upper(stage, &container)?,
        Request::ExportLayer { diff_id } => layers::export_layer(stage, &diff_id, descriptors)?,
        Request::Flatten { source } => layers::flatten(stage, &source, descriptors)?,
        Request::RemoveLayer { diff_id } => layers::remove_layer(stage, &diff_id)?,
        Request::ListLayers => layers::list_layers(stage)?,
        Request::RemoveJob { job } => contexts::remove_job(stage, &job)?,
        Request::Sweep {
            containers,
            layers,
            jobs,
        } => sweep::sweep(stage, &containers, &layers, &jobs)?,
        Request::RemoveVolume { name } => volumes::remove_volume(stage, &name)?,
        Request::ReadPath { source, path } => {
            return files::read_path(stage, &source, &path, descriptors);
        }
        Request::WritePath {
            container,
            layers,
            path,
        } => files::write_path(stage, &container, &layers, &path, descriptors)?,
        _ => {
            let message = "this request is not about files";
            return Err(Failure::new(FailureKind::Internal, message));
        }
    };
    stage.say(&reply)?;
    if removes {
        sweep::empty_trash(stage);
    }
    Ok(())
}
