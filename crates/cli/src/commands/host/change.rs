//! Add, modify, delete.

use aops_api::host::{HostAddAnswer, HostAddRequest, HostDeleteRequest, HostModifyRequest, NewHost};
use aops_api::id::HostId;
use aops_api::read::Integer;
use aops_client::Outcome;

use super::Arguments;
use crate::arguments::List;
use crate::commands::certificate::KEY;
use crate::commands::{counted, outcome};
use crate::context::{Context, Unasked, check};
use crate::failure::Failure;
use crate::secret::Secret;

const SSH_PORT: u16 = 22;

const PASSWORD: Secret = Secret {
    prompt: "Password of the host",
    option: "--password",
    variable: "AOPS_HOST_PASSWORD",
    is_new: false,
};

pub(super) async fn add(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let password = PASSWORD.read(arguments.password)?;
    let host = NewHost {
        host_name: arguments.host_name.unwrap_or_default(),
        host_group_name: one_group(arguments.host_group_name)?.unwrap_or_default(),
        public_ip: arguments.public_ip.unwrap_or_default(),
        ssh_port: Integer(arguments.ssh_port.unwrap_or(SSH_PORT).into()),
        management: arguments.management.unwrap_or_default().into(),
        username: arguments.username.unwrap_or_default(),
        sudo_password: arguments.sudo_password.unwrap_or_else(|| password.clone()),
        password,
    };
    let request = HostAddRequest {
        host_list: vec![host],
        key: KEY.read(arguments.key)?,
    };
    let answered = platform.add_hosts(&request).await;
    finish_add(&context.receive(answered)?, context)
}

fn finish_add(outcome: &Outcome<HostAddAnswer>, context: &Context) -> Result<(), Failure> {
    if context.output.is_for_programs() {
        context.print_answer(outcome)?;
        return check(outcome);
    }
    if let Some(answer) = &outcome.payload {
        for host in &answer.succeed_list {
            let id = host.host_id.as_ref().map(HostId::to_string);
            let text = format!("{}  {}", id.unwrap_or_default(), host.host_name);
            outcome::print_done("added", &text)?;
        }
        for host in &answer.fail_list {
            outcome::note_refused(&host.host_name, host.reason.as_deref());
        }
    }
    check(outcome)
}

pub(super) async fn delete(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let ids = List::required(arguments.host_list, "--host_list")?;
    let question = format!("delete {}: {}", counted(ids.len(), "host"), ids.join(", "));
    context.confirm(&question, Unasked::GoesOn)?;
    let request = HostDeleteRequest {
        host_list: ids.into_iter().map(HostId::from).collect(),
    };
    let answered = context.platform()?.delete_hosts(&request).await;
    outcome::finish(&context.receive(answered)?, "deleted", context)
}

pub(super) async fn modify(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let ids = List::required(arguments.host_list, "--host_list")?;
    let [id] = ids.as_slice() else {
        return Err(Failure::Usage(
            "--host_list: expected one id to modify".to_owned(),
        ));
    };
    let has_credentials = arguments.username.is_some();
    let mut request = HostModifyRequest {
        host_id: HostId::from(id.clone()),
        host_name: arguments.host_name,
        host_group_name: one_group(arguments.host_group_name)?,
        public_ip: arguments.public_ip,
        ssh_port: arguments.ssh_port.map(|port| Integer(port.into())),
        management: arguments.management.map(Into::into),
        username: arguments.username,
        password: None,
        sudo_password: None,
        key: None,
        revision: arguments.revision.map(Integer),
    };
    if has_credentials {
        // All of them are sealed together.
        let password = PASSWORD.read(arguments.password)?;
        let sudo_password = arguments.sudo_password.unwrap_or_else(|| password.clone());
        request.password = Some(password);
        request.sudo_password = Some(sudo_password);
        request.key = Some(KEY.read(arguments.key)?);
    }
    if !changes_anything(&request) {
        return Err(Failure::Usage(
            "nothing to modify: give --host_name, --host_group_name, --public_ip, --ssh_port, --management, or \
             --username with new credentials"
                .to_owned(),
        ));
    }
    let done = format!("modified  {id}");
    context.take_done(platform.modify_host(&request).await, &done)
}

fn changes_anything(request: &HostModifyRequest) -> bool {
    request.host_name.is_some()
        || request.host_group_name.is_some()
        || request.public_ip.is_some()
        || request.ssh_port.is_some()
        || request.management.is_some()
        || request.username.is_some()
}

fn one_group(option: Option<List>) -> Result<Option<String>, Failure> {
    let mut names = List::of(option);
    match names.len() {
        0 | 1 => Ok(names.pop()),
        _ => Err(Failure::Usage(
            "--host_group_name: a host is in one group; names have no commas".to_owned(),
        )),
    }
}
