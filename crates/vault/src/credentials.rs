//! Who logs in on a host, and how.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::VaultError;

/// Plain credentials are padded to a multiple of this: the length of what is sealed says little about a password's.
const PADDED_TO: usize = 128;
const WHAT: &str = "sealed credentials";

/// Who logs in on a host, and how. Wiped from memory when dropped; `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Credentials {
    /// Who logs in.
    pub username: String,
    /// With this password.
    pub password: String,
    /// The password that makes them root.
    pub sudo_password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(..)")
    }
}

/// What credentials are sealed for: they do not open in the place of another owner's or host's. An owner or host that gets
/// another id needs its credentials sealed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'text> {
    /// Whose credentials.
    pub owner: &'text str,
    /// Of which host.
    pub host_id: &'text str,
}

impl Credentials {
    /// The three texts, each after its length, and zeros up to the padded length.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let fields = [&self.username, &self.password, &self.sudo_password];
        let length: usize = fields.iter().map(|field| size_of::<u32>() + field.len()).sum();
        let padded = length.next_multiple_of(PADDED_TO);
        // Room for all of it at once: bytes that grow leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(padded));
        for field in fields {
            let length = u32::try_from(field.len()).expect("a field of credentials is shorter than 4 GiB");
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(field.as_bytes());
        }
        bytes.resize(padded, 0);
        bytes
    }

    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Result<Self, VaultError> {
        let credentials = Self {
            username: take_text(&mut bytes)?,
            password: take_text(&mut bytes)?,
            sudo_password: take_text(&mut bytes)?,
        };
        if bytes.len() >= PADDED_TO || bytes.iter().any(|byte| *byte != 0) {
            return Err(unreadable("more than three fields"));
        }
        Ok(credentials)
    }
}

fn take_text(bytes: &mut &[u8]) -> Result<String, VaultError> {
    let (length, rest) = bytes
        .split_first_chunk()
        .ok_or(unreadable("fewer than three fields"))?;
    let length = u32::from_le_bytes(*length) as usize;
    let (text, rest) = rest
        .split_at_checked(length)
        .ok_or(unreadable("a field is longer than all of it"))?;
    *bytes = rest;
    let text = str::from_utf8(text).map_err(|_| unreadable("a field is not UTF-8"))?;
    Ok(text.to_owned())
}

fn unreadable(reason: &'static str) -> VaultError {
    VaultError::Unreadable { what: WHAT, reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(username in ".*", password in ".*", sudo_password in ".*") {
            let credentials = Credentials { username, password, sudo_password };
            let bytes = credentials.to_bytes();
            prop_assert_eq!(bytes.len() % PADDED_TO, 0);
            prop_assert_eq!(bytes.capacity(), bytes.len());
            prop_assert_eq!(Credentials::from_bytes(&bytes).expect("readable"), credentials);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Credentials::from_bytes(&bytes);
        }
    }

    #[test]
    fn a_short_password_is_as_long_as_a_longer_one() {
        let with = |password: &str| Credentials {
            username: "root".to_owned(),
            password: password.to_owned(),
            sudo_password: String::new(),
        };
        let lengths = ["", "a", "a longer one of thirty-two bytes"].map(|text| with(text).to_bytes().len());
        assert_eq!(lengths, [128, 128, 128]);
    }

    #[test]
    fn debug_shows_nothing() {
        let credentials = Credentials {
            username: "ann".to_owned(),
            password: "sesame".to_owned(),
            sudo_password: "open".to_owned(),
        };
        assert_eq!(format!("{credentials:?}"), "Credentials(..)");
    }
}
