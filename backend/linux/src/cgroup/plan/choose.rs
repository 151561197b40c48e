//! Which controller takes which limit, in which version.

use orlop_model::limits::Limits;

use super::super::layout::{Controller, Layout};
use super::write::{Lacking, Out, Place, Plan};
use super::{block, cpu, memory};

/// What a container's limits need on a fresh group.
#[must_use]
pub fn initial(limits: &Limits, layout: &Layout) -> Plan {
    plan(limits, layout, false)
}

/// What makes a group in use have exactly these limits: what is not limited is set free.
#[must_use]
pub fn update(limits: &Limits, layout: &Layout) -> Plan {
    plan(limits, layout, true)
}

fn plan(limits: &Limits, layout: &Layout, reset: bool) -> Plan {
    let mut plan = Plan::default();
    let concerns = [
        (Controller::Memory, memory::is_asked(limits)),
        (Controller::Cpu, cpu::is_asked(limits)),
        (
            Controller::Cpuset,
            limits.cpuset_cpus.is_some() || limits.cpuset_mems.is_some(),
        ),
        (Controller::Pids, limits.pids.is_some()),
        (Controller::Blkio, limits.block != Default::default()),
        (Controller::Hugetlb, !limits.huge_pages.is_empty()),
    ];
    for (controller, asked) in concerns {
        let place = if layout.v1_of(controller).is_some() {
            Place::V1(controller)
        } else if layout.v2_has(controller) {
            Place::V2(controller)
        } else {
            if asked {
                plan.warnings.push(format!(
                    "the {} limits are not in force: this host has no such control group \
                     controller",
                    controller.name()
                ));
            }
            continue;
        };
        if !asked && !reset {
            continue;
        }
        let mut out = Out {
            place,
            reset,
            plan: &mut plan,
        };
        match controller {
            Controller::Memory => memory::plan(limits, &mut out),
            Controller::Cpu => cpu::plan(limits, &mut out),
            Controller::Cpuset => cpu::cpuset(limits, &mut out),
            Controller::Blkio => block::plan(&limits.block, &mut out),
            Controller::Hugetlb => huge_pages(limits, &mut out),
            _ => pids(limits, &mut out),
        }
    }
    plan
}

fn pids(limits: &Limits, out: &mut Out<'_>) {
    let max = limits.pids.filter(|n| *n > 0).map(|n| n.to_string());
    out.put("pids.max", max, "max");
}

/// Nothing is reset: that a size had a limit before is not known here.
fn huge_pages(limits: &Limits, out: &mut Out<'_>) {
    let suffix = if out.is_v2() { "max" } else { "limit_in_bytes" };
    for limit in &limits.huge_pages {
        let file = format!("hugetlb.{}.{suffix}", limit.size.as_str());
        let lacking = Lacking::Refuse("this host has no huge pages of the size that is limited");
        out.push(file, limit.bytes.to_string(), lacking);
    }
}
