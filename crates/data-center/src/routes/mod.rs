//! `/data`, for services only. This file is the table of contents.
//!
//! A handler checks the service's credential, then, on behalf of a user, the user's token, then calls one function
//! below and wraps what it gives. No HTTP type goes further down.

mod account;
mod audit;
mod audited;
mod data;
pub(crate) mod discovery;
mod facts;
mod finding;
mod group;
mod host;
mod host_changes;
mod inventory;
mod report;
mod result;
mod rule;
mod schedule;
mod task;
mod tree;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use aops_api::Code;
use aops_service::http::{CallerToken, delete, post};
use aops_service::{ApiError, Clock, Credentials};

use crate::account::Caller;
use crate::documents::{Documents, DocumentsError};
use crate::error::Error;
use crate::logs::Logs;
use crate::series::{Series, SeriesConfig};
use crate::store::Tables;

/// What handlers work with.
pub(crate) struct State {
    pub(crate) tables: Arc<Tables>,
    pub(crate) documents: Documents,
    pub(crate) series: Series,
    pub(crate) series_config: SeriesConfig,
    /// Of Prometheus, which asks what to scrape.
    pub(crate) discovery: Credentials,
    pub(crate) logs: Logs,
    pub(crate) clock: Clock,
    pub(crate) scrape_interval: Duration,
    pub(crate) first_password_file: PathBuf,
    pub(crate) agent_port: u16,
}

/// All routes.
pub(crate) fn configure(config: &mut web::ServiceConfig, state: &web::Data<State>) {
    config
        .app_data(state.clone())
        .service(post("/data/account/login", account::login))
        .service(post("/data/account/logout", account::logout))
        .service(post("/data/account/logout_all", account::logout_everywhere))
        .service(post("/data/account/change", account::change))
        .service(post("/data/account/certificate", account::certificate))
        .service(post("/data/account/add", account::add))
        .service(delete("/data/account/delete", account::delete))
        .service(post("/data/account/get", account::get))
        .service(post("/data/account/role", account::role))
        .service(post("/data/account/reset", account::reset))
        .service(post("/data/account/grant/add", account::add_grants))
        .service(delete("/data/account/grant/delete", account::delete_grants))
        .service(post("/data/account/grant/get", account::grants))
        .service(post("/data/audit/get", audit::get))
        .service(post("/data/host/add", host_changes::add))
        .service(delete("/data/host/delete", host_changes::delete))
        .service(post("/data/host/count", host::count))
        .service(post("/data/host/modify", host_changes::modify))
        .service(post("/data/host/inventory/export", inventory::export))
        .service(post("/data/host/info/get", facts::get))
        .service(post("/data/host/info/save", facts::save))
        .service(delete("/data/host/info/delete", facts::delete))
        .service(post("/data/host/group/add", group::add))
        .service(delete("/data/host/group/delete", group::delete))
        .service(post("/data/host/group/get", group::get))
        .service(post("/data/host/group/modify", group::modify))
        .service(post("/data/host/get", host::get))
        .service(post("/data/host/register", host::register))
        .service(post("/data/host/machines", host::machines))
        .service(post("/data/check/rule/add", rule::add))
        .service(post("/data/check/rule/get", rule::get))
        .service(delete("/data/check/rule/delete", rule::delete))
        .service(post("/data/check/rule/count", rule::count))
        .service(post("/data/check/rule/effective", rule::effective))
        .service(post("/data/check/finding/save", finding::save))
        .service(post("/data/check/finding/query", finding::query))
        .service(post("/data/check/result/get", result::get))
        .service(post("/data/check/result/count", result::count))
        .service(post("/data/check/cursor/get", schedule::get))
        .service(post("/data/check/cursor/move", schedule::move_cursor))
        .service(post("/data/series/fetch", data::fetch))
        .service(post("/data/data/get", data::get))
        .route("/data/prometheus/targets", web::get().to(discovery::targets))
        .service(post("/data/diag/tree/add", tree::add))
        .service(post("/data/diag/tree/get", tree::get))
        .service(delete("/data/diag/tree/delete", tree::delete))
        .service(post("/data/diag/task/save", task::save))
        .service(post("/data/diag/task/get", task::get))
        .service(post("/data/diag/task/pinned", task::pinned))
        .service(post("/data/diag/task/unpublished", task::unpublished))
        .service(post("/data/diag/task/published", task::published))
        .service(post("/data/diag/process/query", task::progress))
        .service(post("/data/diag/report/save", report::save))
        .service(post("/data/diag/report/get", report::get))
        .service(post("/data/diag/report/get_list", report::get_list))
        .service(delete("/data/diag/report/delete", report::delete));
}

impl State {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Who is calling; 1204 until the first password has been changed.
    async fn caller(&self, token: &CallerToken) -> Result<Caller, ApiError> {
        let caller = self.caller_with_any_password(token).await?;
        if caller.must_change {
            return Err(Error::FirstPassword.into());
        }
        Ok(caller)
    }

    /// For the routes that are open before: change and logout.
    async fn caller_with_any_password(&self, token: &CallerToken) -> Result<Caller, ApiError> {
        Ok(self.tables.authenticate(token.as_deref(), self.now_ms()).await?)
    }
}

/// The code of each error. What went wrong inside is for the log; what the caller can mend is said.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Login => ApiError::new(Code::LoginError, ""),
            Error::Session => ApiError::new(Code::TokenError, ""),
            Error::FirstPassword => ApiError::new(Code::ChangeDefaultPassword, ""),
            Error::SamePassword => ApiError::new(Code::SamePassword, ""),
            Error::Invalid(reason) => ApiError::param(reason),
            Error::Documents(DocumentsError::TooWide { .. }) => ApiError::param(format!(
                "{error}: the rules asked for have changed too often; ask for fewer, or delete some and import them again"
            )),
            Error::Documents(ref documents) if documents.is_outage() => {
                ApiError::new(Code::DatabaseConnectError, "").with_source(error)
            }
            Error::Throttled { .. } => ApiError::new(Code::LoginError, error.to_string()),
            Error::Denied(reason) => ApiError::new(Code::PermissionDenied, reason),
            Error::Key(reason) => ApiError::new(Code::KeyError, reason),
            Error::InUse(reason) => ApiError::new(Code::DataDependency, reason),
            Error::Conflict(reason) => ApiError::new(Code::DatabaseUpdateError, reason),
            // Sent again it would fail again.
            Error::TooLarge { .. } => ApiError::param(error.to_string()),
            Error::StatementTooLarge(_) => ApiError::param(error.to_string()).with_source(error),
            Error::Exists(_) => ApiError::new(Code::DataExist, error.to_string()),
            Error::Unreachable(_) | Error::Busy(_) => {
                ApiError::new(Code::DatabaseConnectError, "").with_source(error)
            }
            Error::Statement(_) | Error::Documents(_) | Error::Series(_) => {
                ApiError::new(Code::DatabaseQueryError, "").with_source(error)
            }
            Error::Setting(_)
            | Error::File { .. }
            | Error::FolderInUse(_)
            | Error::NewerSchema { .. }
            | Error::Migration(_)
            | Error::Stored { .. }
            | Error::Logs(_)
            | Error::Scraper(_)
            | Error::Vault(_)
            | Error::Hashing(_) => ApiError::new(Code::ServerError, "").with_source(error),
        }
    }
}
