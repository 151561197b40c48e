//! Limits by Docker's rules: what makes sense, and what a change leaves as it was. Pure.

use orlop_model::limits::{BlockLimits, Limits};

use crate::EngineError;

/// Less memory than this, and nothing would start (Docker's own floor).
const LEAST_MEMORY: u64 = 6 << 20;

/// Limits as the kernel is to have them.
pub(super) fn limits(asked: &Limits, cpus: u32) -> Result<Limits, EngineError> {
    let mut limits = asked.clone();
    if limits.memory.is_some_and(|bytes| bytes < LEAST_MEMORY) {
        return Err(EngineError::field(
            "memory",
            "Minimum memory limit allowed is 6MB",
        ));
    }
    match (limits.memory, limits.memory_swap) {
        (Some(memory), None) => limits.memory_swap = i64::try_from(memory.saturating_mul(2)).ok(),
        (Some(memory), Some(swap)) if swap >= 0 && swap.unsigned_abs() < memory => {
            return Err(EngineError::field(
                "memory_swap",
                "Minimum memoryswap limit should be larger than memory limit",
            ));
        }
        (None, Some(swap)) if swap > 0 => {
            return Err(EngineError::field(
                "memory_swap",
                "You should always set the Memory limit when using Memoryswap limit",
            ));
        }
        _ => {}
    }
    if limits
        .memory_swappiness
        .is_some_and(|eagerness| eagerness > 100)
    {
        return Err(EngineError::field(
            "memory_swappiness",
            "Invalid value: memory swappiness, valid memory swappiness range is 0-100",
        ));
    }
    let most = u64::from(cpus) * 1_000_000_000;
    if limits
        .nano_cpus
        .is_some_and(|nanos| nanos < 10_000_000 || nanos > most)
    {
        return Err(EngineError::field(
            "cpus",
            format!(
                "range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available"
            ),
        ));
    }
    cpu_time(&limits)?;
    block(&limits.block)?;
    Ok(limits)
}

/// CPU time in the kernel's ranges, asked for in one way only.
fn cpu_time(limits: &Limits) -> Result<(), EngineError> {
    let quota = limits.cpu_quota.is_some_and(|quota| quota > 0);
    if limits.nano_cpus.is_some() && (quota || limits.cpu_period.is_some()) {
        return Err(EngineError::field(
            "cpus",
            "Conflicting options: Nano CPUs cannot be set together with CPU Period or CPU Quota",
        ));
    }
    if limits
        .cpu_period
        .is_some_and(|period| !(1_000..=1_000_000).contains(&period))
    {
        return Err(EngineError::field(
            "cpu_period",
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ));
    }
    if limits
        .cpu_quota
        .is_some_and(|quota| (1..1_000).contains(&quota))
    {
        return Err(EngineError::field(
            "cpu_quota",
            "CPU cfs quota can not be less than 1ms (i.e. 1000)",
        ));
    }
    let period = limits.cpu_rt_period.and_then(|p| i64::try_from(p).ok());
    if let (Some(period), Some(runtime)) = (period, limits.cpu_rt_runtime)
        && runtime > period
    {
        return Err(EngineError::field(
            "cpu_rt_runtime",
            "cpu real-time runtime cannot be higher than cpu real-time period",
        ));
    }
    Ok(())
}

/// Weights in the range that every kernel can map.
fn block(block: &BlockLimits) -> Result<(), EngineError> {
    let of_devices = block.device_weights.iter().map(|device| device.weight);
    let mut weights = block.weight.into_iter().chain(of_devices);
    if weights.any(|weight| !(10..=1_000).contains(&weight)) {
        return Err(EngineError::field(
            "blkio_weight",
            "Range of blkio weight is from 10 to 1000",
        ));
    }
    Ok(())
}

/// Limits in which what is set in `new` replaces what was. Swap that was made up for the memory
/// is made up anew.
pub(super) fn overlaid(old: Limits, new: Limits) -> Limits {
    let made_up = old
        .memory
        .is_some_and(|memory| i64::try_from(memory.saturating_mul(2)).ok() == old.memory_swap);
    let swap = old
        .memory_swap
        .filter(|_| !(made_up && new.memory.is_some()));
    let list = |new: Vec<_>, old| if new.is_empty() { old } else { new };
    let (block, before) = (new.block, old.block);
    // One way of telling CPU time takes the place of the other.
    let in_quota = new.cpu_quota.is_some() || new.cpu_period.is_some();
    let nano_cpus = old.nano_cpus.filter(|_| !in_quota);
    let keep = new.nano_cpus.is_none();
    Limits {
        memory: new.memory.or(old.memory),
        memory_swap: new.memory_swap.or(swap),
        memory_reservation: new.memory_reservation.or(old.memory_reservation),
        nano_cpus: new.nano_cpus.or(nano_cpus),
        cpu_quota: new.cpu_quota.or(old.cpu_quota.filter(|_| keep)),
        cpu_period: new.cpu_period.or(old.cpu_period.filter(|_| keep)),
        cpu_shares: new.cpu_shares.or(old.cpu_shares),
        cpuset_cpus: new.cpuset_cpus.or(old.cpuset_cpus),
        cpuset_mems: new.cpuset_mems.or(old.cpuset_mems),
        pids: new.pids.or(old.pids),
        memory_swappiness: new.memory_swappiness.or(old.memory_swappiness),
        oom_kill_disable: new.oom_kill_disable.or(old.oom_kill_disable),
        cpu_rt_period: new.cpu_rt_period.or(old.cpu_rt_period),
        cpu_rt_runtime: new.cpu_rt_runtime.or(old.cpu_rt_runtime),
        block: BlockLimits {
            weight: block.weight.or(before.weight),
            device_weights: if block.device_weights.is_empty() {
                before.device_weights
            } else {
                block.device_weights
            },
            read_bps: list(block.read_bps, before.read_bps),
            write_bps: list(block.write_bps, before.write_bps),
            read_iops: list(block.read_iops, before.read_iops),
            write_iops: list(block.write_iops, before.write_iops),
        },
        huge_pages: if new.huge_pages.is_empty() {
            old.huge_pages
        } else {
            new.huge_pages
        },
    }
}

#[cfg(test)]
mod tests {
    use orlop_model::device::BlockDevice;
    use orlop_model::limits::BlockRate;

    use super::*;

    #[test]
    fn more_memory_takes_the_swap_that_was_made_up_with_it() {
        let asked = |memory, memory_swap| Limits {
            memory: Some(memory),
            memory_swap,
            ..Limits::default()
        };
        let old = limits(&asked(64 << 20, None), 1).expect("valid");
        let new = limits(&overlaid(old.clone(), asked(256 << 20, None)), 1).expect("valid");
        assert_eq!(new.memory_swap, Some(512 << 20));
        let fixed = overlaid(asked(64 << 20, Some(65 << 20)), asked(256 << 20, None));
        assert!(limits(&fixed, 1).is_err());
        let unlimited = overlaid(asked(64 << 20, Some(-1)), asked(256 << 20, None));
        assert_eq!(unlimited.memory_swap, Some(-1));
        let other = Limits {
            pids: Some(9),
            ..Limits::default()
        };
        assert_eq!(overlaid(old.clone(), other).memory_swap, old.memory_swap);
    }

    #[test]
    fn cpu_time_is_told_in_one_way() {
        let cpus = Limits {
            nano_cpus: Some(1_000_000_000),
            ..Limits::default()
        };
        let quota = Limits {
            cpu_quota: Some(50_000),
            ..Limits::default()
        };
        let new = overlaid(cpus.clone(), quota.clone());
        assert_eq!((new.nano_cpus, new.cpu_quota), (None, Some(50_000)));
        let new = overlaid(quota.clone(), cpus.clone());
        assert_eq!((new.nano_cpus, new.cpu_quota), (cpus.nano_cpus, None));
        let both = Limits {
            cpu_quota: Some(50_000),
            ..cpus
        };
        assert!(limits(&both, 2).is_err());
    }

    #[test]
    fn what_the_kernel_would_refuse_is_refused_by_name() {
        let none = Limits::default;
        for (wrong, field) in [
            (
                Limits {
                    memory_swappiness: Some(101),
                    ..none()
                },
                "swappiness",
            ),
            (
                Limits {
                    cpu_period: Some(10),
                    ..none()
                },
                "period",
            ),
            (
                Limits {
                    cpu_quota: Some(10),
                    ..none()
                },
                "quota",
            ),
            (
                Limits {
                    cpu_rt_period: Some(1),
                    cpu_rt_runtime: Some(2),
                    ..none()
                },
                "real-time",
            ),
            (
                Limits {
                    block: BlockLimits {
                        weight: Some(9),
                        ..BlockLimits::default()
                    },
                    ..none()
                },
                "blkio weight",
            ),
        ] {
            let error = limits(&wrong, 2).expect_err(field);
            assert!(error.to_string().contains(field), "{error}");
        }
    }

    #[test]
    fn a_list_of_devices_takes_the_place_of_the_one_before() {
        let rates = |rate| Limits {
            block: BlockLimits {
                read_bps: vec![BlockRate {
                    device: BlockDevice::Number(8, 0),
                    rate,
                }],
                ..BlockLimits::default()
            },
            ..Limits::default()
        };
        assert_eq!(overlaid(rates(1), rates(2)), rates(2));
        assert_eq!(overlaid(rates(1), Limits::default()), rates(1));
    }
}
