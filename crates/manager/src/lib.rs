//! `/manage`: accounts, sessions and hosts, for people and their programs.
//!
//! The manager checks what comes in and passes it to the data center on behalf of the caller; the data center checks
//! the caller's token in that same call and keeps accounts, sessions and hosts. Neighbours: the command line and web
//! clients call it; it calls `data-center`. It sends and takes no messages and has no loops.

mod routes;

use actix_web::web;
use aops_client::DataCenter;
use aops_service::Service;

/// What the routes work with. A type of its own, because services of one process share the application's data.
struct State {
    data_center: DataCenter,
}

/// The manager. There is nothing to configure: it keeps no state and waits for nobody but the data center.
pub fn build(data_center: DataCenter) -> Service {
    let state = web::Data::new(State { data_center });
    Service::new("manager").public(move |config| {
        config.app_data(state.clone());
        routes::configure(config);
    })
}
