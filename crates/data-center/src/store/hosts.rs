//! Machines, groups, and what users have of machines.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::host::{HostGetRequest, HostRegisterRequest, HostSort, Machine};
use aops_api::page::Direction;
use aops_api::{HostId, Shard};
use sqlx::any::AnyRow;
use sqlx::{Any, QueryBuilder, Row};

use super::accounts::require_account;
use super::database::Connection;
use super::{Tables, Write, fetch, from_flag, names};
use crate::account::Caller;
use crate::error::Error;
use crate::store::transact;

/// A machine as a caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRow {
    /// The machine.
    pub host_id: HostId,
    /// Display name of the access.
    pub host_name: String,
    /// Group of the access.
    pub host_group_name: String,
    /// Address.
    pub address: String,
    /// Port of its SSH server.
    pub ssh_port: u16,
    /// Whether it is a managing node.
    pub management: bool,
    /// Grows with each change.
    pub revision: i64,
    created_ms: i64,
}

/// What the scraper needs of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeTarget {
    /// The machine.
    pub host_id: HostId,
    /// `host:port` of its agent.
    pub metrics_address: String,
    /// When its first sample arrived; `None` before.
    pub first_sample_ms: Option<i64>,
}

impl Tables {
    /// Registers a machine by its agent: the same agent is the same machine, whatever its address is now. The owner
    /// gets an access; one that exists keeps its name and group. `new_host_id` is taken when the agent is unknown.
    pub async fn register_host(
        &self,
        request: &HostRegisterRequest,
        new_host_id: HostId,
        now_ms: i64,
    ) -> Result<HostId, Error> {
        names::check_id("agent_id", &request.agent_id)?;
        names::check_length("address", &request.address, 255)?;
        names::check_length("metrics_address", &request.metrics_address, 255)?;
        names::check("host_name", &request.host_name)?;
        names::check("host_group_name", &request.host_group_name)?;

        transact!(self, |write| {
            write.lock_revision("rules").await?;
            require_account(write, "owner", &request.owner).await?;
            let known = find_machine(write, request).await?;
            let host_id = known.clone().unwrap_or_else(|| new_host_id.clone());
            match known {
                Some(_) => update_machine(write, &host_id, request).await?,
                None => insert_machine(write, &host_id, request, now_ms).await?,
            }
            let granted = self.grant_access(write, &host_id, request, now_ms).await?;
            if known.is_none() || granted {
                write.raise_revision("rules").await?;
            }
            Ok(host_id)
        })
    }

    async fn grant_access(
        &self,
        write: &mut Write<'_>,
        host_id: &HostId,
        request: &HostRegisterRequest,
        now_ms: i64,
    ) -> Result<bool, Error> {
        let known = sqlx::query("SELECT host_name FROM access WHERE owner = ? AND host_id = ?")
            .bind(request.owner.clone())
            .bind(host_id.as_str().to_owned())
            .fetch_optional(write.connection())
            .await?;
        if known.is_some() {
            return Ok(false);
        }
        self.make_group(write, &request.owner, &request.host_group_name, now_ms)
            .await?;
        sqlx::query(
            "INSERT INTO access (owner, host_id, host_name, host_group_name, management, created_ms) \
             VALUES (?, ?, ?, ?, 0, ?)",
        )
        .bind(request.owner.clone())
        .bind(host_id.as_str().to_owned())
        .bind(request.host_name.clone())
        .bind(request.host_group_name.clone())
        .bind(now_ms)
        .execute(write.connection())
        .await?;
        Ok(true)
    }

    /// The machines a caller sees, filtered and sorted as asked. An admin sees all; one that they have no access to is
    /// shown as somebody else named it.
    pub async fn hosts(&self, caller: &Caller, request: &HostGetRequest) -> Result<Vec<HostRow>, Error> {
        let mut rows = if caller.is_admin() {
            self.all_hosts(&caller.username).await?
        } else {
            self.own_hosts(&caller.username).await?
        };
        let groups = &request.host_group_list;
        rows.retain(|row| groups.is_empty() || groups.contains(&row.host_group_name));
        rows.retain(|row| {
            request
                .management
                .is_none_or(|management| row.management == management.0)
        });
        sort_hosts(&mut rows, request);
        Ok(rows)
    }

    async fn own_hosts(&self, owner: &str) -> Result<Vec<HostRow>, Error> {
        let rows = sqlx::query(
            "SELECT m.host_id, m.address, m.ssh_port, a.created_ms, a.owner, a.host_name, a.host_group_name, \
             a.management, a.revision FROM access a JOIN machine m ON m.host_id = a.host_id WHERE a.owner = ?",
        )
        .bind(owner.to_owned())
        .fetch_all(&self.database)
        .await?;
        rows.iter().map(host_row).collect()
    }

    async fn all_hosts(&self, owner: &str) -> Result<Vec<HostRow>, Error> {
        let rows = sqlx::query(
            "SELECT m.host_id, m.address, m.ssh_port, m.created_ms, a.owner, a.host_name, a.host_group_name, \
             a.management, a.revision FROM machine m LEFT JOIN access a ON a.host_id = m.host_id ORDER BY m.host_id, a.owner",
        )
        .fetch_all(&self.database)
        .await?;
        let mut by_host: BTreeMap<HostId, HostRow> = BTreeMap::new();
        for row in &rows {
            let host = host_row(row)?;
            let is_own = row.try_get::<Option<String>, _>(4)?.as_deref() == Some(owner);
            if is_own || !by_host.contains_key(&host.host_id) {
                by_host.insert(host.host_id.clone(), host);
            }
        }
        Ok(by_host.into_values().collect())
    }

    /// The machines a caller sees, by id.
    pub async fn visible_hosts(&self, caller: &Caller) -> Result<BTreeSet<HostId>, Error> {
        let rows = if caller.is_admin() {
            sqlx::query("SELECT host_id FROM machine")
                .fetch_all(&self.database)
                .await?
        } else {
            sqlx::query("SELECT host_id FROM access WHERE owner = ?")
                .bind(caller.username.clone())
                .fetch_all(&self.database)
                .await?
        };
        rows.iter()
            .map(|row| Ok(HostId::new(row.try_get::<String, _>(0)?)))
            .collect()
    }

    /// Every machine, ordered by id.
    pub async fn machines(&self) -> Result<Vec<Machine>, Error> {
        let rows = sqlx::query("SELECT host_id, address, first_sample_ms FROM machine ORDER BY host_id")
            .fetch_all(&self.database)
            .await?;
        let machine = |row: &AnyRow| {
            let host_id = HostId::new(row.try_get::<String, _>(0)?);
            Ok(Machine {
                shard: Shard::of(&host_id),
                host_id,
                address: row.try_get(1)?,
                first_sample_ms: row.try_get(2)?,
            })
        };
        rows.iter().map(machine).collect()
    }

    /// What is to be scraped.
    pub async fn scrape_targets(&self) -> Result<Vec<ScrapeTarget>, Error> {
        let rows =
            sqlx::query("SELECT host_id, metrics_address, first_sample_ms FROM machine ORDER BY host_id")
                .fetch_all(&self.database)
                .await?;
        let target = |row: &AnyRow| {
            Ok(ScrapeTarget {
                host_id: HostId::new(row.try_get::<String, _>(0)?),
                metrics_address: row.try_get(1)?,
                first_sample_ms: row.try_get(2)?,
            })
        };
        rows.iter().map(target).collect()
    }

    /// Writes down that a machine has had a sample at this time; the earliest stands.
    pub async fn set_first_sample(&self, host_id: &HostId, time_ms: i64) -> Result<(), Error> {
        transact!(self, |write| {
            sqlx::query(
                "UPDATE machine SET first_sample_ms = ? \
             WHERE host_id = ? AND (first_sample_ms IS NULL OR first_sample_ms > ?)",
            )
            .bind(time_ms)
            .bind(host_id.as_str().to_owned())
            .bind(time_ms)
            .execute(write.connection())
            .await?;
            Ok(())
        })
    }
}

/// Accesses to the machines of a shard, or to all: owner, host, group.
pub(super) async fn accesses_in(
    connection: &mut Connection,
    shard: Option<Shard>,
) -> Result<Vec<(String, HostId, String)>, Error> {
    let mut query = QueryBuilder::new(
        "SELECT a.owner, a.host_id, a.host_group_name FROM access a JOIN machine m ON m.host_id = a.host_id",
    );
    push_shard(&mut query, shard);
    query.push(" ORDER BY a.owner, a.host_id");
    fetch(query, connection)
        .await?
        .iter()
        .map(|row| {
            Ok((
                row.try_get(0)?,
                HostId::new(row.try_get::<String, _>(1)?),
                row.try_get(2)?,
            ))
        })
        .collect()
}

/// The machines of a shard, or all.
pub(super) async fn machines_in(
    connection: &mut Connection,
    shard: Option<Shard>,
) -> Result<Vec<HostId>, Error> {
    let mut query = QueryBuilder::new("SELECT m.host_id FROM machine m");
    push_shard(&mut query, shard);
    query.push(" ORDER BY m.host_id");
    fetch(query, connection)
        .await?
        .iter()
        .map(|row| Ok(HostId::new(row.try_get::<String, _>(0)?)))
        .collect()
}

fn push_shard(query: &mut QueryBuilder<Any>, shard: Option<Shard>) {
    if let Some(shard) = shard {
        query
            .push(" WHERE m.shard = ")
            .push_bind(i64::from(shard.number()));
    }
}

/// The machine of an agent; one that was added by its address, and whose agent is not known, is taken for it.
async fn find_machine(write: &mut Write<'_>, request: &HostRegisterRequest) -> Result<Option<HostId>, Error> {
    let by_agent = sqlx::query("SELECT host_id FROM machine WHERE agent_id = ?")
        .bind(request.agent_id.clone())
        .fetch_optional(write.connection())
        .await?;
    let row = match by_agent {
        Some(row) => Some(row),
        None => {
            sqlx::query("SELECT host_id FROM machine WHERE agent_id IS NULL AND address = ? AND ssh_port = ?")
                .bind(request.address.clone())
                .bind(i64::from(request.ssh_port))
                .fetch_optional(write.connection())
                .await?
        }
    };
    Ok(match row {
        Some(row) => Some(HostId::new(row.try_get::<String, _>(0)?)),
        None => None,
    })
}

async fn insert_machine(
    write: &mut Write<'_>,
    host_id: &HostId,
    request: &HostRegisterRequest,
    now_ms: i64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO machine (host_id, agent_id, shard, address, ssh_port, metrics_address, first_sample_ms, \
         created_ms) VALUES (?, ?, ?, ?, ?, ?, NULL, ?)",
    )
    .bind(host_id.as_str().to_owned())
    .bind(request.agent_id.clone())
    .bind(i64::from(Shard::of(host_id).number()))
    .bind(request.address.clone())
    .bind(i64::from(request.ssh_port))
    .bind(request.metrics_address.clone())
    .bind(now_ms)
    .execute(write.connection())
    .await?;
    Ok(())
}

async fn update_machine(
    write: &mut Write<'_>,
    host_id: &HostId,
    request: &HostRegisterRequest,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE machine SET agent_id = ?, address = ?, ssh_port = ?, metrics_address = ? WHERE host_id = ?",
    )
    .bind(request.agent_id.clone())
    .bind(request.address.clone())
    .bind(i64::from(request.ssh_port))
    .bind(request.metrics_address.clone())
    .bind(host_id.as_str().to_owned())
    .execute(write.connection())
    .await?;
    Ok(())
}

/// Columns: machine, address, port, created, owner, and of the access name, group, management, revision (absent
/// without one).
fn host_row(row: &AnyRow) -> Result<HostRow, Error> {
    let host_id: String = row.try_get(0)?;
    let host_name: Option<String> = row.try_get(5)?;
    let host_group_name: Option<String> = row.try_get(6)?;
    Ok(HostRow {
        host_name: host_name.unwrap_or_else(|| host_id.clone()),
        host_id: HostId::new(host_id),
        host_group_name: host_group_name.unwrap_or_default(),
        address: row.try_get(1)?,
        ssh_port: u16::try_from(row.try_get::<i64, _>(2)?)
            .map_err(|_| Error::unreadable("port of a machine"))?,
        management: from_flag(row.try_get::<Option<i64>, _>(7)?.unwrap_or(0)),
        revision: row.try_get::<Option<i64>, _>(8)?.unwrap_or(0),
        created_ms: row.try_get(3)?,
    })
}

fn sort_hosts(rows: &mut [HostRow], request: &HostGetRequest) {
    let direction = request.direction.unwrap_or_default();
    let by_creation = |row: &HostRow| (row.created_ms, row.host_id.clone());
    match request.sort.unwrap_or(HostSort::Unsorted) {
        HostSort::Unsorted => rows.sort_by_key(by_creation),
        HostSort::HostName => rows.sort_by_key(|row| (row.host_name.clone(), by_creation(row))),
        HostSort::HostGroupName => rows.sort_by_key(|row| (row.host_group_name.clone(), by_creation(row))),
    }
    if direction == Direction::Desc && request.sort.is_some_and(|sort| sort != HostSort::Unsorted) {
        rows.reverse();
    }
}
