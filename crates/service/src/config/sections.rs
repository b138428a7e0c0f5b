//! Sections that more than one program has. The section of an engine lies beside the engine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Refusal;

/// Shortest window: results have times in whole seconds.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
/// Shortest scrape interval.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// `[listen]`: where a process listens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address of the public listener: REST for users.
    pub public: String,
    /// Address of the internal listener: services, `/metrics`.
    pub internal: String,
    /// Address of this machine's agent; `off` = this machine is not watched.
    pub agent: String,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            public: "127.0.0.1:8080".to_owned(),
            internal: "127.0.0.1:8081".to_owned(),
            agent: "127.0.0.1:50002".to_owned(),
        }
    }
}

impl Listen {
    /// Address of the agent; `None` = off.
    pub fn agent(&self) -> Option<&str> {
        Some(self.agent.as_str()).filter(|address| *address != "off")
    }
}

/// `[session]`: how long a login lasts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// From the login on.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub lifetime: Duration,
    /// Without a call.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub idle: Duration,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(12 * 3_600),
            idle: Duration::from_secs(30 * 60),
        }
    }
}

impl Session {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), Refusal> {
        at_least("lifetime", self.lifetime, Duration::from_secs(60))?;
        at_least("idle", self.idle, Duration::from_secs(60))
    }
}

/// `[passwords]`: what hashing a password costs (argon2id). A password that was hashed at another cost is hashed anew at its
/// next login.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    /// Memory in KiB; four logins at a time take it.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes, side by side.
    pub lanes: u32,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
        }
    }
}

impl Passwords {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), Refusal> {
        for (key, value, range) in [
            ("memory_kib", self.memory_kib, 8_192..=1_048_576),
            ("passes", self.passes, 1..=64),
            ("lanes", self.lanes, 1..=64),
        ] {
            if !range.contains(&value) {
                let reason = format!("is {value}, expected {} to {}", range.start(), range.end());
                return Err(Refusal::new(key, reason));
            }
        }
        Ok(())
    }
}

/// `[scrape]`: how metrics are collected.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scrape {
    /// How often each machine's metrics are read. With another engine for series, how often that engine reads them.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub interval: Duration,
    /// A scrape that takes longer fails; never more than four fifths of the interval.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub timeout: Duration,
    /// Scrapes at the same time.
    pub concurrency: usize,
    /// Samples of one scrape over this are dropped, counted and shown.
    pub maximum_samples: usize,
    /// Port of the agents of hosts that are added by their address.
    pub agent_port: u16,
}

impl Default for Scrape {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
            concurrency: 64,
            maximum_samples: 20_000,
            agent_port: 50_002,
        }
    }
}

impl Scrape {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), Refusal> {
        at_least("interval", self.interval, SHORTEST_INTERVAL)?;
        at_least("timeout", self.timeout, SHORTEST_INTERVAL)?;
        positive("concurrency", self.concurrency)?;
        positive("maximum_samples", self.maximum_samples)
    }
}

/// `[check]`: how rules are judged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Length of a window; windows begin and end at multiples of it.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub window: Duration,
    /// How long after its end a window is judged: by then its samples have arrived. When it is not set, the scrape
    /// interval and 5 s.
    #[serde(
        default,
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub evaluation_delay: Option<Duration>,
    /// Further back than this is not caught up after an outage: it becomes a hole in the coverage.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub catch_up_limit: Duration,
    /// How many windows are judged at the same time.
    pub parallel: usize,
    /// How much an executor keeps in memory between windows, in bytes; what does not fit is fetched again for each window.
    pub memory_limit_bytes: usize,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60),
            evaluation_delay: None,
            catch_up_limit: Duration::from_secs(3_600),
            parallel: 2,
            memory_limit_bytes: 1 << 30,
        }
    }
}

impl Check {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), Refusal> {
        at_least("window", self.window, SHORTEST_WINDOW)?;
        if self.catch_up_limit < self.window {
            return Err(Refusal::new("catch_up_limit", "is shorter than check.window"));
        }
        positive("parallel", self.parallel)
    }
}

/// `[diagnosis]`: how fault trees are walked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnosis {
    /// Most reports that one task may ask for.
    pub max_reports: u64,
    /// How many jobs are worked on at the same time.
    pub parallel: usize,
}

impl Default for Diagnosis {
    fn default() -> Self {
        Self {
            max_reports: 100_000,
            parallel: 2,
        }
    }
}

impl Diagnosis {
    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.max_reports == 0 {
            return Err(Refusal::new("max_reports", "is 0, expected at least 1"));
        }
        positive("parallel", self.parallel)
    }
}

fn positive(key: &str, number: usize) -> Result<(), Refusal> {
    match number {
        0 => Err(Refusal::new(key, "is 0, expected at least 1")),
        _ => Ok(()),
    }
}

fn at_least(key: &str, found: Duration, least: Duration) -> Result<(), Refusal> {
    if found < least {
        return Err(Refusal::new(
            key,
            format!("is {found:?}, expected at least {least:?}"),
        ));
    }
    Ok(())
}
