//! Holds the dependency rule of ARCHITECTURE.md: which crate of ours may build on which.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Who may depend on whom. A service never depends on another service: it calls it over HTTP or through the bus.
const ALLOWED: &[(&str, &[&str])] = &[
    ("aops-api", &[]),
    ("aops-check-rule", &["aops-api"]),
    ("aops-fault-tree", &["aops-api"]),
    ("aops-prometheus-rule", &["aops-api"]),
    ("aops-vault", &["aops-api"]),
    ("aops-client", &["aops-api"]),
    ("aops-bus", &["aops-api"]),
    ("aops-service", &["aops-api", "aops-client"]),
    ("aops-agent", &["aops-api", "aops-client", "aops-service"]),
    (
        "aops-cli",
        &[
            "aops-api",
            "aops-check-rule",
            "aops-client",
            "aops-fault-tree",
            "aops-prometheus-rule",
        ],
    ),
    (
        "aops-data-center",
        &["aops-api", "aops-client", "aops-service", "aops-vault"],
    ),
    ("aops-manager", &["aops-api", "aops-client", "aops-service"]),
    (
        "aops-check-scheduler",
        &[
            "aops-api",
            "aops-bus",
            "aops-check-rule",
            "aops-client",
            "aops-service",
        ],
    ),
    (
        "aops-check-executor",
        &[
            "aops-api",
            "aops-bus",
            "aops-check-rule",
            "aops-client",
            "aops-service",
        ],
    ),
    (
        "aops-diag-scheduler",
        &[
            "aops-api",
            "aops-bus",
            "aops-check-rule",
            "aops-client",
            "aops-fault-tree",
            "aops-service",
        ],
    ),
    (
        "aops-diag-executor",
        &[
            "aops-api",
            "aops-bus",
            "aops-check-rule",
            "aops-client",
            "aops-fault-tree",
            "aops-service",
        ],
    ),
    (
        "aops-standalone",
        &[
            "aops-agent",
            "aops-api",
            "aops-bus",
            "aops-check-executor",
            "aops-check-scheduler",
            "aops-client",
            "aops-data-center",
            "aops-diag-executor",
            "aops-diag-scheduler",
            "aops-manager",
            "aops-service",
        ],
    ),
    ("aops-test-server", &["aops-service"]),
    (
        "aops-test-platform",
        &[
            "aops-api",
            "aops-client",
            "aops-service",
            "aops-standalone",
            "aops-test-server",
        ],
    ),
];

/// The only crates that may open a database or a search engine: the data center, and the bus for its own file. (Tests
/// make and remove databases.)
const DATABASE_CRATES: &[&str] = &["sqlx", "tsink", "elasticsearch"];
const DATABASE_OWNERS: &[&str] = &["aops-bus", "aops-data-center", "aops-test-platform"];

/// Crates without I/O, clock or runtime.
const PURE: &[&str] = &[
    "aops-api",
    "aops-check-rule",
    "aops-fault-tree",
    "aops-prometheus-rule",
    "aops-vault",
];
const IMPURE_CRATES: &[&str] = &["actix-web", "reqwest", "sqlx", "tokio"];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new()
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo metadata answers inside a cargo test");
    let of = |package: &cargo_metadata::Package| {
        package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal)
            .map(|dependency| dependency.name.clone())
            .collect()
    };
    metadata
        .packages
        .iter()
        .map(|package| (package.name.to_string(), of(package)))
        .collect()
}

#[test]
fn crates_build_on_what_they_may() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ALLOWED
        .iter()
        .map(|(name, may)| (*name, may.iter().copied().collect()))
        .collect();
    for (name, dependencies) in dependencies() {
        let may = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} is not in the list; add it"));
        let ours = dependencies
            .iter()
            .filter(|dependency| dependency.starts_with("aops-"));
        for dependency in ours {
            assert!(
                may.contains(dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn only_the_data_center_and_the_bus_open_databases() {
    for (name, dependencies) in dependencies() {
        if DATABASE_OWNERS.contains(&name.as_str()) {
            continue;
        }
        for database in DATABASE_CRATES {
            assert!(
                !dependencies.contains(*database),
                "{name} must not depend on {database}"
            );
        }
    }
}

#[test]
fn pure_crates_stay_pure() {
    let dependencies = dependencies();
    for name in PURE {
        for impure in IMPURE_CRATES {
            assert!(
                !dependencies[*name].contains(*impure),
                "{name} must not depend on {impure}"
            );
        }
    }
}
