//! Namespaces that a container shares with the host or with others: names become ids, and what
//! cannot go together is refused in Docker's words.

use orlop_model::container::Container;
use orlop_model::id::ContainerId;
use orlop_model::namespace::{IpcMode, NamespaceMode, Namespaces, Share};
use orlop_model::network::NetworkMode;
use orlop_model::request::ContainerRequest;

use crate::{Engine, EngineError, ErrorKind};

/// What a request's namespaces come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    pub(super) namespaces: Namespaces,
    /// Whose network it has, and the host name that comes with it.
    pub(super) network: Option<(ContainerId, String)>,
}

impl Engine {
    /// Decides on a request's namespaces, and puts full ids in place of names, since names change.
    pub(super) async fn share(
        &self,
        request: &mut ContainerRequest,
    ) -> Result<Shared, EngineError> {
        let user = has_own_users(request, self.config().user_namespaces);
        check(request, user)?;
        let network = self.share_network(request).await?;
        let wanted = &mut request.host.namespaces;
        let pid = match &mut wanted.pid {
            NamespaceMode::Private => Share::Own,
            NamespaceMode::Host => Share::Host,
            NamespaceMode::Container(which) => {
                let donor = self.donor(which).await?;
                donor.id.as_str().clone_into(which);
                Share::Of(donor.id)
            }
        };
        let ipc = match &mut wanted.ipc {
            IpcMode::Private | IpcMode::Shareable | IpcMode::None => Share::Own,
            IpcMode::Host => Share::Host,
            IpcMode::Container(which) => {
                let donor = self.donor(which).await?;
                if matches!(
                    donor.request.host.namespaces.ipc,
                    IpcMode::Private | IpcMode::None
                ) {
                    return Err(EngineError::conflict(format!(
                        "can't join IPC of container {which}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
                    )));
                }
                donor.id.as_str().clone_into(which);
                Share::Of(donor.id)
            }
        };
        let own_or_host = |mode: &NamespaceMode| match mode {
            NamespaceMode::Host => Share::Host,
            _ => Share::Own,
        };
        Ok(Shared {
            namespaces: Namespaces {
                pid,
                ipc,
                uts: own_or_host(&wanted.uts),
                cgroup: own_or_host(&wanted.cgroup),
                user,
            },
            network,
        })
    }

    async fn share_network(
        &self,
        request: &mut ContainerRequest,
    ) -> Result<Option<(ContainerId, String)>, EngineError> {
        let NetworkMode::Container(which) = &mut request.host.network else {
            return Ok(None);
        };
        let donor = self.donor(which).await?;
        donor.id.as_str().clone_into(which);
        let spec = self.records().spec(&donor.id).await?;
        let spec =
            spec.ok_or_else(|| EngineError::internal("the container's specification is gone"))?;
        Ok(Some((donor.id, spec.hostname)))
    }

    /// The container whose namespace is to be shared. That there is none is a fault of the request
    /// and not a thing that was not found: Docker's client would go and fetch the image.
    async fn donor(&self, which: &str) -> Result<Container, EngineError> {
        match self.find(which).await {
            Ok((donor, _)) => Ok(donor),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(EngineError::invalid(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }
}

fn has_own_users(request: &ContainerRequest, by_default: bool) -> bool {
    match &request.host.namespaces.user {
        None => by_default,
        Some(mode) => *mode == NamespaceMode::Private,
    }
}

/// What cannot go together.
fn check(request: &ContainerRequest, user: bool) -> Result<(), EngineError> {
    let host = &request.host;
    let refused = |field, message: &str| Err(EngineError::field(field, message));
    if host.namespaces.uts == NamespaceMode::Host && request.hostname.is_some() {
        return refused("hostname", "conflicting options: hostname and the UTS mode");
    }
    if let NetworkMode::Container(_) = host.network {
        for (asked, field, message) in [
            (
                request.hostname.is_some(),
                "hostname",
                "conflicting options: hostname and the network mode",
            ),
            (
                !host.ports.is_empty() || host.publish_all,
                "ports",
                "conflicting options: port publishing and the container type network mode",
            ),
            (
                !host.dns.is_empty() || !host.dns_search.is_empty(),
                "network",
                "conflicting options: dns and the network mode",
            ),
            (
                !host.extra_hosts.is_empty(),
                "network",
                "conflicting options: custom host-to-IP mapping and the network mode",
            ),
        ] {
            if asked {
                return refused(field, message);
            }
        }
    }
    if !user {
        return Ok(());
    }
    let joined = matches!(host.network, NetworkMode::Container(_))
        || matches!(host.namespaces.pid, NamespaceMode::Container(_))
        || matches!(host.namespaces.ipc, IpcMode::Container(_));
    if joined {
        return refused(
            "userns",
            "a container with a user namespace of its own cannot share namespaces of another: ask for --userns host",
        );
    }
    if host.privileged {
        return refused(
            "privileged",
            "privileged mode is incompatible with user namespaces. You must run the container in the host namespace when running privileged mode",
        );
    }
    if !host.devices.shown.is_empty() {
        return refused(
            "devices",
            "devices cannot be given to a container with a user namespace of its own: ask for --userns host",
        );
    }
    if host.network == NetworkMode::Host {
        return refused(
            "network",
            "cannot share the host's network namespace when user namespaces are enabled",
        );
    }
    if host.namespaces.pid == NamespaceMode::Host {
        return refused(
            "pid",
            "cannot share the host PID namespace when user namespaces are enabled",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(change: impl FnOnce(&mut ContainerRequest), user: bool) -> String {
        let mut request = ContainerRequest::default();
        change(&mut request);
        check(&request, user).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn what_cannot_go_together_is_refused() {
        assert_eq!(told(|_| {}, true), "fine");
        assert_eq!(told(|r| r.host.privileged = true, false), "fine");
        assert!(told(|r| r.host.privileged = true, true).contains("privileged"));
        assert!(told(|r| r.host.network = NetworkMode::Host, true).contains("network"));
        assert!(told(|r| r.host.namespaces.pid = NamespaceMode::Host, true).contains("PID"));
        let joined = NetworkMode::Container("x".to_owned());
        let named = |r: &mut ContainerRequest| {
            r.host.network = joined.clone();
            r.hostname = Some("a".to_owned());
        };
        assert!(told(named, false).contains("hostname"));
        let both = |r: &mut ContainerRequest| r.host.network = joined.clone();
        assert!(told(both, true).contains("--userns host"));
        let published = |r: &mut ContainerRequest| {
            r.host.network = joined.clone();
            r.host.publish_all = true;
        };
        assert!(told(published, false).contains("port publishing"));
    }

    #[test]
    fn a_request_wins_over_the_default_for_users() {
        let mut request = ContainerRequest::default();
        assert!(has_own_users(&request, true) && !has_own_users(&request, false));
        request.host.namespaces.user = Some(NamespaceMode::Host);
        assert!(!has_own_users(&request, true));
        request.host.namespaces.user = Some(NamespaceMode::Private);
        assert!(has_own_users(&request, false));
    }
}
