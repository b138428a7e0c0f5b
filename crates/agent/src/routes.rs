//! `GET /metrics` and `GET /facts`; `/health` is the server's.

use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, error};
use prometheus::{Encoder, TextEncoder};

use crate::facts::Facts;
use crate::gatherer::Gatherer;

/// Registers the routes.
pub(crate) fn configure(routes: &mut ServiceConfig, gatherer: &Arc<Gatherer>, facts: &Arc<Facts>) {
    let gatherer = web::Data::from(Arc::clone(gatherer));
    let facts = web::Data::from(Arc::clone(facts));
    routes.service(
        web::resource("/metrics")
            .app_data(gatherer)
            .route(web::get().to(metrics)),
    );
    routes.service(
        web::resource("/facts")
            .app_data(facts)
            .route(web::get().to(current_facts)),
    );
}

async fn metrics(gatherer: web::Data<Gatherer>) -> actix_web::Result<HttpResponse> {
    // Files of procfs can take their time on a machine in trouble; the worker must stay free.
    let families = web::block(move || gatherer.gather()).await?;
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder
        .encode(&families, &mut text)
        .map_err(error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().content_type(encoder.format_type()).body(text))
}

async fn current_facts(facts: web::Data<Facts>) -> actix_web::Result<HttpResponse> {
    let facts = web::block(move || facts.current()).await?;
    Ok(HttpResponse::Ok().json(facts))
}
