//! Tidying up at start, and emptying the trash.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use orlop_linux::confined::{Confined, Rights};
use orlop_model::id::{ContainerId, DiffId, JobId};
use orlop_storage::confine::Root;
use orlop_storage::trash::remove_tree;
use orlop_wire::reply::{Failure, FailureKind, Reply};

use super::failures::file_failure;
use super::stage::{Stage, confinement, own_root};

/// Moves to the trash whatever no record names: layers, containers that do not run, contexts, and
/// what unfinished requests left.
pub(crate) fn sweep(
    stage: Stage<'_>,
    containers: &[ContainerId],
    layers: &[DiffId],
    jobs: &[JobId],
) -> Result<Reply, Failure> {
    let mut kept: HashSet<&str> = containers.iter().map(ContainerId::as_str).collect();
    sweep_folder(stage, &stage.layout.containers(), |name| {
        // The record of one that runs is lost: a person may still want to look.
        kept.contains(name) || runs(stage, name)
    })?;
    kept = layers.iter().map(DiffId::hex).collect();
    sweep_folder(stage, &stage.layout.layers(), |name| kept.contains(name))?;
    kept = jobs.iter().map(JobId::as_str).collect();
    sweep_folder(stage, &stage.layout.contexts(), |name| kept.contains(name))?;
    Ok(Reply::Done)
}

fn runs(stage: Stage<'_>, name: &str) -> bool {
    let id: Option<ContainerId> = name.parse().ok();
    id.is_some_and(|id| matches!(stage.running(&id), Ok(Some(_))))
}

fn sweep_folder(
    stage: Stage<'_>,
    folder: &Path,
    keep: impl Fn(&str) -> bool,
) -> Result<(), Failure> {
    let fail = |error: std::io::Error| {
        let message = format!("listing {}: {error}", folder.display());
        Failure::new(FailureKind::Internal, message)
    };
    let trash = stage.layout.trash();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if !entry.file_name().to_str().is_some_and(&keep) {
            trash
                .put(&entry.path())
                .map_err(|error| file_failure(&error))?;
        }
    }
    Ok(())
}

/// Deletes everything in the trash, after the reply, so that nobody waits for it. What a failure
/// leaves is deleted the next time.
pub(crate) fn empty_trash(stage: Stage<'_>) {
    let Ok(root) = Root::open(&stage.layout.data().join("trash")) else {
        return;
    };
    let emptied = Confined::start(confinement(&root, Rights::Read, &[]), || {
        let emptied = own_root().is_ok_and(|root| remove_tree(&root).is_ok());
        i32::from(!emptied)
    });
    if let Ok(child) = emptied {
        let _ = child.wait();
    }
}
