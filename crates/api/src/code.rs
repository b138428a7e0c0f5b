//! Return codes of the documented routes, their texts, and the envelope that carries them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Declares the codes once: variant, number, stable text id, English text, Chinese text.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $id:literal, $english:literal, $chinese:literal;)*) => {
        /// The outcome of a documented route (design 3.8.5). The HTTP status beside it is always 200.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All codes, in the order of the design.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The number on the wire.
            pub const fn number(self) -> u16 { match self { $(Code::$name => $number,)* } }

            /// The id of the text: stable over releases, for translations and for tests.
            pub const fn text_id(self) -> &'static str { match self { $(Code::$name => $id,)* } }

            /// The fixed text that opens `msg`.
            pub const fn text(self, language: Language) -> &'static str {
                match language {
                    Language::English => match self { $(Code::$name => $english,)* },
                    Language::Chinese => match self { $(Code::$name => $chinese,)* },
                }
            }

            /// The code of a number, if there is one.
            pub const fn from_number(number: u16) -> Option<Code> {
                match number { $($number => Some(Code::$name),)* _ => None }
            }
        }
    };
}

codes! {
    /// Everything asked for was done.
    Succeed = 200, "succeed", "operation succeed", "操作成功";
    /// Some was done, some not; the answer lists both.
    PartialSucceed = 206, "partial_succeed", "partial succeed", "部分成功";
    /// A defect of ours.
    ServerError = 500, "server_error", "internal server error", "服务器内部错误";
    /// The request is wrong; nothing was done.
    ParamError = 1000, "param_error", "request parameter error", "参数错误";
    /// Another service cannot be reached.
    ConnectionError = 1001, "connection_error", "restful connection error", "http连接错误";
    /// None of the others fits.
    UnknownError = 1002, "unknown_error", "unknown error", "未知错误";
    /// A store cannot be reached.
    DatabaseConnectError = 1101, "database_connect_error", "connect to database error", "数据库连接错误";
    /// Nothing of what was to be added was added.
    DatabaseInsertError = 1102, "database_insert_error", "insert data into database fail", "数据库插入错误";
    /// Nothing of what was to be deleted was deleted.
    DatabaseDeleteError = 1103, "database_delete_error", "delete data from database fail", "数据库删除错误";
    /// A store refused a query.
    DatabaseQueryError = 1104, "database_query_error", "query data from database fail", "数据库查询错误";
    /// What was to be added is there already.
    DataExist = 1105, "data_exist", "data has existed", "数据库中数据已存在";
    /// What was to be deleted is in use.
    DataDependency = 1106, "data_dependency", "delete fail for it has dependency", "数据存在依赖而不能删除";
    /// A store refused an update.
    DatabaseUpdateError = 1107, "database_update_error", "update data in database fail", "数据库更新错误";
    /// Unknown user or wrong password; which of them is not said.
    LoginError = 1200, "login_error", "incorrect username or password", "错误的用户名或密码";
    /// The token is missing, unknown, expired or logged out.
    TokenError = 1201, "token_error", "the session is invalid", "token错误";
    /// Kept for completeness: a second login is allowed.
    RepeatLogin = 1202, "repeat_login", "user has logined, repeat login", "重复登录";
    /// The key that unseals host credentials has not been given.
    KeyError = 1203, "key_error", "missing or invalid vault password, please certificate the vault password", "密钥认证错误";
    /// Only change and logout are open until the first password is changed.
    ChangeDefaultPassword = 1204, "change_default_password", "please change the default password or you can not use", "需要修改默认密码";
    /// The new password is the old one.
    SamePassword = 1205, "same_password", "the new password is same as old password, change fail", "修改的密码重复";
    /// The password could not be changed.
    ChangePasswordFail = 1206, "change_password_fail", "change password fail", "修改密码失败";
    /// The caller may not do this. Extension.
    PermissionDenied = 1207, "permission_denied", "permission denied", "没有权限";
    /// A task cannot be run.
    TaskExecutionFail = 1301, "task_execution_fail", "Task execution failed.", "任务执行失败";
}

/// A language of `msg`, chosen by `Accept-Language`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// The default.
    #[default]
    English,
    /// Any `zh` tag.
    Chinese,
}

impl Language {
    /// The first language of an `Accept-Language` value that is known; English when none is.
    pub fn from_accept_language(value: &str) -> Language {
        for tag in value.split(',') {
            let tag = tag.trim().to_ascii_lowercase();
            if tag.starts_with("zh") {
                return Language::Chinese;
            }
            if tag.starts_with("en") {
                return Language::English;
            }
        }
        Language::English
    }
}

impl Code {
    /// `msg`: the fixed text, then `: ` and the detail when there is one.
    pub fn message(self, language: Language, detail: &str) -> String {
        if detail.is_empty() {
            return self.text(language).to_owned();
        }
        format!("{}: {detail}", self.text(language).trim_end_matches('.'))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.number(), self.text(Language::English))
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(deserializer)?;
        Ok(Code::from_number(number).unwrap_or(Code::UnknownError))
    }
}

/// A payload with nothing in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// The envelope of the documented routes: `code` and `msg` are siblings of the payload's fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer<T> {
    /// The outcome.
    pub code: Code,
    /// Text of the code, and detail.
    pub msg: String,
    /// The payload; absent when the outcome left nothing to say.
    #[serde(flatten)]
    pub payload: Option<T>,
}

impl<T> Answer<T> {
    /// Success with a payload.
    pub fn succeed(payload: T) -> Self {
        Self::with_code(Code::Succeed, payload)
    }

    /// A payload under another code, such as 206.
    pub fn with_code(code: Code, payload: T) -> Self {
        Self {
            code,
            msg: code.text(Language::English).to_owned(),
            payload: Some(payload),
        }
    }

    /// A refusal.
    pub fn refuse(code: Code, detail: &str) -> Self {
        Self {
            code,
            msg: code.message(Language::English, detail),
            payload: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_both_ways_and_ids_are_unique() {
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
        }
        let ids: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.text_id()).collect();
        assert_eq!(ids.len(), Code::ALL.len());
    }

    #[test]
    fn payload_fields_are_siblings_of_the_code() {
        #[derive(Serialize)]
        struct Count {
            rule_count: u64,
        }
        let text = serde_json::to_string(&Answer::succeed(Count { rule_count: 1 })).expect("serializable");
        assert_eq!(text, r#"{"code":200,"msg":"operation succeed","rule_count":1}"#);
        let refusal: Answer<Count> = Answer::refuse(Code::ParamError, "page: 0 is too small");
        let text = serde_json::to_string(&refusal).expect("serializable");
        assert_eq!(
            text,
            r#"{"code":1000,"msg":"request parameter error: page: 0 is too small"}"#
        );
    }

    #[test]
    fn the_first_known_language_is_taken() {
        assert_eq!(
            Language::from_accept_language("fr, zh-CN;q=0.8, en"),
            Language::Chinese
        );
        assert_eq!(Language::from_accept_language(""), Language::English);
    }
}
