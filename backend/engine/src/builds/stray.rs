//! At start: what builds left that ended with the engine before.

use std::io;
use std::path::{Path, PathBuf};

use orlop_model::id::ContainerId;

use super::extra::PREFIX;
use super::upload::{ARCHIVE, PART};
use super::work::{MARKERS, take_away};
use crate::Engine;
use crate::images::store::blocking;

impl Engine {
    /// Ends and removes the work containers of builds that were cut short, and their uploads.
    /// What fails is told in the log and tried again at the next start.
    pub(crate) async fn end_stray_builds(&self) {
        let jobs = self.config().data_dir.join("jobs");
        let found = blocking(move || strays(&jobs)).await;
        let Ok(strays) = found else { return };
        for (id, marker) in strays {
            tracing::info!(container = %id.short(), "ending the container of an interrupted build");
            take_away(self, &id, marker).await;
        }
    }
}

/// Work containers with their markers; spooled files are removed on the way.
fn strays(jobs: &Path) -> Vec<(ContainerId, PathBuf)> {
    let mut found = Vec::new();
    for job in entries(jobs) {
        if let Err(error) = remove_spooled(&job) {
            tracing::debug!(%error, job = %job.display(), "an upload stays");
        }
        for marker in entries(&job.join(MARKERS)) {
            let name = marker.file_name().and_then(|name| name.to_str());
            if let Some(id) = name.and_then(|name| name.parse().ok()) {
                found.push((id, marker));
            }
        }
    }
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).into_iter().flatten();
    listed.flatten().map(|entry| entry.path()).collect()
}

/// Removes what was spooled in a job's folder; its log stays.
pub(super) fn remove_spooled(dir: &Path) -> io::Result<()> {
    for path in entries(dir) {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name == ARCHIVE || name == PART || name.starts_with(PREFIX) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_found_and_uploads_removed() {
        let dir = tempfile::tempdir().expect("dir");
        let job = dir.path().join("job");
        let id = "ab".repeat(32);
        std::fs::create_dir_all(job.join(MARKERS)).expect("folder");
        for file in [ARCHIVE, PART, "extra-3", "log.jsonl"] {
            std::fs::write(job.join(file), "x").expect("file");
        }
        for marker in [&id[..], "nonsense"] {
            std::fs::write(job.join(MARKERS).join(marker), "").expect("file");
        }
        let found = strays(dir.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.as_str(), id);
        let mut left: Vec<_> = entries(&job);
        left.sort();
        assert_eq!(left, [job.join("log.jsonl"), job.join(MARKERS)]);
    }
}
