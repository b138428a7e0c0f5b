//! What seals the credentials of a user's hosts.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::credentials::{Binding, Credentials};
use crate::error::VaultError;
use crate::sealed::{self, KEY_BYTES, Key, NONCE_BYTES, NotOpened};

/// Of sealed credentials: what they are, and the version of their form.
const CREDENTIALS: &str = "credentials1";
/// Of a data key that is sealed for a session.
const SESSION: &str = "session1";
/// Sets the key that a token yields here apart from whatever else is ever derived from a token.
const SESSION_KEY: &[u8] = b"aops vault session key 1";

/// What seals the credentials of a user's hosts: 32 random bytes. Wiped from memory when dropped; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(pub(crate) Key);

impl fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DataKey(..)")
    }
}

impl DataKey {
    /// A new one, of random bytes that are used for nothing else.
    pub fn from_random(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn from_opened(what: &'static str, bytes: &[u8]) -> Result<Self, VaultError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != key.len() {
            let reason = "it is no key of 32 bytes";
            return Err(VaultError::Unreadable { what, reason });
        }
        key.copy_from_slice(bytes);
        Ok(Self(key))
    }

    /// Seals credentials for one owner and host: 237 characters, and 171 more for each further 128 bytes of credentials,
    /// of which 12 are lengths. The nonce is random and new each time.
    pub fn seal(&self, credentials: &Credentials, bound_to: Binding<'_>, nonce: [u8; NONCE_BYTES]) -> String {
        let context = [bound_to.owner, bound_to.host_id];
        sealed::seal(&self.0, CREDENTIALS, &context, &credentials.to_bytes(), nonce)
    }

    /// Opens what [`DataKey::seal`] sealed for the same owner and host.
    pub fn open(&self, sealed_text: &str, bound_to: Binding<'_>) -> Result<Credentials, VaultError> {
        let context = [bound_to.owner, bound_to.host_id];
        let opened = sealed::open(&self.0, CREDENTIALS, &context, sealed_text);
        let bytes = opened.map_err(|error| match error {
            NotOpened::NotAuthentic => VaultError::NotAuthentic,
            NotOpened::Unreadable(reason) => VaultError::Unreadable {
                what: "sealed credentials",
                reason,
            },
        })?;
        Credentials::from_bytes(&bytes)
    }

    /// Seals this key for a session, with a key derived (HKDF-SHA256) from its access token. A token is no password: it has
    /// a signature of 32 bytes in it that nobody guesses, so that nothing slow is needed. The nonce is random and new each
    /// time.
    pub fn seal_for_session(&self, token: &str, nonce: [u8; NONCE_BYTES]) -> String {
        sealed::seal(&session_key(token), SESSION, &[], &*self.0, nonce)
    }

    /// Opens what [`DataKey::seal_for_session`] sealed for the same token.
    pub fn open_for_session(sealed_text: &str, token: &str) -> Result<Self, VaultError> {
        let what = "a session's sealed key";
        let opened = sealed::open(&session_key(token), SESSION, &[], sealed_text);
        let bytes = opened.map_err(|error| match error {
            NotOpened::NotAuthentic => VaultError::WrongSession,
            NotOpened::Unreadable(reason) => VaultError::Unreadable { what, reason },
        })?;
        Self::from_opened(what, &bytes)
    }
}

fn session_key(token: &str) -> Key {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Hkdf::<Sha256>::new(None, token.as_bytes())
        .expand(SESSION_KEY, &mut *key)
        .expect("HKDF yields 32 bytes");
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUND: Binding<'_> = Binding {
        owner: "ann",
        host_id: "0123456789abcdef0123456789abcdef",
    };

    fn credentials(password: &str) -> Credentials {
        Credentials {
            username: "root".to_owned(),
            password: password.to_owned(),
            sudo_password: "öffne \"dich\"\n".to_owned(),
        }
    }

    fn key() -> DataKey {
        DataKey::from_random([7; KEY_BYTES])
    }

    proptest! {
        #[test]
        fn sealed_credentials_open(
            password in ".{0,200}", owner in ".{1,20}", bytes in any::<[u8; KEY_BYTES]>(), nonce in any::<[u8; NONCE_BYTES]>(),
        ) {
            let key = DataKey::from_random(bytes);
            let bound = Binding { owner: &owner, host_id: "h" };
            let text = key.seal(&credentials(&password), bound, nonce);
            prop_assert_eq!(key.open(&text, bound), Ok(credentials(&password)));
        }

        #[test]
        fn a_session_opens_with_its_token_only(token in ".+", other in ".+", nonce in any::<[u8; NONCE_BYTES]>()) {
            let text = key().seal_for_session(&token, nonce);
            prop_assert_eq!(DataKey::open_for_session(&text, &token), Ok(key()));
            if token != other {
                prop_assert_eq!(DataKey::open_for_session(&text, &other), Err(VaultError::WrongSession));
            }
        }

        #[test]
        fn any_text_is_refused(text in ".*") {
            prop_assert!(key().open(&text, BOUND).is_err());
            prop_assert!(DataKey::open_for_session(&text, "token").is_err());
        }
    }

    /// Every text that differs from this one in a byte; they are ASCII.
    fn tampered(text: &str) -> impl Iterator<Item = String> {
        (0..text.len()).flat_map(move |place| {
            [b'A', b'B', b'0', b'=', b'\n', b':']
                .into_iter()
                .filter_map(move |byte| {
                    let mut bytes = text.as_bytes().to_vec();
                    let same = std::mem::replace(&mut bytes[place], byte) == byte;
                    (!same).then(|| String::from_utf8(bytes).expect("ASCII"))
                })
        })
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let text = key().seal(&credentials("sesame"), BOUND, [9; NONCE_BYTES]);
        for changed in tampered(&text) {
            assert!(key().open(&changed, BOUND).is_err(), "{changed}");
        }
        for end in 0..text.len() {
            assert!(key().open(&text[..end], BOUND).is_err(), "the first {end}");
        }
        assert!(key().open(&format!("{text}A"), BOUND).is_err());

        let text = key().seal_for_session("token", [9; NONCE_BYTES]);
        for changed in tampered(&text) {
            assert!(DataKey::open_for_session(&changed, "token").is_err(), "{changed}");
        }
    }

    #[test]
    fn sealed_credentials_have_the_length_that_is_promised() {
        let length = |password: &str| key().seal(&credentials(password), BOUND, [0; NONCE_BYTES]).len();
        assert_eq!(length("sesame"), 237);
        assert_eq!(length(&"x".repeat(128)), 408);
    }

    #[test]
    fn another_owner_or_host_or_key_opens_nothing() {
        let text = key().seal(&credentials("sesame"), BOUND, [9; NONCE_BYTES]);
        let others = [
            Binding {
                owner: "bob",
                ..BOUND
            },
            Binding {
                host_id: "other",
                ..BOUND
            },
        ];
        for other in others {
            assert_eq!(key().open(&text, other), Err(VaultError::NotAuthentic));
        }
        let other = DataKey::from_random([8; KEY_BYTES]);
        assert_eq!(other.open(&text, BOUND), Err(VaultError::NotAuthentic));
        // The key of a session is no credentials, though the form is the same.
        assert!(
            key()
                .open(&key().seal_for_session("token", [1; NONCE_BYTES]), BOUND)
                .is_err()
        );
    }

    #[test]
    fn what_is_stored_today_opens_in_all_releases_to_come() {
        let text = key().seal(&credentials("sesame"), BOUND, [9; NONCE_BYTES]);
        assert_eq!(text, include_str!("../tests/stored/credentials1").trim_end());
        let text = key().seal_for_session("token", [9; NONCE_BYTES]);
        assert_eq!(text, include_str!("../tests/stored/session1").trim_end());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", key()), "DataKey(..)");
    }
}
