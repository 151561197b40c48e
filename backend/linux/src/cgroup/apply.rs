//! Setting and changing the limits of one container's group.

use std::fs;
use std::io;
use std::path::Path;

use orlop_model::limits::Limits;

use super::file::{CgroupError, write};
use super::group::Cgroup;
use super::layout::Controller;
use super::plan::{self, Lacking, Place, Plan, RT_RUNTIME, Write};

impl Cgroup {
    /// Sets the limits of a fresh group; what the host cannot enforce comes back in words.
    ///
    /// # Errors
    /// If the host cannot do what was asked for, or the kernel refuses a limit.
    pub fn limit(&self, limits: &Limits) -> Result<Vec<String>, CgroupError> {
        self.apply(plan::initial(limits, &self.layout))
    }

    /// Changes the limits of a group in use to exactly these.
    ///
    /// # Errors
    /// If the kernel refuses a limit, as one below what is in use.
    pub fn change_limits(&self, limits: &Limits) -> Result<Vec<String>, CgroupError> {
        let plan = plan::update(limits, &self.layout);
        if let Some(refusal) = plan.refusals.first() {
            return Err(CgroupError::Refused(refusal.clone()));
        }
        self.free_block_devices()?;
        self.apply(plan)
    }

    /// Makes the writes of a plan.
    fn apply(&self, plan: Plan) -> Result<Vec<String>, CgroupError> {
        if let Some(refusal) = plan.refusals.into_iter().next() {
            return Err(CgroupError::Refused(refusal));
        }
        let mut warnings = plan.warnings;
        for step in &plan.writes {
            if step.place == Place::V2(Controller::Hugetlb)
                && let Some(group) = &self.v2
            {
                group.fetch(Controller::Hugetlb)?;
            }
            self.write(step, &mut warnings)?;
        }
        Ok(warnings)
    }

    fn write(&self, step: &Write, warnings: &mut Vec<String>) -> Result<(), CgroupError> {
        let directory = match step.place {
            Place::V1(controller) => self.v1_with(controller).map(|g| &g.path),
            Place::V2(_) => self.v2.as_ref().map(|g| &g.path),
        };
        let Some(directory) = directory else {
            return Ok(()); // the plan was made from the same layout
        };
        let path = directory.join(step.file.as_ref());
        match (write(&path, &step.value), &step.lacking) {
            (Ok(()), _) => Ok(()),
            (Err(error), lacking) if is_lacking(&error) => match lacking {
                Lacking::Fail => Err(error),
                Lacking::Ignore => Ok(()),
                Lacking::Warn(words) => {
                    warnings.push((*words).to_owned());
                    Ok(())
                }
                Lacking::Refuse(words) => Err(CgroupError::Refused((*words).to_owned())),
                Lacking::Instead(other) => self.write(other, warnings),
            },
            (Err(CgroupError::Write { source, .. }), _)
                if step.file == RT_RUNTIME && source.kind() == io::ErrorKind::InvalidInput =>
            {
                let value = step.value.clone();
                Err(CgroupError::RealTime { path, value })
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Takes every limit off every block device that has one: a list of new ones does not say
    /// which were there before.
    fn free_block_devices(&self) -> Result<(), CgroupError> {
        if let Some(group) = self.v1_with(Controller::Blkio) {
            for file in ["read_bps", "write_bps", "read_iops", "write_iops"] {
                let file = group.path.join(format!("blkio.throttle.{file}_device"));
                free(&file, "0")?;
            }
        } else if let Some(group) = &self.v2 {
            let nothing = "rbps=max wbps=max riops=max wiops=max";
            free(&group.path.join("io.max"), nothing)?;
        }
        Ok(())
    }
}

/// The kernel has no such file, or as with weights of a device no scheduler that heeds it.
fn is_lacking(error: &CgroupError) -> bool {
    let unsupported = matches!(error, CgroupError::Write { source, .. }
        if source.raw_os_error() == Some(libc::EOPNOTSUPP));
    unsupported || error.is_missing()
}

/// Writes `nothing` for every device in a file of `major:minor limit` lines.
fn free(file: &Path, nothing: &str) -> Result<(), CgroupError> {
    for line in fs::read_to_string(file).unwrap_or_default().lines() {
        if let Some((device, _)) = line.split_once(' ') {
            write(file, &format!("{device} {nothing}"))?;
        }
    }
    Ok(())
}
