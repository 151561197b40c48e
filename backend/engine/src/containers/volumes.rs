//! Mounts that a container takes over from others, and volumes that go with the last that has them.

use std::collections::BTreeMap;

use orlop_model::container::Container;
use orlop_model::mount::{Mount, MountSource};
use orlop_model::name::VolumeName;
use orlop_model::request::ContainerRequest;
use orlop_wire::request::Request;

use crate::{Engine, EngineError, ErrorKind};

impl Engine {
    /// Adds the mounts of the containers that `--volumes-from` names.
    pub(super) async fn inherit_mounts(
        &self,
        request: &mut ContainerRequest,
    ) -> Result<(), EngineError> {
        let mut others = Vec::new();
        for from in &request.host.volumes_from {
            let (record, _) = self.find(&from.container).await?;
            others.push((record, from.read_only));
        }
        inherit(request, &others);
        Ok(())
    }

    /// Removes the anonymous volumes of a container that is gone, save those that others have
    /// taken over.
    pub(super) async fn remove_anonymous_volumes(&self, gone: &Container) {
        let volumes: Vec<_> = anonymous(gone).cloned().collect();
        if volumes.is_empty() {
            return;
        }
        let others = match self.records().containers().await {
            Ok(others) => others,
            Err(error) => {
                tracing::warn!(%error, "anonymous volumes were left behind");
                return;
            }
        };
        let is_used = |name: &VolumeName| {
            let mut others = others.iter().filter(|other| other.id != gone.id);
            others.any(|other| uses(other, name))
        };
        for name in volumes.into_iter().filter(|name| !is_used(name)) {
            let request = Request::RemoveVolume { name: name.clone() };
            if let Err(error) = self.worker().done(request).await
                && error.kind() != ErrorKind::NotFound
            {
                tracing::warn!(volume = %name, %error, "an anonymous volume was left behind");
            }
        }
    }
}

fn anonymous(container: &Container) -> impl Iterator<Item = &VolumeName> {
    let mounts = container.request.host.mounts.iter();
    mounts.filter_map(|mount| match &mount.source {
        MountSource::Volume {
            name,
            anonymous: true,
            ..
        } => Some(name),
        _ => None,
    })
}

fn uses(container: &Container, wanted: &VolumeName) -> bool {
    let mut mounts = container.request.host.mounts.iter();
    mounts.any(|mount| matches!(&mount.source, MountSource::Volume { name, .. } if name == wanted))
}

/// The later of two containers wins where both mount at a place, and the request over both.
fn inherit(request: &mut ContainerRequest, others: &[(Container, bool)]) {
    let place = |mount: &Mount| mount.target.trim_end_matches('/').to_owned();
    let mut inherited = BTreeMap::new();
    for (other, read_only) in others {
        for mount in &other.request.host.mounts {
            // Memory is each container's own.
            if matches!(mount.source, MountSource::Tmpfs { .. }) {
                continue;
            }
            let mut mount = mount.clone();
            mount.read_only |= read_only;
            inherited.insert(place(&mount), mount);
        }
    }
    for own in &request.host.mounts {
        inherited.remove(&place(own));
    }
    request.host.mounts.extend(inherited.into_values());
}

#[cfg(test)]
mod tests {
    use orlop_model::container::State;
    use orlop_model::id::{ContainerId, Digest};

    use super::*;

    fn container(mounts: &[&str]) -> Container {
        let mut request = ContainerRequest::default();
        let mounts = mounts.iter().map(|text| Mount::parse_volume(text));
        request.host.mounts = mounts.collect::<Result<_, _>>().expect("valid");
        Container {
            id: ContainerId::from_bytes([1; 32]),
            name: "web".parse().expect("name"),
            request,
            image_id: Digest::from_sha256([2; 32]),
            args: Vec::new(),
            env: Vec::new(),
            workdir: String::new(),
            user: String::new(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            state: State::default(),
            endpoint: None,
            ports: Vec::new(),
        }
    }

    #[test]
    fn the_later_wins_and_the_request_wins_over_all() {
        let others = [
            (container(&["aa:/a", "bb:/b", "/h:/h:ro"]), false),
            (container(&["cc:/b/", "dd:/d"]), true),
        ];
        let mut request = container(&["own:/a"]).request;
        request.host.mounts.push(Mount::tmpfs("/t".to_owned(), ""));
        inherit(&mut request, &others);
        let mut seen: Vec<_> = request
            .host
            .mounts
            .iter()
            .map(|mount| match &mount.source {
                MountSource::Volume { name, .. } => (name.to_string(), mount.read_only),
                MountSource::Bind { path, .. } => (path.clone(), mount.read_only),
                MountSource::Tmpfs { .. } => ("tmpfs".to_owned(), false),
            })
            .collect();
        seen.sort();
        let expected = [
            ("/h", true),
            ("cc", true),
            ("dd", true),
            ("own", false),
            ("tmpfs", false),
        ];
        assert_eq!(seen, expected.map(|(name, ro)| (name.to_owned(), ro)));
    }

    #[test]
    fn a_volume_is_in_use_where_another_has_it() {
        let other = container(&["data:/x"]);
        assert!(uses(&other, &"data".parse().expect("name")));
        assert!(!uses(&other, &"else".parse().expect("name")));
        assert_eq!(anonymous(&container(&["/x", "data:/y"])).count(), 1);
    }
}
