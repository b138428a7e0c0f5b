//! Passwords: argon2id, off the executor threads, few at a time.

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::Error;

/// Memory of one hashing in KiB; with two passes and one lane OWASP's minimum for argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Each takes `MEMORY_KIB`: a flood of logins must not take all memory.
const AT_ONCE: usize = 4;
static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// Stands for the password of a user that does not exist, so that asking for one takes as long as for any other.
const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$YW9wcy1kZWNveS1zYWx0$rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk";

/// Shortest and longest password, in characters.
pub const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// Says what is wrong with a new password.
pub fn check(field: &str, password: &str) -> Result<(), Error> {
    let length = password.chars().count();
    if !LENGTH.contains(&length) {
        let (shortest, longest) = (LENGTH.start(), LENGTH.end());
        return Err(Error::Invalid(format!(
            "{field}: {length} characters, not {shortest} to {longest}"
        )));
    }
    Ok(())
}

/// Hashes a password. `salt` is at least 16 bytes of randomness, never used twice.
pub async fn hash(password: &str, salt: String) -> Result<String, Error> {
    let password = password.to_owned();
    off_the_executor(move || {
        let hash: argon2::password_hash::phc::PasswordHash = hasher()?
            .hash_password_with_salt(password.as_bytes(), salt.as_bytes())
            .map_err(|error| Error::Hashing(error.to_string()))?;
        Ok(hash.to_string())
    })
    .await
}

/// Whether the password is the one of the hash. `None` stands for a user that does not exist: never, after as long.
pub async fn verify(password: &str, hash: Option<String>) -> Result<bool, Error> {
    let password = password.to_owned();
    let exists = hash.is_some();
    let hash = hash.unwrap_or_else(|| DECOY.to_owned());
    off_the_executor(move || {
        let matches = hasher()?
            .verify_password(password.as_bytes(), hash.as_str())
            .is_ok();
        Ok(matches && exists)
    })
    .await
}

fn hasher() -> Result<Argon2<'static>, Error> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Error::Hashing(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

async fn off_the_executor<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let _place = PLACES.acquire().await.expect("the semaphore is never closed");
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Error::Hashing(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let hash = hash("correct horse", "0123456789abcdef".to_owned())
            .await
            .expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(
            verify("correct horse", Some(hash.clone()))
                .await
                .expect("verified")
        );
        assert!(!verify("correct horses", Some(hash)).await.expect("verified"));
    }

    #[tokio::test]
    async fn the_decoy_is_worked_through_and_fits_nothing() {
        // A text that does not parse would be refused at once, and tell that the user does not exist.
        let parsed = argon2::password_hash::phc::PasswordHash::new(DECOY).expect("a hash");
        let params = Params::try_from(&parsed).expect("parameters");
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, LANES)
        );
        assert_eq!(parsed.hash.map(|output| output.len()), Some(32));
        assert!(!verify("decoy", None).await.expect("verified"));
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!(check("password", "1234567").is_err());
        assert!(check("password", "密码密码密码密码").is_ok());
        assert!(check("password", &"x".repeat(128)).is_ok());
        assert!(check("password", &"x".repeat(129)).is_err());
    }
}
