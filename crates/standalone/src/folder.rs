//! The data folder: one process at a time, secrets that only its owner can read.
//!
//! ```text
//! lock                 held while a platform runs on the folder
//! agent-id             UUID of this machine's agent
//! first-password       the generated admin password, until it is changed
//! secrets/             one credential per service
//! tables.db documents.db series.db token.key   the data center
//! bus.db               the message bus
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aops_service::{Credentials, random, secret};

/// A folder that cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another platform runs on it.
    #[error(
        "the data folder {0} is in use by another platform; stop that one, or choose another with --data-dir"
    )]
    InUse(PathBuf),
    /// It cannot be made or written.
    #[error("the data folder {0} cannot be used; make it writable, or choose another with --data-dir")]
    Unusable(PathBuf, #[source] io::Error),
    /// A secret in it cannot be read or made.
    #[error("a secret in {0} cannot be used")]
    Secret(PathBuf, #[source] io::Error),
}

/// An opened data folder; unlocked when dropped.
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if need be, closes it to others, and locks it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let unusable = |error| FolderError::Unusable(path.to_owned(), error);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(unusable)?;
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(unusable)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The UUID of this machine's agent, made at the first start.
    pub fn agent_id(&self) -> Result<String, FolderError> {
        self.secret("agent-id", random::uuid)
    }

    /// The folder of the secrets.
    pub fn secrets(&self) -> Result<PathBuf, FolderError> {
        let folder = self.path.join("secrets");
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(FolderError::Secret(folder, error))
            }
            _ => Ok(folder),
        }
    }

    /// The secret that a service shows when it calls another one, made at the first start.
    pub fn service_secret(&self, name: &str) -> Result<String, FolderError> {
        self.secrets()?;
        self.secret(&format!("secrets/{name}.secret"), random::secret)
    }

    /// The credentials of these services.
    pub fn credentials(&self, names: &[&'static str]) -> Result<Credentials, FolderError> {
        let secrets = names
            .iter()
            .map(|name| Ok((*name, self.service_secret(name)?)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Credentials::new(
            secrets.iter().map(|(name, secret)| (*name, secret.as_str())),
        ))
    }

    fn secret(&self, name: &str, make: fn() -> String) -> Result<String, FolderError> {
        let path = self.path.join(name);
        secret::read_or_create(&path, make).map_err(|error| FolderError::Secret(path, error))
    }
}

/// Writes a file whole or not at all.
pub fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, text)?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_for_one_platform_at_a_time() {
        let temp = tempfile::tempdir().expect("temp folder");
        let path = temp.path().join("a/b");
        let first = DataFolder::open(&path).expect("opened");
        assert!(matches!(DataFolder::open(&path), Err(FolderError::InUse(_))));
        let id = first.agent_id().expect("made");
        drop(first);
        let again = DataFolder::open(&path).expect("opened again");
        assert_eq!(again.agent_id().expect("kept"), id);
    }

    #[test]
    fn a_folder_that_others_can_read_is_closed_to_them() {
        let temp = tempfile::tempdir().expect("temp folder");
        fs::set_permissions(temp.path(), Permissions::from_mode(0o777)).expect("opened up");
        let _folder = DataFolder::open(temp.path()).expect("opened");
        let mode = fs::metadata(temp.path()).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused() {
        let temp = tempfile::tempdir().expect("temp folder");
        let file = temp.path().join("file");
        fs::write(&file, "").expect("written");
        assert!(matches!(
            DataFolder::open(&file.join("below")),
            Err(FolderError::Unusable(..))
        ));
    }
}
