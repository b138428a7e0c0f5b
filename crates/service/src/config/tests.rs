use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde::Deserialize;

use super::reference::known_keys;
use super::*;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Program {
    data_dir: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    listen: sections::Listen,
    check: sections::Check,
    tables: Tables,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "engine", rename_all = "snake_case", deny_unknown_fields)]
enum Tables {
    Embedded {},
    Mysql(Mysql),
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Mysql {
    url: String,
    #[serde(default)]
    password_file: PathBuf,
    #[serde(default = "sixteen")]
    connections: u32,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    pool: Pool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    First,
    Last,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Pool {
    order: Order,
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    timeout: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            order: Order::First,
            timeout: Duration::from_millis(1_500),
        }
    }
}

fn sixteen() -> u32 {
    16
}

impl Settings for Program {
    const VARIABLES: &'static [(&'static str, &'static str)] = &[("AOPS_LISTEN", "listen.public")];

    fn check(&self) -> Result<(), Refusal> {
        self.check.check().map_err(|refusal| refusal.within("check"))
    }
}

fn defaults() -> Program {
    Program {
        data_dir: "/var/lib/aops".into(),
        note: None,
        listen: sections::Listen::default(),
        check: sections::Check::default(),
        tables: Tables::Embedded {},
    }
}

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn load(
        &self,
        file: &str,
        environment: &[(&str, &str)],
        flags: &[Flag],
    ) -> Result<Loaded<Program>, String> {
        let path = self.folder.path().join("aops.toml");
        fs::write(&path, file).expect("written");
        let sources = Sources {
            file: Some(path),
            environment: environment
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            flags: flags.to_vec(),
        };
        load(&defaults(), sources).map_err(|error| {
            let folder = format!("{}/", self.folder.path().display());
            error.to_string().replace(&folder, "")
        })
    }

    fn refusal(&self, file: &str, environment: &[(&str, &str)]) -> String {
        self.load(file, environment, &[]).err().expect("refused")
    }
}

fn flag(name: &'static str, key: &'static str, value: &str) -> Flag {
    Flag {
        name,
        key,
        value: value.to_owned(),
    }
}

const MYSQL: &str =
    "[tables]\nengine = \"mysql\"\nurl = \"mysql://aops:secret@db/aops\"\npassword_file = \"db.password\"\n";

#[test]
fn the_later_layer_wins_key_by_key() {
    let world = World::new();
    let file =
        "data_dir = \"data\"\n[listen]\npublic = \"file:1\"\ninternal = \"file:2\"\nagent = \"file:3\"\n";
    let environment = [
        ("AOPS_LISTEN", "environment:1"),
        ("AOPS_LISTEN__INTERNAL", "environment:2"),
        ("HOME", "x"),
    ];
    let flags = [flag("--listen", "listen.public", "flag:1")];
    let loaded = world.load(file, &environment, &flags).expect("loaded");
    let listen = &loaded.value.listen;
    assert_eq!(
        [&listen.public, &listen.internal, &listen.agent],
        ["flag:1", "environment:2", "file:3"]
    );
    assert_eq!(
        loaded.value.data_dir,
        world.folder.path().join("data"),
        "begins where the file lies"
    );
    assert_eq!(loaded.value.check, sections::Check::default());
    assert!(loaded.warnings.is_empty());
}

#[test]
fn texts_take_the_type_of_their_key() {
    let world = World::new();
    let environment = [
        ("AOPS_TABLES__CONNECTIONS", "4"),
        ("AOPS_TABLES__HOSTS", "[\"a\", \"b\"]"),
        ("AOPS_TABLES__POOL__TIMEOUT", "3s"),
        ("AOPS_NOTE", "2024"),
        ("AOPS_CHECK__WINDOW", ""),
    ];
    let config = world.load(MYSQL, &environment, &[]).expect("loaded").value;
    assert_eq!(
        config.note.as_deref(),
        Some("2024"),
        "a text that looks like a number stays one"
    );
    assert_eq!(
        config.check.window,
        Duration::from_secs(60),
        "an empty variable sets nothing"
    );
    let Tables::Mysql(tables) = config.tables else {
        panic!("another engine");
    };
    assert_eq!(tables.connections, 4);
    assert_eq!(tables.hosts, ["a", "b"]);
    assert_eq!(tables.pool.timeout, Duration::from_secs(3));
    assert_eq!(tables.password_file, world.folder.path().join("db.password"));
}

#[test]
fn another_engine_drops_what_lower_layers_said_of_the_section() {
    let world = World::new();
    let environment = [("AOPS_TABLES__ENGINE", "embedded")];
    let loaded = world.load(MYSQL, &environment, &[]).expect("loaded");
    assert_eq!(loaded.value.tables, Tables::Embedded {});
    let environment = [("AOPS_TABLES__ENGINE", "mysql")];
    assert!(
        world.load(MYSQL, &environment, &[]).is_ok(),
        "the same engine drops nothing"
    );
}

/// A file, the environment, and how the refusal begins.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn a_refusal_names_place_and_key() {
    let world = World::new();
    let cases: [Case; 16] = [
        (
            "[tabels]\nurl = 1\n",
            &[],
            "aops.toml: tabels.url: there is no such key; the nearest is tables",
        ),
        (
            "[tabels]\n",
            &[],
            "aops.toml: tabels: there is no such key; the nearest is tables",
        ),
        (
            "xyz = 1\n",
            &[],
            "aops.toml: xyz: there is no such key; there are: data_dir, note, listen, check, tables",
        ),
        (
            &format!("{MYSQL}conections = 3\n"),
            &[],
            "aops.toml: tables.conections: there is no such key with engine = \"mysql\"; the nearest is tables.connections",
        ),
        (
            &format!("{MYSQL}[tables.pool]\ntimeuot = \"1s\"\n"),
            &[],
            "aops.toml: tables.pool.timeuot: there is no such key; the nearest is tables.pool.timeout",
        ),
        (
            "[tables]\nurl = \"mysql://db\"\n",
            &[],
            "aops.toml: tables.url: there is no such key with engine = \"embedded\"",
        ),
        (
            MYSQL,
            &[("AOPS_TABLES__CONECTIONS", "3")],
            "AOPS_TABLES__CONECTIONS: there is no such key with engine = \"mysql\"; the nearest is AOPS_TABLES__CONNECTIONS",
        ),
        (
            MYSQL,
            &[("AOPS_TABLES__CONNECTIONS", "many")],
            "AOPS_TABLES__CONNECTIONS: invalid type: string \"many\", expected u32",
        ),
        (
            &format!("{MYSQL}connections = -1\n"),
            &[],
            "aops.toml: tables.connections: invalid value: integer `-1`, expected u32",
        ),
        (
            &format!("{MYSQL}[tables.pool]\ntimeout = \"soon\"\n"),
            &[],
            "aops.toml: tables.pool.timeout: ",
        ),
        (
            "[tables]\nengine = \"mysq\"\n",
            &[],
            "aops.toml: tables.engine: mysq is not known, expected one of embedded, mysql; the nearest is mysql",
        ),
        (
            "[tables]\nengine = \"mysql\"\n",
            &[],
            "tables.url: is missing, engine = \"mysql\" needs it; set it in the configuration file or by AOPS_TABLES__URL",
        ),
        (
            "tables = 3\n",
            &[],
            "aops.toml: tables: invalid type: integer `3`",
        ),
        (
            "[check]\nwindow = \"10ms\"\n",
            &[],
            "aops.toml: check.window: is 10ms, expected at least 1s",
        ),
        ("data_dir = \n", &[], "aops.toml: line 1, column "),
        (
            "",
            &[("AOPS_TABELS__URL", "x")],
            "AOPS_TABELS__URL: there is no such key; the nearest is AOPS_TABLES",
        ),
    ];
    for (file, environment, expected) in cases {
        let refusal = world.refusal(file, environment);
        assert!(
            refusal.starts_with(expected),
            "{refusal}\nfor\n{file}{environment:?}"
        );
    }
}

#[test]
fn a_wrong_flag_is_named() {
    let flags = [flag("--window", "check.window", "soon")];
    let refusal = World::new().load("", &[], &flags).err().expect("refused");
    assert!(refusal.starts_with("--window: "), "{refusal}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let sources = Sources {
        file: Some("/nowhere/aops.toml".into()),
        ..Sources::default()
    };
    let refusal = load(&defaults(), sources).err().expect("refused").to_string();
    assert_eq!(
        refusal,
        "the configuration file /nowhere/aops.toml cannot be read"
    );
}

#[test]
fn a_stray_variable_is_ignored_with_a_warning() {
    let world = World::new();
    let environment = [
        ("AOPS_DATADIR", "/x"),
        ("AOPS_SERVER", "y"),
        ("AOPS_TEST_KAFKA", "z"),
        ("AOPS_LOG", "info"),
    ];
    let loaded = world.load("", &environment, &[]).expect("loaded");
    assert_eq!(
        loaded.warnings,
        ["AOPS_DATADIR is ignored: it sets no key; the nearest is AOPS_DATA_DIR"]
    );
}

#[test]
fn the_effective_configuration_is_printed_with_origins_and_without_secrets() {
    let world = World::new();
    let environment = [("AOPS_TABLES__CONNECTIONS", "4")];
    let flags = [flag("--listen", "listen.public", "flag:1")];
    let printed = world.load(MYSQL, &environment, &flags).expect("loaded").print();
    assert!(!printed.contains("secret"), "{printed}");
    for line in [
        "data_dir = \"/var/lib/aops\"  # default",
        "public = \"flag:1\"  # --listen",
        "window = \"1m\"  # default",
        "url = \"mysql://aops:***@db/aops\"  # ",
        "connections = 4  # AOPS_TABLES__CONNECTIONS",
        "[tables.pool]",
        "timeout = \"1s 500ms\"  # default",
    ] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
    // What is printed can be read again, and means the same.
    let again = world
        .load(&printed.replace("***", "secret"), &[], &[])
        .expect("loaded");
    assert_eq!(
        again.value,
        world.load(MYSQL, &environment, &flags).expect("loaded").value
    );
}

#[test]
fn the_keys_of_a_type_are_found_with_their_defaults() {
    let keys = known_keys(&defaults()).expect("no defects");
    let found: BTreeMap<(&str, Option<&str>), Option<&str>> = keys
        .iter()
        .map(|key| ((key.path.as_str(), key.engine.as_deref()), key.default.as_deref()))
        .collect();
    assert_eq!(found.len(), keys.len());
    for (path, engine, default) in [
        ("data_dir", None, Some("\"/var/lib/aops\"")),
        ("note", None, None),
        ("check.window", None, Some("\"1m\"")),
        ("check.evaluation_delay", None, None),
        ("tables.engine", None, Some("\"embedded\"")),
        ("tables.url", Some("mysql"), None),
        ("tables.connections", Some("mysql"), Some("16")),
        ("tables.hosts", Some("mysql"), Some("[]")),
        ("tables.pool.timeout", Some("mysql"), Some("\"1s 500ms\"")),
        ("tables.pool.order", Some("mysql"), Some("\"first\"")),
    ] {
        assert_eq!(found.get(&(path, engine)), Some(&default), "{path} in {found:#?}");
    }
    assert_eq!(keys.len(), 17, "{keys:#?}");
}

#[test]
fn a_section_that_takes_every_key_is_a_defect() {
    #[derive(Deserialize, Serialize)]
    #[serde(tag = "engine", rename_all = "snake_case")]
    enum Lax {
        Embedded,
    }
    #[derive(Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Program {
        bus: Lax,
    }
    let defects = known_keys(&Program { bus: Lax::Embedded }).expect_err("a defect");
    assert_eq!(defects, ["[bus] takes a key that does not exist"]);
}
