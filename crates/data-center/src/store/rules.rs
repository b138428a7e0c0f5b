//! Rules with their history, and which are in effect where.
//!
//! A window is judged some time after it has ended, with the rules of that moment. So a change does not take effect at
//! the time it is made, but from the first window that is not yet published: until there the old version's findings
//! are reported, from there on the new one's, and no time is left without either. That is where the largest cursor
//! stands; before there is a cursor, it is the time of the change.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::page::{self, Direction, Page};
use aops_api::rule::{
    CheckItem, EffectiveRule, EffectiveRulesAnswer, ImportAnswer, KeyedRule, RuleGetAnswer, RuleGetRequest,
    RuleSort,
};
use aops_api::{EvaluationKey, HostId, SYSTEM_OWNER, Shard};
use sqlx::any::AnyRow;
use sqlx::{Any, QueryBuilder, Row};

use super::database::Connection;
use super::reach::Reach;
use super::{Tables, Write, execute, names, push_in, revision};
use crate::error::Error;
use crate::store::transact;

/// A rule of a caller with all the keys it has had, for reading results.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleHistory {
    /// The rule as it is now.
    pub item: CheckItem,
    /// Which key it had when, the times aside in which it was disabled; not overlapping, in order of time.
    pub keys: Vec<KeyPeriod>,
}

/// A key that a rule has or had.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyPeriod {
    /// The key.
    pub key: EvaluationKey,
    /// The rule as it was then.
    pub item: CheckItem,
    /// Where it was in effect; `None` = on every host that the owner sees.
    pub hosts: Option<BTreeSet<HostId>>,
    /// From when on; `None` = as far back as findings go: a first import is judged backward.
    pub from_ms: Option<i64>,
    /// Until when; `None` = still.
    pub to_ms: Option<i64>,
}

struct Version {
    name: String,
    version: i64,
    import_order: i64,
    key: String,
    item_json: String,
    from_ms: i64,
}

impl Tables {
    /// Adds rules or puts them in place of older ones of that name, all or none. One that is as before stays as it is.
    pub async fn add_rules(
        &self,
        owner: &str,
        rules: &[KeyedRule],
        now_ms: i64,
    ) -> Result<ImportAnswer, Error> {
        check_names(rules)?;
        transact!(self, |write| {
            write.lock_revision("rules").await?;
            let current = current_versions(write.connection(), owner).await?;
            let mut next_order = next_import_order(write.connection()).await?;
            let effective_ms = effective_from(write.connection(), now_ms).await?;
            let mut answer = ImportAnswer::default();
            let mut changed = false;
            for rule in rules {
                let item_json = serde_json::to_string(&rule.item).expect("a rule is JSON");
                let name = rule.item.check_item.clone();
                let mut version = Version {
                    name: name.clone(),
                    version: 1,
                    import_order: next_order,
                    key: rule.key.as_str().to_owned(),
                    item_json,
                    from_ms: effective_ms,
                };
                let Some(old) = current.get(&name) else {
                    next_order += 1;
                    insert_version(write, owner, &version).await?;
                    answer.succeed_list.push(name);
                    changed = true;
                    continue;
                };
                answer.update_list.push(name);
                if old.key == version.key && old.item_json == version.item_json {
                    continue;
                }
                version.version = old.version + 1;
                version.import_order = old.import_order;
                // Neither a clock that was set back nor a first cursor must give a version the time of an older one.
                version.from_ms = effective_ms.max(old.from_ms);
                end_version(write, owner, old, version.from_ms).await?;
                insert_version(write, owner, &version).await?;
                changed = true;
            }
            if changed {
                write.raise_revision("rules").await?;
            }
            Ok(answer)
        })
    }

    /// The rules an owner sees: their own, and those of the system that they have not overridden.
    pub async fn rules(&self, owner: &str, request: &RuleGetRequest) -> Result<RuleGetAnswer, Error> {
        let page = Page::check(request.page, request.per_page).map_err(Error::Invalid)?;
        let wanted = &request.check_items;
        let mut items: Vec<CheckItem> = self
            .rule_histories(owner)
            .await?
            .into_iter()
            .map(|rule| rule.item)
            .collect();
        items.retain(|item| wanted.is_empty() || wanted.contains(&item.check_item));
        if request.sort == Some(RuleSort::CheckItem) {
            items.sort_by(|left, right| left.check_item.cmp(&right.check_item));
            if request.direction == Some(Direction::Desc) {
                items.reverse();
            }
        }
        let total_count = items.len() as u64;
        Ok(RuleGetAnswer {
            total_count,
            total_page: page::total_pages(total_count, page),
            check_items: page::slice(items, page),
        })
    }

    /// How many rules an owner sees.
    pub async fn count_rules(&self, owner: &str) -> Result<u64, Error> {
        Ok(self.rule_histories(owner).await?.len() as u64)
    }

    /// Deletes rules of an owner, their history with them. Names that do not exist do not matter.
    pub async fn delete_rules(&self, owner: &str, names: &[String]) -> Result<(), Error> {
        transact!(self, |write| {
            write.lock_revision("rules").await?;
            let mut deleted = 0;
            for chunk in names.chunks(super::MAX_BOUND / 2) {
                let mut query = QueryBuilder::<Any>::new("DELETE FROM rule_version WHERE owner = ");
                query.push_bind(owner.to_owned()).push(" AND ");
                push_in(&mut query, "name", chunk.iter().map(String::as_str));
                deleted += execute(query, write.connection()).await?;
            }
            if deleted > 0 {
                write.raise_revision("rules").await?;
            }
            Ok(())
        })
    }

    /// The rules an owner sees with the keys they have had, own ones in order of import, then the system's.
    pub async fn rule_histories(&self, owner: &str) -> Result<Vec<RuleHistory>, Error> {
        let mut connection = self.database.acquire().await?;
        let rows = sqlx::query(
            "SELECT owner, name, version, import_order, evaluation_key, item, from_ms, to_ms FROM rule_version \
             WHERE owner = ? OR owner = ? ORDER BY owner, name, version",
        )
        .bind(owner.to_owned())
        .bind(SYSTEM_OWNER)
        .fetch_all(&mut connection)
        .await?;
        let mut reach = None;
        let mut histories: BTreeMap<(bool, i64), RuleHistory> = BTreeMap::new();
        let mut own_names = BTreeSet::new();
        let mut periods: Vec<KeyPeriod> = Vec::new();
        for row in &rows {
            let version = version_row(row)?;
            let to_ms: Option<i64> = row.try_get(7)?;
            if version.version == 1 {
                periods.clear();
            }
            let item = read_item(&version.item_json)?;
            let rule_owner: String = row.try_get(0)?;
            if item.scope.is_some() && reach.is_none() {
                reach = Some(Reach::load(&mut connection, None).await?);
            }
            let hosts = match (&item.scope, &reach) {
                (Some(_), Some(reach)) => Some(reach.hosts(&rule_owner, &item)),
                _ => None,
            };
            push_period(&mut periods, &version, &item, hosts, to_ms);
            if to_ms.is_some() {
                continue;
            }
            let is_system = rule_owner != owner;
            if !is_system {
                own_names.insert(version.name.clone());
            }
            let history = RuleHistory {
                item,
                keys: std::mem::take(&mut periods),
            };
            histories.insert((is_system, version.import_order), history);
        }
        let is_visible = |is_system: bool, name: &String| !is_system || !own_names.contains(name);
        Ok(histories
            .into_iter()
            .filter(|((is_system, _), history)| is_visible(*is_system, &history.item.check_item))
            .map(|(_, history)| history)
            .collect())
    }

    /// Revision of rules, hosts and accesses.
    pub async fn rules_revision(&self) -> Result<u64, Error> {
        revision(&mut self.database.acquire().await?, "rules").await
    }

    /// What is to be judged on the machines of a shard: rules with equal keys once, on the hosts of all their owners.
    pub async fn effective_rules(&self, shard: Shard) -> Result<EffectiveRulesAnswer, Error> {
        let mut connection = self.database.acquire().await?;
        // Read first: what changes meanwhile has a higher number, and is read again.
        let rules_revision = revision(&mut connection, "rules").await?;
        let reach = Reach::load(&mut connection, Some(shard)).await?;
        let rows = sqlx::query(
            "SELECT owner, name, version, import_order, evaluation_key, item, from_ms FROM rule_version \
             WHERE to_ms IS NULL ORDER BY owner, name",
        )
        .fetch_all(&mut connection)
        .await?;

        let mut by_key: BTreeMap<String, (CheckItem, BTreeSet<HostId>)> = BTreeMap::new();
        for row in &rows {
            let owner: String = row.try_get(0)?;
            let version = version_row(row)?;
            let item = read_item(&version.item_json)?;
            if item.enabled == Some(false) {
                continue;
            }
            let hosts = reach.hosts(&owner, &item);
            by_key
                .entry(version.key)
                .or_insert_with(|| (item, BTreeSet::new()))
                .1
                .extend(hosts);
        }
        let rules = by_key
            .into_iter()
            .filter(|(_, (_, hosts))| !hosts.is_empty())
            .map(|(key, (item, hosts))| EffectiveRule {
                key: EvaluationKey::new(key),
                item,
                hosts: hosts.into_iter().collect(),
            })
            .collect();
        Ok(EffectiveRulesAnswer {
            rules_revision,
            rules,
        })
    }
}

fn check_names(rules: &[KeyedRule]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for (index, rule) in rules.iter().enumerate() {
        let field = format!("rules[{index}].item.check_item");
        names::check(&field, &rule.item.check_item)?;
        names::check_id(&format!("rules[{index}].key"), rule.key.as_str())?;
        if !seen.insert(&rule.item.check_item) {
            return Err(Error::Invalid(format!(
                "{field}: {} is there twice",
                rule.item.check_item
            )));
        }
    }
    Ok(())
}

/// Versions that follow each other and are shown alike are one period. Version 1 reaches back as far as findings go.
fn push_period(
    periods: &mut Vec<KeyPeriod>,
    version: &Version,
    item: &CheckItem,
    hosts: Option<BTreeSet<HostId>>,
    to_ms: Option<i64>,
) {
    let from_ms = (version.version > 1).then_some(version.from_ms);
    // One that was replaced before its first window was published never judged anything.
    let is_empty = from_ms.is_some() && from_ms == to_ms;
    if is_empty || item.enabled == Some(false) {
        return;
    }
    let period = KeyPeriod {
        key: EvaluationKey::new(version.key.clone()),
        item: item.clone(),
        hosts,
        from_ms,
        to_ms,
    };
    match periods.last_mut() {
        Some(last) if last.to_ms == from_ms && is_shown_alike(last, &period) => last.to_ms = to_ms,
        _ => periods.push(period),
    }
}

/// Name, description and severity do not matter: they are shown as they are now.
fn is_shown_alike(left: &KeyPeriod, right: &KeyPeriod) -> bool {
    left.key == right.key
        && left.hosts == right.hosts
        && left.item.condition == right.item.condition
        && left.item.data_list == right.item.data_list
        && left.item.plugin == right.item.plugin
}

/// From when on a version that is stored now is in effect: from the start of the first window that is not published.
/// The largest cursor stands there. Windows after it are judged with the new version even if they have ended, those
/// before it were judged with the old one.
async fn effective_from(connection: &mut Connection, now_ms: i64) -> Result<i64, Error> {
    let row = sqlx::query("SELECT MAX(position_ms) FROM check_cursor")
        .fetch_one(connection)
        .await?;
    let position_ms: Option<i64> = row.try_get(0)?;
    Ok(position_ms.map_or(now_ms, |position_ms| position_ms.min(now_ms)))
}

async fn current_versions(
    connection: &mut Connection,
    owner: &str,
) -> Result<BTreeMap<String, Version>, Error> {
    let rows = sqlx::query(
        "SELECT owner, name, version, import_order, evaluation_key, item, from_ms FROM rule_version \
         WHERE owner = ? AND to_ms IS NULL",
    )
    .bind(owner.to_owned())
    .fetch_all(connection)
    .await?;
    let mut versions = BTreeMap::new();
    for row in &rows {
        let version = version_row(row)?;
        versions.insert(version.name.clone(), version);
    }
    Ok(versions)
}

async fn next_import_order(connection: &mut Connection) -> Result<i64, Error> {
    let row = sqlx::query("SELECT MAX(import_order) FROM rule_version")
        .fetch_one(connection)
        .await?;
    Ok(row.try_get::<Option<i64>, _>(0)?.unwrap_or(0) + 1)
}

async fn insert_version(write: &mut Write<'_>, owner: &str, version: &Version) -> Result<(), Error> {
    let what = || format!("check_items: rule {:?}", version.name);
    write.room.check(what, version.item_json.len())?;
    sqlx::query(
        "INSERT INTO rule_version (owner, name, version, import_order, evaluation_key, item, from_ms, to_ms) \
         VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
    )
    .bind(owner.to_owned())
    .bind(version.name.clone())
    .bind(version.version)
    .bind(version.import_order)
    .bind(version.key.clone())
    .bind(version.item_json.clone())
    .bind(version.from_ms)
    .execute(write.connection())
    .await?;
    Ok(())
}

async fn end_version(write: &mut Write<'_>, owner: &str, version: &Version, to_ms: i64) -> Result<(), Error> {
    sqlx::query("UPDATE rule_version SET to_ms = ? WHERE owner = ? AND name = ? AND version = ?")
        .bind(to_ms)
        .bind(owner.to_owned())
        .bind(version.name.clone())
        .bind(version.version)
        .execute(write.connection())
        .await?;
    Ok(())
}

/// Columns: owner, name, version, import_order, evaluation_key, item, from_ms.
fn version_row(row: &AnyRow) -> Result<Version, Error> {
    Ok(Version {
        name: row.try_get(1)?,
        version: row.try_get(2)?,
        import_order: row.try_get(3)?,
        key: row.try_get(4)?,
        item_json: row.try_get(5)?,
        from_ms: row.try_get(6)?,
    })
}

fn read_item(json: &str) -> Result<CheckItem, Error> {
    serde_json::from_str(json).map_err(Error::stored("rule"))
}
