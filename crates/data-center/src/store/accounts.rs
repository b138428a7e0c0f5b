//! Accounts and sessions.

use std::collections::BTreeSet;

use aops_api::account::{LoginAnswer, Role};
use sqlx::Row;

use super::database::Connection;
use super::{Tables, from_flag, names};
use crate::account::token::Claims;
use crate::account::{Caller, FIRST_ACCOUNT, password};
use crate::error::Error;
use crate::store::transact;

/// How often at most the last call of a session is written down.
const SEEN_EVERY_MS: i64 = 60_000;

/// The account that the first start makes.
pub struct FirstAdmin {
    /// Its password in clear.
    pub password: String,
    /// Whether it must be changed before anything else: true for a generated one.
    pub must_change: bool,
    /// Randomness for its hash.
    pub salt: String,
}

struct Account {
    username: String,
    password_hash: String,
    role: Role,
    must_change: bool,
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
        let hash = password::hash(&admin.password, admin.salt).await?;
        let inserted = self
            .insert_account(FIRST_ACCOUNT, &hash, Role::Admin, admin.must_change, now_ms)
            .await;
        match inserted {
            Ok(()) => Ok(true),
            Err(Error::Exists(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes an account; [`Error::Exists`] when the name is taken.
    pub async fn add_account(
        &self,
        username: &str,
        password: &str,
        role: Role,
        salt: String,
        now_ms: i64,
    ) -> Result<(), Error> {
        names::check("username", username)?;
        if username == aops_api::SYSTEM_OWNER {
            return Err(Error::Invalid(format!("username: {username} is reserved")));
        }
        password::check("password", password)?;
        let hash = password::hash(password, salt).await?;
        self.insert_account(username, &hash, role, false, now_ms).await
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

    /// Opens a session and gives its token. An unknown user takes as long as a wrong password.
    pub async fn login(
        &self,
        username: &str,
        password: &str,
        session_id: String,
        now_ms: i64,
    ) -> Result<LoginAnswer, Error> {
        let account = self.account(username).await?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let fits = password::verify(password, hash).await?;
        let Some(account) = account.filter(|_| fits) else {
            return Err(Error::Login);
        };

        let expires_ms = now_ms.saturating_add(self.session_limits.lifetime_ms);
        self.insert_session(&account, &session_id, now_ms, expires_ms)
            .await?;
        let expires = expires_ms / 1_000;
        Ok(LoginAnswer {
            access_token: self.token_key.sign(&Claims {
                username: account.username,
                session_id,
                role: account.role,
                expires,
            }),
            must_change: account.must_change,
            expires,
        })
    }

    async fn account(&self, username: &str) -> Result<Option<Account>, Error> {
        let row =
            sqlx::query("SELECT username, password_hash, role, must_change FROM account WHERE username = ?")
                .bind(username.to_owned())
                .fetch_optional(&self.database)
                .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Account {
            username: row.try_get(0)?,
            password_hash: row.try_get(1)?,
            role: role_of(row.try_get(2)?)?,
            must_change: from_flag(row.try_get(3)?),
        }))
    }

    async fn insert_session(
        &self,
        account: &Account,
        session_id: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<(), Error> {
        transact!(self, |write| {
            // What has ended is swept here: no session outlives the next login by long.
            sqlx::query("DELETE FROM session WHERE expires_ms <= ?")
                .bind(now_ms)
                .execute(write.connection())
                .await?;
            sqlx::query(
            "INSERT INTO session (session_id, username, created_ms, expires_ms, last_seen_ms) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(session_id.to_owned())
        .bind(account.username.clone())
        .bind(now_ms)
        .bind(expires_ms)
        .bind(now_ms)
        .execute(write.connection())
        .await?;
            // The password may have been changed while the old one was verified; then this session would outlive it.
            let row = sqlx::query("SELECT password_hash FROM account WHERE username = ?")
                .bind(account.username.clone())
                .fetch_one(write.connection())
                .await?;
            if row.try_get::<String, _>(0)? != account.password_hash {
                return Err(Error::Login);
            }
            Ok(())
        })
    }

    /// Who is calling. Every call keeps the session from idling out.
    pub async fn authenticate(&self, token: Option<&str>, now_ms: i64) -> Result<Caller, Error> {
        let claims = self.token_key.read(token.ok_or(Error::Session)?, now_ms)?;
        let row = sqlx::query(
            "SELECT a.username, s.expires_ms, s.last_seen_ms, a.role, a.must_change \
             FROM session s JOIN account a ON a.username = s.username WHERE s.session_id = ?",
        )
        .bind(claims.session_id.clone())
        .fetch_optional(&self.database)
        .await?
        .ok_or(Error::Session)?;
        let caller = Caller {
            username: row.try_get(0)?,
            role: role_of(row.try_get(3)?)?,
            session_id: claims.session_id,
            must_change: from_flag(row.try_get(4)?),
        };
        let (expires_ms, last_seen_ms): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        let idle_until_ms = last_seen_ms.saturating_add(self.session_limits.idle_ms);
        if now_ms >= expires_ms || now_ms >= idle_until_ms {
            self.logout(&caller.session_id).await?;
            return Err(Error::Session);
        }
        if now_ms - last_seen_ms >= SEEN_EVERY_MS {
            self.mark_seen(&caller.session_id, now_ms).await?;
        }
        Ok(caller)
    }

    async fn mark_seen(&self, session_id: &str, now_ms: i64) -> Result<(), Error> {
        transact!(self, |write| {
            sqlx::query("UPDATE session SET last_seen_ms = ? WHERE session_id = ?")
                .bind(now_ms)
                .bind(session_id.to_owned())
                .execute(write.connection())
                .await?;
            Ok(())
        })
    }

    /// Ends a session.
    pub async fn logout(&self, session_id: &str) -> Result<(), Error> {
        transact!(self, |write| {
            sqlx::query("DELETE FROM session WHERE session_id = ?")
                .bind(session_id.to_owned())
                .execute(write.connection())
                .await?;
            Ok(())
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
        password::check("password", new_password)?;
        let row = sqlx::query("SELECT password_hash FROM account WHERE username = ?")
            .bind(caller.username.clone())
            .fetch_one(&self.database)
            .await?;
        if password::verify(new_password, Some(row.try_get(0)?)).await? {
            return Err(Error::SamePassword);
        }
        let hash = password::hash(new_password, salt).await?;

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

fn role_of(text: String) -> Result<Role, Error> {
    match text.as_str() {
        "admin" => Ok(Role::Admin),
        "user" => Ok(Role::User),
        _ => Err(Error::unreadable("role of an account")),
    }
}
