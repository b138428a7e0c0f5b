//! The routes of the manager.

mod account;
mod host;

use actix_web::web::ServiceConfig;
use aops_service::http::post;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(post("/manage/account/login", account::login))
        .service(post("/manage/account/logout", account::logout))
        .service(post("/manage/account/change", account::change))
        // What web clients call; they cannot say which session they mean.
        .service(post("/manage/logout", account::logout_if_logged_in))
        .service(post("/manage/host/get", host::get));
}
