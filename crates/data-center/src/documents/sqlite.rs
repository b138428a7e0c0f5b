//! Documents in a SQLite file: a table per kind, the declared fields as columns, the body as JSON text.
//!
//! Names of tables and columns come from the closed enums; values are bound, never spliced.

use std::path::Path;

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Direction, Document, DocumentsError, Field, FieldType, Filter, Found, Kind, Query, Removal};
use crate::sqlite_file::{Schema, SqliteFile};

const SCHEMA: Schema = Schema {
    version: 3,
    statements: include_str!("schema.sql"),
    upgrades: &[REPORTS_KNOW_WHEN_THEY_WERE_MADE, INDICES_HOLD_WHAT_FILTERS],
};

/// From 1 to 2. What was made before counts as made at the end of what it is about.
const REPORTS_KNOW_WHEN_THEY_WERE_MADE: &str = "
    ALTER TABLE report ADD COLUMN created_ms INTEGER;
    UPDATE report SET created_ms = end_ms, body = json_set(body, '$.created_ms', end_ms) WHERE body IS NOT NULL;
    CREATE INDEX report_created ON report (created_ms);
";

/// From 2 to 3.
const INDICES_HOLD_WHAT_FILTERS: &str = "
    DROP INDEX result_key_host;
    DROP INDEX result_start;
    CREATE INDEX result_key_host ON result (evaluation_key, host_id, start_ms, end_ms, value, removed_ms) WHERE removed_ms IS NULL;
    CREATE INDEX result_start ON result (start_ms, id, evaluation_key, host_id, value, end_ms, removed_ms) WHERE removed_ms IS NULL;
";

/// The embedded document store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SqliteDocuments {
    file: SqliteFile,
}

impl SqliteDocuments {
    pub(super) async fn open(path: &Path) -> Result<Self, DocumentsError> {
        Ok(Self {
            file: SqliteFile::open(path, &SCHEMA).await?,
        })
    }

    pub(super) async fn ping(&self) -> Result<(), DocumentsError> {
        Ok(self.file.ping().await?)
    }

    pub(super) async fn put(&self, documents: Vec<Document>) -> Result<(), DocumentsError> {
        let mut transaction = self.file.writer.begin_with("BEGIN IMMEDIATE").await?;
        for document in &documents {
            put_statement(document).build().execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    pub(super) async fn remove(
        &self,
        kind: Kind,
        removals: Vec<Removal>,
        now_ms: i64,
    ) -> Result<(), DocumentsError> {
        let mut transaction = self.file.writer.begin_with("BEGIN IMMEDIATE").await?;
        for removal in &removals {
            remove_statement(kind, removal, now_ms)
                .build()
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    pub(super) async fn get(&self, kind: Kind, ids: &[String]) -> Result<Vec<Document>, DocumentsError> {
        let mut statement = select(kind, "id, revision, body");
        statement
            .push(" AND id IN (SELECT value FROM json_each(")
            .push_bind(json_list(ids))
            .push("))");
        let rows = statement.build().fetch_all(&self.file.reader).await?;
        rows.iter().map(|row| read_document(kind, row)).collect()
    }

    pub(super) async fn search(&self, kind: Kind, query: &Query) -> Result<Found, DocumentsError> {
        let mut count = select(kind, "count(*)");
        push_conditions(&mut count, query);
        let mut page = page_statement(kind, query);

        // Both see the same state, so that the total fits the page.
        let mut snapshot = self.file.reader.begin().await?;
        let total: i64 = count.build_query_scalar().fetch_one(&mut *snapshot).await?;
        let rows = page.build().fetch_all(&mut *snapshot).await?;
        snapshot.rollback().await?;

        let documents = rows
            .iter()
            .map(|row| read_document(kind, row))
            .collect::<Result<_, _>>()?;
        Ok(Found {
            total: total.unsigned_abs(),
            documents,
        })
    }

    pub(super) async fn count_by(
        &self,
        kind: Kind,
        query: &Query,
        field: Field,
    ) -> Result<Vec<(String, u64)>, DocumentsError> {
        let column = field.name();
        let mut statement = select(kind, &format!("{column}, count(*)"));
        push_conditions(&mut statement, query);
        statement.push(format_args!(" GROUP BY {column} ORDER BY {column}"));
        let rows: Vec<(String, i64)> = statement.build_query_as().fetch_all(&self.file.reader).await?;
        Ok(rows
            .into_iter()
            .map(|(text, count)| (text, count.unsigned_abs()))
            .collect())
    }

    pub(super) async fn delete_before(
        &self,
        kind: Kind,
        field: Field,
        before_ms: i64,
    ) -> Result<u64, DocumentsError> {
        let mut statement = QueryBuilder::new("DELETE FROM ");
        statement
            .push(format_args!("{} WHERE {} < ", table(kind), field.name()))
            .push_bind(before_ms);
        let done = statement.build().execute(&self.file.writer).await?;
        Ok(done.rows_affected())
    }

    pub(super) async fn trim_removed(&self, kind: Kind, before_ms: i64) -> Result<u64, DocumentsError> {
        let mut statement = QueryBuilder::new("DELETE FROM ");
        statement
            .push(format_args!("{} WHERE removed_ms < ", table(kind)))
            .push_bind(before_ms);
        let done = statement.build().execute(&self.file.writer).await?;
        Ok(done.rows_affected())
    }

    pub(super) async fn close(&self) {
        self.file.close().await;
    }
}

const fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::Result => "result",
        Kind::Report => "report",
    }
}

/// A list as one bound value, whatever its length: `json_each` makes rows of it.
fn json_list(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

fn put_statement(document: &Document) -> QueryBuilder<Sqlite> {
    let fields = document.kind.fields();
    let table = table(document.kind);
    let columns: Vec<&str> = fields.iter().map(|field| field.name()).collect();
    let mut statement = QueryBuilder::new("INSERT INTO ");
    statement.push(format_args!(
        "{table} (id, revision, removed_ms, body, {}) VALUES (",
        columns.join(", ")
    ));
    statement
        .push_bind(document.id.clone())
        .push(", ")
        .push_bind(document.revision)
        .push(", NULL, ")
        .push_bind(document.body.to_string());
    for field in fields {
        let value = &document.body[field.name()];
        statement.push(", ");
        match field.field_type() {
            FieldType::Text => statement.push_bind(value.as_str().map(str::to_owned)),
            FieldType::Integer => statement.push_bind(value.as_i64()),
        };
    }
    statement.push(
        ") ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, removed_ms = NULL, body = excluded.body",
    );
    for column in columns {
        statement.push(format_args!(", {column} = excluded.{column}"));
    }
    statement.push(format_args!(" WHERE excluded.revision > {table}.revision"));
    statement
}

fn remove_statement(kind: Kind, removal: &Removal, now_ms: i64) -> QueryBuilder<Sqlite> {
    let table = table(kind);
    let mut statement = QueryBuilder::new("INSERT INTO ");
    statement
        .push(format_args!("{table} (id, revision, removed_ms) VALUES ("))
        .push_bind(removal.id.clone())
        .push(", ")
        .push_bind(removal.revision)
        .push(", ")
        .push_bind(now_ms)
        .push(
            ") ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, removed_ms = excluded.removed_ms, \
             body = NULL",
        );
    for field in kind.fields() {
        statement.push(format_args!(", {} = NULL", field.name()));
    }
    statement.push(format_args!(" WHERE excluded.revision >= {table}.revision"));
    statement
}

/// The start of a statement over the documents that are not removed.
fn select(kind: Kind, columns: &str) -> QueryBuilder<Sqlite> {
    let mut statement = QueryBuilder::new("SELECT ");
    statement.push(format_args!(
        "{columns} FROM {} WHERE removed_ms IS NULL",
        table(kind)
    ));
    statement
}

fn push_conditions(statement: &mut QueryBuilder<Sqlite>, query: &Query) {
    for filter in &query.all_of {
        statement.push(" AND ");
        push_filter(statement, filter);
    }
    if query.any_of.is_empty() {
        return;
    }
    statement.push(" AND ");
    push_any(statement, &query.any_of);
}

/// The groups as a balanced tree: SQLite refuses an expression that is nested more than 1,000 deep, and a chain of
/// `OR` without parentheses is as deep as it is long.
fn push_any(statement: &mut QueryBuilder<Sqlite>, groups: &[Vec<Filter>]) {
    statement.push("(");
    match groups {
        [group] => {
            statement.push("TRUE");
            for filter in group {
                statement.push(" AND ");
                push_filter(statement, filter);
            }
        }
        _ => {
            let (left, right) = groups.split_at(groups.len() / 2);
            push_any(statement, left);
            statement.push(" OR ");
            push_any(statement, right);
        }
    }
    statement.push(")");
}

fn push_filter(statement: &mut QueryBuilder<Sqlite>, filter: &Filter) {
    match filter {
        Filter::In(field, texts) if texts.len() == 1 => {
            statement
                .push(format_args!("{} = ", field.name()))
                .push_bind(texts[0].clone());
        }
        Filter::In(field, texts) => {
            statement
                .push(format_args!("{} IN (SELECT value FROM json_each(", field.name()))
                .push_bind(json_list(texts))
                .push("))");
        }
        Filter::Range(field, minimum, maximum) => {
            statement.push("(TRUE");
            if let Some(minimum) = minimum {
                statement
                    .push(format_args!(" AND {} >= ", field.name()))
                    .push_bind(*minimum);
            }
            if let Some(maximum) = maximum {
                statement
                    .push(format_args!(" AND {} < ", field.name()))
                    .push_bind(*maximum);
            }
            statement.push(")");
        }
    }
}

/// The ids of the page first, which an index may hold with all that filters and sorts; only then the rows, which are long.
fn page_statement(kind: Kind, query: &Query) -> QueryBuilder<Sqlite> {
    let columns: Vec<&str> = query
        .sort
        .iter()
        .map(|(field, _)| field.name())
        .chain(["id"])
        .collect();
    let mut statement = QueryBuilder::new("SELECT document.id, document.revision, document.body FROM (");
    statement.push(format_args!(
        "SELECT {} FROM {} WHERE removed_ms IS NULL",
        columns.join(", "),
        table(kind)
    ));
    push_conditions(&mut statement, query);
    push_order(&mut statement, query, "");
    statement
        .push(" LIMIT ")
        .push_bind(saturate(query.limit))
        .push(" OFFSET ")
        .push_bind(saturate(query.offset))
        .push(format_args!(
            ") AS page JOIN {} AS document ON document.id = page.id",
            table(kind)
        ));
    push_order(&mut statement, query, "page.");
    statement
}

fn push_order(statement: &mut QueryBuilder<Sqlite>, query: &Query, of: &str) {
    statement.push(" ORDER BY ");
    for (field, direction) in &query.sort {
        let order = match direction {
            Direction::Ascending => "ASC",
            Direction::Descending => "DESC",
        };
        statement.push(format_args!("{of}{} {order}, ", field.name()));
    }
    statement.push(format_args!("{of}id"));
}

fn saturate(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read_document(kind: Kind, row: &SqliteRow) -> Result<Document, DocumentsError> {
    let id: String = row.try_get(0)?;
    let body: &str = row.try_get(2)?;
    let body = match serde_json::from_str(body) {
        Ok(body) => body,
        Err(source) => return Err(DocumentsError::Stored { kind, id, source }),
    };
    Ok(Document {
        kind,
        id,
        revision: row.try_get(1)?,
        body,
    })
}
