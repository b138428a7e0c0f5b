//! A data key as it is stored: sealed by a key that argon2id derives from what the user gave as `key`.

use std::fmt;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::data_key::DataKey;
use crate::error::VaultError;
use crate::sealed::{self, KEY_BYTES, Key, NONCE_BYTES, NotOpened};

const SALT_BYTES: usize = 16;
/// The tag that follows what the cipher sealed.
const TAG_BYTES: usize = 16;
const SEALED_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
const WHAT: &str = "a wrapped key";
const HEAD: &str = "$argon2id$v=19$";

/// Random bytes that a wrapping needs: a salt and a nonce.
pub const WRAP_RANDOM_BYTES: usize = SALT_BYTES + NONCE_BYTES;

/// How dear a guess at a `key` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Default for Cost {
    /// 64 MiB, three passes, four lanes: the second recommended option of RFC 9106. Dearer than a login, as it is done once
    /// in a session, and a stolen copy of the database may be guessed at for years.
    fn default() -> Self {
        Self {
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 4,
        }
    }
}

impl Cost {
    /// Within the bounds that [`VaultError::Cost`] names: a changed database must not make us take all memory.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, VaultError> {
        let is_allowed = (1..=64).contains(&lanes)
            && (8 * lanes..=1024 * 1024).contains(&memory_kib)
            && (1..=64).contains(&passes);
        if !is_allowed {
            return Err(VaultError::Cost {
                memory_kib,
                passes,
                lanes,
            });
        }
        Ok(Self {
            memory_kib,
            passes,
            lanes,
        })
    }

    fn derive(self, key: &str, salt: [u8; SALT_BYTES]) -> Key {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_BYTES))
            .expect("the bounds of a cost are narrower than argon2's");
        let mut derived = Zeroizing::new([0; KEY_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(key.as_bytes(), &salt, &mut *derived)
            .expect("the lengths of password, salt and key are within argon2's");
        derived
    }
}

/// A data key, sealed by what the user gave as `key`. As a text (`Display`, `FromStr`, serde), for one column:
/// `$argon2id$v=19$m=65536,t=3,p=4$SALT$SEALED`, at most 154 ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WrappedKey {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    sealed: [u8; SEALED_BYTES],
}

impl DataKey {
    /// Seals this key by what the user gave. The random bytes are new each time.
    ///
    /// Blocking: a tenth of a second and 64 MiB at the default cost. Do it off the executor's threads, few at a time.
    pub fn wrap(
        &self,
        key: &str,
        cost: Cost,
        random: [u8; WRAP_RANDOM_BYTES],
    ) -> Result<WrappedKey, VaultError> {
        if key.trim().is_empty() {
            return Err(VaultError::EmptyKey);
        }
        let (salt, nonce) = random
            .split_first_chunk::<SALT_BYTES>()
            .expect("a salt and a nonce");
        let nonce = nonce.try_into().expect("a nonce is what follows the salt");
        let sealed = sealed::seal_bytes(&cost.derive(key, *salt), HEAD.as_bytes(), &*self.0, nonce);
        Ok(WrappedKey {
            cost,
            salt: *salt,
            sealed: sealed.try_into().expect("a key has one length, sealed too"),
        })
    }
}

impl WrappedKey {
    /// The data key, if the user gave the same `key` as when it was wrapped.
    ///
    /// Blocking, as [`DataKey::wrap`] is.
    pub fn open(&self, key: &str) -> Result<DataKey, VaultError> {
        let derived = self.cost.derive(key, self.salt);
        let opened = sealed::open_bytes(&derived, HEAD.as_bytes(), &self.sealed);
        let bytes = opened.map_err(|error| match error {
            NotOpened::NotAuthentic => VaultError::WrongKey,
            NotOpened::Unreadable(reason) => VaultError::Unreadable { what: WHAT, reason },
        })?;
        DataKey::from_opened(WHAT, &bytes)
    }

    /// What it was wrapped with. Where that is no longer what is wanted, wrap the key anew when it is opened next.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

impl fmt::Display for WrappedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost {
            memory_kib,
            passes,
            lanes,
        } = self.cost;
        let salt = STANDARD_NO_PAD.encode(self.salt);
        let sealed = STANDARD_NO_PAD.encode(self.sealed);
        write!(
            formatter,
            "{HEAD}m={memory_kib},t={passes},p={lanes}${salt}${sealed}"
        )
    }
}

impl FromStr for WrappedKey {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, VaultError> {
        let unreadable = |reason| VaultError::Unreadable { what: WHAT, reason };
        let rest = text
            .strip_prefix(HEAD)
            .ok_or(unreadable("it does not begin with $argon2id$v=19$"))?;
        let parts: Vec<&str> = rest.split('$').collect();
        let [cost, salt, sealed] = parts[..] else {
            return Err(unreadable("it has not five parts"));
        };
        let wrapped = Self {
            cost: read_cost(cost).ok_or(unreadable("its parameters are wrong"))?,
            salt: read_bytes(salt).ok_or(unreadable("its salt is not 16 bytes in base64"))?,
            sealed: read_bytes(sealed).ok_or(unreadable("its sealed key is not 72 bytes in base64"))?,
        };
        // Numbers may be written in several ways; we write one.
        if wrapped.to_string() != text {
            return Err(unreadable("its parameters are wrong"));
        }
        Ok(wrapped)
    }
}

fn read_cost(text: &str) -> Option<Cost> {
    let mut numbers = text
        .split(',')
        .zip(["m=", "t=", "p="])
        .map(|(part, name)| part.strip_prefix(name)?.parse::<u32>().ok());
    let mut next = || numbers.next().flatten();
    Cost::new(next()?, next()?, next()?).ok()
}

fn read_bytes<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

impl From<WrappedKey> for String {
    fn from(wrapped: WrappedKey) -> Self {
        wrapped.to_string()
    }
}

impl TryFrom<String> for WrappedKey {
    type Error = VaultError;

    fn try_from(text: String) -> Result<Self, VaultError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cheap() -> Cost {
        Cost::new(8, 1, 1).expect("allowed")
    }

    fn data_key() -> DataKey {
        DataKey::from_random([7; KEY_BYTES])
    }

    proptest! {
        #[test]
        fn opens_with_its_key_only(
            key in "\\PC*[^ \\s]", other in "\\PC+", random in proptest::collection::vec(any::<u8>(), WRAP_RANDOM_BYTES),
        ) {
            let random = random.try_into().expect("the length asked for");
            let wrapped = data_key().wrap(&key, cheap(), random).expect("wraps");
            let stored: WrappedKey = wrapped.to_string().parse().expect("readable");
            prop_assert_eq!(&stored, &wrapped);
            prop_assert_eq!(stored.open(&key), Ok(data_key()));
            if key != other {
                prop_assert_eq!(stored.open(&other), Err(VaultError::WrongKey));
            }
        }

        #[test]
        fn any_text_is_refused(text in "(\\$argon2id\\$v=19\\$)?[m=tp0-9,$A-Za-z]{0,200}") {
            prop_assert!(text.parse::<WrappedKey>().is_err());
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let text = data_key()
            .wrap("sesame", cheap(), [3; WRAP_RANDOM_BYTES])
            .expect("wraps")
            .to_string();
        for place in 0..text.len() {
            for byte in [b'A', b'B', b'1', b'2', b'$', b'='] {
                let mut changed = text.clone().into_bytes();
                if std::mem::replace(&mut changed[place], byte) == byte {
                    continue;
                }
                let changed = String::from_utf8(changed).expect("ASCII");
                let opened = changed
                    .parse::<WrappedKey>()
                    .and_then(|wrapped| wrapped.open("sesame"));
                assert!(opened.is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn what_is_stored_today_opens_in_all_releases_to_come() {
        let wrapped = data_key()
            .wrap("sesame", Cost::default(), [3; WRAP_RANDOM_BYTES])
            .expect("wraps");
        let stored = include_str!("../tests/stored/wrapped_key").trim_end();
        assert_eq!(wrapped.to_string(), stored);
        let stored: WrappedKey = stored.parse().expect("readable");
        assert_eq!(stored.open("sesame"), Ok(data_key()));
        assert_eq!(stored.cost(), Cost::default());
    }

    #[test]
    fn is_one_text_in_json() {
        let wrapped = data_key()
            .wrap("sesame", cheap(), [3; WRAP_RANDOM_BYTES])
            .expect("wraps");
        let json = serde_json::to_string(&wrapped).expect("JSON");
        assert_eq!(json, format!("\"{wrapped}\""));
        assert_eq!(
            serde_json::from_str::<WrappedKey>(&json).expect("readable"),
            wrapped
        );
    }

    #[test]
    fn a_dear_cost_is_refused_before_it_is_paid() {
        let text = data_key()
            .wrap("sesame", cheap(), [3; WRAP_RANDOM_BYTES])
            .expect("wraps")
            .to_string();
        let dear = text.replace("m=8,t=1,p=1", "m=4294967295,t=4294967295,p=1");
        assert!(dear.parse::<WrappedKey>().is_err());
        let other = text.replace("m=8,", "m=+8,");
        assert!(other.parse::<WrappedKey>().is_err());
    }

    #[test]
    fn a_blank_key_seals_nothing() {
        for blank in ["", " ", "\t\n"] {
            let outcome = data_key().wrap(blank, cheap(), [3; WRAP_RANDOM_BYTES]);
            assert_eq!(outcome, Err(VaultError::EmptyKey));
        }
    }
}
