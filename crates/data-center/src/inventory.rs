//! What the scraper must know of the machines.

use std::sync::Arc;
use std::time::Duration;

use aops_api::HostId;

use crate::config::NODE_JOB;
use crate::series::scrape::{Inventory, InventoryError, Target};
use crate::store::Tables;

/// The machines of the tables.
pub(crate) struct Machines {
    pub(crate) tables: Arc<Tables>,
    pub(crate) interval: Duration,
}

impl Inventory for Machines {
    async fn targets(&self) -> Result<Vec<Target>, InventoryError> {
        let targets = self.tables.scrape_targets().await?;
        Ok(targets
            .into_iter()
            .map(|target| Target {
                host_id: target.host_id,
                address: target.metrics_address,
                job: NODE_JOB.to_owned(),
                interval: self.interval,
            })
            .collect())
    }

    async fn first_sample(&self, host_id: &HostId, time_ms: i64) -> Result<(), InventoryError> {
        Ok(self.tables.set_first_sample(host_id, time_ms).await?)
    }
}
