//! The control group above an instance's containers: chosen once, then remembered in the run
//! directory, so that a worker or `orlop cleanup` that is started elsewhere (another service, a
//! login) finds the containers of the one before.

use std::fs;
use std::path::Path;

use orlop_linux::cgroup::{self, CgroupError, Layout, delegation};

/// File of the run directory with the group's path, where it is not the usual one.
const RECORD: &str = "cgroup-parent";

/// The parent of the instance with this run directory.
pub(crate) fn of(run_dir: &Path, layout: &Layout) -> Result<String, CgroupError> {
    let name = cgroup::layout::parent_name(run_dir);
    let record = run_dir.join(RECORD);
    if let Ok(text) = fs::read_to_string(&record)
        && is_ours(&text, &name)
        && let Some(unified) = &layout.v2
        && unified.mount.join(&text).is_dir()
    {
        return Ok(text);
    }
    let parent = delegation::prepare(&name, layout)?;
    if parent != name {
        // Without the record, only one that is started elsewhere does not find it.
        let _ = fs::write(&record, &parent);
    }
    Ok(parent)
}

/// A path below the root that ends with our name.
fn is_ours(path: &str, name: &str) -> bool {
    let mut parts = path.split('/');
    parts.all(|part| !part.is_empty() && part != ".." && part != ".")
        && path.rsplit('/').next() == Some(name)
}

#[cfg(test)]
mod tests {
    use orlop_linux::cgroup::layout::Unified;

    use super::*;

    #[test]
    fn the_parent_that_was_chosen_first_is_found_again_while_it_is_there() {
        let folder = tempfile::tempdir().expect("folder");
        let (run, mount) = (folder.path().join("run"), folder.path().join("cgroup"));
        let name = cgroup::layout::parent_name(&run);
        let chosen = format!("system.slice/orlop.service/{name}");
        fs::create_dir(&run).expect("run");
        fs::create_dir_all(mount.join(&chosen)).expect("group");
        fs::write(run.join(RECORD), &chosen).expect("record");
        let layout = Layout {
            v1: Vec::new(),
            v2: Some(Unified {
                mount: mount.clone(),
                controllers: Vec::new(),
            }),
        };
        assert_eq!(of(&run, &layout).expect("remembered"), chosen);
        fs::remove_dir(mount.join(&chosen)).expect("gone");
        assert_eq!(of(&run, &layout).expect("chosen anew"), name);
    }

    #[test]
    fn a_record_leads_nowhere_else() {
        for path in ["orlop", "a/b/orlop"] {
            assert!(is_ours(path, "orlop"), "{path}");
        }
        for path in ["", "/orlop", "../orlop", "a/../orlop", "a/other", "orlop/"] {
            assert!(!is_ours(path, "orlop"), "{path}");
        }
    }
}
