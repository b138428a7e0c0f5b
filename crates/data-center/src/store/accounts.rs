//! Accounts.

use std::collections::BTreeSet;

use aops_api::account::{AccountGetRequest, AccountInfo, AccountSort, Role};
use aops_api::page::Direction;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::database::Connection;
use super::host_changes::{accesses_of, drop_accesses};
use super::sessions::end_sessions;
use super::{Tables, Write, from_count, from_flag, names};
use crate::account::{Caller, FIRST_ACCOUNT, password};
use crate::error::Error;
use crate::store::transact;

/// The account that the first start makes.
pub struct FirstAdmin {
    /// Its password in clear.
    pub password: String,
    /// Whether it must be changed before anything else: true for a generated one.
    pub must_change: bool,
    /// Randomness for its hash.
    pub salt: String,
}

/// An account to be made.
#[derive(Clone, Copy)]
pub struct NewAccount<'a> {
    /// Its name.
    pub username: &'a str,
    /// Its first password in clear.
    pub password: &'a str,
    /// What it may do.
    pub role: Role,
    /// Whether that password must be changed before anything else.
    pub must_change: bool,
}

impl Tables {
    /// Whether there is an account at all.
    pub async fn has_accounts(&self) -> Result<bool, Error> {
        let row = sqlx::query("SELECT COUNT(*) FROM account")
            .fetch_one(&self.database)
            .await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    /// Whether the first account still has the password it was made with, and must change it.
    pub async fn first_password_stands(&self) -> Result<bool, Error> {
        let row = sqlx::query("SELECT must_change FROM account WHERE username = ?")
            .bind(FIRST_ACCOUNT)
            .fetch_optional(&self.database)
            .await?;
        match row {
            Some(row) => Ok(from_flag(row.try_get(0)?)),
            None => Ok(false),
        }
    }

    /// Makes the account `admin` if it does not exist. False when it did.
    pub async fn make_first_admin(&self, admin: FirstAdmin, now_ms: i64) -> Result<bool, Error> {
        let hash = self.hashing.hash(&admin.password, admin.salt).await?;
        let inserted = self
            .insert_account(FIRST_ACCOUNT, &hash, Role::Admin, admin.must_change, now_ms)
            .await;
        match inserted {
            Ok(()) => Ok(true),
            Err(Error::Exists(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes an account; [`Error::Exists`] when the name is taken, or was that of an account that is deleted.
    pub async fn add_account(&self, account: NewAccount<'_>, salt: String, now_ms: i64) -> Result<(), Error> {
        let username = account.username;
        names::check("username", username)?;
        if username == aops_api::SYSTEM_OWNER {
            return Err(Error::Invalid(format!("username: {username} is reserved")));
        }
        password::check("password", account.password, username)?;
        let hash = self.hashing.hash(account.password, salt).await?;
        self.insert_account(username, &hash, account.role, account.must_change, now_ms)
            .await
    }

    async fn insert_account(
        &self,
        username: &str,
        hash: &str,
        role: Role,
        must_change: bool,
        now_ms: i64,
    ) -> Result<(), Error> {
        transact!(self, |write| {
            let inserted = sqlx::query(
                "INSERT INTO account (username, password_hash, role, must_change, created_ms, changed_ms) \
             VALUES (?, ?, ?, ?, ?, ?)",
            )
            .bind(username.to_owned())
            .bind(hash.to_owned())
            .bind(role_text(role))
            .bind(i64::from(must_change))
            .bind(now_ms)
            .bind(now_ms)
            .execute(write.connection())
            .await;
            match inserted {
                Ok(_) => Ok(()),
                Err(error) if is_taken(&error) => Err(Error::Exists(format!("the account {username}"))),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// Changes the caller's password and ends their other sessions.
    pub async fn change_password(
        &self,
        caller: &Caller,
        new_password: &str,
        salt: String,
        now_ms: i64,
    ) -> Result<(), Error> {
        password::check("password", new_password, &caller.username)?;
        let row = sqlx::query("SELECT password_hash FROM account WHERE username = ?")
            .bind(caller.username.clone())
            .fetch_one(&self.database)
            .await?;
        if self.hashing.verify(new_password, Some(row.try_get(0)?)).await? {
            return Err(Error::SamePassword);
        }
        let hash = self.hashing.hash(new_password, salt).await?;

        transact!(self, |write| {
            sqlx::query(
                "UPDATE account SET password_hash = ?, must_change = 0, changed_ms = ? WHERE username = ?",
            )
            .bind(hash.clone())
            .bind(now_ms)
            .bind(caller.username.clone())
            .execute(write.connection())
            .await?;
            sqlx::query("DELETE FROM session WHERE username = ? AND session_id <> ?")
                .bind(caller.username.clone())
                .bind(caller.session_id.clone())
                .execute(write.connection())
                .await?;
            Ok(())
        })
    }

    /// The accounts that a caller sees, in the order asked for: an admin all, others their own.
    pub async fn accounts(
        &self,
        caller: &Caller,
        request: &AccountGetRequest,
    ) -> Result<Vec<AccountInfo>, Error> {
        let rows = sqlx::query(
            "SELECT a.username, a.role, a.created_ms, a.last_login_ms, a.must_change, COUNT(x.host_id) \
             FROM account a LEFT JOIN access x ON x.owner = a.username WHERE a.deleted_ms IS NULL \
             GROUP BY a.username, a.role, a.created_ms, a.last_login_ms, a.must_change",
        )
        .fetch_all(&self.database)
        .await?;
        let mut accounts = rows.iter().map(account_info).collect::<Result<Vec<_>, Error>>()?;
        let wanted: BTreeSet<&String> = request.account_list.iter().collect();
        accounts.retain(|account| {
            (caller.is_admin() || account.username == caller.username)
                && (wanted.is_empty() || wanted.contains(&account.username))
        });
        accounts.sort_by(|left, right| left.username.cmp(&right.username));
        match request.sort.unwrap_or_default() {
            AccountSort::Username | AccountSort::Unsorted => {}
            AccountSort::Role => accounts.sort_by_key(|account| account.role),
            AccountSort::LastLogin => accounts.sort_by_key(|account| account.last_login),
        }
        if request.direction == Some(Direction::Desc) {
            accounts.reverse();
        }
        Ok(accounts)
    }

    /// Changes what an account may do. There is always an admin.
    pub async fn set_role(&self, username: &str, role: Role, now_ms: i64) -> Result<(), Error> {
        transact!(self, |write| {
            write.lock_revision("rules").await?;
            let mut admins = admins(write.connection()).await?;
            require_account(write, "username", username).await?;
            if role == Role::User && admins.remove(username) && admins.is_empty() {
                return Err(Error::InUse(format!("{username} is the only admin")));
            }
            sqlx::query("UPDATE account SET role = ?, changed_ms = ? WHERE username = ?")
                .bind(role_text(role))
                .bind(now_ms)
                .bind(username.to_owned())
                .execute(write.connection())
                .await?;
            // Rules of admins apply to all machines.
            write.raise_revision("rules").await
        })
    }

    /// Gives an account a password that must be changed at the next login, and ends its sessions.
    pub async fn reset_password(
        &self,
        username: &str,
        new_password: &str,
        salt: String,
        now_ms: i64,
    ) -> Result<(), Error> {
        password::check("password", new_password, username)?;
        let hash = self.hashing.hash(new_password, salt).await?;
        transact!(self, |write| {
            require_account(write, "username", username).await?;
            sqlx::query(
                "UPDATE account SET password_hash = ?, must_change = 1, changed_ms = ? WHERE username = ?",
            )
            .bind(hash.clone())
            .bind(now_ms)
            .bind(username.to_owned())
            .execute(write.connection())
            .await?;
            end_sessions(write, username).await
        })
    }

    /// Deletes an account with its sessions, accesses, groups, credentials, rules and trees. Its reports stay, for admins;
    /// so does its name, which nobody else gets.
    pub async fn delete_account(&self, caller: &Caller, username: &str, now_ms: i64) -> Result<(), Error> {
        if username == caller.username {
            return Err(Error::InUse(
                "your own account: let another admin delete it".to_owned(),
            ));
        }
        transact!(self, |write| {
            write.lock_revision("rules").await?;
            write.lock_revision("trees").await?;
            require_account(write, "username", username).await?;
            // Callers are admins, so that one is left.
            end_sessions(write, username).await?;
            let hosts = accesses_of(write.connection(), username).await?;
            drop_accesses(write, username, &hosts).await?;
            for statement in [
                "DELETE FROM host_group WHERE owner = ?",
                "DELETE FROM vault WHERE owner = ?",
                "DELETE FROM rule_version WHERE owner = ?",
                "DELETE FROM tree_version WHERE owner = ?",
            ] {
                sqlx::query(statement)
                    .bind(username.to_owned())
                    .execute(write.connection())
                    .await?;
            }
            // No hash is like that: the release before this one, which does not know of deletion, lets nobody in either.
            sqlx::query(
                "UPDATE account SET password_hash = '!', role = 'user', deleted_ms = ? WHERE username = ?",
            )
            .bind(now_ms)
            .bind(username.to_owned())
            .execute(write.connection())
            .await?;
            write.raise_revision("rules").await?;
            write.raise_revision("trees").await
        })
    }
}

/// Columns: name, role, made, last login, whether the password must be changed, machines.
fn account_info(row: &AnyRow) -> Result<AccountInfo, Error> {
    Ok(AccountInfo {
        username: row.try_get(0)?,
        role: role_of(row.try_get(1)?)?,
        created: row.try_get::<i64, _>(2)? / 1_000,
        last_login: row.try_get::<Option<i64>, _>(3)?.map(|time_ms| time_ms / 1_000),
        must_change: from_flag(row.try_get(4)?),
        host_count: from_count(row.try_get(5)?),
    })
}

/// Refuses a name that is no account's.
pub(super) async fn require_account(write: &mut Write<'_>, field: &str, username: &str) -> Result<(), Error> {
    let row = sqlx::query("SELECT username FROM account WHERE username = ? AND deleted_ms IS NULL")
        .bind(username.to_owned())
        .fetch_optional(write.connection())
        .await?;
    match row {
        Some(_) => Ok(()),
        None => Err(Error::Invalid(format!("{field}: there is no account {username}"))),
    }
}

/// The accounts that see all machines.
pub(super) async fn admins(connection: &mut Connection) -> Result<BTreeSet<String>, Error> {
    let rows = sqlx::query("SELECT username FROM account WHERE role = ?")
        .bind(role_text(Role::Admin))
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation())
}

fn role_text(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::User => "user",
    }
}

pub(super) fn role_of(text: String) -> Result<Role, Error> {
    match text.as_str() {
        "admin" => Ok(Role::Admin),
        "user" => Ok(Role::User),
        _ => Err(Error::unreadable("role of an account")),
    }
}
