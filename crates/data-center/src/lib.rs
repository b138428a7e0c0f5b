//! The data center: sole owner of tables, documents and series, and the only service that opens a database.
//!
//! It serves `/data` on the internal listener, for services only; a call on behalf of a user carries the user's token
//! beside the service's credential, and the owner is derived from the token. It sends nothing over the bus and takes
//! nothing from it. Node agents are called by its scraper.
//!
//! | module | what it holds |
//! |---|---|
//! | [`store`] | tables: accounts, machines, rules, trees, tasks, cursors, coverage, findings, outbox |
//! | [`findings`] | what a save of findings changes: pure interval algebra |
//! | [`documents`] | results and reports, searchable |
//! | [`results`], [`reports`] | how users read and services write them |
//! | [`elasticsearch`] | the connection to Elasticsearch, for documents and logs |
//! | [`feeder`] | from the outbox of the tables to the documents |
//! | [`logs`] | lines of logs that shippers write |
//! | [`series`] | samples, and the scraper that fills them |
//! | [`account`] | passwords, tokens, who is calling |
//! | `routes` | `/data` |

pub mod account;
mod config;
pub mod documents;
pub mod elasticsearch;
mod error;
pub mod feeder;
pub mod findings;
mod first_admin;
mod folder;
mod inventory;
pub mod logs;
pub mod reports;
pub mod results;
mod routes;
pub mod series;
mod settler;
mod sqlite_file;
pub mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aops_service::{Clock, Service, random, secret};

use account::token::TokenKey;
pub use config::{DataCenterConfig, NODE_JOB, first_password_file};
use documents::Documents;
pub use error::Error;
use inventory::Machines;
use logs::Logs;
use routes::State;
use series::scrape::Scraper;
use series::{JobIntervals, Series, SeriesOptions};
use store::{OpenTables, Tables};

/// Opens the stores, makes the first account if there is none, and gives routes and loops.
///
/// The data folder is locked until the service has ended.
pub async fn build(config: DataCenterConfig, clock: Clock) -> Result<Service, Error> {
    let lock = folder::lock(&config)?;
    let tables = Arc::new(open_tables(&config).await?);
    first_admin::ensure(&tables, &config, &clock).await?;
    let documents = Documents::open(&config.documents_file()).await?;
    let series = Series::open(&config.series_file(), series_options(&config)).await?;
    let logs = Logs::open(&config.logs, milliseconds(config.scrape_interval))?;
    let machines = Machines {
        tables: tables.clone(),
        interval: config.scrape_interval,
    };
    let scraper = Scraper::new(
        series.clone(),
        machines,
        config.scrape_limits.clone(),
        clock.clone(),
    )
    .map_err(Error::Scraper)?;
    let state = State {
        tables: tables.clone(),
        documents: documents.clone(),
        series: series.clone(),
        logs: logs.clone(),
        clock: clock.clone(),
        scrape_interval: config.scrape_interval,
        first_password_file: first_password_file(&config.data_dir),
    };
    let state = actix_web::web::Data::new(state);

    let (feeding, settling, clearing, retaining) = (clock.clone(), clock.clone(), clock.clone(), clock);
    let settled = tables.clone();
    Ok(Service::new("data-center")
        .internal(move |routes| routes::configure(routes, &state))
        .holding(lock)
        .with_loop("scraper", move |shutdown| scraper.run(shutdown))
        .with_loop("feeder", move |shutdown| {
            feeder::run(tables, documents, feeding, shutdown)
        })
        .with_loop("settler", move |shutdown| {
            settler::run(settled, settling, shutdown)
        })
        .with_loop("log retention", move |shutdown| {
            logs::retention::run(logs, config.logs, clearing, shutdown)
        })
        .with_loop("retention", move |shutdown| {
            series::retention::run(series, config.series_retention, retaining, shutdown)
        }))
}

async fn open_tables(config: &DataCenterConfig) -> Result<Tables, Error> {
    let key_file = &config.token_key_file;
    let token_key =
        secret::read_or_create(key_file, random::secret).map_err(folder::failed(key_file, "read"))?;
    if config.tables_url.is_none() {
        // Made here, so that nobody else can read the hashes in it.
        let file = config.tables_file();
        folder::open_private(&file).map_err(folder::failed(&file, "written"))?;
    }
    Tables::open(OpenTables {
        url: config.tables_url(),
        token_key: TokenKey::new(&token_key)?,
        session_limits: config.session_limits,
    })
    .await
}

fn series_options(config: &DataCenterConfig) -> SeriesOptions {
    let interval_ms = milliseconds(config.scrape_interval);
    SeriesOptions {
        intervals: JobIntervals {
            by_job: BTreeMap::from([(NODE_JOB.to_owned(), interval_ms)]),
            ..JobIntervals::default()
        },
        ..SeriesOptions::default()
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
