//! Containers.

use orlop_model::container::Container;
use orlop_model::id::ContainerId;
use orlop_model::name::ContainerName;
use orlop_model::spec::ContainerSpec;

use crate::row::{from_json, micros, to_json};
use crate::{Records, RecordsError};

impl Records {
    /// Makes a container's record, with what a start of it sends.
    ///
    /// # Errors
    /// [`RecordsError::Taken`] if the name is in use.
    pub async fn insert_container(
        &self,
        container: &Container,
        spec: &ContainerSpec,
    ) -> Result<(), RecordsError> {
        sqlx::query(
            "INSERT INTO containers (id, name, image_id, status, created_at, record, spec) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(container.id.as_str())
        .bind(container.name.as_str())
        .bind(container.image_id.as_str())
        .bind(container.state.status.as_str())
        .bind(micros(container.created_at))
        .bind(to_json(container)?)
        .bind(to_json(spec)?)
        .execute(self.writer())
        .await
        .map_err(|error| taken(error, &container.name))?;
        Ok(())
    }

    /// Writes a changed record.
    ///
    /// # Errors
    /// [`RecordsError::Taken`] if the name is in use by another.
    pub async fn update_container(&self, container: &Container) -> Result<(), RecordsError> {
        sqlx::query("UPDATE containers SET name = ?, status = ?, record = ? WHERE id = ?")
            .bind(container.name.as_str())
            .bind(container.state.status.as_str())
            .bind(to_json(container)?)
            .bind(container.id.as_str())
            .execute(self.writer())
            .await
            .map_err(|error| taken(error, &container.name))?;
        Ok(())
    }

    /// Writes a record and the specification that changed with it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn update_container_and_spec(
        &self,
        container: &Container,
        spec: &ContainerSpec,
    ) -> Result<(), RecordsError> {
        sqlx::query("UPDATE containers SET status = ?, record = ?, spec = ? WHERE id = ?")
            .bind(container.state.status.as_str())
            .bind(to_json(container)?)
            .bind(to_json(spec)?)
            .bind(container.id.as_str())
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Takes a container's record and its address away.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_container(&self, id: &ContainerId) -> Result<(), RecordsError> {
        let mut transaction = self.writer().begin().await?;
        sqlx::query("DELETE FROM leases WHERE container = ?")
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM containers WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Every container, the newest first.
    ///
    /// # Errors
    /// If the database fails or a record is damaged.
    pub async fn containers(&self) -> Result<Vec<Container>, RecordsError> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT record FROM containers ORDER BY created_at DESC, id")
                .fetch_all(self.reader())
                .await?;
        rows.iter().map(|text| from_json(text)).collect()
    }

    /// One container by its id.
    ///
    /// # Errors
    /// If the database fails or the record is damaged.
    pub async fn container(&self, id: &ContainerId) -> Result<Option<Container>, RecordsError> {
        let row: Option<String> = sqlx::query_scalar("SELECT record FROM containers WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(self.reader())
            .await?;
        row.map(|text| from_json(&text)).transpose()
    }

    /// What a start of a container sends.
    ///
    /// # Errors
    /// If the database fails or the record is damaged.
    pub async fn spec(&self, id: &ContainerId) -> Result<Option<ContainerSpec>, RecordsError> {
        let row: Option<String> = sqlx::query_scalar("SELECT spec FROM containers WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(self.reader())
            .await?;
        row.map(|text| from_json(&text)).transpose()
    }

    /// The container of this name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn container_named(&self, name: &str) -> Result<Option<ContainerId>, RecordsError> {
        let row: Option<String> = sqlx::query_scalar("SELECT id FROM containers WHERE name = ?")
            .bind(name)
            .fetch_optional(self.reader())
            .await?;
        row.map(|id| id.parse().map_err(damaged)).transpose()
    }

    /// Up to two containers whose id begins so: two say that the prefix is not unique.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn containers_with_prefix(
        &self,
        prefix: &str,
    ) -> Result<Vec<ContainerId>, RecordsError> {
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM containers WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2",
        )
        .bind(prefix)
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(|id| id.parse().map_err(damaged)).collect()
    }
}

fn damaged(error: orlop_model::id::IdError) -> RecordsError {
    RecordsError::Damaged(error.to_string())
}

fn taken(error: sqlx::Error, name: &ContainerName) -> RecordsError {
    if RecordsError::is_unique_violation(&error) {
        RecordsError::Taken(format!("the container name \"/{name}\""))
    } else {
        error.into()
    }
}
