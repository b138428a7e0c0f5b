//! How the server is asked for the series of some hosts.

use std::collections::HashMap;

use aops_api::{HostId, Shard};

use super::promql::Condition;
use crate::series::{HOST, INSTANCE};

/// How hosts are asked for.
#[derive(Clone)]
pub(super) enum Whose {
    /// By the label that our service discovery attaches; all of one shard where shards are told apart.
    Host(Vec<HostId>),
    /// By address, of series without that label.
    Instance(Vec<(String, HostId)>),
}

impl Whose {
    pub(super) fn hosts(&self) -> Vec<HostId> {
        match self {
            Whose::Host(hosts) => hosts.clone(),
            Whose::Instance(owners) => owners.iter().map(|(_, host_id)| host_id.clone()).collect(),
        }
    }

    /// Two halves, of more than one host.
    pub(super) fn halves(&self) -> Option<[Self; 2]> {
        match self {
            Whose::Host(hosts) => {
                let (one, other) = hosts.split_at(hosts.len() / 2);
                (!one.is_empty()).then(|| [Whose::Host(one.to_vec()), Whose::Host(other.to_vec())])
            }
            Whose::Instance(owners) => {
                let (one, other) = owners.split_at(owners.len() / 2);
                (!one.is_empty()).then(|| [Whose::Instance(one.to_vec()), Whose::Instance(other.to_vec())])
            }
        }
    }

    /// The labels by which to ask.
    pub(super) fn conditions(&self, shard_label: Option<&str>) -> Vec<Condition> {
        match self {
            Whose::Host(hosts) => {
                let shard = shard_label.zip(hosts.first()).map(|(label, host_id)| {
                    let shard = Shard::of(host_id).to_string();
                    Condition::one_of(label, [shard.as_str()])
                });
                let mut conditions = vec![Condition::one_of(HOST, hosts.iter().map(HostId::as_str))];
                conditions.extend(shard);
                conditions
            }
            Whose::Instance(owners) => vec![
                Condition::one_of(HOST, [""]),
                Condition::one_of(INSTANCE, owners.iter().map(|(address, _)| address.as_str())),
            ],
        }
    }

    /// Whose a series with these labels is; more than one when machines share an address.
    pub(super) fn owners(&self) -> HashMap<&str, Vec<&HostId>> {
        let mut owners: HashMap<&str, Vec<&HostId>> = HashMap::new();
        match self {
            Whose::Host(hosts) => {
                owners.extend(hosts.iter().map(|host_id| (host_id.as_str(), vec![host_id])));
            }
            Whose::Instance(list) => {
                for (address, host_id) in list {
                    owners.entry(address).or_default().push(host_id);
                }
            }
        }
        owners
    }

    /// The label that says whose a series is.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Whose::Host(_) => HOST,
            Whose::Instance(_) => INSTANCE,
        }
    }
}
