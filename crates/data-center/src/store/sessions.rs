//! Sessions: from a login to a logout.

use aops_api::account::{LoginAnswer, Role};
use aops_service::random;
use sqlx::Row;

use super::accounts::role_of;
use super::{Tables, Write, from_flag};
use crate::account::Caller;
use crate::account::token::Claims;
use crate::error::Error;
use crate::store::transact;

/// How often at most the last call of a session is written down.
const SEEN_EVERY_MS: i64 = 60_000;

/// Somebody who wants to log in.
#[derive(Clone, Copy)]
pub struct LoginAttempt<'a> {
    /// The name they give.
    pub username: &'a str,
    /// The password in clear.
    pub password: &'a str,
    /// Address of their machine; empty when it is not known.
    pub address: &'a str,
}

struct Account {
    username: String,
    password_hash: String,
    role: Role,
    must_change: bool,
}

impl Tables {
    /// Opens a session and gives its token. An unknown user takes as long as a wrong password, and both count: see
    /// [`Tables::admit_login`].
    pub async fn login(
        &self,
        attempt: LoginAttempt<'_>,
        session_id: String,
        now_ms: i64,
    ) -> Result<LoginAnswer, Error> {
        let LoginAttempt {
            username,
            password,
            address,
        } = attempt;
        self.admit_login(username, address, now_ms).await?;
        let account = self.account(username).await?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let fits = self.hashing.verify(password, hash).await?;
        let Some(mut account) = account.filter(|_| fits) else {
            return Err(Error::Login);
        };
        self.forgive_login(username, address).await?;
        if self.hashing.is_outdated(&account.password_hash) {
            account.password_hash = self.renew_hash(&account, password).await?;
        }

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

    /// The same password at the cost that is configured now.
    async fn renew_hash(&self, account: &Account, password: &str) -> Result<String, Error> {
        let hash = self.hashing.hash(password, random::id()).await?;
        transact!(self, |write| {
            // Somebody may have changed it meanwhile.
            sqlx::query("UPDATE account SET password_hash = ? WHERE username = ? AND password_hash = ?")
                .bind(hash.clone())
                .bind(account.username.clone())
                .bind(account.password_hash.clone())
                .execute(write.connection())
                .await?;
            Ok(())
        })?;
        Ok(hash)
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
            sqlx::query("UPDATE account SET last_login_ms = ? WHERE username = ?")
                .bind(now_ms)
                .bind(account.username.clone())
                .execute(write.connection())
                .await?;
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

    /// Ends all sessions of an account.
    pub async fn logout_everywhere(&self, username: &str) -> Result<(), Error> {
        transact!(self, |write| { end_sessions(write, username).await })
    }

    /// Keeps the data key of a session's user, sealed by the session's token.
    pub async fn set_sealed_key(&self, session_id: &str, sealed_key: &str) -> Result<(), Error> {
        transact!(self, |write| {
            sqlx::query("UPDATE session SET sealed_key = ? WHERE session_id = ?")
                .bind(sealed_key.to_owned())
                .bind(session_id.to_owned())
                .execute(write.connection())
                .await?;
            Ok(())
        })
    }

    /// What [`Tables::set_sealed_key`] has kept.
    pub async fn sealed_key(&self, session_id: &str) -> Result<Option<String>, Error> {
        let row = sqlx::query("SELECT sealed_key FROM session WHERE session_id = ?")
            .bind(session_id.to_owned())
            .fetch_optional(&self.database)
            .await?;
        Ok(match row {
            Some(row) => row.try_get(0)?,
            None => None,
        })
    }
}

pub(super) async fn end_sessions(write: &mut Write<'_>, username: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM session WHERE username = ?")
        .bind(username.to_owned())
        .execute(write.connection())
        .await?;
    Ok(())
}
