//! `/data/host/inventory`: machines and their credentials, for Ansible.

use std::collections::HashSet;

use actix_web::web::Data;
use aops_api::HostId;
use aops_api::host::{HostGetRequest, InventoryAnswer, InventoryRequest};
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiError, ApiResult, answer};
use aops_vault::ansible::InventoryHost;
use serde_json::json;

use super::State;
use super::audited::listed;
use crate::account::Caller;
use crate::error::Error;
use crate::vault;

pub(super) async fn export(
    _: ServiceName,
    Lenient(request): Lenient<InventoryRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<InventoryAnswer> {
    let caller = state.caller(&token).await?;
    let detail = json!({ "host_list": listed(&request.host_list) });
    let work = async {
        let hosts = hosts_with_credentials(&state, &caller, &request).await?;
        answer(InventoryAnswer {
            files: vault::inventory(hosts, &request.key).await?,
        })
    };
    state
        .audited(&caller.username, "host.export_inventory", detail, work)
        .await
}

/// The machines asked for, each with what the caller logs in with.
async fn hosts_with_credentials(
    state: &State,
    caller: &Caller,
    request: &InventoryRequest,
) -> Result<Vec<InventoryHost>, ApiError> {
    let Some(seal) = vault::open_existing(&state.tables, &caller.username, &request.key).await? else {
        return Err(Error::Key("you have no host credentials yet".to_owned()).into());
    };
    let sealed = state.tables.credentials(&caller.username).await?;
    if let Some(unknown) = request
        .host_list
        .iter()
        .find(|host_id| !sealed.contains_key(*host_id))
    {
        return Err(ApiError::param(format!(
            "host_list: you have no credentials of {unknown}"
        )));
    }
    let wanted: HashSet<&HostId> = request.host_list.iter().collect();
    let rows = state.tables.hosts(caller, &HostGetRequest::default()).await?;
    let mut hosts = Vec::new();
    for row in rows {
        let Some(sealed) = sealed.get(&row.host_id) else {
            continue;
        };
        if !wanted.is_empty() && !wanted.contains(&row.host_id) {
            continue;
        }
        hosts.push(InventoryHost {
            credentials: seal.open(sealed, row.host_id.as_str())?,
            host_id: row.host_id,
            host_name: row.host_name,
            host_group_name: row.host_group_name,
            address: row.address,
            ssh_port: row.ssh_port,
        });
    }
    Ok(hosts)
}
