//! An Ansible inventory: files below a folder that nobody else may read.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use aops_api::host::{InventoryFile, InventoryRequest};

use super::Arguments;
use crate::arguments::List;
use crate::commands::certificate::KEY;
use crate::context::{Context, check};
use crate::failure::Failure;
use crate::screen;

pub(super) async fn export(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let folder = arguments.export.unwrap_or_default();
    let request = InventoryRequest {
        host_list: List::hosts(arguments.host_list),
        key: KEY.read(arguments.key)?,
    };
    let outcome = context.receive(platform.export_inventory(&request).await)?;
    check(&outcome)?;
    let files = outcome.payload.map(|answer| answer.files).unwrap_or_default();
    let placed: Vec<(PathBuf, &InventoryFile)> = files
        .iter()
        .map(|file| Ok((place(&folder, &file.path)?, file)))
        .collect::<Result<_, Failure>>()?;
    for (path, file) in placed {
        write(&path, &file.content)
            .map_err(|error| Failure::Local(format!("cannot write {}: {error}", path.display())))?;
    }
    screen::note(&format!(
        "inventory written to {}; use it as: ansible-playbook -i {} --ask-vault-pass PLAYBOOK",
        folder.display(),
        folder.display()
    ));
    Ok(())
}

/// Below the folder, whatever the platform says.
fn place(folder: &Path, relative: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(relative);
    let is_below = path
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    if !is_below || relative.is_empty() {
        return Err(Failure::Local(format!(
            "the platform named a file outside of the inventory: {relative:?}; nothing was written"
        )));
    }
    Ok(folder.join(path))
}

/// An older file is replaced, not written over: what others may do with it, or link to it, is not kept.
fn write(path: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_outside_of_the_folder() {
        let folder = Path::new("/inventory");
        assert_eq!(
            place(folder, "group_vars/all/vault.yml").expect("below"),
            Path::new("/inventory/group_vars/all/vault.yml")
        );
        for path in ["", "/etc/passwd", "../x", "a/../../x", "./a"] {
            assert!(place(folder, path).is_err(), "{path}");
        }
    }
}
