//! What those who fill or read the series must know of the machines.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aops_api::HostId;
use aops_service::log::chain;

use crate::config::NODE_JOB;
use crate::series::first_samples::FirstSamples;
use crate::series::scrape::{Inventory, InventoryError, Target};
use crate::series::{Addresses, AddressesAnswer};
use crate::store::{ScrapeTarget, Tables};

/// The machines of the tables, for the scraper.
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

/// The machines of the tables, where Prometheus scrapes them.
#[derive(Clone)]
pub(crate) struct ScrapedMachines(pub(crate) Arc<Tables>);

impl fmt::Debug for ScrapedMachines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the machines of the tables")
    }
}

impl Addresses for ScrapedMachines {
    fn addresses(&self) -> AddressesAnswer<'_> {
        Box::pin(async {
            let targets = self.0.scrape_targets().await?;
            let address = |target: ScrapeTarget| (target.host_id, target.metrics_address);
            Ok(targets.into_iter().map(address).collect())
        })
    }
}

impl FirstSamples for ScrapedMachines {
    async fn without(&self) -> Result<Vec<HostId>, String> {
        let targets = self.0.scrape_targets().await.map_err(|error| chain(&error))?;
        let without = targets
            .into_iter()
            .filter(|target| target.first_sample_ms.is_none());
        Ok(without.map(|target| target.host_id).collect())
    }

    async fn found(&self, host_id: &HostId, time_ms: i64) -> Result<(), String> {
        let written = self.0.set_first_sample(host_id, time_ms).await;
        written.map_err(|error| chain(&error))
    }
}
