//! The internal routes below `/data`.

use std::sync::Arc;

use aops_api::account::{
    AccountAddRequest, AccountDeleteRequest, AccountGetAnswer, AccountGetRequest, AccountResetRequest,
    AccountRoleRequest, CertificateRequest, ChangePasswordRequest, GrantGetAnswer, GrantGetRequest,
    GrantRequest, ListOutcome, LoginAnswer, LoginRequest,
};
use aops_api::audit::{AuditGetAnswer, AuditGetRequest};
use aops_api::code::Empty;
use aops_api::diagnosis::{
    PinnedTaskAnswer, PinnedTaskRequest, ProgressAnswer, ProgressRequest, ReportGetAnswer, ReportIdsRequest,
    ReportListAnswer, ReportListRequest, ReportSaveRequest, TaskGetAnswer, TaskGetRequest,
    TaskPublishedRequest, TaskSaveRequest, UnpublishedTasksAnswer,
};
use aops_api::facts::{FactsDeleteRequest, FactsSaveRequest};
use aops_api::finding::{FindingQueryAnswer, FindingQueryRequest, FindingSaveRequest};
use aops_api::group::{
    GroupAddAnswer, GroupAddRequest, GroupDeleteAnswer, GroupDeleteRequest, GroupGetAnswer, GroupGetRequest,
    GroupModifyRequest,
};
use aops_api::host::{
    HostAddAnswer, HostAddRequest, HostCountAnswer, HostDeleteRequest, HostGetAnswer, HostGetRequest,
    HostInfoAnswer, HostInfoRequest, HostModifyRequest, HostRegisterAnswer, HostRegisterRequest,
    InventoryAnswer, InventoryRequest, MachinesAnswer,
};
use aops_api::result::{ResultCountAnswer, ResultCountRequest, ResultGetAnswer, ResultGetRequest};
use aops_api::rule::{
    EffectiveRulesAnswer, EffectiveRulesRequest, ImportAnswer, RuleAddRequest, RuleCountAnswer,
    RuleDeleteRequest, RuleGetAnswer, RuleGetRequest,
};
use aops_api::schedule::{CursorMoveAnswer, CursorMoveRequest, CursorsAnswer};
use aops_api::series::{SeriesFetchAnswer, SeriesFetchRequest};
use aops_api::tree::{TreeGetAnswer, TreeImportRequest, TreeListRequest};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::SERVICE_CREDENTIAL_HEADER;
use crate::call::{self, ClientError, Outcome};

/// Calls `/data` as a service, on its own behalf or on a caller's. Cheap to clone.
#[derive(Clone)]
pub struct DataCenter {
    connection: Arc<Connection>,
    caller_token: Option<String>,
}

struct Connection {
    http: reqwest::Client,
    base_url: String,
    credential: String,
}

/// Declares one method per route: name, HTTP method, path, request, answer.
macro_rules! routes {
    ($($(#[$doc:meta])* $name:ident: $method:ident $path:literal, $request:ty => $answer:ty;)*) => {
        impl DataCenter {
            $($(#[$doc])*
            pub async fn $name(&self, request: &$request) -> Result<$answer, ClientError> {
                self.call(Method::$method, $path, request).await
            })*
        }
    };
}

/// As `routes`, for what may be done in part: the payload says what, whatever the code.
macro_rules! outcomes {
    ($($(#[$doc:meta])* $name:ident: $method:ident $path:literal, $request:ty => $answer:ty;)*) => {
        impl DataCenter {
            $($(#[$doc])*
            pub async fn $name(&self, request: &$request) -> Result<Outcome<$answer>, ClientError> {
                self.send(Method::$method, $path, request).await
            })*
        }
    };
}

impl DataCenter {
    /// `base_url` without a trailing slash, such as `http://127.0.0.1:8081`; the service's name and secret.
    pub fn new(base_url: impl Into<String>, service_name: &str, secret: &str) -> Self {
        let connection = Connection {
            http: call::http(),
            base_url: base_url.into(),
            credential: format!("{service_name}:{secret}"),
        };
        Self {
            connection: Arc::new(connection),
            caller_token: None,
        }
    }

    /// The same connection on behalf of a caller; the data center checks the token and derives the owner from it.
    pub fn for_caller(&self, token: Option<&str>) -> Self {
        Self {
            connection: self.connection.clone(),
            caller_token: token.map(str::to_owned),
        }
    }

    async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        request: &Q,
    ) -> Result<A, ClientError> {
        self.send(method, path, request).await?.succeeded()
    }

    async fn send<Q: Serialize, A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        request: &Q,
    ) -> Result<Outcome<A>, ClientError> {
        let connection = &self.connection;
        let url = format!("{}{path}", connection.base_url);
        let credential = (SERVICE_CREDENTIAL_HEADER, connection.credential.as_str());
        let headers = match &self.caller_token {
            Some(token) => &[credential, ("access-token", token.as_str())][..],
            None => &[credential][..],
        };
        call::send(&connection.http, method, &url, headers, request).await
    }
}

routes! {
    /// Opens a session.
    login: POST "/data/account/login", LoginRequest => LoginAnswer;
    /// Ends the caller's session.
    logout: POST "/data/account/logout", Empty => Empty;
    /// Changes the caller's password.
    change_password: POST "/data/account/change", ChangePasswordRequest => Empty;
    /// Ends every session of the caller.
    logout_everywhere: POST "/data/account/logout_all", Empty => Empty;
    /// Opens the caller's vault for the session.
    open_vault: POST "/data/account/certificate", CertificateRequest => Empty;
    /// Makes an account.
    add_account: POST "/data/account/add", AccountAddRequest => Empty;
    /// Accounts.
    accounts: POST "/data/account/get", AccountGetRequest => AccountGetAnswer;
    /// Changes what an account may do.
    set_role: POST "/data/account/role", AccountRoleRequest => Empty;
    /// Gives an account a new password.
    reset_password: POST "/data/account/reset", AccountResetRequest => Empty;
    /// Who has an access to what.
    grants: POST "/data/account/grant/get", GrantGetRequest => GrantGetAnswer;

    /// The caller's hosts.
    hosts: POST "/data/host/get", HostGetRequest => HostGetAnswer;
    /// How many machines the caller sees.
    count_hosts: POST "/data/host/count", Empty => HostCountAnswer;
    /// Machines with their facts.
    host_infos: POST "/data/host/info/get", HostInfoRequest => HostInfoAnswer;
    /// Changes a machine.
    modify_host: POST "/data/host/modify", HostModifyRequest => Empty;
    /// An Ansible inventory.
    export_inventory: POST "/data/host/inventory/export", InventoryRequest => InventoryAnswer;
    /// Adds a group.
    add_group: POST "/data/host/group/add", GroupAddRequest => GroupAddAnswer;
    /// Groups.
    groups: POST "/data/host/group/get", GroupGetRequest => GroupGetAnswer;
    /// Changes a group.
    modify_group: POST "/data/host/group/modify", GroupModifyRequest => Empty;
    /// The operation log.
    audit: POST "/data/audit/get", AuditGetRequest => AuditGetAnswer;
    /// Keeps facts of machines.
    save_facts: POST "/data/host/info/save", FactsSaveRequest => Empty;
    /// Forgets facts of machines.
    delete_facts: DELETE "/data/host/info/delete", FactsDeleteRequest => Empty;
    /// Every machine.
    machines: POST "/data/host/machines", Empty => MachinesAnswer;
    /// A machine announces itself.
    register_host: POST "/data/host/register", HostRegisterRequest => HostRegisterAnswer;

    /// Adds or replaces rules of the caller.
    add_rules: POST "/data/check/rule/add", RuleAddRequest => ImportAnswer;
    /// The caller's rules.
    rules: POST "/data/check/rule/get", RuleGetRequest => RuleGetAnswer;
    /// Deletes rules of the caller.
    delete_rules: DELETE "/data/check/rule/delete", RuleDeleteRequest => Empty;
    /// How many rules the caller has.
    count_rules: POST "/data/check/rule/count", Empty => RuleCountAnswer;
    /// What is to be judged on a shard.
    effective_rules: POST "/data/check/rule/effective", EffectiveRulesRequest => EffectiveRulesAnswer;

    /// Replaces what was found in windows.
    save_findings: POST "/data/check/finding/save", FindingSaveRequest => Empty;
    /// What is known of keys on a host.
    query_findings: POST "/data/check/finding/query", FindingQueryRequest => FindingQueryAnswer;
    /// The caller's results.
    results: POST "/data/check/result/get", ResultGetRequest => ResultGetAnswer;
    /// Anomalies by host.
    count_results: POST "/data/check/result/count", ResultCountRequest => ResultCountAnswer;
    /// How far each shard has been published.
    cursors: POST "/data/check/cursor/get", Empty => CursorsAnswer;
    /// Moves a cursor by compare and set.
    move_cursor: POST "/data/check/cursor/move", CursorMoveRequest => CursorMoveAnswer;

    /// Samples in bulk.
    fetch_series: POST "/data/series/fetch", SeriesFetchRequest => SeriesFetchAnswer;

    /// Adds or replaces trees of the caller.
    add_trees: POST "/data/diag/tree/add", TreeImportRequest => ImportAnswer;
    /// The caller's trees.
    trees: POST "/data/diag/tree/get", TreeListRequest => TreeGetAnswer;
    /// Deletes trees of the caller.
    delete_trees: DELETE "/data/diag/tree/delete", TreeListRequest => Empty;

    /// Saves a task of the caller.
    save_task: POST "/data/diag/task/save", TaskSaveRequest => Empty;
    /// The caller's tasks.
    tasks: POST "/data/diag/task/get", TaskGetRequest => TaskGetAnswer;
    /// A task with its pinned trees and rules.
    pinned_task: POST "/data/diag/task/pinned", PinnedTaskRequest => PinnedTaskAnswer;
    /// Tasks that still have to be published.
    unpublished_tasks: POST "/data/diag/task/unpublished", Empty => UnpublishedTasksAnswer;
    /// A task has been published.
    mark_task_published: POST "/data/diag/task/published", TaskPublishedRequest => Empty;
    /// Progress of the caller's tasks.
    progress: POST "/data/diag/process/query", ProgressRequest => ProgressAnswer;

    /// Saves reports and counts them as finished.
    save_reports: POST "/data/diag/report/save", ReportSaveRequest => Empty;
    /// The caller's reports.
    reports: POST "/data/diag/report/get", ReportIdsRequest => ReportGetAnswer;
    /// Heads of the caller's reports.
    report_list: POST "/data/diag/report/get_list", ReportListRequest => ReportListAnswer;
    /// Deletes reports of the caller.
    delete_reports: DELETE "/data/diag/report/delete", ReportIdsRequest => Empty;
}

outcomes! {
    /// Deletes accounts.
    delete_accounts: DELETE "/data/account/delete", AccountDeleteRequest => ListOutcome;
    /// Gives accesses to machines.
    add_grants: POST "/data/account/grant/add", GrantRequest => ListOutcome;
    /// Takes accesses to machines away.
    delete_grants: DELETE "/data/account/grant/delete", GrantRequest => ListOutcome;
    /// Adds machines.
    add_hosts: POST "/data/host/add", HostAddRequest => HostAddAnswer;
    /// Deletes machines.
    delete_hosts: DELETE "/data/host/delete", HostDeleteRequest => ListOutcome;
    /// Deletes groups.
    delete_groups: DELETE "/data/host/group/delete", GroupDeleteRequest => GroupDeleteAnswer;
}
