//! The routes of the manager.

mod account;
mod audit;
mod group;
mod host;

use actix_web::web::ServiceConfig;
use aops_service::ApiError;
use aops_service::http::{delete, post};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(post("/manage/account/login", account::login))
        .service(post("/manage/account/logout", account::logout))
        .service(post("/manage/account/logout_all", account::logout_everywhere))
        .service(post("/manage/account/change", account::change))
        .service(post("/manage/account/certificate", account::certificate))
        .service(post("/manage/account/add", account::add))
        .service(delete("/manage/account/delete", account::delete))
        .service(post("/manage/account/get", account::get))
        .service(post("/manage/account/role", account::role))
        .service(post("/manage/account/reset", account::reset))
        .service(post("/manage/account/grant/add", account::add_grants))
        .service(delete("/manage/account/grant/delete", account::delete_grants))
        .service(post("/manage/account/grant/get", account::grants))
        // What web clients call; they cannot say which session they mean.
        .service(post("/manage/logout", account::logout_if_logged_in))
        .service(post("/manage/host/add", host::add))
        .service(delete("/manage/host/delete", host::delete))
        .service(post("/manage/host/get", host::get))
        .service(post("/manage/host/count", host::count))
        .service(post("/manage/host/info/query", host::info))
        .service(post("/manage/host/modify", host::modify))
        .service(post("/manage/host/inventory/export", host::export_inventory))
        .service(post("/manage/host/group/add", group::add))
        .service(delete("/manage/host/group/delete", group::delete))
        .service(post("/manage/host/group/get", group::get))
        .service(post("/manage/host/group/modify", group::modify))
        .service(post("/manage/audit/get", audit::get));
}

fn require(field: &str, text: &str) -> Result<(), ApiError> {
    if text.is_empty() {
        return Err(ApiError::param(format!("{field}: must not be empty")));
    }
    Ok(())
}

fn require_some<T>(field: &str, list: &[T]) -> Result<(), ApiError> {
    if list.is_empty() {
        return Err(ApiError::param(format!("{field}: must not be empty")));
    }
    Ok(())
}
