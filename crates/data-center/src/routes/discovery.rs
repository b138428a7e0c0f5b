//! `/data/prometheus`: what Prometheus is to scrape.

use std::collections::BTreeMap;

use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use aops_api::Shard;
use aops_service::log::chain;
use serde::Serialize;

use super::State;
use crate::series::{HOST, SeriesConfig};
use crate::store::ScrapeTarget;

/// The name of the one who may read this, and nothing else.
pub(crate) const PROMETHEUS: &str = "prometheus";

/// One machine, in the form of Prometheus' HTTP service discovery.
#[derive(Serialize)]
struct TargetGroup {
    targets: [String; 1],
    labels: BTreeMap<String, String>,
}

/// GET /data/prometheus/targets: every machine that has an address for its metrics.
///
/// Prometheus shows a secret of its own, in `authorization.credentials_file`. It keeps the targets it has when it gets
/// no list.
pub(super) async fn targets(request: HttpRequest, state: Data<State>) -> HttpResponse {
    if !is_prometheus(&request, &state) {
        return HttpResponse::Unauthorized()
            .insert_header((WWW_AUTHENTICATE, "Bearer"))
            .content_type("application/problem+json")
            .body(r#"{"title":"this route is for Prometheus, with the secret that the data center made for it","status":401}"#);
    }
    match state.tables.scrape_targets().await {
        Ok(targets) => {
            let shard_label = shard_label(&state.series_config);
            let with_address = targets
                .into_iter()
                .filter(|target| !target.metrics_address.is_empty());
            let groups: Vec<TargetGroup> = with_address.map(|target| group(target, shard_label)).collect();
            HttpResponse::Ok().json(groups)
        }
        Err(error) => {
            tracing::error!(error = chain(&error), "the targets for Prometheus cannot be read");
            HttpResponse::ServiceUnavailable()
                .content_type("application/problem+json")
                .body(r#"{"title":"the tables cannot be read","status":503}"#)
        }
    }
}

fn is_prometheus(request: &HttpRequest, state: &State) -> bool {
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    shown.is_some_and(|(_, secret)| {
        let shown = format!("{PROMETHEUS}:{}", secret.trim());
        state.discovery.check(&shown).is_some()
    })
}

fn shard_label(config: &SeriesConfig) -> Option<&str> {
    match config {
        SeriesConfig::Embedded {} => None,
        SeriesConfig::Prometheus(config) => config.shard_label.as_deref(),
    }
}

/// Labels that begin with `__meta_` are there for relabelling, and are gone after it.
fn group(target: ScrapeTarget, shard_label: Option<&str>) -> TargetGroup {
    let shard = Shard::of(&target.host_id).to_string();
    let mut labels = BTreeMap::from([("__meta_aops_shard".to_owned(), shard.clone())]);
    labels.extend(shard_label.map(|label| (label.to_owned(), shard)));
    labels.insert(HOST.to_owned(), target.host_id.as_str().to_owned());
    TargetGroup {
        targets: [target.metrics_address],
        labels,
    }
}
