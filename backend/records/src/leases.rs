//! Addresses that containers hold.

use std::net::Ipv4Addr;

use orlop_model::id::ContainerId;

use crate::{Records, RecordsError};

impl Records {
    /// Gives a container the first free address of a range, or the one that it holds already;
    /// `None` when every address is held.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn lease_address(
        &self,
        container: &ContainerId,
        first: Ipv4Addr,
        last: Ipv4Addr,
    ) -> Result<Option<Ipv4Addr>, RecordsError> {
        let (first, last) = (u32::from(first), u32::from(last));
        let mut transaction = self.writer().begin().await?;
        let held: Option<u32> =
            sqlx::query_scalar("SELECT address FROM leases WHERE container = ?")
                .bind(container.as_str())
                .fetch_optional(&mut *transaction)
                .await?;
        if let Some(held) = held.filter(|held| (first..=last).contains(held)) {
            return Ok(Some(held.into()));
        }
        let free: Option<u32> = sqlx::query_scalar(
            "SELECT candidate FROM (
                 SELECT ?1 AS candidate
                 UNION ALL
                 SELECT address + 1 FROM leases WHERE address >= ?1 AND address < ?2
             ) WHERE NOT EXISTS (SELECT 1 FROM leases WHERE address = candidate)
             ORDER BY candidate LIMIT 1",
        )
        .bind(first)
        .bind(last)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(free) = free else { return Ok(None) };
        sqlx::query("INSERT OR REPLACE INTO leases (address, container) VALUES (?, ?)")
            .bind(free)
            .bind(container.as_str())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(free.into()))
    }

    /// Takes a container's address back.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn release_address(&self, container: &ContainerId) -> Result<(), RecordsError> {
        sqlx::query("DELETE FROM leases WHERE container = ?")
            .bind(container.as_str())
            .execute(self.writer())
            .await?;
        Ok(())
    }
}
