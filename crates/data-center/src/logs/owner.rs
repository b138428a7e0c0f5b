//! Whose a line is: by its `host_id`, else by the address or name it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use aops_api::HostId;
use aops_api::host::Machine;

/// Whose a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner<'a> {
    /// A host that was asked for.
    Host(&'a HostId),
    /// One of several machines with this address, of which at least one was asked for.
    OneOf {
        /// The address, or the name, as the line has it.
        address: &'a str,
        /// The machines.
        machines: &'a BTreeSet<HostId>,
    },
    /// Nobody that was asked for.
    Other,
}

/// The hosts that were asked for, and the machines that share their addresses.
#[derive(Debug)]
pub(super) struct Owners {
    hosts: BTreeSet<HostId>,
    by_address: BTreeMap<String, BTreeSet<HostId>>,
}

impl Owners {
    /// A machine's address may be a name, too. Users' display names are no evidence: anyone may choose any. Nor are
    /// addresses of a machine to itself, which all machines have.
    pub(super) fn new(hosts: &[HostId], machines: &[Machine]) -> Self {
        let hosts: BTreeSet<HostId> = hosts.iter().cloned().collect();
        let mut by_address: BTreeMap<String, BTreeSet<HostId>> = BTreeMap::new();
        for machine in machines.iter().filter(|machine| !is_own(&machine.address)) {
            let here = by_address.entry(machine.address.clone()).or_default();
            here.insert(machine.host_id.clone());
        }
        by_address.retain(|_, machines| !machines.is_disjoint(&hosts));
        Self { hosts, by_address }
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = &HostId> {
        self.hosts.iter()
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        self.by_address.keys().map(String::as_str)
    }

    /// Addresses that are this host's and nobody else's.
    pub(super) fn addresses_of<'a>(&'a self, host_id: &'a HostId) -> impl Iterator<Item = &'a str> {
        let own = self
            .by_address
            .iter()
            .filter(move |(_, machines)| machines.len() == 1 && machines.contains(host_id));
        own.map(|(address, _)| address.as_str())
    }

    pub(super) fn owner(&self, host_id: &str, address: &str, name: &str) -> Owner<'_> {
        let host_id = host_id.trim();
        if !host_id.is_empty() {
            return match self.hosts.get(&HostId::from(host_id)) {
                Some(host_id) => Owner::Host(host_id),
                None => Owner::Other,
            };
        }
        let known = [address, name]
            .into_iter()
            .find_map(|text| self.by_address.get_key_value(text));
        match known {
            None => Owner::Other,
            Some((address, machines)) if machines.len() > 1 => Owner::OneOf { address, machines },
            Some((_, machines)) => machines.first().map_or(Owner::Other, Owner::Host),
        }
    }
}

fn is_own(address: &str) -> bool {
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address.is_unspecified(),
        Err(_) => address.is_empty() || address == "localhost" || address.starts_with("localhost."),
    }
}

#[cfg(test)]
mod tests {
    use aops_api::Shard;

    use super::*;

    fn machine(host_id: &str, address: &str) -> Machine {
        Machine {
            host_id: HostId::from(host_id),
            address: address.to_owned(),
            shard: Shard::of(&HostId::from(host_id)),
            first_sample_ms: None,
        }
    }

    #[test]
    fn a_host_id_decides_and_else_an_address_that_one_machine_has() {
        let machines = [
            machine("a", "10.0.0.1"),
            machine("b", "10.0.0.2"),
            machine("c", "10.0.0.2"),
            machine("d", "d.example"),
            machine("e", "127.0.0.1"),
            machine("f", "10.0.0.6"),
        ];
        let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(HostId::from);
        let owners = Owners::new(&[a.clone(), b.clone(), d.clone(), e.clone()], &machines);
        assert_eq!(owners.owner("a", "10.0.0.2", ""), Owner::Host(&a));
        assert_eq!(owners.owner("e\n", "", ""), Owner::Host(&e));
        assert_eq!(owners.owner("f", "10.0.0.1", ""), Owner::Other, "not asked for");
        assert_eq!(owners.owner("", "10.0.0.1", "d.example"), Owner::Host(&a));
        assert_eq!(owners.owner("", "127.0.0.1", "d.example"), Owner::Host(&d));
        assert_eq!(owners.owner("", "127.0.0.1", ""), Owner::Other);
        assert_eq!(owners.owner("", "10.0.0.6", ""), Owner::Other);
        assert_eq!(owners.owner("", "", ""), Owner::Other);
        let both = BTreeSet::from([b.clone(), c]);
        let ambiguous = Owner::OneOf {
            address: "10.0.0.2",
            machines: &both,
        };
        assert_eq!(owners.owner("", "10.0.0.2", ""), ambiguous);
        assert_eq!(owners.addresses_of(&a).collect::<Vec<_>>(), ["10.0.0.1"]);
        assert_eq!(owners.addresses_of(&b).count(), 0);
        assert_eq!(
            owners.addresses().collect::<Vec<_>>(),
            ["10.0.0.1", "10.0.0.2", "d.example"]
        );
    }
}
