//! What users do to machines: add, change and delete them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aops_api::account::ListOutcome;
use aops_api::{HostId, Shard};
use sqlx::any::AnyRow;
use sqlx::{Any, QueryBuilder, Row};

use super::database::Connection;
use super::{MAX_BOUND, Tables, Write, execute, fetch, push_in, slices};
use crate::account::Caller;
use crate::error::Error;
use crate::store::transact;

/// A machine to be added.
#[derive(Clone, Debug)]
pub struct HostToAdd {
    /// Taken when the machine is not known yet.
    pub host_id: HostId,
    /// Display name.
    pub host_name: String,
    /// A group of the owner.
    pub host_group_name: String,
    /// Address.
    pub address: String,
    /// Port of its SSH server.
    pub ssh_port: u16,
    /// Whether it is a managing node.
    pub management: bool,
    /// `host:port` of its agent.
    pub metrics_address: String,
}

/// What somebody is to have of a machine.
pub(super) struct NewAccess {
    pub(super) host_id: HostId,
    pub(super) host_name: String,
    pub(super) host_group_name: String,
    pub(super) management: bool,
    pub(super) credentials: Option<String>,
}

/// Why a machine was not added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddRefusal {
    /// It is there.
    Exists(String),
    /// It cannot be added so.
    Invalid(String),
}

/// A change of a machine; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct HostChange {
    /// Display name, of the caller's access.
    pub host_name: Option<String>,
    /// Group, of the caller's access.
    pub host_group_name: Option<String>,
    /// Of the caller's access.
    pub management: Option<bool>,
    /// Sealed, of the caller's access.
    pub credentials: Option<String>,
    /// Of the machine.
    pub address: Option<String>,
    /// Of the machine.
    pub ssh_port: Option<u16>,
    /// Of the machine's agent, when the address changes.
    pub metrics_address: Option<String>,
    /// Revision that the change is based on.
    pub revision: Option<i64>,
}

impl HostChange {
    fn is_of_access(&self) -> bool {
        self.host_name.is_some()
            || self.host_group_name.is_some()
            || self.management.is_some()
            || self.credentials.is_some()
    }

    fn is_of_machine(&self) -> bool {
        self.address.is_some() || self.ssh_port.is_some()
    }
}

/// What is known when machines are added.
pub(super) struct Known {
    groups: HashSet<String>,
    pub(super) own_names: HashSet<String>,
    pub(super) own_hosts: HashSet<HostId>,
    by_address: HashMap<(String, i64), HostId>,
}

impl Tables {
    /// Adds machines for a caller, each that can be. A machine that is known already, by address and port, is the same
    /// machine: an admin gets an access, others are refused. `seal` gives the credentials of the host with this number, once
    /// it is known which machine it is.
    pub async fn add_hosts(
        &self,
        caller: &Caller,
        hosts: &[HostToAdd],
        seal: impl Fn(usize, &HostId) -> String,
        now_ms: i64,
    ) -> Result<Vec<Result<HostId, AddRefusal>>, Error> {
        transact!(self, |write| {
            write.lock_revision("rules").await?;
            let mut known = load_known(write.connection(), &caller.username).await?;
            let mut outcomes = Vec::with_capacity(hosts.len());
            let (mut machines, mut accesses) = (Vec::new(), Vec::new());
            for (number, host) in hosts.iter().enumerate() {
                let outcome = known.place(caller, host);
                if let Ok((host_id, is_new)) = &outcome {
                    known.take(host_id, host);
                    accesses.push(NewAccess {
                        host_id: host_id.clone(),
                        host_name: host.host_name.clone(),
                        host_group_name: host.host_group_name.clone(),
                        management: host.management,
                        credentials: Some(seal(number, host_id)),
                    });
                    if *is_new {
                        machines.push(host);
                    }
                }
                outcomes.push(outcome.map(|(host_id, _)| host_id));
            }
            insert_machines(write, &machines, now_ms).await?;
            insert_accesses(write, &caller.username, &accesses, now_ms).await?;
            if !accesses.is_empty() {
                write.raise_revision("rules").await?;
            }
            Ok(outcomes)
        })
    }

    /// Sealed credentials of a user's accesses.
    pub async fn credentials(&self, owner: &str) -> Result<BTreeMap<HostId, String>, Error> {
        let rows = sqlx::query(
            "SELECT host_id, credentials FROM access WHERE owner = ? AND credentials IS NOT NULL",
        )
        .bind(owner.to_owned())
        .fetch_all(&self.database)
        .await?;
        rows.iter()
            .map(|row| Ok((HostId::new(row.try_get::<String, _>(0)?), row.try_get(1)?)))
            .collect()
    }

    /// Takes the caller's accesses to machines away, and machines with their last one. An admin who has no access deletes the
    /// machine with everybody's.
    pub async fn delete_hosts(&self, caller: &Caller, hosts: &[HostId]) -> Result<ListOutcome, Error> {
        transact!(self, |write| {
            write.lock_revision("rules").await?;
            let own: BTreeSet<HostId> = accesses_of(write.connection(), &caller.username)
                .await?
                .into_iter()
                .collect();
            let others = match caller.is_admin() {
                true => accesses_to(write.connection(), hosts).await?,
                false => BTreeMap::new(),
            };
            let mut outcome = ListOutcome::default();
            let mut by_owner: BTreeMap<&str, Vec<HostId>> = BTreeMap::new();
            for host in hosts {
                if outcome.succeed_list.iter().any(|done| done == host.as_str()) {
                    continue;
                }
                if own.contains(host) {
                    by_owner.entry(&caller.username).or_default().push(host.clone());
                } else if let Some(owners) = others.get(host) {
                    for owner in owners {
                        by_owner.entry(owner).or_default().push(host.clone());
                    }
                } else {
                    outcome.fail(host.as_str(), "there is no such host");
                    continue;
                }
                outcome.succeed_list.push(host.to_string());
            }
            for (owner, hosts) in &by_owner {
                drop_accesses(write, owner, hosts).await?;
            }
            if !by_owner.is_empty() {
                write.raise_revision("rules").await?;
            }
            Ok(outcome)
        })
    }

    /// Changes a machine as a caller sees it. What is the machine's own, its address, is changed by admins, and by who is the
    /// only one with an access.
    pub async fn modify_host(
        &self,
        caller: &Caller,
        host: &HostId,
        change: &HostChange,
    ) -> Result<(), Error> {
        transact!(self, |write| {
            write.lock_revision("rules").await?;
            let owners = accesses_to(write.connection(), std::slice::from_ref(host)).await?;
            let owners = owners.get(host).cloned().unwrap_or_default();
            let is_own = owners.contains(&caller.username);
            let is_seen = is_own || caller.is_admin() && is_machine(write.connection(), host).await?;
            if !is_seen {
                return Err(Error::Invalid(format!("host_id: there is no host {host}")));
            }
            if change.is_of_access() && !is_own {
                return Err(Error::Denied(
                    "name, group, management and credentials are those of an access, and you have none to this host"
                        .to_owned(),
                ));
            }
            check_revision(write.connection(), caller, host, is_own, change.revision).await?;
            if change.is_of_machine() {
                if !caller.is_admin() && owners.len() > 1 {
                    return Err(Error::Denied(
                        "others watch this host, too: an admin may change its address".to_owned(),
                    ));
                }
                change_machine(write, host, change).await?;
            }
            if change.is_of_access() {
                change_access(write, &caller.username, host, change).await?;
            }
            sqlx::query("UPDATE access SET revision = revision + 1 WHERE host_id = ?")
                .bind(host.as_str().to_owned())
                .execute(write.connection())
                .await?;
            write.raise_revision("rules").await
        })
    }
}

impl Known {
    /// Which machine it is and whether it is new; or why not.
    fn place(&self, caller: &Caller, host: &HostToAdd) -> Result<(HostId, bool), AddRefusal> {
        let group = &host.host_group_name;
        if !self.groups.contains(group) {
            return Err(AddRefusal::Invalid(format!(
                "host_group_name: there is no group {group}"
            )));
        }
        let name = &host.host_name;
        if self.own_names.contains(name) {
            return Err(AddRefusal::Exists(format!("host_name: you have a host {name}")));
        }
        let (address, port) = (&host.address, i64::from(host.ssh_port));
        match self.by_address.get(&(address.clone(), port)) {
            None => Ok((host.host_id.clone(), true)),
            Some(host_id) if self.own_hosts.contains(host_id) => Err(AddRefusal::Exists(format!(
                "public_ip: you have the host at {address} port {port}"
            ))),
            Some(host_id) if caller.is_admin() => Ok((host_id.clone(), false)),
            Some(_) => Err(AddRefusal::Exists(format!(
                "public_ip: somebody watches the host at {address} port {port}; an admin can grant you an access"
            ))),
        }
    }

    fn take(&mut self, host_id: &HostId, host: &HostToAdd) {
        self.own_names.insert(host.host_name.clone());
        self.own_hosts.insert(host_id.clone());
        let place = (host.address.clone(), i64::from(host.ssh_port));
        self.by_address.insert(place, host_id.clone());
    }
}

pub(super) async fn load_known(connection: &mut Connection, owner: &str) -> Result<Known, Error> {
    let groups = sqlx::query("SELECT name FROM host_group WHERE owner = ?")
        .bind(owner.to_owned())
        .fetch_all(&mut *connection)
        .await?;
    let own = sqlx::query("SELECT host_name, host_id FROM access WHERE owner = ?")
        .bind(owner.to_owned())
        .fetch_all(&mut *connection)
        .await?;
    let machines = sqlx::query("SELECT address, ssh_port, host_id FROM machine")
        .fetch_all(&mut *connection)
        .await?;
    let host_id = |row: &AnyRow, column: usize| row.try_get::<String, _>(column).map(HostId::new);
    let mut known = Known {
        groups: HashSet::new(),
        own_names: HashSet::new(),
        own_hosts: HashSet::new(),
        by_address: HashMap::new(),
    };
    for row in &groups {
        known.groups.insert(row.try_get(0)?);
    }
    for row in &own {
        known.own_names.insert(row.try_get(0)?);
        known.own_hosts.insert(host_id(row, 1)?);
    }
    for row in &machines {
        let place = (row.try_get(0)?, row.try_get(1)?);
        known.by_address.insert(place, host_id(row, 2)?);
    }
    Ok(known)
}

async fn insert_machines(write: &mut Write<'_>, hosts: &[&HostToAdd], now_ms: i64) -> Result<(), Error> {
    for slice in slices(hosts, 7) {
        let mut query = QueryBuilder::<Any>::new(
            "INSERT INTO machine (host_id, agent_id, shard, address, ssh_port, metrics_address, first_sample_ms, \
             created_ms) ",
        );
        query.push_values(slice, |mut row, host| {
            row.push_bind(host.host_id.to_string())
                .push("NULL")
                .push_bind(i64::from(Shard::of(&host.host_id).number()))
                .push_bind(host.address.clone())
                .push_bind(i64::from(host.ssh_port))
                .push_bind(host.metrics_address.clone())
                .push("NULL")
                .push_bind(now_ms);
        });
        execute(query, write.connection()).await?;
    }
    Ok(())
}

pub(super) async fn insert_accesses(
    write: &mut Write<'_>,
    owner: &str,
    accesses: &[NewAccess],
    now_ms: i64,
) -> Result<(), Error> {
    for slice in slices(accesses, 7) {
        let mut query = QueryBuilder::<Any>::new(
            "INSERT INTO access (owner, host_id, host_name, host_group_name, management, credentials, created_ms) ",
        );
        query.push_values(slice, |mut row, access| {
            row.push_bind(owner.to_owned())
                .push_bind(access.host_id.to_string())
                .push_bind(access.host_name.clone())
                .push_bind(access.host_group_name.clone())
                .push_bind(i64::from(access.management))
                .push_bind(access.credentials.clone())
                .push_bind(now_ms);
        });
        execute(query, write.connection()).await?;
    }
    Ok(())
}

/// The machines that an account has an access to.
pub(super) async fn accesses_of(connection: &mut Connection, owner: &str) -> Result<Vec<HostId>, Error> {
    let rows = sqlx::query("SELECT host_id FROM access WHERE owner = ?")
        .bind(owner.to_owned())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok(HostId::new(row.try_get::<String, _>(0)?)))
        .collect()
}

/// Who has an access to these machines; a machine that nobody has one to is there with nobody.
async fn accesses_to(
    connection: &mut Connection,
    hosts: &[HostId],
) -> Result<BTreeMap<HostId, BTreeSet<String>>, Error> {
    let mut owners: BTreeMap<HostId, BTreeSet<String>> = BTreeMap::new();
    for chunk in hosts.chunks(MAX_BOUND / 2) {
        let mut query = QueryBuilder::<Any>::new(
            "SELECT m.host_id, a.owner FROM machine m LEFT JOIN access a ON a.host_id = m.host_id WHERE ",
        );
        push_in(&mut query, "m.host_id", chunk.iter().map(HostId::as_str));
        for row in fetch(query, connection).await? {
            let of_host = owners
                .entry(HostId::new(row.try_get::<String, _>(0)?))
                .or_default();
            of_host.extend(row.try_get::<Option<String>, _>(1)?);
        }
    }
    Ok(owners)
}

async fn is_machine(connection: &mut Connection, host: &HostId) -> Result<bool, Error> {
    let row = sqlx::query("SELECT host_id FROM machine WHERE host_id = ?")
        .bind(host.as_str().to_owned())
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// Takes accesses away, and machines that nobody has one to any more, with what is known of them. Their results are shown
/// to nobody from now on, and go when they are old.
pub(super) async fn drop_accesses(write: &mut Write<'_>, owner: &str, hosts: &[HostId]) -> Result<(), Error> {
    for chunk in hosts.chunks(MAX_BOUND / 2) {
        let mut query = QueryBuilder::<Any>::new("DELETE FROM access WHERE owner = ");
        query.push_bind(owner.to_owned()).push(" AND ");
        push_in(&mut query, "host_id", chunk.iter().map(HostId::as_str));
        execute(query, write.connection()).await?;

        // Without credentials a vault has nothing in it, and a forgotten key is no loss.
        let mut query = QueryBuilder::<Any>::new("DELETE FROM vault WHERE owner = ");
        query
            .push_bind(owner.to_owned())
            .push(" AND NOT EXISTS (SELECT 1 FROM access WHERE credentials IS NOT NULL AND owner = ")
            .push_bind(owner.to_owned())
            .push(")");
        execute(query, write.connection()).await?;

        let left = accesses_to(write.connection(), chunk).await?;
        let orphans: Vec<&str> = left
            .iter()
            .filter(|(_, owners)| owners.is_empty())
            .map(|(host, _)| host.as_str())
            .collect();
        if orphans.is_empty() {
            continue;
        }
        for statement in [
            "DELETE FROM finding WHERE ",
            "DELETE FROM coverage WHERE ",
            "DELETE FROM machine_facts WHERE ",
            "DELETE FROM machine WHERE ",
        ] {
            let mut query = QueryBuilder::<Any>::new(statement);
            push_in(&mut query, "host_id", orphans.iter().copied());
            execute(query, write.connection()).await?;
        }
    }
    Ok(())
}

/// Refuses a change that is based on what is not there any more.
async fn check_revision(
    connection: &mut Connection,
    caller: &Caller,
    host: &HostId,
    is_own: bool,
    based_on: Option<i64>,
) -> Result<(), Error> {
    let Some(based_on) = based_on else { return Ok(()) };
    let mut query = QueryBuilder::<Any>::new("SELECT MAX(revision) FROM access WHERE host_id = ");
    query.push_bind(host.to_string());
    if is_own {
        query.push(" AND owner = ").push_bind(caller.username.clone());
    }
    let rows = fetch(query, connection).await?;
    let revision: i64 = match rows.first() {
        Some(row) => row.try_get::<Option<i64>, _>(0)?.unwrap_or(0),
        None => 0,
    };
    if revision == based_on {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "revision: the host was changed meanwhile, it is at {revision}, the change is based on {based_on}; read it again"
    )))
}

async fn change_machine(write: &mut Write<'_>, host: &HostId, change: &HostChange) -> Result<(), Error> {
    let row = sqlx::query("SELECT address, ssh_port, metrics_address FROM machine WHERE host_id = ?")
        .bind(host.as_str().to_owned())
        .fetch_one(write.connection())
        .await?;
    let (address, port, metrics_address): (String, i64, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let address = change.address.clone().unwrap_or(address);
    let port = change.ssh_port.map_or(port, i64::from);
    let metrics_address = change.metrics_address.clone().unwrap_or(metrics_address);
    let taken =
        sqlx::query("SELECT host_id FROM machine WHERE address = ? AND ssh_port = ? AND host_id <> ?")
            .bind(address.clone())
            .bind(port)
            .bind(host.as_str().to_owned())
            .fetch_optional(write.connection())
            .await?;
    if taken.is_some() {
        return Err(Error::Exists(format!(
            "public_ip: a host at {address} port {port}"
        )));
    }
    sqlx::query("UPDATE machine SET address = ?, ssh_port = ?, metrics_address = ? WHERE host_id = ?")
        .bind(address)
        .bind(port)
        .bind(metrics_address)
        .bind(host.as_str().to_owned())
        .execute(write.connection())
        .await?;
    Ok(())
}

async fn change_access(
    write: &mut Write<'_>,
    owner: &str,
    host: &HostId,
    change: &HostChange,
) -> Result<(), Error> {
    if let Some(name) = &change.host_name {
        let taken =
            sqlx::query("SELECT host_id FROM access WHERE owner = ? AND host_name = ? AND host_id <> ?")
                .bind(owner.to_owned())
                .bind(name.clone())
                .bind(host.as_str().to_owned())
                .fetch_optional(write.connection())
                .await?;
        if taken.is_some() {
            return Err(Error::Exists(format!("host_name: a host {name}")));
        }
    }
    if let Some(group) = &change.host_group_name {
        let there = sqlx::query("SELECT name FROM host_group WHERE owner = ? AND name = ?")
            .bind(owner.to_owned())
            .bind(group.clone())
            .fetch_optional(write.connection())
            .await?;
        if there.is_none() {
            return Err(Error::Invalid(format!(
                "host_group_name: there is no group {group}"
            )));
        }
    }
    // What is NULL stays.
    sqlx::query(
        "UPDATE access SET host_name = COALESCE(?, host_name), host_group_name = COALESCE(?, host_group_name), \
         management = COALESCE(?, management), credentials = COALESCE(?, credentials) WHERE owner = ? AND host_id = ?",
    )
    .bind(change.host_name.clone())
    .bind(change.host_group_name.clone())
    .bind(change.management.map(i64::from))
    .bind(change.credentials.clone())
    .bind(owner.to_owned())
    .bind(host.as_str().to_owned())
    .execute(write.connection())
    .await?;
    Ok(())
}
