//! Whose series are, that have no `host_id`: those of the machine of which `instance` is the metrics address.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aops_api::HostId;
use tokio::time::Instant;

use super::MAXIMUM_PATH_BYTES;
use super::ask::Asker;
use super::plan::pieces;
use super::promql::{Condition, selector};
use crate::series::{HOST, INSTANCE};

/// The metrics addresses of the machines.
pub trait Addresses: Debug + Send + Sync {
    /// All machines with their address, `host:port`.
    fn addresses(&self) -> AddressesAnswer<'_>;
}

/// What [`Addresses`] answers.
pub type AddressesAnswer<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<(HostId, String)>, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// How long addresses are taken to be as they were.
const ADDRESSES_LAST: Duration = Duration::from_secs(5);
/// How long it is taken to be as it was, whether an address has series without `host_id`.
const LOOKS_LAST: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Owners {
    directory: Arc<dyn Addresses>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    read_at: Option<Instant>,
    addresses: HashMap<HostId, String>,
    /// By address: when we looked, and whether it has series without `host_id`.
    looks: HashMap<String, (Instant, bool)>,
}

impl Owners {
    pub(super) fn new(directory: Arc<dyn Addresses>) -> Self {
        Self {
            directory,
            known: Mutex::default(),
        }
    }

    /// Which of the hosts have series without `host_id`, with the `instance` of those.
    pub(super) async fn by_instance(
        &self,
        hosts: &[HostId],
        asker: &Asker,
        deadline: Instant,
    ) -> Result<Vec<(String, HostId)>, String> {
        self.read_addresses().await?;
        let (owned, unsure) = self.owned(hosts);
        if !unsure.is_empty() {
            match look(&unsure, asker, deadline).await {
                Ok(found) => self.remember(unsure, &found),
                // What was seen before is better than nothing, and nothing is better than half.
                Err(reason) if self.has_never_seen(&unsure) => return Err(reason),
                Err(_) => {}
            }
        }
        let known = self.known();
        let has_series = |address: &String| {
            known
                .looks
                .get(address)
                .is_some_and(|(_, has_series)| *has_series)
        };
        Ok(owned
            .into_iter()
            .filter(|(address, _)| has_series(address))
            .collect())
    }

    async fn read_addresses(&self) -> Result<(), String> {
        let read_at = self.known().read_at;
        if read_at.is_some_and(|read_at| read_at.elapsed() < ADDRESSES_LAST) {
            return Ok(());
        }
        match self.directory.addresses().await {
            Ok(addresses) => {
                let mut known = self.known();
                known.addresses = addresses.into_iter().collect();
                known.read_at = Some(Instant::now());
                let current: HashSet<String> = known.addresses.values().cloned().collect();
                known.looks.retain(|address, _| current.contains(address));
                Ok(())
            }
            Err(error) if read_at.is_none() => {
                Err(format!("the addresses of the machines are not known: {error}"))
            }
            Err(error) => {
                tracing::warn!(%error, "the addresses of the machines cannot be read; the old ones stay");
                Ok(())
            }
        }
    }

    /// The hosts by address, and the addresses at which we did not look lately.
    fn owned(&self, hosts: &[HostId]) -> (Vec<(String, HostId)>, BTreeSet<String>) {
        let known = self.known();
        let mut owned = Vec::new();
        let mut unsure = BTreeSet::new();
        for host_id in hosts {
            let Some(address) = known.addresses.get(host_id).filter(|address| !address.is_empty()) else {
                continue;
            };
            owned.push((address.clone(), host_id.clone()));
            let look = known.looks.get(address);
            if look.is_none_or(|(looked_at, _)| looked_at.elapsed() >= LOOKS_LAST) {
                unsure.insert(address.clone());
            }
        }
        (owned, unsure)
    }

    fn has_never_seen(&self, addresses: &BTreeSet<String>) -> bool {
        let known = self.known();
        addresses.iter().any(|address| !known.looks.contains_key(address))
    }

    fn remember(&self, addresses: BTreeSet<String>, found: &HashSet<String>) {
        let now = Instant::now();
        let mut known = self.known();
        for address in addresses {
            let has_series = found.contains(&address);
            known.looks.insert(address, (now, has_series));
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of the addresses have series without `host_id`, of whatever name and time. Only the index is read.
async fn look(
    addresses: &BTreeSet<String>,
    asker: &Asker,
    deadline: Instant,
) -> Result<HashSet<String>, String> {
    let list: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut found = HashSet::new();
    for piece in pieces(list, usize::MAX, MAXIMUM_PATH_BYTES, |address| address.len() + 8) {
        let conditions = [Condition::one_of(HOST, [""]), Condition::one_of(INSTANCE, piece)];
        let text = selector(&conditions);
        let parameters = [
            ("match[]", text.as_str()),
            ("start", "0"),
            ("end", super::END_OF_TIME),
        ];
        let values = asker
            .list::<String>("api/v1/label/instance/values", &parameters, deadline)
            .await
            .map_err(|error| error.reason)?;
        found.extend(values);
    }
    Ok(found)
}
