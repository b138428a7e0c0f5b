//! `GET /metrics`; `/health` is the server's.

use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, error};
use prometheus::{Encoder, TextEncoder};

use crate::gatherer::Gatherer;

/// Registers the routes.
pub(crate) fn configure(routes: &mut ServiceConfig, gatherer: &Arc<Gatherer>) {
    let gatherer = web::Data::from(Arc::clone(gatherer));
    routes.service(
        web::resource("/metrics")
            .app_data(gatherer)
            .route(web::get().to(metrics)),
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
