//! Logins that fail: after some in a row, the next has to wait, longer and longer.
//!
//! An attempt counts when it begins, so that many at once gain nothing, and is forgiven when it succeeds.

use std::net::IpAddr;

use sqlx::Row;

use super::{Tables, Write, names};
use crate::error::Error;
use crate::store::transact;

/// What failures are counted by.
struct Limit {
    kind: &'static str,
    /// Failures in a row after which the next attempt need not wait.
    free: i64,
    /// Longest wait.
    longest_ms: i64,
}

/// Somebody who mistypes meets the first; whoever tries many accounts from one place, or one account from many places,
/// the others. The wait of an account alone stays short: otherwise anybody could lock anybody out.
const OF_ACCOUNT_AND_ADDRESS: Limit = Limit {
    kind: "both",
    free: 3,
    longest_ms: 15 * 60_000,
};
const OF_ACCOUNT: Limit = Limit {
    kind: "account",
    free: 20,
    longest_ms: 30_000,
};
const OF_ADDRESS: Limit = Limit {
    kind: "address",
    free: 20,
    longest_ms: 15 * 60_000,
};

/// The wait after the first failure that is not free; it doubles with each.
const FIRST_WAIT_MS: i64 = 1_000;
/// Failures are forgotten after so long without another.
const FORGET_AFTER_MS: i64 = 3_600_000;

impl Limit {
    /// How long from the last failure on the next attempt waits.
    fn wait_ms(&self, failures: i64) -> i64 {
        let over = failures - self.free;
        if over < 1 {
            return 0;
        }
        let doublings = u32::try_from(over - 1).unwrap_or(u32::MAX).min(40);
        (FIRST_WAIT_MS << doublings).min(self.longest_ms)
    }
}

impl Tables {
    /// Lets an attempt to log in begin, and counts it as failed until [`Tables::forgive_login`]; or says when to come again.
    pub(super) async fn admit_login(&self, username: &str, address: &str, now_ms: i64) -> Result<(), Error> {
        let counted = counted_by(username, address);
        transact!(self, |write| {
            sqlx::query("DELETE FROM login_failure WHERE last_ms < ?")
                .bind(now_ms - FORGET_AFTER_MS)
                .execute(write.connection())
                .await?;
            let mut wait_ms = 0;
            for (limit, name) in &counted {
                wait_ms = wait_ms.max(self.count(write, limit, name, now_ms).await?);
            }
            match wait_ms {
                0 => Ok(()),
                // Taken back: who comes too early does not make it longer.
                _ => Err(Error::Throttled {
                    seconds: u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000),
                }),
            }
        })
    }

    /// Counts one more; how long it should have waited.
    async fn count(
        &self,
        write: &mut Write<'_>,
        limit: &Limit,
        name: &str,
        now_ms: i64,
    ) -> Result<i64, Error> {
        let insert = format!(
            "{} login_failure (kind, name, failures, last_ms) VALUES (?, ?, 0, 0)",
            self.dialect.insert_new()
        );
        sqlx::query(sqlx::AssertSqlSafe(insert))
            .bind(limit.kind)
            .bind(name.to_owned())
            .execute(write.connection())
            .await?;
        // First the row that others wait for, then what it says.
        sqlx::query("UPDATE login_failure SET failures = failures + 1 WHERE kind = ? AND name = ?")
            .bind(limit.kind)
            .bind(name.to_owned())
            .execute(write.connection())
            .await?;
        let row = sqlx::query("SELECT failures, last_ms FROM login_failure WHERE kind = ? AND name = ?")
            .bind(limit.kind)
            .bind(name.to_owned())
            .fetch_one(write.connection())
            .await?;
        let failures_before = row.try_get::<i64, _>(0)? - 1;
        // A clock that was set back must not make anybody wait for it.
        let last_ms = row.try_get::<i64, _>(1)?.min(now_ms);
        sqlx::query("UPDATE login_failure SET last_ms = ? WHERE kind = ? AND name = ?")
            .bind(now_ms)
            .bind(limit.kind)
            .bind(name.to_owned())
            .execute(write.connection())
            .await?;
        Ok((last_ms + limit.wait_ms(failures_before) - now_ms).max(0))
    }

    /// The attempt succeeded: the account starts anew, and the address has one failure less.
    pub(super) async fn forgive_login(&self, username: &str, address: &str) -> Result<(), Error> {
        let counted = counted_by(username, address);
        transact!(self, |write| {
            for (limit, name) in &counted {
                let statement = match limit.kind {
                    "address" => {
                        "UPDATE login_failure SET failures = failures - 1 WHERE kind = ? AND name = ?"
                    }
                    _ => "DELETE FROM login_failure WHERE kind = ? AND name = ?",
                };
                sqlx::query(statement)
                    .bind(limit.kind)
                    .bind(name.clone())
                    .execute(write.connection())
                    .await?;
            }
            Ok(())
        })
    }
}

/// What cannot be a name is not counted by name: anything of any length may be sent.
fn counted_by(username: &str, address: &str) -> Vec<(&'static Limit, String)> {
    let is_name = names::check("username", username).is_ok();
    let address = place(address);
    let mut counted = Vec::new();
    if is_name {
        counted.push((&OF_ACCOUNT, username.to_owned()));
    }
    if let Some(address) = address {
        if is_name {
            counted.push((&OF_ACCOUNT_AND_ADDRESS, format!("{username}@{address}")));
        }
        counted.push((&OF_ADDRESS, address));
    }
    counted
}

/// Of IPv6 the network: whoever has one address has 2^64.
fn place(address: &str) -> Option<String> {
    Some(match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [first, second, third, fourth, ..] = address.segments();
            format!("{first:x}:{second:x}:{third:x}:{fourth:x}::/64")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        let waits =
            |limit: &Limit, failures: [i64; 5]| failures.map(|failures| limit.wait_ms(failures) / 1_000);
        assert_eq!(waits(&OF_ACCOUNT_AND_ADDRESS, [0, 1, 3, 4, 5]), [0, 0, 0, 1, 2]);
        assert_eq!(
            waits(&OF_ACCOUNT_AND_ADDRESS, [8, 12, 13, 14, i64::MAX]),
            [16, 256, 512, 900, 900]
        );
        assert_eq!(waits(&OF_ACCOUNT, [20, 21, 25, 26, 1_000]), [0, 1, 16, 30, 30]);
    }

    #[test]
    fn a_place_is_an_address_or_its_network() {
        assert_eq!(place("10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(place("::ffff:10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(
            place("2001:db8:1:2:3:4:5:6").as_deref(),
            Some("2001:db8:1:2::/64")
        );
        assert_eq!(place(""), None);
    }

    #[test]
    fn what_is_no_name_is_counted_by_address_alone() {
        let kinds = |username: &str, address: &str| -> Vec<&str> {
            counted_by(username, address)
                .iter()
                .map(|(limit, _)| limit.kind)
                .collect()
        };
        assert_eq!(kinds("ann", "10.0.0.1"), ["account", "both", "address"]);
        assert_eq!(kinds("ann", ""), ["account"]);
        assert_eq!(kinds(&"x".repeat(5_000), "10.0.0.1"), ["address"]);
    }
}
