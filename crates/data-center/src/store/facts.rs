//! Facts of machines, as their agents found them.

use std::collections::BTreeMap;

use aops_api::HostId;
use aops_api::facts::{FactsOfHost, HostFacts};
use sqlx::{Any, QueryBuilder, Row};

use super::{MAX_BOUND, Tables, execute, fetch, push_in};
use crate::error::Error;
use crate::store::transact;

/// Facts, and when they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFacts {
    /// What was found.
    pub facts: HostFacts,
    /// When.
    pub collected_ms: i64,
}

impl Tables {
    /// Keeps facts in place of older ones. Those of machines that are not known are passed over.
    pub async fn save_facts(&self, facts: &[FactsOfHost], now_ms: i64) -> Result<(), Error> {
        transact!(self, |write| {
            for FactsOfHost { host_id, infos } in facts {
                let json = serde_json::to_string(infos).expect("facts are JSON");
                sqlx::query("DELETE FROM machine_facts WHERE host_id = ?")
                    .bind(host_id.to_string())
                    .execute(write.connection())
                    .await?;
                sqlx::query(
                    "INSERT INTO machine_facts (host_id, facts, collected_ms) \
                     SELECT host_id, ?, ? FROM machine WHERE host_id = ?",
                )
                .bind(json)
                .bind(now_ms)
                .bind(host_id.to_string())
                .execute(write.connection())
                .await?;
            }
            Ok(())
        })
    }

    /// Forgets facts of machines.
    pub async fn delete_facts(&self, hosts: &[HostId]) -> Result<(), Error> {
        transact!(self, |write| {
            for chunk in hosts.chunks(MAX_BOUND / 2) {
                let mut query = QueryBuilder::<Any>::new("DELETE FROM machine_facts WHERE ");
                push_in(&mut query, "host_id", chunk.iter().map(HostId::as_str));
                execute(query, write.connection()).await?;
            }
            Ok(())
        })
    }

    /// Facts of machines; those without any are left out.
    pub async fn facts(&self, hosts: &[HostId]) -> Result<BTreeMap<HostId, KeptFacts>, Error> {
        let mut connection = self.database.acquire().await?;
        let mut kept = BTreeMap::new();
        for chunk in hosts.chunks(MAX_BOUND / 2) {
            let mut query =
                QueryBuilder::<Any>::new("SELECT host_id, facts, collected_ms FROM machine_facts WHERE ");
            push_in(&mut query, "host_id", chunk.iter().map(HostId::as_str));
            for row in fetch(query, &mut connection).await? {
                let facts =
                    serde_json::from_str(&row.try_get::<String, _>(1)?).map_err(Error::stored("facts"))?;
                let of_host = KeptFacts {
                    facts,
                    collected_ms: row.try_get(2)?,
                };
                kept.insert(HostId::new(row.try_get::<String, _>(0)?), of_host);
            }
        }
        Ok(kept)
    }

    /// When facts of each machine were found last, with the address of its agent, for whoever asks agents; oldest first.
    pub async fn facts_due(&self, before_ms: i64) -> Result<Vec<(HostId, String)>, Error> {
        let rows = sqlx::query(
            "SELECT m.host_id, m.metrics_address FROM machine m LEFT JOIN machine_facts f ON f.host_id = m.host_id \
             WHERE f.collected_ms IS NULL OR f.collected_ms < ? ORDER BY f.collected_ms, m.host_id",
        )
        .bind(before_ms)
        .fetch_all(&self.database)
        .await?;
        rows.iter()
            .map(|row| Ok((HostId::new(row.try_get::<String, _>(0)?), row.try_get(1)?)))
            .collect()
    }
}
