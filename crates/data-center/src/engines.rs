//! The engines of the data center, as `/ready` asks after them.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aops_service::Engine;
use aops_service::log::chain;

use crate::documents::Documents;
use crate::logs::Logs;
use crate::series::Series;
use crate::store::Tables;

/// Every engine that was opened. `is_prepared` is set once the first account is there.
pub(crate) fn engines(
    tables: &Arc<Tables>,
    is_prepared: &Arc<AtomicBool>,
    documents: &Documents,
    series: &Series,
    logs: &Logs,
) -> Vec<Engine> {
    let mut engines = vec![
        of_tables(tables.clone(), is_prepared.clone()),
        of_documents(documents.clone()),
        of_series(series.clone()),
    ];
    if let Some(place) = logs.place() {
        engines.push(of_logs(logs.clone(), place));
    }
    engines
}

fn of_tables(tables: Arc<Tables>, is_prepared: Arc<AtomicBool>) -> Engine {
    Engine::new("tables", tables.place(), move || {
        let (tables, is_prepared) = (tables.clone(), is_prepared.clone());
        async move {
            told(tables.ping().await)?;
            match is_prepared.load(Ordering::SeqCst) {
                true => Ok(()),
                false => Err(format!("{}: the first account is not made yet", tables.place())),
            }
        }
    })
}

fn of_documents(documents: Documents) -> Engine {
    Engine::new("documents", documents.place(), move || {
        let documents = documents.clone();
        async move { told(documents.ping().await) }
    })
}

fn of_series(series: Series) -> Engine {
    Engine::new("series", series.place(), move || {
        let series = series.clone();
        async move { told(series.ping().await) }
    })
}

fn of_logs(logs: Logs, place: String) -> Engine {
    Engine::new("logs", place, move || {
        let logs = logs.clone();
        async move { told(logs.ping().await) }
    })
}

fn told<E: Error>(outcome: Result<(), E>) -> Result<(), String> {
    outcome.map_err(|error| chain(&error))
}
