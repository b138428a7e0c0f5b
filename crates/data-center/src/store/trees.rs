//! Fault trees with their history.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::SYSTEM_OWNER;
use aops_api::rule::ImportAnswer;
use aops_api::tree::{TreeDocument, TreeListRequest, TreeRow};
use sqlx::{Any, QueryBuilder, Row};

use super::database::Connection;
use super::{Tables, Write, execute, names, push_in};
use crate::error::Error;
use crate::store::transact;

struct Version {
    version: i64,
    import_order: i64,
    document: String,
    from_ms: i64,
}

impl Tables {
    /// Adds trees or puts them in place of older ones of that name, all or none. One that is as before stays as it is.
    pub async fn add_trees(
        &self,
        owner: &str,
        trees: &[TreeDocument],
        now_ms: i64,
    ) -> Result<ImportAnswer, Error> {
        check_names(trees)?;
        transact!(self, |write| {
            write.lock_revision("trees").await?;
            let current = current_versions(write.connection(), owner).await?;
            let mut next_order = next_import_order(write.connection()).await?;
            let mut answer = ImportAnswer::default();
            for tree in trees {
                let name = &tree.tree_name;
                let mut version = Version {
                    version: 1,
                    import_order: next_order,
                    document: serde_json::to_string(tree).expect("a tree is JSON"),
                    from_ms: now_ms,
                };
                let Some(old) = current.get(name) else {
                    next_order += 1;
                    insert_version(write, owner, name, &version).await?;
                    answer.succeed_list.push(name.clone());
                    continue;
                };
                answer.update_list.push(name.clone());
                if old.document == version.document {
                    continue;
                }
                version.version = old.version + 1;
                version.import_order = old.import_order;
                version.from_ms = now_ms.max(old.from_ms);
                end_version(write, owner, name, old.version, version.from_ms).await?;
                insert_version(write, owner, name, &version).await?;
            }
            if !trees.is_empty() {
                write.raise_revision("trees").await?;
            }
            Ok(answer)
        })
    }

    /// The trees an owner sees, in order of import: their own, and those of the system that they have not overridden.
    /// Named ones come in the order of the names.
    pub async fn trees(&self, owner: &str, request: &TreeListRequest) -> Result<Vec<TreeRow>, Error> {
        let rows = sqlx::query(
            "SELECT owner, import_order, document FROM tree_version \
             WHERE to_ms IS NULL AND (owner = ? OR owner = ?)",
        )
        .bind(owner.to_owned())
        .bind(SYSTEM_OWNER)
        .fetch_all(&self.database)
        .await?;
        let mut by_order: BTreeMap<(bool, i64), TreeRow> = BTreeMap::new();
        for row in &rows {
            let is_system = row.try_get::<String, _>(0)? != owner;
            let document: TreeDocument =
                serde_json::from_str(&row.try_get::<String, _>(2)?).map_err(Error::stored("tree"))?;
            let tree = TreeRow {
                tree_name: document.tree_name,
                tree_content: document.tree_content,
                description: document.description,
                tag: Vec::new(),
            };
            by_order.insert((is_system, row.try_get(1)?), tree);
        }
        let mut seen = BTreeSet::new();
        let mut trees: Vec<TreeRow> = by_order
            .into_values()
            .filter(|tree| seen.insert(tree.tree_name.clone()))
            .collect();
        let wanted = &request.tree_list;
        if !wanted.is_empty() {
            let place = |tree: &TreeRow| wanted.iter().position(|name| *name == tree.tree_name);
            trees.retain(|tree| place(tree).is_some());
            trees.sort_by_key(place);
        }
        Ok(trees)
    }

    /// Deletes trees of an owner, their history with them. Names that do not exist do not matter.
    pub async fn delete_trees(&self, owner: &str, names: &[String]) -> Result<(), Error> {
        transact!(self, |write| {
            write.lock_revision("trees").await?;
            for chunk in names.chunks(super::MAX_BOUND / 2) {
                let mut query = QueryBuilder::<Any>::new("DELETE FROM tree_version WHERE owner = ");
                query.push_bind(owner.to_owned()).push(" AND ");
                push_in(&mut query, "name", chunk.iter().map(String::as_str));
                execute(query, write.connection()).await?;
            }
            write.raise_revision("trees").await?;
            Ok(())
        })
    }
}

fn check_names(trees: &[TreeDocument]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for (index, tree) in trees.iter().enumerate() {
        let field = format!("trees[{index}].tree_name");
        names::check(&field, &tree.tree_name)?;
        if !seen.insert(&tree.tree_name) {
            return Err(Error::Invalid(format!(
                "{field}: {} is there twice",
                tree.tree_name
            )));
        }
    }
    Ok(())
}

async fn current_versions(
    connection: &mut Connection,
    owner: &str,
) -> Result<BTreeMap<String, Version>, Error> {
    let rows = sqlx::query(
        "SELECT name, version, import_order, document, from_ms FROM tree_version \
         WHERE owner = ? AND to_ms IS NULL",
    )
    .bind(owner.to_owned())
    .fetch_all(connection)
    .await?;
    let mut versions = BTreeMap::new();
    for row in &rows {
        let version = Version {
            version: row.try_get(1)?,
            import_order: row.try_get(2)?,
            document: row.try_get(3)?,
            from_ms: row.try_get(4)?,
        };
        versions.insert(row.try_get(0)?, version);
    }
    Ok(versions)
}

async fn next_import_order(connection: &mut Connection) -> Result<i64, Error> {
    let row = sqlx::query("SELECT MAX(import_order) FROM tree_version")
        .fetch_one(connection)
        .await?;
    Ok(row.try_get::<Option<i64>, _>(0)?.unwrap_or(0) + 1)
}

async fn insert_version(
    write: &mut Write<'_>,
    owner: &str,
    name: &str,
    version: &Version,
) -> Result<(), Error> {
    let what = || format!("trees: fault tree {name:?}");
    write.room.check(what, version.document.len())?;
    sqlx::query(
        "INSERT INTO tree_version (owner, name, version, import_order, document, from_ms, to_ms) \
         VALUES (?, ?, ?, ?, ?, ?, NULL)",
    )
    .bind(owner.to_owned())
    .bind(name.to_owned())
    .bind(version.version)
    .bind(version.import_order)
    .bind(version.document.clone())
    .bind(version.from_ms)
    .execute(write.connection())
    .await?;
    Ok(())
}

async fn end_version(
    write: &mut Write<'_>,
    owner: &str,
    name: &str,
    version: i64,
    to_ms: i64,
) -> Result<(), Error> {
    sqlx::query("UPDATE tree_version SET to_ms = ? WHERE owner = ? AND name = ? AND version = ?")
        .bind(to_ms)
        .bind(owner.to_owned())
        .bind(name.to_owned())
        .bind(version)
        .execute(write.connection())
        .await?;
    Ok(())
}
