//! The public routes.

use aops_api::account::{
    AccountAddRequest, AccountDeleteRequest, AccountGetAnswer, AccountGetRequest, AccountResetRequest,
    AccountRoleRequest, CertificateRequest, ChangePasswordRequest, GrantGetAnswer, GrantGetRequest,
    GrantRequest, ListOutcome, LoginAnswer, LoginRequest,
};
use aops_api::audit::{AuditGetAnswer, AuditGetRequest};
use aops_api::code::Empty;
use aops_api::diagnosis::{
    DiagExecuteAnswer, DiagExecuteRequest, ProgressAnswer, ProgressRequest, ReportGetAnswer,
    ReportIdsRequest, ReportListAnswer, ReportListRequest, TaskGetAnswer, TaskGetRequest,
};
use aops_api::group::{
    GroupAddAnswer, GroupAddRequest, GroupDeleteAnswer, GroupDeleteRequest, GroupGetAnswer, GroupGetRequest,
    GroupModifyRequest,
};
use aops_api::host::{
    HostAddAnswer, HostAddRequest, HostCountAnswer, HostDeleteRequest, HostGetAnswer, HostGetRequest,
    HostInfoAnswer, HostInfoRequest, HostModifyRequest, InventoryAnswer, InventoryRequest,
};
use aops_api::result::{ResultCountAnswer, ResultCountRequest, ResultGetAnswer, ResultGetRequest};
use aops_api::rule::{
    ImportAnswer, RuleCountAnswer, RuleDeleteRequest, RuleGetAnswer, RuleGetRequest, RuleImportRequest,
};
use aops_api::tree::{TreeGetAnswer, TreeImportRequest, TreeListRequest};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::{self, ClientError, Outcome};

/// Calls the public routes as a user. Cheap to clone.
#[derive(Clone)]
pub struct Platform {
    http: reqwest::Client,
    base_url: String,
    token: Option<String>,
}

/// Declares one method per route: name, HTTP method, path, request, answer.
macro_rules! routes {
    ($($(#[$doc:meta])* $name:ident: $method:ident $path:literal, $request:ty => $answer:ty;)*) => {
        impl Platform {
            $($(#[$doc])*
            pub async fn $name(&self, request: &$request) -> Result<Outcome<$answer>, ClientError> {
                self.call(Method::$method, $path, request).await
            })*
        }
    };
}

impl Platform {
    /// `base_url` such as `http://127.0.0.1:8080`; for TLS see [`Platform::connect`].
    pub fn new(base_url: impl Into<String>) -> Self {
        let base_url: String = base_url.into();
        Self {
            http: call::http(),
            base_url: base_url.trim_end_matches('/').to_owned(),
            token: None,
        }
    }

    /// The same for `https://`, too: `authorities` (PEM) are trusted instead of those of the system.
    pub fn connect(base_url: impl Into<String>, authorities: Option<&[u8]>) -> Result<Self, ClientError> {
        let plain = Self::new(base_url);
        if !plain.base_url.starts_with("https://") {
            return Ok(plain);
        }
        Ok(Self {
            http: call::https(authorities)?,
            ..plain
        })
    }

    /// The same, with the token of a session.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// Any route with any body: for what the methods do not offer, and for tests of bad input.
    pub async fn call<Q: Serialize + ?Sized, A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        request: &Q,
    ) -> Result<Outcome<A>, ClientError> {
        let url = format!("{}{path}", self.base_url);
        let headers = match &self.token {
            Some(token) => &[("access-token", token.as_str())][..],
            None => &[],
        };
        call::send(&self.http, method, &url, headers, request).await
    }
}

routes! {
    /// Opens a session.
    login: POST "/manage/account/login", LoginRequest => LoginAnswer;
    /// Ends the session.
    logout: POST "/manage/account/logout", Empty => Empty;
    /// Changes the password.
    change_password: POST "/manage/account/change", ChangePasswordRequest => Empty;
    /// Ends every session of the caller.
    logout_everywhere: POST "/manage/account/logout_all", Empty => Empty;
    /// Opens the caller's vault for the session.
    open_vault: POST "/manage/account/certificate", CertificateRequest => Empty;
    /// Makes an account.
    add_account: POST "/manage/account/add", AccountAddRequest => Empty;
    /// Deletes accounts.
    delete_accounts: DELETE "/manage/account/delete", AccountDeleteRequest => ListOutcome;
    /// Accounts.
    accounts: POST "/manage/account/get", AccountGetRequest => AccountGetAnswer;
    /// Changes what an account may do.
    set_role: POST "/manage/account/role", AccountRoleRequest => Empty;
    /// Gives an account a new password.
    reset_password: POST "/manage/account/reset", AccountResetRequest => Empty;
    /// Gives accesses to machines.
    add_grants: POST "/manage/account/grant/add", GrantRequest => ListOutcome;
    /// Takes accesses to machines away.
    delete_grants: DELETE "/manage/account/grant/delete", GrantRequest => ListOutcome;
    /// Who has an access to what.
    grants: POST "/manage/account/grant/get", GrantGetRequest => GrantGetAnswer;
    /// Hosts.
    hosts: POST "/manage/host/get", HostGetRequest => HostGetAnswer;
    /// Adds machines.
    add_hosts: POST "/manage/host/add", HostAddRequest => HostAddAnswer;
    /// Deletes machines.
    delete_hosts: DELETE "/manage/host/delete", HostDeleteRequest => ListOutcome;
    /// How many machines the caller sees.
    count_hosts: POST "/manage/host/count", Empty => HostCountAnswer;
    /// Machines with their facts.
    host_infos: POST "/manage/host/info/query", HostInfoRequest => HostInfoAnswer;
    /// Changes a machine.
    modify_host: POST "/manage/host/modify", HostModifyRequest => Empty;
    /// An Ansible inventory.
    export_inventory: POST "/manage/host/inventory/export", InventoryRequest => InventoryAnswer;
    /// Adds a group.
    add_group: POST "/manage/host/group/add", GroupAddRequest => GroupAddAnswer;
    /// Deletes groups.
    delete_groups: DELETE "/manage/host/group/delete", GroupDeleteRequest => GroupDeleteAnswer;
    /// Groups.
    groups: POST "/manage/host/group/get", GroupGetRequest => GroupGetAnswer;
    /// Changes a group.
    modify_group: POST "/manage/host/group/modify", GroupModifyRequest => Empty;
    /// The operation log.
    audit: POST "/manage/audit/get", AuditGetRequest => AuditGetAnswer;

    /// Imports rules.
    import_rules: POST "/check/rule/import", RuleImportRequest => ImportAnswer;
    /// Rules.
    rules: POST "/check/rule/get", RuleGetRequest => RuleGetAnswer;
    /// Deletes rules.
    delete_rules: DELETE "/check/rule/delete", RuleDeleteRequest => Empty;
    /// How many rules there are.
    count_rules: POST "/check/rule/count", Empty => RuleCountAnswer;
    /// Results.
    results: POST "/check/result/get", ResultGetRequest => ResultGetAnswer;
    /// Anomalies by host.
    count_results: POST "/check/result/count", ResultCountRequest => ResultCountAnswer;

    /// Imports trees.
    import_trees: POST "/diag/tree/import", TreeImportRequest => ImportAnswer;
    /// Trees.
    trees: POST "/diag/tree/get", TreeListRequest => TreeGetAnswer;
    /// Deletes trees.
    delete_trees: DELETE "/diag/tree/delete", TreeListRequest => Empty;
    /// Starts a diagnosis.
    execute: POST "/diag/execute", DiagExecuteRequest => DiagExecuteAnswer;
    /// Diagnoses.
    tasks: POST "/diag/task/get", TaskGetRequest => TaskGetAnswer;
    /// How far diagnoses are.
    progress: POST "/diag/progress/get", ProgressRequest => ProgressAnswer;
    /// Reports.
    reports: POST "/diag/report/get", ReportIdsRequest => ReportGetAnswer;
    /// Heads of reports.
    report_list: POST "/diag/report/get_list", ReportListRequest => ReportListAnswer;
    /// Deletes reports.
    delete_reports: DELETE "/diag/report/delete", ReportIdsRequest => Empty;
}
