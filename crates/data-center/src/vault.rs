//! Credentials of hosts, sealed before they reach the tables and opened only for who gives the key, or has given it in this
//! session (`aops-vault` says how).

use aops_service::http::CallerToken;
use aops_service::random;
use aops_vault::ansible::{self, InventoryHost};
use aops_vault::{Binding, Cost, Credentials, DataKey, VaultError, WrappedKey};

use crate::account::Caller;
use crate::account::password::off_the_executor;
use crate::error::Error;
use crate::store::Tables;

/// Seals credentials of one owner.
pub(crate) struct Seal {
    key: DataKey,
    owner: String,
}

impl Seal {
    /// Credentials of a host, as they are stored.
    pub(crate) fn seal(&self, credentials: &Credentials, host_id: &str) -> String {
        self.key.seal(credentials, self.binding(host_id), random::bytes())
    }

    /// What [`Seal::seal`] has sealed.
    pub(crate) fn open(&self, sealed: &str, host_id: &str) -> Result<Credentials, Error> {
        self.key.open(sealed, self.binding(host_id)).map_err(Error::Vault)
    }

    fn binding<'a>(&'a self, host_id: &'a str) -> Binding<'a> {
        Binding {
            owner: &self.owner,
            host_id,
        }
    }
}

/// Opens the vault of a user with what they give as key; makes it when there is none.
pub(crate) async fn open_or_make(
    tables: &Tables,
    owner: &str,
    key: &str,
    now_ms: i64,
) -> Result<Seal, Error> {
    let stored = match tables.vault(owner).await? {
        Some(stored) => stored,
        None => {
            let given = key.to_owned();
            let made = off_the_executor(move || {
                let data_key = DataKey::from_random(random::bytes());
                let wrapped = data_key.wrap(&given, Cost::default(), random::bytes());
                Ok(wrapped.map_err(refused)?.to_string())
            });
            // Somebody may have been quicker; then theirs counts.
            tables.make_vault(owner, &made.await?, now_ms).await?
        }
    };
    open(owner, &stored, key).await
}

/// Opens the vault of a user; none when they have none.
pub(crate) async fn open_existing(tables: &Tables, owner: &str, key: &str) -> Result<Option<Seal>, Error> {
    match tables.vault(owner).await? {
        Some(stored) => open(owner, &stored, key).await.map(Some),
        None => Ok(None),
    }
}

/// Opens the vault of the caller for the rest of their session. Without credentials there is nothing to open yet.
pub(crate) async fn open_for_session(
    tables: &Tables,
    caller: &Caller,
    key: &str,
    token: &CallerToken,
) -> Result<(), Error> {
    let token = token.as_deref().ok_or(Error::Session)?;
    let Some(seal) = open_existing(tables, &caller.username, key).await? else {
        return Ok(());
    };
    let sealed = seal.key.seal_for_session(token, random::bytes());
    tables.set_sealed_key(&caller.session_id, &sealed).await
}

async fn open(owner: &str, stored: &str, key: &str) -> Result<Seal, Error> {
    let wrapped: WrappedKey = stored.parse().map_err(Error::Vault)?;
    let key = key.to_owned();
    Ok(Seal {
        key: off_the_executor(move || wrapped.open(&key).map_err(refused)).await?,
        owner: owner.to_owned(),
    })
}

/// What the user gave is wrong, or what is stored.
fn refused(error: VaultError) -> Error {
    match error {
        VaultError::WrongKey => {
            Error::Key("key: your host credentials are sealed with another one".to_owned())
        }
        VaultError::EmptyKey => Error::Invalid(format!("key: {error}")),
        other => Error::Vault(other),
    }
}

/// The files of an Ansible inventory, its secrets encrypted with the key.
pub(crate) async fn inventory(
    hosts: Vec<InventoryHost>,
    key: &str,
) -> Result<Vec<aops_api::host::InventoryFile>, Error> {
    let key = key.to_owned();
    off_the_executor(move || {
        ansible::inventory(&hosts, &key, random::bytes()).map_err(|error| match error {
            VaultError::DuplicateHost(_) | VaultError::EmptyKey => Error::Invalid(error.to_string()),
            other => Error::Vault(other),
        })
    })
    .await
}
