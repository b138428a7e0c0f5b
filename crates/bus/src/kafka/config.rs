//! The settings of a Kafka bus, checked and handed on to librdkafka.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use serde::{Deserialize, Serialize};

use crate::error::BusError;

/// The longest a call may take that has an answer to give, in all.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(3);
/// Room for key, id and the frame of a message, beside its payload.
pub(super) const FRAME_BYTES: usize = 4_096;

/// Settings of a bus on Kafka. Durations are written `15s`, `24h`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// Brokers to begin with, each as `host:port`; the others are learned from them. Required; name two or more of a cluster.
    pub brokers: Vec<String>,
    /// How many partitions a topic gets that we make. Default 64, as many as there are shards of hosts: so many consumers
    /// of a group can work at once. A topic that exists keeps what it has.
    pub partitions: u32,
    /// On how many brokers each message is kept, of topics that we make. Default 1, for trying; 3 in production.
    pub replication_factor: u16,
    /// Put before the names of topics and groups, so that several installations can share a cluster. Default none.
    pub topic_prefix: String,
    /// How long messages are kept, consumed or not, in topics that we make. Default a week.
    #[serde(with = "compact::required")]
    pub retention: Duration,
    /// How long dead letters are kept, in topics that we make. Default thirty days.
    #[serde(with = "compact::required")]
    pub dead_letter_retention: Duration,
    /// The largest message, in bytes, sent or taken. Default 1,000,000, which is what brokers allow by default.
    pub maximum_message_bytes: u32,
    /// About how many messages of a partition a consumer keeps in memory, held ones included. Default 256.
    pub maximum_held: u32,
    /// A consumer that is silent for so long is taken for dead, and others get its partitions. Default 10 s.
    #[serde(with = "compact::required")]
    pub session_timeout: Duration,
    /// When partitions go to another consumer: how long those who hold messages of them have to finish. Default 10 s.
    #[serde(with = "compact::required")]
    pub handover_timeout: Duration,
    /// How brokers are spoken to. Default `plaintext`.
    pub security_protocol: SecurityProtocol,
    /// How we log in, such as `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`. Only with a `sasl_…` protocol.
    pub sasl_mechanism: Option<String>,
    /// The name to log in with.
    pub username: Option<String>,
    /// File with the password, in its first line.
    pub password_file: Option<PathBuf>,
    /// File with the certificates of the authorities that may vouch for brokers (PEM). Default: those of the system.
    pub ca_file: Option<PathBuf>,
}

/// How brokers are spoken to.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityProtocol {
    /// Neither encrypted nor logged in: for a network that is trusted.
    #[default]
    Plaintext,
    /// Encrypted.
    Ssl,
    /// Logged in, not encrypted.
    SaslPlaintext,
    /// Encrypted and logged in.
    SaslSsl,
}

impl SecurityProtocol {
    fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    fn logs_in(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            partitions: 64,
            replication_factor: 1,
            topic_prefix: String::new(),
            retention: Duration::from_hours(7 * 24),
            dead_letter_retention: Duration::from_hours(30 * 24),
            maximum_message_bytes: 1_000_000,
            maximum_held: 256,
            session_timeout: Duration::from_secs(10),
            handover_timeout: Duration::from_secs(10),
            security_protocol: SecurityProtocol::default(),
            sasl_mechanism: None,
            username: None,
            password_file: None,
            ca_file: None,
        }
    }
}

impl KafkaConfig {
    /// The brokers as messages name them.
    pub(super) fn broker_list(&self) -> String {
        self.brokers.join(",")
    }

    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), BusError> {
        if self.brokers.is_empty() {
            return Err(refuse("brokers", "none is named; expected a list of host:port"));
        }
        for broker in &self.brokers {
            check_broker(broker)?;
        }
        check_range("partitions", self.partitions.into(), 1, 10_000)?;
        check_range("replication_factor", self.replication_factor.into(), 1, 100)?;
        check_range(
            "maximum_message_bytes",
            self.maximum_message_bytes.into(),
            10_000,
            100_000_000,
        )?;
        check_range("maximum_held", self.maximum_held.into(), 2, 8_192)?;
        check_seconds("retention", self.retention, 60, u64::from(u32::MAX))?;
        check_seconds(
            "dead_letter_retention",
            self.dead_letter_retention,
            60,
            u64::from(u32::MAX),
        )?;
        check_seconds("session_timeout", self.session_timeout, 6, 1_800)?;
        check_seconds("handover_timeout", self.handover_timeout, 0, 200)?;
        if let Some(wrong) = self.topic_prefix.chars().find(|letter| !is_of_a_name(*letter)) {
            let reason =
                format!("{wrong:?} is in it; expected letters, digits, dots, dashes and underscores");
            return Err(refuse("topic_prefix", reason));
        }
        self.check_login()
    }

    /// Refuses files that cannot be used, by key.
    pub(crate) fn check_files(&self) -> Result<(), BusError> {
        if let Some(file) = &self.password_file {
            read_password(file)?;
        }
        if let Some(file) = &self.ca_file {
            let cannot_be_read = |error| {
                let reason = format!("{} cannot be read: {error}", file.display());
                refuse("ca_file", reason)
            };
            fs::read(file).map_err(cannot_be_read)?;
        }
        Ok(())
    }

    fn check_login(&self) -> Result<(), BusError> {
        let protocol = self.security_protocol;
        let wanted = [
            ("sasl_mechanism", self.sasl_mechanism.is_some()),
            ("username", self.username.is_some()),
            ("password_file", self.password_file.is_some()),
        ];
        for (key, is_given) in wanted {
            if protocol.logs_in() && !is_given {
                let reason = format!("it is missing; security_protocol {} needs it", protocol.name());
                return Err(refuse(key, reason));
            }
            if !protocol.logs_in() && is_given {
                let reason = format!(
                    "it has no effect with security_protocol {}; use sasl_ssl, or leave it out",
                    protocol.name()
                );
                return Err(refuse(key, reason));
            }
        }
        if self.ca_file.is_some() && !matches!(protocol, SecurityProtocol::Ssl | SecurityProtocol::SaslSsl) {
            let reason = format!("it has no effect with security_protocol {}", protocol.name());
            return Err(refuse("ca_file", reason));
        }
        Ok(())
    }

    /// What every client of librdkafka gets.
    pub(super) fn client(&self) -> Result<ClientConfig, BusError> {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", self.broker_list())
            .set("client.id", "aops")
            .set("security.protocol", self.security_protocol.name())
            .set("allow.auto.create.topics", "false")
            .set("reconnect.backoff.ms", "200")
            .set("reconnect.backoff.max.ms", "5000")
            .set("socket.timeout.ms", "10000")
            .set("socket.connection.setup.timeout.ms", "5000")
            .set("socket.keepalive.enable", "true")
            .set("message.max.bytes", self.maximum_message_bytes.to_string());
        if let Some(mechanism) = &self.sasl_mechanism {
            client.set("sasl.mechanism", mechanism);
        }
        if let Some(username) = &self.username {
            client.set("sasl.username", username);
        }
        if let Some(file) = &self.password_file {
            client.set("sasl.password", read_password(file)?);
        }
        if let Some(file) = &self.ca_file {
            client.set("ssl.ca.location", file.display().to_string());
        }
        Ok(client)
    }

    /// The name of a topic or group in the cluster.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }
}

/// What librdkafka refused, by the name of our key where it is one of ours.
pub(super) fn refused(error: KafkaError) -> BusError {
    const KEYS: [(&str, &str); 7] = [
        ("bootstrap.servers", "brokers"),
        ("security.protocol", "security_protocol"),
        ("sasl.mechanism", "sasl_mechanism"),
        ("SASL mechanism", "sasl_mechanism"),
        ("sasl.username", "username"),
        ("sasl.password", "password_file"),
        ("ssl.ca.location", "ca_file"),
    ];
    let reason = match error {
        KafkaError::ClientConfig(_, reason, _, _) | KafkaError::ClientCreation(reason) => reason,
        other => other.to_string(),
    };
    let key = KEYS.iter().find(|(theirs, _)| reason.contains(theirs));
    refuse(key.map_or("kafka", |(_, ours)| ours), reason)
}

pub(super) fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "._-".contains(letter)
}

fn refuse(key: &'static str, reason: impl Into<String>) -> BusError {
    BusError::Config {
        key,
        reason: reason.into(),
    }
}

fn check_broker(broker: &str) -> Result<(), BusError> {
    let port = broker
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty() && !host.contains(['/', ',', ' ']))
        .and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        Some(1..) => Ok(()),
        _ => Err(refuse(
            "brokers",
            format!("{broker:?} is in it; expected host:port, such as kafka-1:9092"),
        )),
    }
}

fn check_range(key: &'static str, found: u64, least: u64, most: u64) -> Result<(), BusError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(refuse(key, format!("it is {found}; expected {least} to {most}")))
}

fn check_seconds(key: &'static str, found: Duration, least: u64, most: u64) -> Result<(), BusError> {
    if (Duration::from_secs(least)..=Duration::from_secs(most)).contains(&found) {
        return Ok(());
    }
    Err(refuse(
        key,
        format!("it is {found:?}; expected {least}s to {most}s"),
    ))
}

fn read_password(file: &PathBuf) -> Result<String, BusError> {
    let text = fs::read_to_string(file).map_err(|error| {
        refuse(
            "password_file",
            format!("{} cannot be read: {error}", file.display()),
        )
    })?;
    match text.lines().next().map(str::trim_end) {
        Some(password) if !password.is_empty() => Ok(password.to_owned()),
        _ => Err(refuse(
            "password_file",
            format!("{} has no password in its first line", file.display()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> KafkaConfig {
        KafkaConfig {
            brokers: vec!["127.0.0.1:9092".to_owned()],
            ..Default::default()
        }
    }

    #[track_caller]
    fn assert_refused(change: impl FnOnce(&mut KafkaConfig), key: &str) {
        let mut config = config();
        change(&mut config);
        let refusal = config.check().expect_err("wrong").to_string();
        assert!(refusal.contains(&format!("`{key}`")), "{refusal}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_the_name_of_the_key() {
        config().check().expect("right");
        assert_refused(|config| config.brokers.clear(), "brokers");
        for broker in [
            "kafka",
            ":9092",
            "a b:1",
            "kafka:0",
            "kafka:99999",
            "http://kafka:9092",
        ] {
            assert_refused(|config| config.brokers.push(broker.to_owned()), "brokers");
        }
        assert_refused(|config| config.partitions = 0, "partitions");
        assert_refused(|config| config.replication_factor = 0, "replication_factor");
        assert_refused(|config| config.maximum_message_bytes = 1, "maximum_message_bytes");
        assert_refused(|config| config.maximum_held = 1, "maximum_held");
        assert_refused(|config| config.retention = Duration::ZERO, "retention");
        assert_refused(
            |config| config.session_timeout = Duration::from_secs(1),
            "session_timeout",
        );
        assert_refused(|config| config.topic_prefix = "a/b".to_owned(), "topic_prefix");
        assert_refused(|config| config.username = Some("me".to_owned()), "username");
        assert_refused(|config| config.ca_file = Some("ca.pem".into()), "ca_file");
        assert_refused(
            |config| config.security_protocol = SecurityProtocol::SaslSsl,
            "sasl_mechanism",
        );
    }

    #[test]
    fn a_password_comes_from_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        let config = KafkaConfig {
            security_protocol: SecurityProtocol::SaslPlaintext,
            sasl_mechanism: Some("PLAIN".to_owned()),
            username: Some("me".to_owned()),
            password_file: Some(file.clone()),
            ..config()
        };
        config.check().expect("right");
        let refusal = config.client().expect_err("no file").to_string();
        assert!(
            refusal.contains("`password_file`") && refusal.contains("cannot be read"),
            "{refusal}"
        );
        fs::write(&file, "\n").expect("written");
        let refusal = config.client().expect_err("empty").to_string();
        assert!(refusal.contains("has no password"), "{refusal}");
        fs::write(&file, "secret\n").expect("written");
        let client = config.client().expect("read");
        assert_eq!(client.get("sasl.password"), Some("secret"));
        assert!(!format!("{client:?}").contains("secret"), "not in logs");
    }

    #[test]
    fn what_librdkafka_refuses_is_told_by_our_key() {
        let mut config = KafkaConfig {
            security_protocol: SecurityProtocol::Ssl,
            ca_file: Some("/nowhere/ca.pem".into()),
            ..config()
        };
        let client = config.client().expect("read");
        let error = client
            .create::<rdkafka::consumer::BaseConsumer>()
            .err()
            .expect("no such file");
        let refusal = refused(error).to_string();
        assert!(refusal.contains("`ca_file`"), "{refusal}");

        config.security_protocol = SecurityProtocol::SaslPlaintext;
        config.ca_file = None;
        config.sasl_mechanism = Some("FOO".to_owned());
        let client = config.client().expect("read");
        let error = client
            .create::<rdkafka::consumer::BaseConsumer>()
            .err()
            .expect("no such mechanism");
        let refusal = refused(error).to_string();
        assert!(refusal.contains("`sasl_mechanism`"), "{refusal}");
    }
}
