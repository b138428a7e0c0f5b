//! Where the tables are.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aops_service::config::{Refusal, without_passwords};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// `[tables]`: the database of accounts, hosts, rules, trees, tasks, cursors, coverage and findings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "engine", rename_all = "snake_case", deny_unknown_fields)]
pub enum TablesConfig {
    /// A SQLite file in the data folder.
    Embedded {},
    /// A MariaDB or MySQL server.
    Mysql(MysqlConfig),
}

impl Default for TablesConfig {
    fn default() -> Self {
        Self::Embedded {}
    }
}

/// Tables on a MariaDB or MySQL server. A request that meets an outage is answered within `acquire_timeout` or
/// `statement_timeout`, whichever it waits for: together they are to stay below 3 seconds.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MysqlConfig {
    /// `mysql://user@host:3306/database`. The database exists; the user may create tables in it.
    pub url: String,
    /// A file that holds the user's password and nothing else, readable by its owner only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Certificate authority of the server, PEM. With it the connection is encrypted and the server's name is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Most connections of this process.
    #[serde(default = "MysqlConfig::default_connections")]
    pub connections: u32,
    /// How long a request waits for a connection, the making of a new one included.
    #[serde(
        default = "MysqlConfig::default_acquire_timeout",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub acquire_timeout: Duration,
    /// How long a statement may go on without a row or an answer.
    #[serde(
        default = "MysqlConfig::default_statement_timeout",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub statement_timeout: Duration,
    /// How long a transaction waits for the lock of another one before it begins anew, in whole seconds.
    #[serde(
        default = "MysqlConfig::default_lock_timeout",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub lock_timeout: Duration,
}

impl MysqlConfig {
    /// A server without a password, with the usual limits.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password_file: None,
            ca_file: None,
            connections: Self::default_connections(),
            acquire_timeout: Self::default_acquire_timeout(),
            statement_timeout: Self::default_statement_timeout(),
            lock_timeout: Self::default_lock_timeout(),
        }
    }

    fn default_connections() -> u32 {
        16
    }

    fn default_acquire_timeout() -> Duration {
        Duration::from_millis(1_500)
    }

    fn default_statement_timeout() -> Duration {
        Duration::from_millis(2_500)
    }

    fn default_lock_timeout() -> Duration {
        Duration::from_secs(1)
    }

    /// Address and database, without user and password: for messages.
    pub(crate) fn place(&self) -> String {
        match Url::parse(&self.url) {
            Ok(url) => format!(
                "{}:{}{}",
                url.host_str().unwrap_or_default(),
                url.port().unwrap_or(DEFAULT_PORT),
                url.path()
            ),
            Err(_) => without_passwords(&self.url),
        }
    }

    /// The URL with everything that the driver is to know.
    pub(crate) fn driver_url(&self) -> Result<String, Error> {
        let mut url = Url::parse(&self.url).map_err(|error| {
            Error::Setting(format!("tables.url: {}: {error}", without_passwords(&self.url)))
        })?;
        if let Some(file) = &self.password_file {
            let password = read_password(file)
                .map_err(|refusal| Error::Setting(refusal.within("tables").to_string()))?;
            url.set_password(Some(&password))
                .map_err(|()| Error::Setting("tables.url: names no host".to_owned()))?;
        }
        if let Some(file) = &self.ca_file {
            url.query_pairs_mut()
                .append_pair("ssl-mode", "VERIFY_IDENTITY")
                .append_pair("ssl-ca", &file.to_string_lossy());
        }
        url.query_pairs_mut()
            .append_pair("charset", "utf8mb4")
            .append_pair("collation", "utf8mb4_bin");
        Ok(url.into())
    }
}

const DEFAULT_PORT: u16 = 3306;

/// The URL may hold a password.
impl fmt::Debug for MysqlConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MysqlConfig")
            .field("url", &without_passwords(&self.url))
            .field("password_file", &self.password_file)
            .field("ca_file", &self.ca_file)
            .field("connections", &self.connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .finish()
    }
}

impl TablesConfig {
    /// Refuses what makes no sense, by key.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Embedded {} => Ok(()),
            Self::Mysql(config) => config.check(),
        }
    }
}

impl TablesConfig {
    /// Refuses files that cannot be used, by key.
    pub fn check_files(&self) -> Result<(), Refusal> {
        match self {
            Self::Mysql(MysqlConfig {
                password_file: Some(file),
                ..
            }) => read_password(file).map(drop),
            Self::Mysql(_) | Self::Embedded {} => Ok(()),
        }
    }
}

impl MysqlConfig {
    fn check(&self) -> Result<(), Refusal> {
        let example = "expected mysql://user@host:3306/database";
        let url =
            Url::parse(&self.url).map_err(|error| Refusal::new("url", format!("{error}, {example}")))?;
        if !matches!(url.scheme(), "mysql" | "mariadb") {
            return Err(Refusal::new(
                "url",
                format!("begins with {}:, {example}", url.scheme()),
            ));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(Refusal::new("url", format!("names no host, {example}")));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(Refusal::new("url", format!("names no database, {example}")));
        }
        if url.password().is_some() && self.password_file.is_some() {
            let reason = "there is a password in tables.url as well; leave one of them out";
            return Err(Refusal::new("password_file", reason));
        }
        if self.connections < 2 {
            let reason = format!("is {}, expected at least 2", self.connections);
            return Err(Refusal::new("connections", reason));
        }
        for (key, duration) in [
            ("acquire_timeout", self.acquire_timeout),
            ("statement_timeout", self.statement_timeout),
        ] {
            if duration < SHORTEST_TIMEOUT {
                let reason = format!("is {duration:?}, expected at least {SHORTEST_TIMEOUT:?}");
                return Err(Refusal::new(key, reason));
            }
        }
        if self.lock_timeout.as_secs() == 0 || self.lock_timeout.subsec_nanos() != 0 {
            let reason = format!("is {:?}, expected whole seconds, at least 1", self.lock_timeout);
            return Err(Refusal::new("lock_timeout", reason));
        }
        Ok(())
    }
}

const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);

fn read_password(file: &Path) -> Result<String, Refusal> {
    let refused = |reason: String| Refusal::new("password_file", format!("{} {reason}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| refused(format!("cannot be read: {error}")))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(refused("is empty".to_owned())),
        password => Ok(password.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut MysqlConfig)) -> Refusal {
        let mut config = MysqlConfig::new("mysql://aops@db/aops");
        change(&mut config);
        TablesConfig::Mysql(config).check().expect_err("refused")
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_key() {
        for url in [
            "db/aops",
            "postgres://db/aops",
            "mysql:///aops",
            "mysql://db",
            "mysql://db/",
        ] {
            assert_eq!(refused(|config| config.url = url.to_owned()).key, "url", "{url}");
        }
        assert_eq!(refused(|config| config.connections = 1).key, "connections");
        assert_eq!(
            refused(|config| config.acquire_timeout = Duration::ZERO).key,
            "acquire_timeout"
        );
        assert_eq!(
            refused(|config| config.statement_timeout = Duration::ZERO).key,
            "statement_timeout"
        );
        assert_eq!(
            refused(|config| config.lock_timeout = Duration::from_millis(1_500)).key,
            "lock_timeout"
        );
        let both = refused(|config| {
            config.url = "mysql://aops:secret@db/aops".to_owned();
            config.password_file = Some("file".into());
        });
        assert_eq!(both.key, "password_file");
        assert!(TablesConfig::default().check().is_ok());
    }

    #[test]
    fn the_driver_is_told_password_and_certificate() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        fs::write(&file, "p@ss/wo:rd\n").expect("written");
        let mut config = MysqlConfig::new("mysql://aops@db:3307/aops");
        config.password_file = Some(file);
        config.ca_file = Some("/etc/ca.pem".into());
        assert_eq!(
            config.driver_url().expect("a URL"),
            "mysql://aops:p%40ss%2Fwo%3Ard@db:3307/aops?ssl-mode=VERIFY_IDENTITY&ssl-ca=%2Fetc%2Fca.pem\
             &charset=utf8mb4&collation=utf8mb4_bin"
        );
        assert_eq!(config.place(), "db:3307/aops");
        config.password_file = Some(folder.path().join("nowhere"));
        let refusal = config.driver_url().expect_err("refused").to_string();
        assert!(refusal.contains("nowhere cannot be read"), "{refusal}");
    }

    #[test]
    fn no_password_is_printed() {
        let config = MysqlConfig::new("mysql://aops:secret@db/aops");
        assert!(!format!("{config:?}").contains("secret"));
    }
}
