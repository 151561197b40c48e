//! `COPY` and `ADD` into the upper directory of a build's work container.

use std::os::fd::AsFd as _;
use std::path::PathBuf;

use orlop_linux::confined::Rights;
use orlop_storage::accounts::resolve;
use orlop_storage::confine::Root;
use orlop_storage::copy::{Copy, Item, Limits};
use orlop_storage::{merged, upper};
use orlop_wire::reply::{Failure, Reply};
use orlop_wire::request::{CopyInto, Tree};

use super::failures::{account_failure, copy_failure, file_failure};
use super::stage::{Stage, confinement, own_root};
use crate::supervise::confined;

/// Carries out a copy; the work container is made when it is not there.
pub(crate) fn copy(stage: Stage<'_>, request: &CopyInto) -> Result<Reply, Failure> {
    stage.require_ended(&request.container)?;
    let source = stage.open(&request.source)?;
    let target = writable(stage, request)?;
    confined(
        stage.server,
        confinement(&target, Rights::Write, &[source.as_fd()]),
        |_| {
            let target = own_root()?;
            let copy = Copy {
                source: &source,
                target: &target,
                destination: request.destination.as_bytes(),
                into_directory: request.into_directory,
                owner: owner(request, &target)?,
                mode: request.chmod,
                limits: Limits::default(),
            };
            for item in &request.items {
                let item = Item {
                    from: item.from.as_bytes(),
                    to: item.to.as_bytes(),
                    unpack: item.unpack,
                    shallow: item.shallow,
                };
                copy.item(item).map_err(|error| copy_failure(&error))?;
            }
            Ok(())
        },
    )?;
    Ok(Reply::Done)
}

/// The container's tree, to be written to.
fn writable(stage: Stage<'_>, request: &CopyInto) -> Result<Root, Failure> {
    let layers = stage.layers(&request.layers)?;
    let container = stage.layout.container(&request.container);
    let highest = layers.last().map(PathBuf::as_path);
    upper::prepare(&container, highest).map_err(|error| file_failure(&error))?;
    let (upper, work) = (
        stage.layout.upper(&request.container),
        stage.layout.work(&request.container),
    );
    merged::writable(&layers, &upper, &work).map_err(|error| file_failure(&error))
}

/// Who owns the copies; files of another image keep their owners when nobody says otherwise.
fn owner(request: &CopyInto, target: &Root) -> Result<Option<(u32, u32)>, Failure> {
    match &request.chown {
        Some(text) => resolve(target, text)
            .map(Some)
            .map_err(|error| account_failure(&error)),
        None if matches!(request.source, Tree::Context(_)) => Ok(Some((0, 0))),
        None => Ok(None),
    }
}
