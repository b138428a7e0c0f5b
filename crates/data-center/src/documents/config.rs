//! Which engine holds documents.

use aops_service::config::Refusal;
use serde::{Deserialize, Serialize};

use crate::elasticsearch::ElasticsearchConfig;

/// Where results and reports are stored for search: `engine = "embedded"` or `engine = "elasticsearch"`, with the
/// settings of that engine beside it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "engine", rename_all = "lowercase", deny_unknown_fields)]
pub enum DocumentsConfig {
    /// A SQLite file in the data folder.
    Embedded {},
    /// Indices on a cluster.
    Elasticsearch(ElasticsearchConfig),
}

impl Default for DocumentsConfig {
    fn default() -> Self {
        Self::Embedded {}
    }
}

impl DocumentsConfig {
    /// Refuses what makes no sense, by key.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Embedded {} => Ok(()),
            Self::Elasticsearch(config) => config.check(),
        }
    }

    /// Refuses files that cannot be used, by key.
    pub fn check_files(&self) -> Result<(), Refusal> {
        match self {
            Self::Embedded {} => Ok(()),
            Self::Elasticsearch(config) => config.check_files(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DocumentsConfig, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn the_engine_chooses_its_settings() {
        assert_eq!(
            read(r#"{"engine": "embedded"}"#).expect("read"),
            DocumentsConfig::default()
        );
        let DocumentsConfig::Elasticsearch(config) =
            read(r#"{"engine": "elasticsearch", "index_prefix": "site-1", "request_timeout": "2s"}"#)
                .expect("read")
        else {
            panic!("another engine");
        };
        assert_eq!(config.index_prefix, "site-1");
        assert_eq!(config.urls, ElasticsearchConfig::default().urls);
        for wrong in [
            r#"{"engine": "embedded", "urls": []}"#,
            r#"{"engine": "elasticsearch", "url": "x"}"#,
            r#"{"engine": "other"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for config in [
            DocumentsConfig::default(),
            DocumentsConfig::Elasticsearch(ElasticsearchConfig::default()),
        ] {
            let text = serde_json::to_string(&config).expect("written");
            assert_eq!(read(&text).expect("read"), config);
        }
    }
}
