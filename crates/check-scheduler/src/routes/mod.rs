//! The routes of the check scheduler.

mod result;
mod rule;

use actix_web::web::{Data, ServiceConfig};
use aops_client::DataCenter;
use aops_service::http::{delete, post};

/// What the routes work with. A type of its own, because services of one process share the application's data.
struct State {
    data_center: DataCenter,
}

pub(crate) fn configure(data_center: DataCenter) -> impl Fn(&mut ServiceConfig) + Send + Sync + 'static {
    let state = Data::new(State { data_center });
    move |config| {
        config
            .app_data(state.clone())
            .service(post("/check/rule/import", rule::import))
            .service(post("/check/rule/get", rule::get))
            .service(delete("/check/rule/delete", rule::delete))
            .service(post("/check/rule/count", rule::count))
            .service(post("/check/result/get", result::get))
            .service(post("/check/result/count", result::count));
    }
}
