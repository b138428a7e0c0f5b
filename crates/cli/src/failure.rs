//! How a command fails: message, advice, exit code.

use std::io;
use std::process::ExitCode;

use aops_api::Code;
use aops_client::ClientError;

use crate::screen;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The options make no sense together.
    #[error("{0}")]
    Usage(String),
    /// The platform did not answer, or not as one.
    #[error("{}: {}", .error.code.number(), message(.error))]
    NoAnswer {
        /// Where it was asked.
        server: String,
        /// What happened.
        error: ClientError,
    },
    /// The platform refused, or did only a part.
    #[error("{}: {msg}", .code.number())]
    Refused {
        /// Its code.
        code: Code,
        /// Its message.
        msg: String,
    },
    /// What a file holds is refused, all or some of it. The reasons have been told, each at its place; the text sums up.
    #[error("{}", .0.as_deref().unwrap_or("some of it is refused"))]
    Rejected(Option<String>),
    /// A file cannot be used at all; why has been told at its place.
    #[error("the file cannot be used")]
    Unusable,
    /// A remembered login has ended.
    #[error("the login of {username} at {server} ended at {ended}")]
    LoginEnded {
        /// Who was logged in.
        username: String,
        /// Where.
        server: String,
        /// When, as people here write it.
        ended: String,
    },
    /// Something on this side: a file, the terminal, what was asked for.
    #[error("{0}")]
    Local(String),
    /// Ctrl-C while waiting; the text says how to go on.
    #[error("{0}")]
    Interrupted(String),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

fn message(error: &ClientError) -> String {
    error
        .code
        .message(aops_api::code::Language::English, &error.detail)
}

impl Failure {
    /// Tells the person, on standard error. `login_command` is the one that logs in to the server at hand.
    pub(crate) fn report(&self, login_command: &str) {
        match self {
            // Whoever read our output has had enough (`aops check | head`).
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
            Failure::Rejected(None) | Failure::Unusable => return,
            Failure::Interrupted(text) => return screen::note(text),
            Failure::NoAnswer { .. } | Failure::Refused { .. } => {
                screen::note(&format!("error {}", screen::plain(&self.to_string())));
            }
            Failure::Usage(_)
            | Failure::Rejected(_)
            | Failure::LoginEnded { .. }
            | Failure::Local(_)
            | Failure::Output(_) => {
                screen::note(&format!("error: {}", screen::plain(&self.to_string())));
            }
        }
        if let Some(advice) = self.advice(login_command) {
            screen::note(&screen::plain_lines(&advice));
        }
    }

    /// As the help, the manual pages and docs/cli.md list them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Failure::Usage(_) | Failure::Rejected(_) => ExitCode::from(2),
            Failure::Interrupted(_) => ExitCode::from(130),
            Failure::LoginEnded { .. } => ExitCode::from(LOG_IN_FIRST),
            Failure::NoAnswer { error, .. } => ExitCode::from(exit_number(error.code)),
            Failure::Refused { code, .. } => ExitCode::from(exit_number(*code)),
            Failure::Unusable | Failure::Local(_) | Failure::Output(_) => ExitCode::from(FAILED),
        }
    }

    /// What to do next.
    fn advice(&self, login_command: &str) -> Option<String> {
        match self {
            Failure::Usage(_) => Some("For more information, try '--help'.".to_owned()),
            Failure::NoAnswer { server, error } if is_untrusted(error) => Some(format!(
                "{server} is not trusted: name the file of its authority with --ca_cert or AOPS_CA_CERT"
            )),
            Failure::NoAnswer { server, error } if error.code == Code::ConnectionError => Some(format!(
                "no answer from {server}: is the platform running there? Start it (aops-standalone), or name the right one with \
                 --server or AOPS_SERVER"
            )),
            Failure::NoAnswer { server, .. } => Some(format!(
                "check that {server} is an A-Ops platform; name another with --server or AOPS_SERVER"
            )),
            Failure::LoginEnded { .. } => Some(format!("log in again: {login_command}")),
            Failure::Refused {
                code: Code::TokenError,
                ..
            } => Some(format!(
                "log in: {login_command}\n\
                 (or pass the token of a session: --access_token TOKEN, or AOPS_ACCESS_TOKEN in the environment)"
            )),
            Failure::Refused { code, msg } => of_code(*code, msg).map(str::to_owned),
            Failure::Rejected(_)
            | Failure::Local(_)
            | Failure::Interrupted(_)
            | Failure::Unusable
            | Failure::Output(_) => None,
        }
    }
}

/// TLS says so in words only.
fn is_untrusted(error: &ClientError) -> bool {
    error.code == Code::ConnectionError && error.detail.contains("certificate")
}

const FAILED: u8 = 1;
const IN_PART: u8 = 3;
const LOG_IN_FIRST: u8 = 4;
const UNREACHABLE: u8 = 5;

fn exit_number(code: Code) -> u8 {
    match code {
        Code::PartialSucceed => IN_PART,
        Code::LoginError | Code::TokenError | Code::KeyError | Code::ChangeDefaultPassword => LOG_IN_FIRST,
        Code::ConnectionError | Code::DatabaseConnectError => UNREACHABLE,
        _ => FAILED,
    }
}

fn of_code(code: Code, msg: &str) -> Option<&'static str> {
    let advice = match code {
        Code::LoginError => {
            "check the user name and the password; the first password was shown when the platform first started"
        }
        Code::ChangeDefaultPassword => {
            "change the first password: aops account --action change\n\
             (the new password is asked for, or comes from AOPS_PASSWORD)"
        }
        Code::KeyError => {
            "open the vault of the hosts' credentials for this session: aops certificate\n\
             (the key that the hosts were added with is asked for, or comes from AOPS_KEY)"
        }
        Code::DataDependency => "take out what is in it first",
        Code::SamePassword => "choose a password that is not the present one",
        Code::TaskExecutionFail if msg.contains("host") => {
            "see which hosts there are: aops host --action query"
        }
        Code::TaskExecutionFail if msg.contains("tree") => {
            "see which trees there are: aops faultree --action get"
        }
        Code::TaskExecutionFail => "give a --start before the --end",
        Code::ConnectionError
        | Code::DatabaseConnectError
        | Code::DatabaseInsertError
        | Code::DatabaseDeleteError
        | Code::DatabaseQueryError
        | Code::DatabaseUpdateError
        | Code::ServerError
        | Code::UnknownError => {
            "the platform answers, but a part of it failed: its log says more; try again later"
        }
        _ => return None,
    };
    Some(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_next_command() {
        let refused = |code: Code, detail: &str| Failure::Refused {
            code,
            msg: code.message(aops_api::code::Language::English, detail),
        };
        for (failure, part) in [
            (refused(Code::TokenError, ""), "log in: aops login"),
            (refused(Code::KeyError, ""), "aops certificate"),
            (refused(Code::ChangeDefaultPassword, ""), "--action change"),
            (refused(Code::TaskExecutionFail, "No valid host."), "aops host"),
            (
                refused(Code::TaskExecutionFail, "No valid fault tree."),
                "aops faultree",
            ),
            (
                refused(Code::TaskExecutionFail, "Time range is not valid."),
                "--start",
            ),
        ] {
            let advice = failure.advice("aops login").expect("advice");
            assert!(advice.contains(part), "{advice}");
        }
        assert_eq!(refused(Code::ParamError, "page: 0").advice(""), None);
    }

    #[test]
    fn messages_open_with_the_code() {
        let refused = Failure::Refused {
            code: Code::TokenError,
            msg: "the session is invalid".to_owned(),
        };
        assert_eq!(refused.to_string(), "1201: the session is invalid");
    }
}
