//! The first account, so that somebody can log in.

use std::fs;
use std::io;
use std::path::Path;

use aops_service::{Clock, random, secret};

use crate::account::{FIRST_ACCOUNT, password};
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
            password::check("AOPS_ADMIN_PASSWORD", own, FIRST_ACCOUNT)
                .map_err(|error| Error::Setting(error.to_string()))?;
            FirstAdmin {
                password: own.clone(),
                must_change: false,
                salt: random::id(),
            }
        }
        None => {
            let generated = readable_password(&random::id());
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

/// 64 bits of randomness in four groups, for people to copy: `1a2b-3c4d-5e6f-7a8b`.
fn readable_password(digits: &str) -> String {
    let groups = [&digits[..4], &digits[4..8], &digits[8..12], &digits[12..16]];
    groups.join("-")
}

/// Removes the file of the first password, if there is one.
pub(crate) fn forget(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed(file, "removed")(source)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_is_one_that_may_be_set() {
        let generated = readable_password("1a2b3c4d5e6f7a8b9c0d");
        assert_eq!(generated, "1a2b-3c4d-5e6f-7a8b");
        assert!(password::check("password", &generated, FIRST_ACCOUNT).is_ok());
    }
}
