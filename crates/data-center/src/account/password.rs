//! Passwords: what they may be, and argon2id, off the executor threads, few at a time.

use std::sync::OnceLock;

use aops_service::random;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::Error;

/// Each takes [`Cost::memory_kib`]: a flood of logins must not take all memory.
const AT_ONCE: usize = 4;
static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// Shortest and longest password, in characters.
pub const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// Those that everybody tries first, in lower case.
const COMMON: &str = include_str!("common-passwords.txt");

/// Says what is wrong with a new password.
pub fn check(field: &str, password: &str, username: &str) -> Result<(), Error> {
    let refused = |reason: &str| Err(Error::Invalid(format!("{field}: {reason}")));
    let length = password.chars().count();
    if !LENGTH.contains(&length) {
        let (shortest, longest) = (LENGTH.start(), LENGTH.end());
        return refused(&format!("{length} characters, not {shortest} to {longest}"));
    }
    let lower = password.to_lowercase();
    let mut letters = lower.chars();
    let first = letters.next();
    if letters.all(|letter| Some(letter) == first) {
        return refused("one character again and again");
    }
    if lower.trim() == username.to_lowercase() {
        return refused("it is the user name");
    }
    if COMMON.lines().any(|common| common == lower.trim()) {
        return refused("one of the most common passwords");
    }
    Ok(())
}

/// What a hash costs whoever makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes, side by side.
    pub lanes: u32,
}

impl Default for Cost {
    /// OWASP's minimum for argon2id.
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
        }
    }
}

impl Cost {
    fn params(self) -> Result<Params, Error> {
        Params::new(self.memory_kib, self.passes, self.lanes, None).map_err(failed)
    }

    /// Of a hash that was made some time.
    fn of(hash: &str) -> Option<Self> {
        let params = Params::try_from(&PasswordHash::new(hash).ok()?).ok()?;
        Some(Self {
            memory_kib: params.m_cost(),
            passes: params.t_cost(),
            lanes: params.p_cost(),
        })
    }
}

/// Makes and checks hashes.
#[derive(Debug)]
pub struct Hashing {
    cost: Cost,
    /// Stands for the password of a user that does not exist, so that asking for one takes as long as for any other.
    decoy: OnceLock<String>,
}

impl Hashing {
    /// Hashes that cost this.
    pub fn new(cost: Cost) -> Result<Self, Error> {
        cost.params()?;
        Ok(Self {
            cost,
            decoy: OnceLock::new(),
        })
    }

    /// Hashes a password. `salt` is at least 16 bytes of randomness, never used twice.
    pub async fn hash(&self, password: &str, salt: String) -> Result<String, Error> {
        let (cost, password) = (self.cost, password.to_owned());
        off_the_executor(move || hash(cost, &password, &salt)).await
    }

    /// Whether the password is the one of the hash. `None` stands for a user that does not exist: never, after as long.
    pub async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, Error> {
        // Made by whoever comes first, known user or not.
        let decoy = self.decoy().await?;
        let password = password.to_owned();
        let exists = hash.is_some();
        let hash = hash.unwrap_or(decoy);
        off_the_executor(move || {
            // The cost is the hash's own.
            let matches = Argon2::default()
                .verify_password(password.as_bytes(), hash.as_str())
                .is_ok();
            Ok(matches && exists)
        })
        .await
    }

    /// Whether a hash was made at another cost, and is to be made anew when its password is at hand.
    pub fn is_outdated(&self, hash: &str) -> bool {
        Cost::of(hash) != Some(self.cost)
    }

    async fn decoy(&self) -> Result<String, Error> {
        if let Some(decoy) = self.decoy.get() {
            return Ok(decoy.clone());
        }
        let decoy = self.hash(&random::secret(), random::id()).await?;
        Ok(self.decoy.get_or_init(|| decoy).clone())
    }
}

fn hash(cost: Cost, password: &str, salt: &str) -> Result<String, Error> {
    let hash: PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?)
        .hash_password_with_salt(password.as_bytes(), salt.as_bytes())
        .map_err(failed)?;
    Ok(hash.to_string())
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Hashing(error.to_string())
}

/// Runs what takes a core and memory for a while beside the executor, few at a time.
pub(crate) async fn off_the_executor<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let _place = PLACES.acquire().await.expect("the semaphore is never closed");
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(failed(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };

    #[tokio::test]
    async fn a_hash_fits_its_password_only_whatever_it_cost() {
        let cheap = Hashing::new(CHEAP).expect("a cost");
        let hash = cheap
            .hash("correct horse", "0123456789abcdef".to_owned())
            .await
            .expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(!cheap.is_outdated(&hash));

        let dear = Hashing::new(Cost::default()).expect("a cost");
        assert!(dear.is_outdated(&hash) && dear.is_outdated("no hash"));
        let fits = async |password| dear.verify(password, Some(hash.clone())).await.expect("verified");
        assert!(fits("correct horse").await);
        assert!(!fits("correct horses").await);
    }

    #[tokio::test]
    async fn nobody_has_the_password_of_a_user_that_does_not_exist() {
        let hashing = Hashing::new(CHEAP).expect("a cost");
        assert!(!hashing.verify("decoy", None).await.expect("verified"));
        let decoy = hashing.decoy.get().expect("made");
        assert_eq!(Cost::of(decoy), Some(CHEAP), "it takes as long as any other");
    }

    #[test]
    fn a_cost_that_makes_no_sense_is_refused() {
        for cost in [
            Cost {
                memory_kib: 1,
                ..CHEAP
            },
            Cost { passes: 0, ..CHEAP },
            Cost { lanes: 0, ..CHEAP },
        ] {
            assert!(Hashing::new(cost).is_err(), "{cost:?}");
        }
    }

    #[test]
    fn what_a_password_may_be() {
        let is_good = |password: &str| check("password", password, "Annabella").is_ok();
        assert!(!is_good("1234567"), "too short");
        assert!(is_good("密码密码密码密码"), "characters count, not bytes");
        assert!(is_good(&"xy".repeat(64)));
        assert!(!is_good(&"xy".repeat(65)), "too long");
        assert!(!is_good("        ") && !is_good("aAaAaAaA"), "one character");
        assert!(!is_good("annaBELLA"), "the name");
        assert!(!is_good("Password1") && !is_good("changeme"), "common");
    }

    #[test]
    fn common_passwords_are_long_enough_to_be_refused_as_common() {
        for common in COMMON.lines() {
            assert!(LENGTH.contains(&common.chars().count()), "{common}");
            assert_eq!(common.to_lowercase(), common);
        }
    }
}
