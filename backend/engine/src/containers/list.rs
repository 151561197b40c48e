//! Lists of containers, and one alone.

use orlop_model::container::{Container, ContainerFilter};

use crate::{Engine, EngineError};

impl Engine {
    /// Containers, the newest first.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub async fn list_containers(
        &self,
        filter: &ContainerFilter,
    ) -> Result<Vec<Container>, EngineError> {
        let containers = self.records().containers().await?;
        let mut ancestors = Vec::new();
        for name in &filter.ancestor {
            if let Ok(image) = self.inspect_image(name).await {
                ancestors.push(image.id);
            }
        }
        let shown = containers.into_iter().filter(|container| {
            matches(container, filter)
                && (filter.ancestor.is_empty() || ancestors.contains(&container.image_id))
        });
        Ok(shown.take(filter.limit.unwrap_or(usize::MAX)).collect())
    }

    /// One container.
    ///
    /// # Errors
    /// If there is no such container.
    pub async fn inspect_container(&self, which: &str) -> Result<Container, EngineError> {
        Ok(self.find(which).await?.0)
    }
}

/// Whether a container is shown, apart from its image.
fn matches(container: &Container, filter: &ContainerFilter) -> bool {
    let any = |values: &[String], test: &dyn Fn(&str) -> bool| {
        values.is_empty() || values.iter().any(|value| test(value))
    };
    let status = container.state.status;
    let name = container.name.as_str();
    let exit_code = container.state.exit.as_ref().map(|exit| exit.code);
    let ended = !status.is_alive();
    (filter.all || status.is_alive() || !filter.status.is_empty())
        && (filter.status.is_empty() || filter.status.contains(&status))
        && (filter.health.is_empty()
            || filter
                .health
                .contains(&container.state.health.as_ref().map(|h| h.status)))
        && any(&filter.name, &|part| {
            name.contains(part.trim_start_matches('/'))
        })
        && any(&filter.id, &|part| container.id.as_str().starts_with(part))
        && filter.label.iter().all(|label| has_label(container, label))
        && (filter.exited.is_empty()
            || ended && exit_code.is_some_and(|c| filter.exited.contains(&c)))
        && filter
            .text
            .as_deref()
            .is_none_or(|text| has_text(container, text))
}

fn has_label(container: &Container, label: &str) -> bool {
    let (key, value) = label
        .split_once('=')
        .map_or((label, None), |(k, v)| (k, Some(v)));
    let found = container.request.labels.get(key);
    found.is_some_and(|found| value.is_none_or(|value| value == found))
}

fn has_text(container: &Container, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    container.name.as_str().to_lowercase().contains(&text)
        || container.request.image.to_lowercase().contains(&text)
        || container.id.as_str().starts_with(&text)
}
