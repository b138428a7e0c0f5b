//! The first account, so that somebody can log in.

use std::fs;
use std::io;
use std::path::Path;

use aops_service::{Clock, random, secret};

use crate::account::password;
use crate::config::{DataCenterConfig, first_password_file};
use crate::error::Error;
use crate::folder::failed;
use crate::store::{FirstAdmin, Tables};

/// Makes the account `admin` when there is no account yet: with the user's own password, or with a generated one that
/// stands in a file of mode 0600 until it is changed.
pub(crate) async fn ensure(tables: &Tables, config: &DataCenterConfig, clock: &Clock) -> Result<(), Error> {
    let file = first_password_file(&config.data_dir);
    if tables.has_accounts().await? {
        if !tables.first_password_stands().await? {
            forget(&file)?;
        }
        return Ok(());
    }
    let admin = match &config.admin_password {
        Some(own) => {
            password::check("AOPS_ADMIN_PASSWORD", own).map_err(|error| Error::Setting(error.to_string()))?;
            FirstAdmin {
                password: own.clone(),
                must_change: false,
                salt: random::id(),
            }
        }
        None => {
            let generated = random::id();
            // Written first: an account whose password nobody knows would lock everybody out.
            secret::write(&file, &generated).map_err(failed(&file, "written"))?;
            FirstAdmin {
                password: generated,
                must_change: true,
                salt: random::id(),
            }
        }
    };
    let made = tables.make_first_admin(admin, clock.now_ms()).await?;
    if !made {
        // Another data center on the same tables was quicker; its password counts.
        forget(&file)?;
    }
    Ok(())
}

/// Removes the file of the first password, if there is one.
pub(crate) fn forget(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed(file, "removed")(source)),
        _ => Ok(()),
    }
}
