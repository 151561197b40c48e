//! Taking an instance off the host: for a test's end, or before an uninstall.

use std::fs;

use orlop_linux::cgroup;
use orlop_model::id::{ContainerId, ExecId};

use crate::context::{Context, WorkerConfig};
use crate::ops::{networks, release};

/// Ends every container and takes away what the instance has made outside of its data: cgroups,
/// interfaces, bridge, table, records of what runs. Images, volumes and the records stay.
///
/// # Errors
/// Everything that could not be taken away, a line each.
pub fn clean_up(config: WorkerConfig) -> Result<(), Vec<String>> {
    let context = Context::new(config).map_err(|failure| vec![failure.message])?;
    let mut errors = Vec::new();
    for id in names::<ContainerId>(&context, "containers") {
        errors.extend(
            release::container(&context, &id)
                .err()
                .map(|failure| failure.message),
        );
    }
    for id in names::<ExecId>(&context, "execs") {
        errors.extend(
            release::exec(&context, &id)
                .err()
                .map(|failure| failure.message),
        );
    }
    // Those whose records are gone.
    for name in cgroup::group::children(&context.cgroups, context.cgroup_parent()) {
        if let Ok(id) = name.parse::<ContainerId>() {
            errors.extend(
                release::container(&context, &id)
                    .err()
                    .map(|failure| failure.message),
            );
        }
    }
    errors.extend(
        networks::remove(&context)
            .err()
            .map(|failure| failure.message),
    );
    let removed = cgroup::group::remove_parent(&context.cgroups, context.cgroup_parent());
    errors.extend(removed.err().map(|error| error.to_string()));
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn names<T: std::str::FromStr>(context: &Context, folder: &str) -> Vec<T> {
    let entries = fs::read_dir(context.config.run_dir.join(folder))
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
