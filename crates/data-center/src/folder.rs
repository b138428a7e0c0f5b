//! The data folder: made, locked, and private.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::config::DataCenterConfig;
use crate::error::Error;

/// Held as long as the process works in the folder; the operating system lets go of it when the process ends, however
/// it ends.
pub(crate) struct FolderLock {
    _file: File,
}

/// Makes the folder if there is none and locks it.
pub(crate) fn lock(config: &DataCenterConfig) -> Result<FolderLock, Error> {
    let folder = &config.data_dir;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed(folder, "created"))?;
    let path = config.lock_file();
    let file = open_private(&path).map_err(failed(&path, "written"))?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(Error::FolderInUse(folder.clone())),
        Err(TryLockError::Error(source)) => Err(failed(&path, "locked")(source)),
    }
}

/// Opens a file for writing, or makes one that only its owner can read.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

pub(crate) fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, action, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_private_and_for_one() {
        let parent = tempfile::tempdir().expect("a folder");
        let config = DataCenterConfig::new(parent.path().join("deeper/data"));
        let held = lock(&config).expect("locked");
        let mode = std::fs::metadata(&config.data_dir)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
        let refusal = lock(&config).err().expect("refused");
        assert!(matches!(refusal, Error::FolderInUse(_)), "{refusal:?}");
        drop(held);
        lock(&config).expect("free again");
    }

    #[test]
    fn a_file_in_the_way_is_said() {
        let parent = tempfile::tempdir().expect("a folder");
        let in_the_way = parent.path().join("data");
        std::fs::write(&in_the_way, "").expect("written");
        let refusal = lock(&DataCenterConfig::new(&in_the_way)).err().expect("refused");
        assert!(
            matches!(
                refusal,
                Error::File {
                    action: "created",
                    ..
                }
            ),
            "{refusal:?}"
        );
    }
}
