//! The worker's start: root, one thread, nothing but its sockets.

use std::process::ExitCode;

use super::handover::{self, ForWorker};
use super::prepare;
use crate::config::Settings;

/// Serves requests until the supervisor ends it.
///
/// # Errors
/// If it was not started by the supervisor.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let handed: ForWorker = handover::receive()?;
    orlop_linux::spawn::die_with_parent(handed.supervisor)?;
    let listener = orlop_linux::spawn::inherited_fd(handed.requests)?;
    let config = config(handed.settings, handed.server_uid, handed.server_gid);
    orlop_worker::run(listener, config)?;
    Ok(ExitCode::SUCCESS)
}

/// Takes everything that an instance has made on this host away, but for its data.
///
/// # Errors
/// If it runs, or something could not be taken away.
pub(crate) fn clean_up(settings: Settings) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        nix::unistd::geteuid().is_root(),
        "orlop cleanup needs root. Try: sudo orlop cleanup"
    );
    // Without its data an instance cannot run, but what it made on the host may still be there.
    let data = settings.data_dir.exists();
    let _lock = data
        .then(|| prepare::lock(&settings.data_dir))
        .transpose()?;
    let errors = orlop_worker::clean_up(config(settings, 0, 0))
        .err()
        .unwrap_or_default();
    anyhow::ensure!(
        errors.is_empty(),
        "something is left: {}",
        errors.join("; ")
    );
    Ok(ExitCode::SUCCESS)
}

fn config(settings: Settings, server_uid: u32, server_gid: u32) -> orlop_worker::WorkerConfig {
    orlop_worker::WorkerConfig {
        data_dir: settings.data_dir,
        run_dir: settings.run_dir,
        bridge: settings.bridge,
        server_uid,
        server_gid,
        policy_file: settings.file,
        subordinate_ids: orlop_worker::SubordinateIds::of(settings.user),
    }
}
