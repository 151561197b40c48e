//! Making a container: image, name, address, record.

use orlop_model::event::EventObject;
use orlop_model::id::ContainerId;
use orlop_model::image::Image;
use orlop_model::network::NetworkMode;
use orlop_model::request::ContainerRequest;
use orlop_records::RecordsError;
use orlop_wire::fault::{self, Point};

use super::merge::{Given, Host, merge};
use super::{CreatedContainer, names};
use crate::{Engine, EngineError, host, random};

/// Made-up names that are tried before one with a number.
const PLAIN_NAMES: u32 = 3;
/// Made-up names that are tried at all.
const TRIES: u32 = 20;

impl Engine {
    /// Makes a container; it does not run yet.
    ///
    /// # Errors
    /// Unknown image, name in use, or a request that makes no sense (with the field).
    pub async fn create_container(
        &self,
        request: ContainerRequest,
    ) -> Result<CreatedContainer, EngineError> {
        self.see_to_it(|engine| async move { engine.create(request).await })
            .await
    }

    async fn create(&self, request: ContainerRequest) -> Result<CreatedContainer, EngineError> {
        let image = self.inspect_image(&request.image).await?;
        let id = ContainerId::from_bytes(random::bytes32()?);
        let created = self.create_with(&id, request, &image).await;
        if created.is_err() {
            self.records().release_address(&id).await?;
        }
        created
    }

    async fn create_with(
        &self,
        id: &ContainerId,
        mut request: ContainerRequest,
        image: &Image,
    ) -> Result<CreatedContainer, EngineError> {
        let shared = self.share(&mut request).await?;
        self.inherit_mounts(&mut request).await?;
        let endpoint = match request.host.network {
            NetworkMode::Bridge => Some(self.plan_endpoint(id).await?),
            NetworkMode::None | NetworkMode::Host | NetworkMode::Container(_) => None,
        };
        let host = Host {
            name: host::hostname(),
            cpus: host::cpus(),
        };
        let warnings = self.check_limits(&request.host.limits).await?;
        let mut tries = 0;
        loop {
            let name = match &request.name {
                Some(name) => name.clone(),
                None => names::make_up(&random::bytes32()?, tries >= PLAIN_NAMES)
                    .parse()
                    .map_err(|error| EngineError::internal(format!("{error}")))?,
            };
            let given = Given {
                id: id.clone(),
                name,
                request: request.clone(),
                image,
                endpoint: endpoint.clone(),
                shared: shared.clone(),
                host: &host,
                now: jiff::Timestamp::now(),
            };
            let (container, spec) = merge(given, || Ok(hex::encode(random::bytes32()?)))?;
            match self.records().insert_container(&container, &spec).await {
                Err(RecordsError::Taken(_)) if request.name.is_none() && tries < TRIES => {
                    tries += 1;
                }
                Err(RecordsError::Taken(what)) => {
                    return Err(self.name_taken(&container.name, what).await);
                }
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    fault::reach(Point::CreateRecorded);
                    self.tell(EventObject::Container, "create", &container, []);
                    return Ok(CreatedContainer {
                        id: container.id,
                        warnings,
                    });
                }
            }
        }
    }

    /// Docker's words, which name the container that has the name.
    pub(super) async fn name_taken(
        &self,
        name: &orlop_model::name::ContainerName,
        what: String,
    ) -> EngineError {
        let holder = self
            .records()
            .container_named(name.as_str())
            .await
            .ok()
            .flatten();
        let holder = holder.map_or_else(String::new, |id| format!(" by container \"{id}\""));
        EngineError::field_conflict(
            "name",
            format!(
                "Conflict. {what} is already in use{holder}. You have to remove (or rename) that container to be able to reuse that name."
            ),
        )
    }

    /// Publishes an event of a container, with its name, image and labels.
    pub(super) fn tell(
        &self,
        object: EventObject,
        action: &str,
        container: &orlop_model::container::Container,
        more: impl IntoIterator<Item = (String, String)>,
    ) {
        let own = [
            ("name".to_owned(), container.name.as_str().to_owned()),
            ("image".to_owned(), container.request.image.clone()),
        ];
        let labels = container.request.labels.clone();
        self.publish(
            object,
            action,
            container.id.as_str(),
            labels.into_iter().chain(own).chain(more),
        );
    }
}
