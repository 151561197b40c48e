//! Fault points: instants at which a process can be made to end as if it were killed, so that
//! tests can show what survives it.
//!
//! `ORLOP_FAULT=<point>:<file>` arms one. The first process that reaches it makes the file and
//! ends; nothing of it runs any more, no destructor and no handler. Without the variable a point
//! costs one comparison.

use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The variable that arms a point.
pub const VARIABLE: &str = "ORLOP_FAULT";

macro_rules! points {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// An instant in the life of a container.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])* $name,)*
        }

        impl Point {
            /// Every point, in the order in which a container's life passes them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in [`VARIABLE`].
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

points! {
    /// Server: a new container is in the records, and nobody has been told.
    CreateRecorded = "create-recorded",
    /// Server: a start was allowed and not yet asked of the worker.
    StartDecided = "start-decided",
    /// Worker: the container's folders are there.
    StartFolders = "start-folders",
    /// Worker: its cgroup is there.
    StartCgroup = "start-cgroup",
    /// Worker: all is prepared, and nothing runs.
    StartPrepared = "start-prepared",
    /// Shim: it listens, and its process is yet to be born.
    ShimListening = "shim-listening",
    /// Shim: its process is born.
    ShimBorn = "shim-born",
    /// Worker: the process waits for its network.
    StartBorn = "start-born",
    /// Worker: the network is there.
    StartConnected = "start-connected",
    /// Shim: its record is written.
    ShimRecorded = "shim-recorded",
    /// Worker: the program runs, and the server was not told.
    StartReleased = "start-released",
    /// Server: it was told, and the records do not know it.
    StartAnswered = "start-answered",
    /// Server: the records know that it runs.
    StartRecorded = "start-recorded",
    /// Worker: an exec session's process is born.
    ExecBorn = "exec-born",
    /// Server: an exec session runs, and nobody was told.
    ExecAnswered = "exec-answered",
    /// Shim: its process has ended, and no record says so.
    ShimEnded = "shim-ended",
    /// Shim: the exit record is written, and nobody was told.
    ShimExitRecorded = "shim-exit-recorded",
    /// Server: it knows of the end, and the records do not.
    EndNoticed = "end-noticed",
    /// Server: the records know of the end, and everything of it is still on the host.
    EndRecorded = "end-recorded",
    /// Worker: about to take away what an ended container had.
    ReleaseBegun = "release-begun",
    /// Worker: its cgroup is empty, its interface and ports are gone.
    ReleaseDisconnected = "release-disconnected",
    /// Server: a removal was decided on.
    RemoveDecided = "remove-decided",
    /// Worker: its files are in the trash.
    RemoveTrashed = "remove-trashed",
    /// Server: the worker has removed everything, and the record is still there.
    RemoveCleared = "remove-cleared",
    /// Server: the record is gone.
    RemoveDeleted = "remove-deleted",
}

fn armed() -> Option<&'static (String, PathBuf)> {
    static ARMED: OnceLock<Option<(String, PathBuf)>> = OnceLock::new();
    ARMED
        .get_or_init(|| {
            let text = std::env::var(VARIABLE).ok()?;
            let (name, file) = text.split_once(':')?;
            Some((name.to_owned(), PathBuf::from(file)))
        })
        .as_ref()
}

/// Ends this process when the point is armed and nobody was ended by it before.
pub fn reach(point: Point) {
    if let Some((name, file)) = armed()
        && name == point.name()
        && File::create_new(file).is_ok()
    {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Point::ALL.iter().map(|p| p.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
        // Nothing is armed: this goes on.
        reach(Point::CreateRecorded);
    }
}
