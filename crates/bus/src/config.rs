//! How a bus is configured: which engine, and its settings.

use serde::{Deserialize, Serialize};

use crate::error::BusError;
use crate::kafka::KafkaConfig;

/// Which message bus, and its settings.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "engine", rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub enum BusConfig {
    /// A file of this process. For one process only: separate programs use Kafka.
    Embedded(EmbeddedConfig),
    /// Apache Kafka.
    Kafka(KafkaConfig),
}

impl BusConfig {
    /// Refuses what makes no sense, by key.
    pub fn check(&self) -> Result<(), BusError> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Kafka(config) => config.check(),
        }
    }

    /// Refuses files that cannot be used, by key.
    pub fn check_files(&self) -> Result<(), BusError> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Kafka(config) => config.check_files(),
        }
    }
}

impl Default for BusConfig {
    fn default() -> Self {
        Self::Embedded(EmbeddedConfig::default())
    }
}

/// Settings of the embedded bus.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddedConfig {
    /// The file does not grow beyond this; a publish that would make it is refused. Default 1 GiB.
    pub maximum_bytes: u64,
    /// How many dead letters are kept for each topic. Default 10,000.
    pub dead_letters_kept: u32,
}

impl Default for EmbeddedConfig {
    fn default() -> Self {
        Self {
            maximum_bytes: 1 << 30,
            dead_letters_kept: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Result<BusConfig, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn the_engine_is_a_value() {
        assert_eq!(read(json!({"engine": "embedded"})), Ok(BusConfig::default()));
        let kafka = read(json!({"engine": "kafka", "brokers": ["a:9092"], "retention": "24h"}));
        let Ok(BusConfig::Kafka(kafka)) = kafka else {
            panic!("{kafka:?}")
        };
        assert_eq!(kafka.brokers, ["a:9092"]);
        assert_eq!(kafka.partitions, 64);
        assert_eq!(kafka.retention.as_secs(), 86_400);
    }

    #[test]
    fn what_is_written_is_read() {
        for config in [BusConfig::default(), BusConfig::Kafka(KafkaConfig::default())] {
            let written = serde_json::to_value(&config).expect("written");
            assert_eq!(read(written.clone()), Ok(config), "{written}");
        }
    }

    #[test]
    fn wrong_keys_and_values_are_refused_by_name() {
        let cases = [
            (json!({"engine": "kafka", "broker": "a:9092"}), "`broker`"),
            (json!({"engine": "rabbit"}), "`rabbit`"),
            (json!({"engine": "kafka", "security_protocol": "tls"}), "`tls`"),
            (json!({"engine": "embedded", "brokers": []}), "`brokers`"),
        ];
        for (value, named) in cases {
            let refusal = read(value.clone()).expect_err("wrong");
            assert!(refusal.contains(named), "{value}: {refusal}");
        }
    }
}
