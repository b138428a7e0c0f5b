//! Accesses that admins give and take away.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::HostId;
use aops_api::account::{GrantGetRequest, GrantInfo, ListOutcome};
use sqlx::any::AnyRow;
use sqlx::{Any, QueryBuilder, Row};

use super::accounts::require_account;
use super::database::Connection;
use super::host_changes::{NewAccess, accesses_of, drop_accesses, insert_accesses, load_known};
use super::{MAX_BOUND, Tables, fetch, names, push_in};
use crate::account::Caller;
use crate::error::Error;
use crate::store::transact;

/// The group of accesses that are granted without one.
const DEFAULT_GROUP: &str = "default";

impl Tables {
    /// Gives an account accesses to machines, named as somebody else names them.
    pub async fn add_grants(
        &self,
        username: &str,
        hosts: &[HostId],
        group: Option<&str>,
        now_ms: i64,
    ) -> Result<ListOutcome, Error> {
        let group = group.unwrap_or(DEFAULT_GROUP);
        names::check("host_group_name", group)?;
        transact!(self, |write| {
            write.lock_revision("rules").await?;
            require_account(write, "username", username).await?;
            let machines = names_of_machines(write.connection(), hosts).await?;
            let known = load_known(write.connection(), username).await?;
            let (mut own, mut own_names) = (known.own_hosts, known.own_names);
            let mut outcome = ListOutcome::default();
            let mut granted = Vec::new();
            for host in hosts {
                let Some((name, address)) = machines.get(host) else {
                    outcome.fail(host.as_str(), "there is no such host");
                    continue;
                };
                outcome.succeed_list.push(host.to_string());
                if !own.insert(host.clone()) {
                    continue;
                }
                let mut host_name = name.clone().unwrap_or_else(|| address.clone());
                if own_names.contains(&host_name) {
                    host_name = host.to_string();
                }
                own_names.insert(host_name.clone());
                granted.push(NewAccess {
                    host_id: host.clone(),
                    host_name,
                    host_group_name: group.to_owned(),
                    management: false,
                    credentials: None,
                });
            }
            if granted.is_empty() {
                return Ok(outcome);
            }
            self.make_group(write, username, group, now_ms).await?;
            insert_accesses(write, username, &granted, now_ms).await?;
            write.raise_revision("rules").await?;
            Ok(outcome)
        })
    }

    /// Takes accesses of an account away, and machines with their last one.
    pub async fn delete_grants(&self, username: &str, hosts: &[HostId]) -> Result<ListOutcome, Error> {
        transact!(self, |write| {
            write.lock_revision("rules").await?;
            require_account(write, "username", username).await?;
            let own: BTreeSet<HostId> = accesses_of(write.connection(), username)
                .await?
                .into_iter()
                .collect();
            let mut outcome = ListOutcome::default();
            let mut gone = Vec::new();
            for host in hosts {
                if own.contains(host) {
                    outcome.succeed_list.push(host.to_string());
                    gone.push(host.clone());
                } else {
                    outcome.fail(host.as_str(), format!("{username} has no access to it"));
                }
            }
            drop_accesses(write, username, &gone).await?;
            if !gone.is_empty() {
                write.raise_revision("rules").await?;
            }
            Ok(outcome)
        })
    }

    /// Who has an access to what, by name and machine: an admin sees all, others their own.
    pub async fn grants(&self, caller: &Caller, request: &GrantGetRequest) -> Result<Vec<GrantInfo>, Error> {
        let rows = sqlx::query(
            "SELECT owner, host_id, host_name, host_group_name FROM access ORDER BY owner, host_id",
        )
        .fetch_all(&self.database)
        .await?;
        let (accounts, hosts): (BTreeSet<&String>, BTreeSet<&HostId>) = (
            request.account_list.iter().collect(),
            request.host_list.iter().collect(),
        );
        let mut grants = Vec::new();
        for row in &rows {
            let grant = grant_info(row)?;
            let is_wanted = (accounts.is_empty() || accounts.contains(&grant.username))
                && (hosts.is_empty() || hosts.contains(&grant.host_id));
            if is_wanted && (caller.is_admin() || grant.username == caller.username) {
                grants.push(grant);
            }
        }
        Ok(grants)
    }
}

/// Names, as somebody gave them, and addresses.
async fn names_of_machines(
    connection: &mut Connection,
    hosts: &[HostId],
) -> Result<BTreeMap<HostId, (Option<String>, String)>, Error> {
    let mut names = BTreeMap::new();
    for chunk in hosts.chunks(MAX_BOUND / 2) {
        let mut query = QueryBuilder::<Any>::new(
            "SELECT m.host_id, MIN(a.host_name), m.address FROM machine m \
             LEFT JOIN access a ON a.host_id = m.host_id WHERE ",
        );
        push_in(&mut query, "m.host_id", chunk.iter().map(HostId::as_str));
        query.push(" GROUP BY m.host_id, m.address");
        for row in fetch(query, connection).await? {
            let host_id = HostId::new(row.try_get::<String, _>(0)?);
            names.insert(host_id, (row.try_get(1)?, row.try_get(2)?));
        }
    }
    Ok(names)
}

/// Columns: owner, machine, name, group.
fn grant_info(row: &AnyRow) -> Result<GrantInfo, Error> {
    Ok(GrantInfo {
        username: row.try_get(0)?,
        host_id: HostId::new(row.try_get::<String, _>(1)?),
        host_name: row.try_get(2)?,
        host_group_name: row.try_get(3)?,
    })
}
