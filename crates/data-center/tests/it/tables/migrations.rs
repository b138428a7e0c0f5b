//! The rules of `migrations/README.md`, as far as a test can hold them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What takes something away from a release that reads or writes it.
const CONTRACTS: [&str; 7] = [
    "DROP TABLE",
    "DROP COLUMN",
    "RENAME",
    "MODIFY",
    "CHANGE COLUMN",
    "ADD CONSTRAINT",
    "CREATE UNIQUE INDEX",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Migration {
    name: String,
    version: i64,
    /// Without comments, white space folded.
    statements: Vec<String>,
}

fn migrations(database: &str) -> Vec<Migration> {
    let mut migrations: Vec<Migration> = fs::read_dir(repository().join("migrations").join(database))
        .expect("a folder")
        .map(|entry| read(&entry.expect("an entry").path()))
        .collect();
    migrations.sort_by_key(|migration| migration.version);
    migrations
}

fn read(path: &Path) -> Migration {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("text");
    let code: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    Migration {
        version: name[..4].parse().expect("a number of four digits"),
        name,
        statements: code
            .join(" ")
            .split(';')
            .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|statement| !statement.is_empty())
            .collect(),
    }
}

/// The lowest version that a migration lets go on, if it states one.
fn stated_reader(migration: &Migration) -> Option<i64> {
    migration.statements.iter().find_map(|statement| {
        let number = statement.strip_prefix("UPDATE schema_compatibility SET minimum_reader = ")?;
        Some(number.parse().expect("a number"))
    })
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database| -> Vec<String> { migrations(database).into_iter().map(|one| one.name).collect() };
    assert_eq!(names("mysql"), names("sqlite"));
}

#[test]
fn what_takes_away_says_who_can_still_read() {
    for migration in ["mysql", "sqlite"]
        .iter()
        .flat_map(|database| migrations(database))
    {
        if migration.version == 1 {
            continue;
        }
        let made: BTreeSet<&str> = migration
            .statements
            .iter()
            .filter_map(|statement| statement.strip_prefix("CREATE TABLE "))
            .filter_map(|rest| rest.split(' ').next())
            .collect();
        let is_of_new_table = |statement: &str| {
            made.iter()
                .any(|table| statement.contains(&format!(" ON {table} ")))
        };
        let contracts = migration.statements.iter().any(|statement| {
            !is_of_new_table(statement)
                && CONTRACTS
                    .iter()
                    .any(|word| statement.to_uppercase().contains(word))
        });
        if !contracts {
            continue;
        }
        let stated = stated_reader(&migration).unwrap_or_else(|| {
            panic!(
                "{} takes something away and states no minimum reader",
                migration.name
            )
        });
        // The neighbour is at work during a rolling upgrade: it must have stopped using what goes.
        assert!(
            stated < migration.version,
            "{} shuts out its neighbour",
            migration.name
        );
    }
}

#[test]
fn new_columns_can_be_left_out_by_those_who_do_not_know_them() {
    for migration in ["mysql", "sqlite"]
        .iter()
        .flat_map(|database| migrations(database))
    {
        for statement in &migration.statements {
            let upper = statement.to_uppercase();
            for column in upper.split("ADD COLUMN").skip(1) {
                let is_optional = !column.contains("NOT NULL") || column.contains("DEFAULT");
                assert!(is_optional, "{}: {statement}", migration.name);
            }
        }
    }
}

/// A query of today must mean the same when a table has more columns.
#[test]
fn queries_name_their_columns() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("text");
            seen += text.matches("INSERT INTO ").count();
            assert!(!text.contains("SELECT *"), "{}", path.display());
            for insert in ["INSERT INTO ", "REPLACE INTO "] {
                for rest in text.split(insert).skip(1) {
                    let before_values: String = rest
                        .split("VALUES")
                        .next()
                        .unwrap_or("")
                        .chars()
                        .take(80)
                        .collect();
                    assert!(
                        before_values.contains('('),
                        "{}: {insert}{before_values}",
                        path.display()
                    );
                }
            }
        }
    }
    assert!(seen > 5, "the queries were looked for in the wrong place");
}
