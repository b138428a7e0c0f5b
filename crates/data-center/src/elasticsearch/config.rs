//! Settings of the connection.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::elasticsearch::http::Url;
use aops_service::config::Refusal;
use serde::{Deserialize, Serialize};

/// How Elasticsearch is reached, and how the indices there are named and made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ElasticsearchConfig {
    /// Addresses of the nodes, in order of preference: `http://…` or `https://…`. When one cannot be reached the next one
    /// is asked.
    pub urls: Vec<String>,
    /// Begins the names of all indices and templates. Two platforms on one cluster need two prefixes. Small letters,
    /// digits, `-` and `_`, a letter first.
    pub index_prefix: String,
    /// User for basic authentication, together with `password_file`.
    pub username: Option<String>,
    /// File that holds the user's password, readable by its owner only (mode 0600).
    pub password_file: Option<PathBuf>,
    /// Certificates in PEM form to trust besides the well-known ones, for `https` with an authority of your own.
    pub ca_file: Option<PathBuf>,
    /// How long a request may take before it fails. Callers wait for it: keep it below 3 seconds.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub request_timeout: Duration,
    /// Primary shards of each index that is made from now on. One serves some ten million documents.
    pub shards: u32,
    /// Copies of each shard. Absent = one as soon as there is a second node, none before.
    pub replicas: Option<u32>,
}

impl Default for ElasticsearchConfig {
    fn default() -> Self {
        Self {
            urls: vec!["http://127.0.0.1:9200".to_owned()],
            index_prefix: "aops".to_owned(),
            username: None,
            password_file: None,
            ca_file: None,
            request_timeout: Duration::from_millis(2_500),
            shards: 1,
            replicas: None,
        }
    }
}

impl ElasticsearchConfig {
    /// Refuses what cannot be meant, by key. Reads no file.
    pub fn check(&self) -> Result<(), Refusal> {
        self.parsed_urls()?;
        check_prefix(&self.index_prefix)?;
        if self.username.is_some() != self.password_file.is_some() {
            let reason = "goes with password_file: give both or none".to_owned();
            return Err(setting("username", reason));
        }
        if self.request_timeout.is_zero() {
            return Err(setting("request_timeout", "must be longer than 0".to_owned()));
        }
        if self.shards == 0 {
            return Err(setting("shards", "must be at least 1".to_owned()));
        }
        Ok(())
    }

    /// Refuses files that cannot be used, by key.
    pub fn check_files(&self) -> Result<(), Refusal> {
        self.password()?;
        self.certificates()?;
        Ok(())
    }

    pub(super) fn parsed_urls(&self) -> Result<Vec<Url>, Refusal> {
        if self.urls.is_empty() {
            return Err(setting(
                "urls",
                "names no node; give at least one address".to_owned(),
            ));
        }
        self.urls.iter().map(|text| parse_url(text)).collect()
    }

    /// The password; `None` without a user.
    pub(super) fn password(&self) -> Result<Option<String>, Refusal> {
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let metadata = fs::metadata(path).map_err(unreadable("password_file", path))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            let reason = format!("{} can be read by others; run: chmod 600 {0}", path.display());
            return Err(setting("password_file", reason));
        }
        let text = fs::read_to_string(path).map_err(unreadable("password_file", path))?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The certificates of `ca_file`, as they stand there.
    pub(super) fn certificates(&self) -> Result<Option<Vec<u8>>, Refusal> {
        match &self.ca_file {
            None => Ok(None),
            Some(path) => Ok(Some(fs::read(path).map_err(unreadable("ca_file", path))?)),
        }
    }
}

fn parse_url(text: &str) -> Result<Url, Refusal> {
    let url =
        Url::parse(text).map_err(|error| setting("urls", format!("'{text}' is no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        let reason = format!("'{text}' begins neither with http:// nor with https://");
        return Err(setting("urls", reason));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let reason = "an address holds a user or a password; use username and password_file".to_owned();
        return Err(setting("urls", reason));
    }
    Ok(url)
}

fn check_prefix(prefix: &str) -> Result<(), Refusal> {
    let is_fine =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter);
    let begins_well = prefix.starts_with(|letter: char| letter.is_ascii_lowercase());
    if begins_well && prefix.len() <= 64 && prefix.chars().all(is_fine) {
        return Ok(());
    }
    let reason = format!(
        "'{prefix}' is not 1 to 64 small letters, digits, '-' and '_' with a letter first, such as 'aops'"
    );
    Err(setting("index_prefix", reason))
}

fn setting(key: &'static str, reason: String) -> Refusal {
    Refusal::new(key, reason)
}

fn unreadable(field: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Refusal {
    move |error| setting(field, format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut ElasticsearchConfig)) -> String {
        let mut config = ElasticsearchConfig::default();
        change(&mut config);
        config.check().expect_err("refused").to_string()
    }

    #[test]
    fn the_default_is_accepted() {
        ElasticsearchConfig::default().check().expect("fine");
    }

    #[test]
    fn wrong_settings_are_named() {
        assert!(refusal(|config| config.urls.clear()).contains("urls"));
        assert!(refusal(|config| config.urls = vec!["127.0.0.1:9200".to_owned()]).contains("127.0.0.1:9200"));
        let with_password = refusal(|config| config.urls = vec!["http://me:secret@host:9200".to_owned()]);
        assert!(with_password.contains("password_file") && !with_password.contains("secret"));
        for prefix in ["", "A", "9a", "a,b", "a*", "a/b", "-a", "ä"] {
            assert!(refusal(|config| config.index_prefix = prefix.to_owned()).contains("index_prefix"));
        }
        assert!(refusal(|config| config.username = Some("me".to_owned())).contains("password_file"));
        assert!(refusal(|config| config.request_timeout = Duration::ZERO).contains("request_timeout"));
        assert!(refusal(|config| config.shards = 0).contains("shards"));
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        let text = r#"{"urls": ["https://search:9200"], "request_timeout": "1s 500ms", "replicas": 2}"#;
        let config: ElasticsearchConfig = serde_json::from_str(text).expect("read");
        assert_eq!(config.request_timeout, Duration::from_millis(1_500));
        let again = serde_json::to_string(&config).expect("written");
        assert_eq!(
            serde_json::from_str::<ElasticsearchConfig>(&again).expect("read"),
            config
        );
        assert!(serde_json::from_str::<ElasticsearchConfig>(r#"{"url": "x"}"#).is_err());
    }

    #[test]
    fn a_password_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("password");
        fs::write(&path, "secret\n").expect("written");
        let config = ElasticsearchConfig {
            username: Some("me".to_owned()),
            password_file: Some(path.clone()),
            ..ElasticsearchConfig::default()
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
        assert!(
            config
                .password()
                .expect_err("refused")
                .to_string()
                .contains("chmod 600")
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
        assert_eq!(config.password().expect("read"), Some("secret".to_owned()));
    }
}
