//! What the removal of an image by one of its names or by its ID takes away, by Docker's rules.
//!
//! Pure: facts in, a plan or a refusal out. Images that were built on it do not keep an image:
//! they have its layers themselves.

use std::collections::BTreeSet;

use orlop_model::id::{ContainerId, ImageId};
use orlop_model::reference::Reference;

/// What is known of an image that shall go.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The image.
    pub(crate) id: ImageId,
    /// Its names with tags.
    pub(crate) tags: Vec<Reference>,
    /// Its names with digests.
    pub(crate) digests: Vec<Reference>,
    /// Containers made of it, and whether each runs.
    pub(crate) containers: Vec<(ContainerId, bool)>,
}

/// What goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Names to take off.
    pub(crate) untag: Vec<Reference>,
    /// The image goes too.
    pub(crate) delete: bool,
}

/// Why it cannot go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Conflict {
    /// Its last name, while a container is made of it.
    #[error(
        "conflict: unable to remove repository reference \"{name}\" (must force) - container {container} is using its referenced image {image}"
    )]
    LastName {
        /// As it was given.
        name: String,
        /// Short id.
        container: String,
        /// Short id.
        image: String,
    },
    /// The image itself is needed.
    #[error("conflict: unable to delete {image} ({}) - {reason}", if *.hard { "cannot be forced" } else { "must be forced" })]
    Needed {
        /// Short id.
        image: String,
        /// Force does not help.
        hard: bool,
        /// By what.
        reason: String,
    },
}

/// Plans the removal; `named` is the name that was given, absent when it was an ID.
pub(crate) fn plan(
    facts: &Facts,
    named: Option<&Reference>,
    force: bool,
) -> Result<Plan, Conflict> {
    match named {
        Some(name) => plan_by_name(facts, name, force),
        None => plan_by_id(facts, force),
    }
}

fn plan_by_name(facts: &Facts, name: &Reference, force: bool) -> Result<Plan, Conflict> {
    if !force
        && has_one_name(facts)
        && let Some((container, _)) = facts.containers.first()
    {
        return Err(Conflict::LastName {
            name: name.familiar(),
            container: container.short().to_owned(),
            image: facts.id.short().to_owned(),
        });
    }
    let mut untag = vec![name.clone()];
    let repository = name.familiar_repository();
    let same_repository =
        |other: &&Reference| *other != name && other.familiar_repository() == repository;
    // With its last tag in a repository, an image's digests there go too.
    if name.tag().is_some() && !facts.tags.iter().any(|tag| same_repository(&tag)) {
        untag.extend(facts.digests.iter().filter(same_repository).cloned());
    }
    let names = facts.tags.iter().chain(&facts.digests);
    let keeps_a_name = names.clone().any(|other| !untag.contains(other));
    // The name is off in any case; what still needs the image only keeps it from going.
    let delete = !keeps_a_name && needed(facts, force).is_none();
    Ok(Plan { untag, delete })
}

fn plan_by_id(facts: &Facts, force: bool) -> Result<Plan, Conflict> {
    if let Some(conflict) = needed(facts, force) {
        return Err(conflict);
    }
    if !force && !has_one_name(facts) {
        return Err(conflict(
            facts,
            false,
            "image is referenced in multiple repositories".into(),
        ));
    }
    let untag = facts.tags.iter().chain(&facts.digests).cloned().collect();
    Ok(Plan {
        untag,
        delete: true,
    })
}

/// At most one tag, and every name in the same repository.
fn has_one_name(facts: &Facts) -> bool {
    let names = facts.tags.iter().chain(&facts.digests);
    let repositories: BTreeSet<_> = names.map(Reference::familiar_repository).collect();
    facts.tags.len() <= 1 && repositories.len() <= 1
}

fn needed(facts: &Facts, force: bool) -> Option<Conflict> {
    if let Some((container, _)) = facts.containers.iter().find(|(_, runs)| *runs) {
        let reason = format!(
            "image is being used by running container {}",
            container.short()
        );
        return Some(conflict(facts, true, reason));
    }
    let (container, _) = facts.containers.first().filter(|_| !force)?;
    let reason = format!(
        "image is being used by stopped container {}",
        container.short()
    );
    Some(conflict(facts, false, reason))
}

fn conflict(facts: &Facts, hard: bool, reason: String) -> Conflict {
    Conflict::Needed {
        image: facts.id.short().to_owned(),
        hard,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use orlop_model::id::Digest;

    use super::*;

    fn reference(text: &str) -> Reference {
        text.parse().expect(text)
    }

    fn facts(tags: &[&str], containers: &[bool]) -> Facts {
        let pinned = format!("debian@sha256:{}", "0a".repeat(32));
        Facts {
            id: Digest::from_sha256([0xaa; 32]),
            tags: tags.iter().map(|tag| reference(tag)).collect(),
            digests: if tags.is_empty() {
                vec![]
            } else {
                vec![reference(&pinned)]
            },
            containers: containers
                .iter()
                .map(|runs| (ContainerId::from_bytes([0xcc; 32]), *runs))
                .collect(),
        }
    }

    #[test]
    fn the_last_name_takes_the_image_along_and_an_earlier_one_does_not() {
        let one = facts(&["debian"], &[]);
        let plan_one = plan(&one, Some(&reference("debian")), false).expect("plan");
        assert_eq!((plan_one.untag.len(), plan_one.delete), (2, true));
        let two = facts(&["debian", "debian:12"], &[]);
        let plan_two = plan(&two, Some(&reference("debian:12")), false).expect("plan");
        assert_eq!(
            plan_two,
            Plan {
                untag: vec![reference("debian:12")],
                delete: false
            }
        );
    }

    #[test]
    fn a_container_keeps_its_image() {
        let used = facts(&["debian"], &[false]);
        let by_name = plan(&used, Some(&reference("debian")), false).expect_err("in use");
        assert_eq!(
            by_name.to_string(),
            "conflict: unable to remove repository reference \"debian:latest\" (must force) - \
             container cccccccccccc is using its referenced image aaaaaaaaaaaa"
        );
        let by_id = plan(&used, None, false).expect_err("in use");
        assert_eq!(
            by_id.to_string(),
            "conflict: unable to delete aaaaaaaaaaaa (must be forced) - \
             image is being used by stopped container cccccccccccc"
        );
        assert!(plan(&used, None, true).expect("forced").delete);
        let running = facts(&["debian"], &[true]);
        let forced = plan(&running, None, true).expect_err("runs");
        assert!(forced.to_string().contains("cannot be forced"), "{forced}");
        let by_name = plan(&running, Some(&reference("debian")), true).expect("name goes");
        assert!(!by_name.delete);
    }

    #[test]
    fn several_repositories_want_force() {
        let many = facts(&["debian", "other"], &[]);
        let error = plan(&many, None, false).expect_err("ambiguous");
        assert!(
            error
                .to_string()
                .ends_with("image is referenced in multiple repositories")
        );
        assert_eq!(plan(&many, None, true).expect("forced").untag.len(), 3);
    }
}
