//! Which server a command talks to, and as whom: from options, environment and remembered logins.

use std::path::{Path, PathBuf};

use aops_client::Platform;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::profiles::{DEFAULT_NAME, Profile, Profiles, Store};

/// The server of somebody who named none.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// What options and environment say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    server: Option<String>,
    token: Option<String>,
    profile: Option<String>,
    ca_cert: Option<PathBuf>,
}

impl Wanted {
    pub(crate) fn of(arguments: &Arguments) -> Self {
        let given = |text: &Option<String>| {
            let text = text.as_deref().map(str::trim);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Self {
            server: given(&arguments.server),
            token: given(&arguments.access_token),
            profile: given(&arguments.profile),
            ca_cert: arguments.ca_cert.clone(),
        }
    }

    /// Whether what is remembered has no say.
    fn is_complete(&self) -> bool {
        let knows_whom_to_trust = |server: &String| self.ca_cert.is_some() || !server.starts_with("https://");
        self.token.is_some()
            && self.profile.is_none()
            && self.server.as_ref().is_some_and(knows_whom_to_trust)
    }
}

/// A server, and as whom it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) server: String,
    pub(crate) token: Option<String>,
    pub(crate) ca_cert: Option<PathBuf>,
    /// The remembered login that the token is of.
    pub(crate) login: Option<Login>,
}

/// A remembered login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) profile: String,
    pub(crate) username: String,
    /// In seconds since the epoch; 0: not known.
    pub(crate) expires: i64,
}

impl Chosen {
    /// The command that logs in again.
    pub(crate) fn login_command(&self) -> String {
        let Some(login) = &self.login else {
            return "aops account --action login --username NAME".to_owned();
        };
        let profile = match login.profile.as_str() {
            DEFAULT_NAME => String::new(),
            name => format!("--profile {name} "),
        };
        format!(
            "aops {profile}account --action login --username {}",
            login.username
        )
    }

    /// Opens nothing yet: the first call does.
    pub(crate) fn platform(&self) -> Result<Platform, Failure> {
        let platform = connect(&self.server, self.ca_cert.as_deref())?;
        Ok(match &self.token {
            Some(token) => platform.with_token(token.as_str()),
            None => platform,
        })
    }
}

fn connect(server: &str, ca_cert: Option<&Path>) -> Result<Platform, Failure> {
    let is_used = server.starts_with("https://");
    let authorities = ca_cert.filter(|_| is_used).map(|path| {
        let refuse = |error| Failure::Local(format!("--ca_cert {}: {error}", path.display()));
        std::fs::read(path).map_err(refuse)
    });
    let authorities = authorities.transpose()?;
    Platform::connect(server, authorities.as_deref()).map_err(|error| Failure::NoAnswer {
        server: server.to_owned(),
        error,
    })
}

/// What is remembered.
pub(crate) fn remembered() -> Result<Profiles, Failure> {
    match Store::of_environment() {
        Some(store) => store.read(),
        None => Ok(Profiles::default()),
    }
}

/// What is remembered, where it has a say.
pub(crate) fn remembered_for(wanted: &Wanted) -> Result<Profiles, Failure> {
    if wanted.is_complete() {
        return Ok(Profiles::default());
    }
    remembered()
}

/// Options and environment come first. A remembered token goes to the server that it is of, and to no other.
pub(crate) fn choose(wanted: &Wanted, profiles: &Profiles) -> Result<Chosen, Failure> {
    let found = match (&wanted.profile, &wanted.server) {
        (Some(name), _) => Some((name.as_str(), profiles.named(name)?)),
        (None, Some(server)) => profiles.of_server(server),
        (None, None) => profiles.current(),
    };
    Ok(assemble(wanted, found))
}

fn assemble(wanted: &Wanted, found: Option<(&str, &Profile)>) -> Chosen {
    let server = wanted.server.clone();
    let server = server.or_else(|| found.map(|(_, profile)| profile.server.clone()));
    let server = server.unwrap_or_else(|| DEFAULT_SERVER.to_owned());
    let of_server = found.filter(|(_, profile)| profile.server == server);
    let ca_cert = wanted.ca_cert.clone();
    let ca_cert = ca_cert.or_else(|| of_server.and_then(|(_, profile)| profile.ca_cert.clone()));
    let remembered = of_server.filter(|_| wanted.token.is_none());
    let token = wanted.token.clone();
    Chosen {
        token: token.or_else(|| remembered.and_then(|(_, profile)| profile.access_token.clone())),
        login: remembered
            .filter(|(_, profile)| !profile.username.is_empty())
            .map(|(name, profile)| Login {
                profile: name.to_owned(),
                username: profile.username.clone(),
                expires: profile.expires,
            }),
        server,
        ca_cert,
    }
}

/// Where to log in, and under which name to remember it.
pub(crate) fn choose_login(wanted: &Wanted, profiles: &Profiles) -> (Chosen, String) {
    let found = match (&wanted.profile, &wanted.server) {
        (Some(name), _) => profiles
            .profiles
            .get_key_value(name)
            .map(|(name, profile)| (name.as_str(), profile)),
        (None, Some(server)) => profiles.of_server(server),
        (None, None) => profiles.current(),
    };
    let chosen = assemble(wanted, found);
    let name = match (&wanted.profile, found) {
        (Some(name), _) => name.clone(),
        (None, Some((name, _))) => name.to_owned(),
        // Another server than that of the profile in use does not take its name.
        (None, None) if profiles.profiles.contains_key(DEFAULT_NAME) => authority(&chosen.server),
        (None, None) => DEFAULT_NAME.to_owned(),
    };
    (chosen, name)
}

/// `10.0.0.1:8080` of `http://10.0.0.1:8080/`
fn authority(server: &str) -> String {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles() -> Profiles {
        let profile = |server: &str, token: &str| Profile {
            server: server.to_owned(),
            username: "admin".to_owned(),
            access_token: Some(token.to_owned()),
            expires: 9,
            ca_cert: Some(PathBuf::from(format!("/{token}.pem"))),
        };
        Profiles {
            current: DEFAULT_NAME.to_owned(),
            profiles: [
                (DEFAULT_NAME.to_owned(), profile("http://a", "ta")),
                ("east".to_owned(), profile("https://b", "tb")),
            ]
            .into(),
        }
    }

    fn wanted(server: &str, token: &str, profile: &str) -> Wanted {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Wanted {
            server: given(server),
            token: given(token),
            profile: given(profile),
            ca_cert: None,
        }
    }

    #[test]
    fn options_come_before_what_is_remembered() {
        for (server, token, profile, expected_server, expected_token) in [
            ("", "", "", "http://a", Some("ta")),
            ("", "t", "", "http://a", Some("t")),
            ("", "", "east", "https://b", Some("tb")),
            ("https://b", "", "", "https://b", Some("tb")),
            ("http://c", "", "", "http://c", None),
            ("http://c", "", "east", "http://c", None),
            ("http://c", "t", "", "http://c", Some("t")),
        ] {
            let chosen = choose(&wanted(server, token, profile), &profiles()).expect("known");
            assert_eq!(chosen.server, expected_server);
            assert_eq!(
                chosen.token.as_deref(),
                expected_token,
                "{server} {token} {profile}"
            );
            let is_trusted = ["http://a", "https://b"].contains(&expected_server);
            assert_eq!(chosen.ca_cert.is_some(), is_trusted);
        }
        let chosen = choose(&wanted("", "", ""), &Profiles::default()).expect("nothing is remembered");
        assert_eq!((chosen.server.as_str(), chosen.token), (DEFAULT_SERVER, None));
        let refusal = choose(&wanted("", "", "west"), &profiles()).expect_err("unknown");
        assert!(
            refusal.to_string().contains("there are: default, east"),
            "{refusal}"
        );
    }

    #[test]
    fn a_login_says_how_to_do_it_again() {
        let again = |profile| {
            let chosen = choose(&wanted("", "", profile), &profiles()).expect("known");
            chosen.login_command()
        };
        assert_eq!(again(""), "aops account --action login --username admin");
        assert_eq!(
            again("east"),
            "aops --profile east account --action login --username admin"
        );
    }

    #[test]
    fn a_login_at_another_server_gets_a_name_of_its_own() {
        let name =
            |server, profile, profiles: &Profiles| choose_login(&wanted(server, "", profile), profiles).1;
        assert_eq!(name("", "", &Profiles::default()), "default");
        assert_eq!(name("http://c", "", &Profiles::default()), "default");
        assert_eq!(name("", "", &profiles()), "default");
        assert_eq!(name("https://b", "", &profiles()), "east");
        assert_eq!(name("http://[::1]:8080/x", "", &profiles()), "[::1]:8080");
        assert_eq!(name("http://c", "west", &profiles()), "west");
    }
}
