//! What can be set: a section for each service, and one for each engine, as separate programs have them too.

use std::path::PathBuf;
use std::time::Duration;

use aops_bus::{BusConfig, BusError};
use aops_data_center::account::SessionLimits;
use aops_data_center::account::password::Cost;
use aops_data_center::documents::DocumentsConfig;
use aops_data_center::documents::retention::DocumentRetention;
use aops_data_center::logs::LogsConfig;
use aops_data_center::series::SeriesConfig;
use aops_data_center::series::retention::DEFAULT_RETENTION;
use aops_data_center::series::scrape::ScrapeLimits;
use aops_data_center::{DEFAULT_OPERATION_LOG, DataCenterConfig, TablesConfig};
use aops_service::config::sections::{Check, Diagnosis, Listen, Passwords, Scrape, Session};
use aops_service::config::{Refusal, Settings};
use serde::{Deserialize, Serialize};

/// How a platform is started. Not printable: it holds a password.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StandaloneConfig {
    /// Folder for everything the platform keeps.
    pub data_dir: PathBuf,
    /// A file that holds the password of `admin` for the first start; without it one is generated, and has to be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_password_file: Option<PathBuf>,
    /// The same password from `AOPS_ADMIN_PASSWORD`; it goes before the file.
    #[serde(skip)]
    pub admin_password: Option<String>,
    /// Where it listens.
    pub listen: Listen,
    /// How long a login lasts.
    pub session: Session,
    /// What hashing a password costs.
    pub passwords: Passwords,
    /// How metrics are collected.
    pub scrape: Scrape,
    /// How rules are judged.
    pub check: Check,
    /// How fault trees are walked.
    pub diagnosis: Diagnosis,
    /// Accounts, hosts, rules, trees, tasks, findings.
    pub tables: TablesConfig,
    /// Results and reports, as users search them.
    pub documents: DocumentsConfig,
    /// Samples.
    pub series: SeriesConfig,
    /// Lines of logs.
    pub logs: LogsConfig,
    /// Work that services ask of each other.
    pub bus: BusConfig,
    /// How long things are kept.
    pub retention: Retention,
}

/// `[retention]`: how long things are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Samples of the embedded engine; others have a setting of their own.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub series: Duration,
    /// Results, from their end.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub results: Duration,
    /// Reports, from when they were made.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub reports: Duration,
    /// Entries of the operation log.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub operation_log: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let documents = DocumentRetention::default();
        Self {
            series: DEFAULT_RETENTION,
            results: documents.results,
            reports: documents.reports,
            operation_log: DEFAULT_OPERATION_LOG,
        }
    }
}

impl Retention {
    /// Refuses what makes no sense.
    fn check(&self) -> Result<(), Refusal> {
        for (key, kept) in [
            ("series", self.series),
            ("results", self.results),
            ("reports", self.reports),
            ("operation_log", self.operation_log),
        ] {
            if kept < SHORTEST_RETENTION {
                let reason = format!("is {kept:?}, expected at least {SHORTEST_RETENTION:?}");
                return Err(Refusal::new(key, reason));
            }
        }
        Ok(())
    }
}

/// A shorter one is a slip: minutes for hours.
const SHORTEST_RETENTION: Duration = Duration::from_secs(3_600);

impl Settings for StandaloneConfig {
    const VARIABLES: &'static [(&'static str, &'static str)] = &[
        ("AOPS_LISTEN", "listen.public"),
        ("AOPS_INTERNAL_LISTEN", "listen.internal"),
        ("AOPS_AGENT_LISTEN", "listen.agent"),
    ];

    fn check(&self) -> Result<(), Refusal> {
        let sections = [
            ("session", self.session.check()),
            ("passwords", self.passwords.check()),
            ("scrape", self.scrape.check()),
            ("check", self.check.check()),
            ("diagnosis", self.diagnosis.check()),
            ("tables", self.tables.check()),
            ("documents", self.documents.check()),
            ("series", self.series.check()),
            ("logs", self.logs.check()),
            ("bus", self.bus.check().map_err(of_bus)),
            ("retention", self.retention.check()),
        ];
        first_refusal(sections)
    }

    fn check_files(&self) -> Result<(), Refusal> {
        let sections = [
            ("tables", self.tables.check_files()),
            ("documents", self.documents.check_files()),
            ("series", self.series.check_files()),
            ("logs", self.logs.check_files()),
            ("bus", self.bus.check_files().map_err(of_bus)),
        ];
        first_refusal(sections)
    }
}

/// The refusal of a section, with the section's name before the key.
fn first_refusal<const COUNT: usize>(sections: [(&str, Result<(), Refusal>); COUNT]) -> Result<(), Refusal> {
    for (section, outcome) in sections {
        outcome.map_err(|refusal| refusal.within(section))?;
    }
    Ok(())
}

/// The bus stands below the crate of the configuration, and refuses in its own words.
fn of_bus(error: BusError) -> Refusal {
    match error {
        BusError::Config { key, reason } => Refusal::new(key, reason),
        other => Refusal::new("engine", other.to_string()),
    }
}

impl StandaloneConfig {
    /// What `aops-standalone` does without options: this machine is scraped every 2 s in windows of 10 s.
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            admin_password_file: None,
            admin_password: None,
            listen: Listen::default(),
            session: Session::default(),
            passwords: Passwords::default(),
            scrape: Scrape {
                interval: Duration::from_secs(2),
                ..Scrape::default()
            },
            check: Check {
                window: Duration::from_secs(10),
                ..Check::default()
            },
            diagnosis: Diagnosis::default(),
            tables: TablesConfig::default(),
            documents: DocumentsConfig::default(),
            series: SeriesConfig::default(),
            logs: LogsConfig::default(),
            bus: BusConfig::default(),
            retention: Retention::default(),
        }
    }

    pub(crate) fn check_scheduler(&self) -> aops_check_scheduler::Config {
        let interval_ms = milliseconds(self.scrape.interval);
        let defaults = aops_check_scheduler::Config::for_scrape_interval(interval_ms);
        let window_ms = milliseconds(self.check.window);
        let catch_up_limit_ms = milliseconds(self.check.catch_up_limit);
        aops_check_scheduler::Config {
            window_ms,
            max_window_ms: defaults.max_window_ms.clamp(window_ms, catch_up_limit_ms),
            catch_up_limit_ms,
            evaluation_delay_ms: self
                .check
                .evaluation_delay
                .map_or(defaults.evaluation_delay_ms, milliseconds),
            ..defaults
        }
    }

    pub(crate) fn check_executor(&self) -> aops_check_executor::Config {
        aops_check_executor::Config {
            scrape_interval_ms: milliseconds(self.scrape.interval),
            parallel: self.check.parallel,
            memory_limit_bytes: self.check.memory_limit_bytes,
            ..Default::default()
        }
    }

    pub(crate) fn diag_scheduler(&self) -> aops_diag_scheduler::Config {
        aops_diag_scheduler::Config {
            max_reports: self.diagnosis.max_reports,
            ..Default::default()
        }
    }

    pub(crate) fn diag_executor(&self) -> aops_diag_executor::Config {
        aops_diag_executor::Config {
            scrape_interval_ms: milliseconds(self.scrape.interval),
            parallel: self.diagnosis.parallel,
            ..Default::default()
        }
    }

    pub(crate) fn data_center(&self, admin_password: Option<String>) -> DataCenterConfig {
        DataCenterConfig {
            admin_password,
            tables: self.tables.clone(),
            documents: self.documents.clone(),
            document_retention: DocumentRetention {
                results: self.retention.results,
                reports: self.retention.reports,
            },
            series_retention: self.retention.series,
            series: self.series.clone(),
            logs: self.logs.clone(),
            session_limits: SessionLimits {
                lifetime_ms: milliseconds(self.session.lifetime),
                idle_ms: milliseconds(self.session.idle),
            },
            password_cost: Cost {
                memory_kib: self.passwords.memory_kib,
                passes: self.passwords.passes,
                lanes: self.passwords.lanes,
            },
            agent_port: self.scrape.agent_port,
            operation_log_retention: self.retention.operation_log,
            scrape_interval: self.scrape.interval,
            scrape_limits: ScrapeLimits {
                timeout: self.scrape.timeout,
                concurrency: self.scrape.concurrency,
                maximum_samples: self.scrape.maximum_samples,
                ..ScrapeLimits::default()
            },
            ..DataCenterConfig::new(&self.data_dir)
        }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use aops_service::config::sections;

    use super::*;

    #[test]
    fn the_defaults_of_sections_are_those_of_the_services() {
        let config = StandaloneConfig {
            scrape: sections::Scrape::default(),
            check: sections::Check::default(),
            ..StandaloneConfig::new("data".into())
        };
        config.check().expect("sensible");
        assert_eq!(config.check_scheduler(), aops_check_scheduler::Config::default());
        assert_eq!(config.check_executor(), aops_check_executor::Config::default());
        assert_eq!(config.diag_scheduler(), aops_diag_scheduler::Config::default());
        assert_eq!(config.diag_executor(), aops_diag_executor::Config::default());
        let defaults = DataCenterConfig::new("data");
        let data_center = config.data_center(None);
        assert_eq!(data_center.session_limits, defaults.session_limits);
        assert_eq!(
            format!("{:?}", data_center.scrape_limits),
            format!("{:?}", defaults.scrape_limits)
        );
        assert_eq!(data_center.scrape_interval, defaults.scrape_interval);
        assert_eq!(data_center.password_cost, defaults.password_cost);
        assert_eq!(data_center.agent_port, defaults.agent_port);
        assert_eq!(
            data_center.operation_log_retention,
            defaults.operation_log_retention
        );
    }

    #[test]
    fn a_refusal_names_the_section() {
        let mut config = StandaloneConfig::new("data".into());
        config.scrape.concurrency = 0;
        assert_eq!(config.check().expect_err("refused").key, "scrape.concurrency");
    }
}
