//! Where rules are in effect.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::rule::CheckItem;
use aops_api::{HostId, SYSTEM_OWNER, Shard};

use super::database::Connection;
use super::{accounts, hosts};
use crate::error::Error;

/// Machines, and who sees which of them: decides on which hosts a rule is in effect for its owner.
pub(super) struct Reach {
    machines: Vec<HostId>,
    /// Owners to the groups in which they have their hosts.
    groups: BTreeMap<String, BTreeMap<HostId, String>>,
    admins: BTreeSet<String>,
}

impl Reach {
    /// Over the machines of one shard, or over all.
    pub(super) async fn load(connection: &mut Connection, shard: Option<Shard>) -> Result<Self, Error> {
        let mut groups: BTreeMap<String, BTreeMap<HostId, String>> = BTreeMap::new();
        for (owner, host, group) in hosts::accesses_in(connection, shard).await? {
            groups.entry(owner).or_default().insert(host, group);
        }
        Ok(Self {
            machines: hosts::machines_in(connection, shard).await?,
            groups,
            admins: accounts::admins(connection).await?,
        })
    }

    /// The rules of the system and of admins apply to every machine, those of others where the owner has an access. A
    /// scope narrows that: by host, or by group of the owner's own accesses.
    pub(super) fn hosts(&self, owner: &str, item: &CheckItem) -> BTreeSet<HostId> {
        if item.enabled == Some(false) {
            return BTreeSet::new();
        }
        let no_groups = BTreeMap::new();
        let groups = self.groups.get(owner).unwrap_or(&no_groups);
        let in_scope = |host: &HostId| {
            let group = groups.get(host);
            item.scope.as_ref().is_none_or(|scope| {
                scope.hosts.contains(host) || group.is_some_and(|group| scope.host_groups.contains(group))
            })
        };
        let sees_all = owner == SYSTEM_OWNER || self.admins.contains(owner);
        self.machines
            .iter()
            .filter(|host| (sees_all || groups.contains_key(*host)) && in_scope(host))
            .cloned()
            .collect()
    }
}
