//! The data center: sole owner of tables, documents and series, and the only service that opens a database.
//!
//! It serves `/data` on the internal listener, for services only; a call on behalf of a user carries the user's token
//! beside the service's credential, and the owner is derived from the token. It sends nothing over the bus and takes
//! nothing from it. Node agents are called by its scraper, unless Prometheus scrapes them, which it then asks for series.
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
//! | [`facts`] | what machines are made of, asked of their agents |
//! | [`agent_request`] | requests to agents, within bounds |
//! | [`account`] | passwords, tokens, who is calling |
//! | `routes` | `/data` |

pub mod account;
pub mod agent_request;
mod back_off;
mod config;
pub mod documents;
pub mod elasticsearch;
mod engines;
mod error;
mod fact_collector;
pub mod facts;
pub mod feeder;
pub mod findings;
mod first_admin;
mod folder;
mod inventory;
mod label_condition;

pub mod logs;
mod operation_log;
mod preparation;
pub mod reports;
pub mod results;
mod routes;
pub mod series;
mod settler;
mod sqlite_file;
pub mod store;
mod vault;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aops_service::{Clock, Credentials, Service, random, secret};

use account::token::TokenKey;
pub use config::{
    DEFAULT_AGENT_PORT, DEFAULT_OPERATION_LOG, DataCenterConfig, NODE_JOB, first_password_file,
};
use documents::Documents;
pub use error::Error;
use inventory::{Machines, ScrapedMachines};
use logs::Logs;
use routes::State;
use series::scrape::Scraper;
use series::{JobIntervals, Series, SeriesConfig, SeriesOptions};
pub use store::{MysqlConfig, TablesConfig};
use store::{OpenTables, Tables, TablesSource};

/// Opens the stores, makes the first account if there is none, and gives routes and loops. A database server that is away
/// is waited for by a loop; requests are answered 1101 until it is there.
///
/// The data folder is locked until the service has ended.
pub async fn build(config: DataCenterConfig, clock: Clock) -> Result<Service, Error> {
    let lock = folder::lock(&config)?;
    let tables = Arc::new(tables_of(&config)?);
    let is_prepared = preparation::try_once(&tables, &config, &clock).await?;
    let is_prepared = Arc::new(AtomicBool::new(is_prepared));
    let documents = Documents::open(&config.documents, &config.documents_file()).await?;
    let series = open_series(&config, &tables).await?;
    let logs = Logs::open(&config.logs, milliseconds(config.scrape_interval))?;
    let state = State {
        tables: tables.clone(),
        documents: documents.clone(),
        series: series.clone(),
        series_config: config.series.clone(),
        discovery: discovery(&config)?,
        logs: logs.clone(),
        clock: clock.clone(),
        scrape_interval: config.scrape_interval,
        first_password_file: first_password_file(&config.data_dir),
        agent_port: config.agent_port,
    };
    let state = actix_web::web::Data::new(state);

    let (preparing, feeding, settling) = (clock.clone(), clock.clone(), clock.clone());
    let engines = engines::engines(&tables, &is_prepared, &documents, &series, &logs);
    let (prepared, fed, settled) = (tables.clone(), tables.clone(), tables.clone());
    let feed = documents.clone();
    let preparation_config = config.clone();
    let service = Service::new("data-center")
        .internal(move |routes| routes::configure(routes, &state))
        .holding(lock)
        .with_engines(engines)
        .with_loop("preparation", move |shutdown| {
            preparation::run(prepared, preparation_config, is_prepared, preparing, shutdown)
        })
        .with_loop("feeder", move |shutdown| {
            feeder::run(fed, feed, feeding, shutdown)
        })
        .with_loop("settler", move |shutdown| {
            settler::run(settled, settling, shutdown)
        });
    let (log, log_clock, keep) = (tables.clone(), clock.clone(), config.operation_log_retention);
    let service = with_retention_loops(service, &config, documents, logs, &clock)
        .with_loop("operation log retention", move |shutdown| {
            operation_log::run(log, keep, log_clock, shutdown)
        });
    let (of_machines, facts_clock) = (tables.clone(), clock.clone());
    let agents = agent_request::agent_client().map_err(Error::Scraper)?;
    let service = service.with_loop("facts", move |shutdown| {
        fact_collector::run(of_machines, agents, facts_clock, shutdown)
    });
    with_series_loops(service, config, tables, series, clock)
}

/// What takes away old documents and lines.
fn with_retention_loops(
    service: Service,
    config: &DataCenterConfig,
    documents: Documents,
    logs: Logs,
    clock: &Clock,
) -> Service {
    let (document_retention, logs_config) = (config.document_retention, config.logs.clone());
    let (for_documents, for_logs) = (clock.clone(), clock.clone());
    service
        .with_loop("document retention", move |shutdown| {
            documents::retention::run(documents, document_retention, for_documents, shutdown)
        })
        .with_loop("log retention", move |shutdown| {
            logs::retention::run(logs, logs_config, for_logs, shutdown)
        })
}

/// What fills the series, and takes away what is old.
fn with_series_loops(
    service: Service,
    config: DataCenterConfig,
    tables: Arc<Tables>,
    series: Series,
    clock: Clock,
) -> Result<Service, Error> {
    if let SeriesConfig::Prometheus(_) = config.series {
        let machines = ScrapedMachines(tables);
        return Ok(service.with_loop("first samples", move |shutdown| {
            series::first_samples::run(series, machines, clock, shutdown)
        }));
    }
    let machines = Machines {
        tables,
        interval: config.scrape_interval,
    };
    let scraper = Scraper::new(series.clone(), machines, config.scrape_limits, clock.clone())
        .map_err(Error::Scraper)?;
    Ok(service
        .with_loop("scraper", move |shutdown| scraper.run(shutdown))
        .with_loop("retention", move |shutdown| {
            series::retention::run(series, config.series_retention, clock, shutdown)
        }))
}

async fn open_series(config: &DataCenterConfig, tables: &Arc<Tables>) -> Result<Series, Error> {
    let options = series_options(config);
    match &config.series {
        SeriesConfig::Embedded {} => Ok(Series::open(&config.series_file(), options).await?),
        SeriesConfig::Prometheus(prometheus) => {
            let machines = Arc::new(ScrapedMachines(tables.clone()));
            Ok(Series::prometheus(prometheus.clone(), options, machines)?)
        }
    }
}

/// The credential of Prometheus, which opens one route.
fn discovery(config: &DataCenterConfig) -> Result<Credentials, Error> {
    let file = &config.discovery_secret_file;
    let secret = secret::read_or_create(file, random::secret).map_err(folder::failed(file, "read"))?;
    Ok(Credentials::new([(
        routes::discovery::PROMETHEUS,
        secret.as_str(),
    )]))
}

fn tables_of(config: &DataCenterConfig) -> Result<Tables, Error> {
    let key_file = &config.token_key_file;
    let token_key =
        secret::read_or_create(key_file, random::secret).map_err(folder::failed(key_file, "read"))?;
    let source = match &config.tables {
        TablesConfig::Embedded {} => {
            // Made here, so that nobody else can read the hashes in it.
            let file = config.tables_file();
            folder::open_private(&file).map_err(folder::failed(&file, "written"))?;
            TablesSource::File(file)
        }
        TablesConfig::Mysql(server) => TablesSource::Server(server.clone()),
    };
    Tables::new(OpenTables {
        source,
        token_key: TokenKey::new(&token_key)?,
        session_limits: config.session_limits,
        password_cost: config.password_cost,
    })
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
