//! `/data/host/info`

use std::collections::{BTreeMap, HashMap, HashSet};

use actix_web::web::Data;
use aops_api::HostId;
use aops_api::code::Empty;
use aops_api::facts::{FactsDeleteRequest, FactsSaveRequest};
use aops_api::host::{
    HostDetail, HostDetailFacts, HostGetRequest, HostInfo, HostInfoAnswer, HostInfoRequest,
};
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiResult, answer};

use super::{State, host};
use crate::store::KeptFacts;

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<HostInfoRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<HostInfoAnswer> {
    let caller = state.caller(&token).await?;
    let mut rows = state.tables.hosts(&caller, &HostGetRequest::default()).await?;
    if !request.host_list.is_empty() {
        // In the order of the question, each once.
        let mut by_id: HashMap<HostId, _> = rows.into_iter().map(|row| (row.host_id.clone(), row)).collect();
        let mut seen = HashSet::new();
        let asked = request.host_list.iter().filter(|host_id| seen.insert(*host_id));
        rows = asked.filter_map(|host_id| by_id.remove(host_id)).collect();
    }
    let ids: Vec<HostId> = rows.iter().map(|row| row.host_id.clone()).collect();
    let hosts = host::with_status(&state, rows).await?;
    let is_basic = request.basic.is_some_and(|basic| basic.0);
    let mut kept = match is_basic {
        true => BTreeMap::new(),
        false => state.tables.facts(&ids).await?,
    };
    let detail = |host: HostInfo| HostDetail {
        facts: (!is_basic).then(|| detailed(kept.remove(&host.host_id))),
        host,
    };
    answer(HostInfoAnswer {
        host_infos: hosts.into_iter().map(detail).collect(),
    })
}

/// Facts in all places where clients look.
fn detailed(kept: Option<KeptFacts>) -> HostDetailFacts {
    let collected = kept.as_ref().map(|kept| kept.collected_ms / 1_000);
    let infos = kept.map(|kept| kept.facts).unwrap_or_default();
    HostDetailFacts {
        os: infos.os.clone(),
        cpu: infos.cpu.clone(),
        memory: infos.memory.clone(),
        infos,
        collected,
    }
}

pub(super) async fn save(
    _: ServiceName,
    Lenient(request): Lenient<FactsSaveRequest>,
    state: Data<State>,
) -> ApiResult<Empty> {
    state
        .tables
        .save_facts(&request.host_infos, state.now_ms())
        .await?;
    answer(Empty {})
}

pub(super) async fn delete(
    _: ServiceName,
    Lenient(request): Lenient<FactsDeleteRequest>,
    state: Data<State>,
) -> ApiResult<Empty> {
    state.tables.delete_facts(&request.host_list).await?;
    answer(Empty {})
}
