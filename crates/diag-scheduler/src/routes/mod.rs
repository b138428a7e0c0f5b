//! The routes of the diagnosis scheduler.

mod execute;
mod report;
mod task;
mod tree;

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use aops_api::read::Integer;
use aops_client::DataCenter;
use aops_service::http::{delete, post};
use aops_service::{ApiError, Clock};
use tokio::sync::Notify;

use crate::{Config, Dependencies};

/// What the routes work with. A type of its own, because services of one process share the application's data.
struct State {
    data_center: DataCenter,
    clock: Clock,
    max_reports: u64,
    /// Told when a task has been saved.
    saved: Arc<Notify>,
}

pub(crate) fn configure(
    config: &Config,
    dependencies: &Dependencies,
    saved: Arc<Notify>,
) -> impl Fn(&mut ServiceConfig) + Send + Sync + 'static {
    let state = Data::new(State {
        data_center: dependencies.data_center.clone(),
        clock: dependencies.clock.clone(),
        max_reports: config.max_reports,
        saved,
    });
    move |config| {
        config
            .app_data(state.clone())
            .service(post("/diag/tree/import", tree::import))
            .service(post("/diag/tree/get", tree::get))
            .service(delete("/diag/tree/delete", tree::delete))
            .service(post("/diag/execute", execute::execute))
            .service(post("/diag/task/get", task::get))
            .service(post("/diag/progress/get", task::progress))
            .service(post("/diag/report/get", report::get))
            .service(post("/diag/report/get_list", report::get_list))
            .service(delete("/diag/report/delete", report::delete));
    }
}

/// A filter by time, when it is there, has two numbers.
fn check_time_range(time_range: Option<&[Integer]>) -> Result<(), ApiError> {
    match time_range {
        None | Some([_, _]) => Ok(()),
        Some(other) => {
            let count = other.len();
            Err(ApiError::param(format!("time_range: {count} numbers, not 2")))
        }
    }
}

/// A list that names what is meant is not empty.
fn require<T>(field: &str, list: &[T]) -> Result<(), ApiError> {
    if list.is_empty() {
        return Err(ApiError::param(format!("{field}: must not be empty")));
    }
    Ok(())
}
