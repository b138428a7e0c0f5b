//! What users and operators see of the configuration: the printed one, refusals, the shipped example, the reference.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aops_service::config::reference::{KnownKey, known_keys};
use aops_service::config::{Sources, load};
use aops_standalone::StandaloneConfig;

/// Runs the program with nothing of ours in the environment but what is given.
fn program(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aops-standalone"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AOPS_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("the program runs")
}

fn printed(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = program(&[arguments, &["--print-config"]].concat(), environment);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_effective_configuration_is_printed_layer_by_layer() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("aops.toml");
    fs::write(
        &file,
        "data_dir = \"data\"\n[listen]\npublic = \"0.0.0.0:80\"\n[check]\nwindow = \"30s\"\n",
    )
    .expect("written");
    let file = file.to_str().expect("text");
    let environment = [
        ("AOPS_INTERNAL_LISTEN", "127.0.0.1:1"),
        ("AOPS_TABLES__ENGINE", "mysql"),
        ("AOPS_TABLES__URL", "mysql://aops:secret@db/aops"),
        ("AOPS_ADMIN_PASSWORD", "a secret password"),
    ];
    let text = printed(&["--config", file, "--listen", "127.0.0.1:2"], &environment);
    for line in [
        format!(
            "data_dir = \"{}\"  # {file}",
            folder.path().join("data").display()
        ),
        "public = \"127.0.0.1:2\"  # --listen".to_owned(),
        "internal = \"127.0.0.1:1\"  # AOPS_INTERNAL_LISTEN".to_owned(),
        format!("window = \"30s\"  # {file}"),
        "interval = \"2s\"  # default".to_owned(),
        "url = \"mysql://aops:***@db/aops\"  # AOPS_TABLES__URL".to_owned(),
        "connections = 16  # default".to_owned(),
    ] {
        assert!(
            text.lines().any(|printed| printed == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(!text.contains("secret"), "{text}");
    // The file may also be named by a variable.
    assert!(printed(&[], &[("AOPS_CONFIG", file)]).contains("0.0.0.0:80"));
}

#[test]
fn what_is_wrong_is_told_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("aops.toml");
    fs::write(&file, "[tabels]\nengine = \"mysql\"\n").expect("written");
    let data = folder.path().join("data");
    let data = data.to_str().expect("text");
    let file_name = file.to_str().expect("text");
    for (arguments, environment, expected) in [
        (
            ["--config", file_name],
            ("AOPS_LOG", "info"),
            "aops.toml: tabels.engine: there is no such key; the nearest is tables",
        ),
        (
            ["--data-dir", data],
            ("AOPS_TABLES__URI", "x"),
            "AOPS_TABLES__URI: there is no such key",
        ),
        (
            ["--data-dir", data],
            ("AOPS_CHECK__WINDOW", "soon"),
            "AOPS_CHECK__WINDOW: ",
        ),
        (
            ["--data-dir", data],
            ("AOPS_SCRAPE__INTERVAL", "1ms"),
            "AOPS_SCRAPE__INTERVAL: is 1ms",
        ),
        (
            ["--config", "/nowhere/aops.toml"],
            ("AOPS_LOG", "info"),
            "the configuration file /nowhere/aops.toml cannot be read: No such file",
        ),
    ] {
        let output = program(&arguments, &[environment]);
        let message = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
        assert!(!Path::new(data).exists(), "nothing was begun");
    }
}

/// What an engine cannot be opened with is told with the layer that says so, whatever the engine.
#[test]
fn refusals_of_engines_name_where_the_value_came_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("aops.toml");
    let file_name = file.to_str().expect("text");
    let text = "[documents]\nengine = \"elasticsearch\"\nindex_prefix = \"A\"\n";
    fs::write(&file, text).expect("written");
    let elasticsearch = ("AOPS_DOCUMENTS__ENGINE", "elasticsearch");
    let prometheus = ("AOPS_SERIES__ENGINE", "prometheus");
    let logs = ("AOPS_LOGS__ENGINE", "elasticsearch");
    let kafka = ("AOPS_BUS__ENGINE", "kafka");
    let tables = ("AOPS_TABLES__ENGINE", "mysql");
    let url = ("AOPS_TABLES__URL", "mysql://aops@db/aops");
    let cases: [(&[(&str, &str)], &str); 12] = [
        (
            &[("AOPS_CONFIG", file_name)],
            "aops.toml: documents.index_prefix: 'A' is not",
        ),
        (
            &[("AOPS_CONFIG", file_name), ("AOPS_DOCUMENTS__INDEX_PREFIX", "B")],
            "AOPS_DOCUMENTS__INDEX_PREFIX: 'B' is not",
        ),
        (
            &[elasticsearch, ("AOPS_DOCUMENTS__URLS", "[\"search:9200\"]")],
            "AOPS_DOCUMENTS__URLS: 'search:9200' begins neither",
        ),
        (
            &[elasticsearch, ("AOPS_DOCUMENTS__CA_FILE", "/nowhere/ca.pem")],
            "AOPS_DOCUMENTS__CA_FILE: /nowhere/ca.pem cannot be read",
        ),
        (
            &[prometheus, ("AOPS_SERIES__CONCURRENCY", "0")],
            "AOPS_SERIES__CONCURRENCY: is 0",
        ),
        (
            &[prometheus, ("AOPS_SERIES__BEARER_TOKEN_FILE", "/nowhere/token")],
            "AOPS_SERIES__BEARER_TOKEN_FILE: /nowhere/token cannot be read",
        ),
        (
            &[logs, ("AOPS_LOGS__RETENTION", "1h")],
            "AOPS_LOGS__RETENTION: must be",
        ),
        (
            &[logs, ("AOPS_LOGS__CONNECTION__SHARDS", "0")],
            "AOPS_LOGS__CONNECTION__SHARDS: must be at least 1",
        ),
        (
            &[kafka, ("AOPS_BUS__BROKERS", "[\"kafka\"]")],
            "AOPS_BUS__BROKERS: \"kafka\" is in it; expected host:port",
        ),
        (
            &[
                kafka,
                ("AOPS_BUS__BROKERS", "[\"kafka:9092\"]"),
                ("AOPS_BUS__SECURITY_PROTOCOL", "ssl"),
                ("AOPS_BUS__CA_FILE", "/nowhere/ca.pem"),
            ],
            "AOPS_BUS__CA_FILE: /nowhere/ca.pem cannot be read",
        ),
        (
            &[tables, url, ("AOPS_TABLES__CONNECTIONS", "1")],
            "AOPS_TABLES__CONNECTIONS: is 1",
        ),
        (
            &[tables, url, ("AOPS_TABLES__PASSWORD_FILE", "/nowhere/password")],
            "AOPS_TABLES__PASSWORD_FILE: /nowhere/password cannot be read",
        ),
    ];
    let data = folder.path().join("data");
    let data = data.to_str().expect("text");
    for (environment, expected) in cases {
        let output = program(&["--data-dir", data], environment);
        let message = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
        assert!(!Path::new(data).exists(), "nothing was begun");
    }
    // It can be printed where its files are not.
    printed(
        &[],
        &[tables, url, ("AOPS_TABLES__PASSWORD_FILE", "/nowhere/password")],
    );
}

#[test]
fn the_shipped_example_can_be_read() {
    let file = repository().join("deploy/examples/engines.toml");
    let sources = Sources {
        file: Some(file.clone()),
        ..Sources::default()
    };
    let loaded = load(&StandaloneConfig::new("data".into()), sources).expect("accepted");
    let printed = loaded.print();
    for engine in ["mysql", "elasticsearch", "kafka", "prometheus"] {
        assert!(printed.contains(&format!("engine = \"{engine}\"")), "{printed}");
    }
}

/// The reference names each key as a row of a table: | `key` | engine or – | default or – | meaning |
#[test]
fn the_reference_has_every_key_with_its_default() {
    let defaults = StandaloneConfig::new("~/.local/share/aops".into());
    let keys = known_keys(&defaults).expect("every section refuses unknown keys");
    let expected: BTreeMap<(String, String), String> = keys.iter().map(row).collect();
    let text = fs::read_to_string(repository().join("docs/configuration.md")).expect("the reference");
    let documented: BTreeMap<(String, String), String> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert!(cells.len() == 4 && !cells[3].is_empty(), "a row of four: {line}");
            let bare = |cell: &str| cell.trim_matches('`').to_owned();
            ((bare(cells[0]), bare(cells[1])), bare(cells[2]))
        })
        .collect();
    let missing: Vec<_> = expected
        .iter()
        .filter(|(key, default)| documented.get(key) != Some(default))
        .map(|((path, engine), default)| format!("| `{path}` | {engine} | `{default}` | … |"))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/configuration.md lacks:\n{}",
        missing.join("\n")
    );
    let strange: Vec<_> = documented
        .keys()
        .filter(|key| !expected.contains_key(key))
        .collect();
    assert!(
        strange.is_empty(),
        "docs/configuration.md has keys that do not exist: {strange:?}"
    );
}

fn row(key: &KnownKey) -> ((String, String), String) {
    let engine = key.engine.clone().unwrap_or_else(|| "–".to_owned());
    let default = key.default.clone().unwrap_or_else(|| "–".to_owned());
    ((key.path.clone(), engine), default)
}
