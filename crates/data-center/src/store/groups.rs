//! Groups: how an owner sorts the machines they have an access to.

use aops_api::group::{GroupDeleteAnswer, GroupGetRequest, GroupInfo, GroupModifyRequest, GroupSort};
use aops_api::page::Direction;
use aops_api::rule::CheckItem;
use sqlx::Row;

use super::accounts::is_taken;
use super::{Tables, Write, from_count, names};
use crate::error::Error;
use crate::store::transact;

/// Longest description, in characters.
const LONGEST_DESCRIPTION: usize = 10_000;

impl Tables {
    /// Makes a group.
    pub async fn add_group(
        &self,
        owner: &str,
        name: &str,
        description: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        names::check("host_group_name", name)?;
        check_description(description)?;
        transact!(self, |write| {
            let inserted = sqlx::query(
                "INSERT INTO host_group (owner, name, description, created_ms) VALUES (?, ?, ?, ?)",
            )
            .bind(owner.to_owned())
            .bind(name.to_owned())
            .bind(description.to_owned())
            .bind(now_ms)
            .execute(write.connection())
            .await;
            match inserted {
                Ok(_) => Ok(()),
                Err(error) if is_taken(&error) => {
                    Err(Error::Exists(format!("host_group_name: a group {name}")))
                }
                Err(error) => Err(error.into()),
            }
        })
    }

    /// Makes a group unless it is there.
    pub(super) async fn make_group(
        &self,
        write: &mut Write<'_>,
        owner: &str,
        name: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        let insert = format!(
            "{} host_group (owner, name, description, created_ms) VALUES (?, ?, '', ?)",
            self.dialect.insert_new()
        );
        sqlx::query(sqlx::AssertSqlSafe(insert))
            .bind(owner.to_owned())
            .bind(name.to_owned())
            .bind(now_ms)
            .execute(write.connection())
            .await?;
        Ok(())
    }

    /// Deletes groups that have no machines in them; names the others in `kept`. Names that do not exist do not matter.
    pub async fn delete_groups(
        &self,
        owner: &str,
        names: &[String],
    ) -> Result<(GroupDeleteAnswer, Vec<String>), Error> {
        transact!(self, |write| {
            // Nobody puts a machine into a group meanwhile.
            write.lock_revision("rules").await?;
            let (mut answer, mut kept) = (GroupDeleteAnswer::default(), Vec::new());
            for name in names {
                let used = sqlx::query("SELECT COUNT(*) FROM access WHERE owner = ? AND host_group_name = ?")
                    .bind(owner.to_owned())
                    .bind(name.clone())
                    .fetch_one(write.connection())
                    .await?;
                if used.try_get::<i64, _>(0)? > 0 {
                    kept.push(name.clone());
                    continue;
                }
                let deleted = sqlx::query("DELETE FROM host_group WHERE owner = ? AND name = ?")
                    .bind(owner.to_owned())
                    .bind(name.clone())
                    .execute(write.connection())
                    .await?;
                if deleted.rows_affected() > 0 {
                    answer.deleted.push(name.clone());
                }
            }
            Ok((answer, kept))
        })
    }

    /// The groups of an owner, in the order asked for.
    pub async fn groups(&self, owner: &str, request: &GroupGetRequest) -> Result<Vec<GroupInfo>, Error> {
        let rows = sqlx::query(
            "SELECT g.name, g.description, COUNT(a.host_id) FROM host_group g \
             LEFT JOIN access a ON a.owner = g.owner AND a.host_group_name = g.name WHERE g.owner = ? \
             GROUP BY g.name, g.description, g.created_ms ORDER BY g.created_ms, g.name",
        )
        .bind(owner.to_owned())
        .fetch_all(&self.database)
        .await?;
        let mut groups = Vec::with_capacity(rows.len());
        for row in &rows {
            groups.push(GroupInfo {
                host_group_name: row.try_get(0)?,
                description: row.try_get(1)?,
                host_count: from_count(row.try_get(2)?),
            });
        }
        match request.sort.unwrap_or_default() {
            GroupSort::Unsorted => return Ok(groups),
            GroupSort::HostGroupName => {
                groups.sort_by(|left, right| left.host_group_name.cmp(&right.host_group_name));
            }
            GroupSort::HostCount => groups.sort_by_key(|group| group.host_count),
        }
        if request.direction == Some(Direction::Desc) {
            groups.reverse();
        }
        Ok(groups)
    }

    /// Changes the name or the description of a group. One that a rule of the owner names keeps its name: rules say what
    /// they mean, and are not changed behind their back.
    pub async fn modify_group(&self, owner: &str, request: &GroupModifyRequest) -> Result<(), Error> {
        let name = &request.host_group_name;
        if let Some(description) = &request.description {
            check_description(description)?;
        }
        if let Some(new_name) = &request.new_name {
            names::check("new_name", new_name)?;
        }
        transact!(self, |write| {
            write.lock_revision("rules").await?;
            let row =
                sqlx::query("SELECT description, created_ms FROM host_group WHERE owner = ? AND name = ?")
                    .bind(owner.to_owned())
                    .bind(name.clone())
                    .fetch_optional(write.connection())
                    .await?;
            let Some(row) = row else {
                return Err(Error::Invalid(format!(
                    "host_group_name: there is no group {name}"
                )));
            };
            let description = match &request.description {
                Some(description) => description.clone(),
                None => row.try_get(0)?,
            };
            let created_ms: i64 = row.try_get(1)?;
            match request.new_name.as_ref().filter(|new_name| *new_name != name) {
                Some(new_name) => rename(write, owner, name, new_name, description, created_ms).await,
                None => {
                    sqlx::query("UPDATE host_group SET description = ? WHERE owner = ? AND name = ?")
                        .bind(description)
                        .bind(owner.to_owned())
                        .bind(name.clone())
                        .execute(write.connection())
                        .await?;
                    Ok(())
                }
            }
        })
    }
}

/// Accesses refer to their group by name: the new one is made, they move, the old one goes.
async fn rename(
    write: &mut Write<'_>,
    owner: &str,
    name: &str,
    new_name: &str,
    description: String,
    created_ms: i64,
) -> Result<(), Error> {
    if let Some(rule) = rule_that_names(write, owner, name).await? {
        return Err(Error::InUse(format!(
            "new_name: the rule {rule} names the group {name}; change the rule first"
        )));
    }
    let inserted =
        sqlx::query("INSERT INTO host_group (owner, name, description, created_ms) VALUES (?, ?, ?, ?)")
            .bind(owner.to_owned())
            .bind(new_name.to_owned())
            .bind(description)
            .bind(created_ms)
            .execute(write.connection())
            .await;
    match inserted {
        Err(error) if is_taken(&error) => return Err(Error::Exists(format!("new_name: a group {new_name}"))),
        other => other?,
    };
    sqlx::query(
        "UPDATE access SET host_group_name = ?, revision = revision + 1 WHERE owner = ? AND host_group_name = ?",
    )
    .bind(new_name.to_owned())
    .bind(owner.to_owned())
    .bind(name.to_owned())
    .execute(write.connection())
    .await?;
    sqlx::query("DELETE FROM host_group WHERE owner = ? AND name = ?")
        .bind(owner.to_owned())
        .bind(name.to_owned())
        .execute(write.connection())
        .await?;
    write.raise_revision("rules").await
}

/// A rule in effect whose scope has the group.
async fn rule_that_names(write: &mut Write<'_>, owner: &str, group: &str) -> Result<Option<String>, Error> {
    let rows = sqlx::query("SELECT item FROM rule_version WHERE owner = ? AND to_ms IS NULL ORDER BY name")
        .bind(owner.to_owned())
        .fetch_all(write.connection())
        .await?;
    for row in &rows {
        let item: CheckItem =
            serde_json::from_str(&row.try_get::<String, _>(0)?).map_err(Error::stored("rule"))?;
        let names_it = |groups: &[String]| groups.iter().any(|other| other == group);
        if item
            .scope
            .as_ref()
            .is_some_and(|scope| names_it(&scope.host_groups))
        {
            return Ok(Some(item.check_item));
        }
    }
    Ok(None)
}

fn check_description(description: &str) -> Result<(), Error> {
    let length = description.chars().count();
    if length > LONGEST_DESCRIPTION {
        return Err(Error::Invalid(format!(
            "description: {length} characters, not up to {LONGEST_DESCRIPTION}"
        )));
    }
    Ok(())
}
