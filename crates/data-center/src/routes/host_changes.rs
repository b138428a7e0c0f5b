//! `/data/host`: what users do to machines.

use std::net::{IpAddr, SocketAddr};

use actix_web::web::Data;
use aops_api::HostId;
use aops_api::account::ListOutcome;
use aops_api::code::{Code, Empty};
use aops_api::host::{
    AddedHost, HostAddAnswer, HostAddRequest, HostDeleteRequest, HostModifyRequest, NewHost,
};
use aops_api::read::Integer;
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiError, ApiResult, answer, answer_with, random};
use aops_vault::Credentials;
use serde_json::{Value, json};

use super::State;
use super::account::answer_list;
use super::audited::listed;
use crate::account::Caller;
use crate::store::{AddRefusal, HostChange, HostToAdd, names};
use crate::vault;

pub(super) async fn add(
    _: ServiceName,
    Lenient(request): Lenient<HostAddRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<HostAddAnswer> {
    let caller = state.caller(&token).await?;
    let names: Vec<&String> = request.host_list.iter().map(|host| &host.host_name).collect();
    let detail = json!({ "host_list": listed(&names) });
    let work = add_checked(&state, &caller, &request);
    state.audited(&caller.username, "host.add", detail, work).await
}

async fn add_checked(state: &State, caller: &Caller, request: &HostAddRequest) -> ApiResult<HostAddAnswer> {
    let mut to_add = Vec::with_capacity(request.host_list.len());
    for (number, host) in request.host_list.iter().enumerate() {
        match checked(host, state.agent_port) {
            Ok(host) => to_add.push(host),
            Err(reason) => {
                let wrong = HostAddAnswer {
                    wrong_info: Some(masked(host)),
                    ..HostAddAnswer::default()
                };
                return answer_with(Code::ParamError, &format!("host_list[{number}].{reason}"), wrong);
            }
        }
    }
    let now_ms = state.now_ms();
    let seal = vault::open_or_make(&state.tables, &caller.username, &request.key, now_ms).await?;
    let seal_of = |number: usize, host_id: &HostId| {
        let NewHost {
            username,
            password,
            sudo_password,
            ..
        } = &request.host_list[number];
        let credentials = Credentials {
            username: username.clone(),
            password: password.clone(),
            sudo_password: sudo_password.clone(),
        };
        seal.seal(&credentials, host_id.as_str())
    };
    let outcomes = state.tables.add_hosts(caller, &to_add, seal_of, now_ms).await?;
    added(&to_add, outcomes)
}

fn added(hosts: &[HostToAdd], outcomes: Vec<Result<HostId, AddRefusal>>) -> ApiResult<HostAddAnswer> {
    let mut answered = HostAddAnswer::default();
    let mut all_exist = true;
    for (host, outcome) in hosts.iter().zip(outcomes) {
        let mut shown = AddedHost {
            host_id: None,
            host_name: host.host_name.clone(),
            host_group_name: host.host_group_name.clone(),
            public_ip: host.address.clone(),
            ssh_port: host.ssh_port,
            management: host.management,
            reason: None,
        };
        match outcome {
            Ok(host_id) => {
                answered.host_list.push(host_id.clone());
                shown.host_id = Some(host_id);
                answered.succeed_list.push(shown);
            }
            Err(AddRefusal::Exists(reason)) => {
                shown.reason = Some(reason);
                answered.fail_list.push(shown);
            }
            Err(AddRefusal::Invalid(reason)) => {
                all_exist = false;
                shown.reason = Some(reason);
                answered.fail_list.push(shown);
            }
        }
    }
    let Some(first) = answered.fail_list.first() else {
        return answer(answered);
    };
    let reason = first.reason.as_deref().unwrap_or_default();
    let detail = format!("{}: {reason}", first.host_name);
    let code = match (answered.succeed_list.is_empty(), all_exist) {
        (false, _) => Code::PartialSucceed,
        (true, true) => Code::DataExist,
        (true, false) => Code::DatabaseInsertError,
    };
    answer_with(code, &detail, answered)
}

/// The machine, if all of it makes sense; else field and reason.
fn checked(host: &NewHost, agent_port: u16) -> Result<HostToAdd, String> {
    let named = |field: &str, name: &str| names::check(field, name).map_err(|error| error.to_string());
    named("host_name", &host.host_name)?;
    named("host_group_name", &host.host_group_name)?;
    let address = checked_address("public_ip", &host.public_ip)?;
    for (field, secret) in [
        ("username", &host.username),
        ("password", &host.password),
        ("sudo_password", &host.sudo_password),
    ] {
        check_secret(field, secret)?;
    }
    Ok(HostToAdd {
        host_id: HostId::new(random::id()),
        host_name: host.host_name.clone(),
        host_group_name: host.host_group_name.clone(),
        ssh_port: checked_port("ssh_port", host.ssh_port)?,
        management: host.management.0,
        metrics_address: SocketAddr::new(address, agent_port).to_string(),
        address: address.to_string(),
    })
}

fn checked_address(field: &str, text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| format!("{field}: '{text}' is not an IPv4 or IPv6 address"))
}

fn checked_port(field: &str, port: Integer) -> Result<u16, String> {
    u16::try_from(port.0).map_err(|_| format!("{field}: {} is not in 0..=65535", port.0))
}

/// What is not said of it is what it is.
fn check_secret(field: &str, secret: &str) -> Result<(), String> {
    const LONGEST: usize = 4_096;
    let length = secret.chars().count();
    match length {
        1..=LONGEST => Ok(()),
        _ => Err(format!("{field}: {length} characters, not 1 to {LONGEST}")),
    }
}

/// The machine as it was sent, without its secrets.
fn masked(host: &NewHost) -> Value {
    json!({
        "host_name": host.host_name,
        "host_group_name": host.host_group_name,
        "public_ip": host.public_ip,
        "ssh_port": host.ssh_port,
        "management": host.management,
        "username": host.username,
        "password": "******",
        "sudo_password": "******",
    })
}

pub(super) async fn delete(
    _: ServiceName,
    Lenient(request): Lenient<HostDeleteRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ListOutcome> {
    let caller = state.caller(&token).await?;
    let hosts = &request.host_list;
    let work = async {
        let outcome = state.tables.delete_hosts(&caller, hosts).await?;
        answer_list(outcome, Code::DatabaseDeleteError)
    };
    let detail = json!({ "host_list": listed(hosts) });
    state.audited(&caller.username, "host.delete", detail, work).await
}

pub(super) async fn modify(
    _: ServiceName,
    Lenient(request): Lenient<HostModifyRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller(&token).await?;
    let detail = json!({
        "host_id": request.host_id,
        "host_name": request.host_name,
        "host_group_name": request.host_group_name,
        "public_ip": request.public_ip,
        "ssh_port": request.ssh_port,
        "management": request.management,
        "credentials": request.password.is_some(),
    });
    let work = async {
        let change = change_of(&state, &caller, &request).await?;
        state
            .tables
            .modify_host(&caller, &request.host_id, &change)
            .await?;
        answer(Empty {})
    };
    state.audited(&caller.username, "host.modify", detail, work).await
}

async fn change_of(
    state: &State,
    caller: &Caller,
    request: &HostModifyRequest,
) -> Result<HostChange, ApiError> {
    for (field, name) in [
        ("host_name", &request.host_name),
        ("host_group_name", &request.host_group_name),
    ] {
        if let Some(name) = name {
            names::check(field, name)?;
        }
    }
    let address = request.public_ip.as_deref();
    let address = address
        .map(|text| checked_address("public_ip", text))
        .transpose()
        .map_err(ApiError::param)?;
    let ssh_port = request
        .ssh_port
        .map(|port| checked_port("ssh_port", port))
        .transpose()
        .map_err(ApiError::param)?;
    Ok(HostChange {
        host_name: request.host_name.clone(),
        host_group_name: request.host_group_name.clone(),
        management: request.management.map(|management| management.0),
        credentials: sealed_credentials(state, caller, request).await?,
        metrics_address: address.map(|address| SocketAddr::new(address, state.agent_port).to_string()),
        address: address.map(|address| address.to_string()),
        ssh_port,
        revision: request.revision.map(|revision| revision.0),
    })
}

/// New credentials come all together or not at all.
async fn sealed_credentials(
    state: &State,
    caller: &Caller,
    request: &HostModifyRequest,
) -> Result<Option<String>, ApiError> {
    let given = [
        ("username", &request.username),
        ("password", &request.password),
        ("sudo_password", &request.sudo_password),
        ("key", &request.key),
    ];
    if given.iter().all(|(_, text)| text.is_none()) {
        return Ok(None);
    }
    let mut texts = Vec::with_capacity(given.len());
    for (field, text) in given {
        let Some(text) = text else {
            return Err(ApiError::param(format!(
                "{field}: missing beside the other credentials"
            )));
        };
        check_secret(field, text).map_err(ApiError::param)?;
        texts.push(text.clone());
    }
    let credentials = Credentials {
        username: texts[0].clone(),
        password: texts[1].clone(),
        sudo_password: texts[2].clone(),
    };
    let seal = vault::open_or_make(&state.tables, &caller.username, &texts[3], state.now_ms()).await?;
    Ok(Some(seal.seal(&credentials, request.host_id.as_str())))
}
