//! The logins that are remembered: a file that only its owner can read, one named profile per server.
//!
//! `$XDG_CONFIG_HOME/aops/profiles.json`, or `~/.config/aops/profiles.json`. It holds tokens: the file has mode 0600, its
//! folder 0700. A file that somebody else can read or write is refused.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The profile of somebody who named none.
pub(crate) const DEFAULT_NAME: &str = "default";

const FILE_NAME: &str = "profiles.json";
const LOCK_NAME: &str = "profiles.lock";
const NEW_NAME: &str = "profiles.json.new";
/// Anybody but the owner.
const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;

/// A server, and the login there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// Its URL.
    pub(crate) server: String,
    /// Who is, or was, logged in.
    #[serde(default)]
    pub(crate) username: String,
    /// `None` after a logout.
    #[serde(default)]
    pub(crate) access_token: Option<String>,
    /// When the token ends at the latest, in seconds since the epoch; 0: not known.
    #[serde(default)]
    pub(crate) expires: i64,
    /// The file of the authorities that are trusted for this server; `None`: those of the system.
    #[serde(default)]
    pub(crate) ca_cert: Option<PathBuf>,
}

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profiles {
    /// The profile in use where none is named.
    pub(crate) current: String,
    /// By name.
    pub(crate) profiles: BTreeMap<String, Profile>,
}

impl Profiles {
    /// The profile in use where none is named.
    pub(crate) fn current(&self) -> Option<(&str, &Profile)> {
        let (name, profile) = self.profiles.get_key_value(&self.current)?;
        Some((name, profile))
    }

    /// The profile of a server: that in use, if it is its.
    pub(crate) fn of_server(&self, server: &str) -> Option<(&str, &Profile)> {
        let all = self
            .profiles
            .iter()
            .map(|(name, profile)| (name.as_str(), profile));
        let mut candidates = self.current().into_iter().chain(all);
        candidates.find(|(_, profile)| profile.server == server)
    }

    /// The profile of that name; the failure names those that there are.
    pub(crate) fn named(&self, name: &str) -> Result<&Profile, Failure> {
        self.profiles.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            let known = if names.is_empty() {
                "there is none yet".to_owned()
            } else {
                format!("there are: {}", names.join(", "))
            };
            Failure::Usage(format!(
                "there is no profile '{name}' ({known}); it is made by: aops --profile {name} --server URL account \
                 --action login --username NAME"
            ))
        })
    }
}

/// Where the file is.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder of this person; `None` where neither XDG_CONFIG_HOME nor HOME says where that is.
    pub(crate) fn of_environment() -> Option<Self> {
        let absolute = |name: &str| {
            let path = PathBuf::from(std::env::var_os(name)?);
            path.is_absolute().then_some(path)
        };
        let home = || absolute("HOME").map(|home| home.join(".config"));
        let config = absolute("XDG_CONFIG_HOME").or_else(home)?;
        Some(Self::new(config.join("aops")))
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(FILE_NAME)
    }

    /// What is remembered; nothing where there is no file.
    pub(crate) fn read(&self) -> Result<Profiles, Failure> {
        let path = self.file();
        let refuse = |reason: String| Failure::Local(format!("{}: {reason}", path.display()));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Profiles::default()),
            Err(error) => return Err(refuse(format!("the remembered logins cannot be read: {error}"))),
        };
        self.check_modes()?;
        serde_json::from_str(&text).map_err(|error| {
            refuse(format!(
                "is not a file of remembered logins ({error}); move it away and log in again"
            ))
        })
    }

    /// Changes what is remembered. Another `aops` that does so at the same time waits its turn.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Profiles) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let refuse = |error: io::Error| {
            Failure::Local(format!(
                "{}: the login cannot be remembered: {error}",
                self.file().display()
            ))
        };
        let _lock = self.lock().map_err(refuse)?;
        let mut profiles = self.read()?;
        let result = change(&mut profiles)?;
        self.write(&profiles).map_err(refuse)?;
        Ok(result)
    }

    fn check_modes(&self) -> Result<(), Failure> {
        let path = self.file();
        if mode(&path)? & OTHERS != 0 {
            let path = path.display();
            return Err(Failure::Local(format!(
                "{path} holds tokens and others than you can read or change it; if nobody has, make it yours: \
                 chmod 600 {path}; else log out everywhere (aops account --action logout_all) and remove it"
            )));
        }
        if mode(&self.folder)? & OTHERS_WRITE != 0 {
            let folder = self.folder.display();
            return Err(Failure::Local(format!(
                "{folder} holds tokens and others than you can write to it: chmod 700 {folder}"
            )));
        }
        Ok(())
    }

    fn lock(&self) -> io::Result<File> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.folder.join(LOCK_NAME);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        file.lock()?;
        Ok(file)
    }

    /// Whole or not at all: a new file takes the place of the old one. Called under the lock.
    fn write(&self, profiles: &Profiles) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(profiles).map_err(io::Error::other)?;
        text.push('\n');
        let new = self.folder.join(NEW_NAME);
        // Left by a process that was killed; its mode is not known.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, self.file())
    }
}

fn mode(path: &Path) -> Result<u32, Failure> {
    let read = fs::metadata(path).map(|metadata| metadata.permissions().mode());
    read.map_err(|error| Failure::Local(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(server: &str) -> Profile {
        Profile {
            server: server.to_owned(),
            username: "admin".to_owned(),
            access_token: Some("t".to_owned()),
            expires: 5,
            ca_cert: None,
        }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("aops"));
        (folder, store)
    }

    fn remember(store: &Store, name: &str) {
        let changed = store.change(|profiles| {
            profiles.current = name.to_owned();
            profiles.profiles.insert(name.to_owned(), login("http://a"));
            Ok(())
        });
        changed.expect("remembered");
    }

    #[test]
    fn what_is_remembered_is_read_again_by_its_owner_alone() {
        let (_folder, store) = store();
        assert_eq!(store.read().expect("nothing yet"), Profiles::default());
        remember(&store, "a");
        remember(&store, "b");
        let profiles = store.read().expect("readable");
        assert_eq!(profiles.profiles.len(), 2);
        assert_eq!(profiles.current(), Some(("b", &login("http://a"))));
        assert_eq!(mode(&store.file()).expect("there") & 0o777, 0o600);
        assert_eq!(mode(&store.folder).expect("there") & 0o777, 0o700);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let (_folder, store) = store();
        remember(&store, "a");
        for (mode, is_good) in [(0o640, false), (0o604, false), (0o620, false), (0o400, true)] {
            fs::set_permissions(store.file(), fs::Permissions::from_mode(mode)).expect("mine");
            assert_eq!(store.read().is_ok(), is_good, "{mode:o}");
            assert_eq!(store.change(|_| Ok(())).is_ok(), is_good, "{mode:o}");
        }
        fs::set_permissions(&store.folder, fs::Permissions::from_mode(0o770)).expect("mine");
        let refusal = store.read().expect_err("refused").to_string();
        assert!(refusal.contains("chmod 700"), "{refusal}");
    }

    #[test]
    fn a_change_that_fails_changes_nothing() {
        let (_folder, store) = store();
        remember(&store, "a");
        let before = store.read().expect("readable");
        let failed = store.change::<()>(|profiles| {
            profiles.profiles.clear();
            Err(Failure::Local("no".to_owned()))
        });
        failed.expect_err("failed");
        assert_eq!(store.read().expect("readable"), before);
        fs::write(store.file(), "{").expect("written");
        let refusal = store.read().expect_err("refused").to_string();
        assert!(refusal.contains("log in again"), "{refusal}");
    }

    #[test]
    fn nothing_is_lost_when_many_remember_at_once() {
        let (_folder, store) = store();
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d", "e", "f"] {
                let store = &store;
                scope.spawn(move || remember(store, name));
            }
        });
        assert_eq!(store.read().expect("readable").profiles.len(), 6);
    }
}
