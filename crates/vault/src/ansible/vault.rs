//! Texts as `ansible-vault` encrypts them: the format 1.1 of Ansible Vault, with the cipher AES256.
//!
//! A line `$ANSIBLE_VAULT;1.1;AES256`, then lines of 80 hexadecimal digits. They spell three lines, which again are hexadecimal:
//! a salt of 32 bytes, an HMAC-SHA256 over the ciphertext, and the ciphertext. PBKDF2-HMAC-SHA256 with 10,000 iterations
//! derives 80 bytes from password and salt: the cipher's key, the HMAC's key, and the first counter block of AES-256-CTR. The
//! plain text is padded to blocks of 16 bytes as in PKCS #7. (`lib/ansible/parsing/vault` in Ansible's source.)

use aes::Aes256;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::VaultError;

/// Bytes of a salt.
pub const SALT_BYTES: usize = 32;

const HEADER: &str = "$ANSIBLE_VAULT;1.1;AES256";
const ITERATIONS: u32 = 10_000;
const COLUMNS: usize = 80;
const BLOCK_BYTES: usize = 16;
const WHAT: &str = "a file of Ansible Vault";

type Cipher = ctr::Ctr128BE<Aes256>;

/// What a password and a salt yield.
struct Derived(Zeroizing<[u8; 80]>);

impl Derived {
    fn new(password: &str, salt: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; 80]);
        pbkdf2::pbkdf2_hmac::<Sha256>(
            as_ansible_reads(password).as_bytes(),
            salt,
            ITERATIONS,
            &mut *bytes,
        );
        Self(bytes)
    }

    fn cipher(&self) -> Cipher {
        Cipher::new_from_slices(&self.0[..32], &self.0[64..]).expect("a key of 32 bytes and a block of 16")
    }

    fn authenticator(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0[32..64]).expect("HMAC takes keys of any length")
    }
}

/// Ansible takes the white space off both ends of a password, whether it comes from a file or is typed.
fn as_ansible_reads(password: &str) -> &str {
    password.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c'])
}

/// Encrypts a text. The salt is random and new each time: with the same one, two texts give each other away.
///
/// Blocking for some milliseconds.
pub fn encrypt(plain: &str, password: &str, salt: [u8; SALT_BYTES]) -> Result<String, VaultError> {
    if as_ansible_reads(password).is_empty() {
        return Err(VaultError::EmptyKey);
    }
    let derived = Derived::new(password, &salt);
    let mut bytes = padded(plain);
    derived.cipher().apply_keystream(&mut bytes);
    let mac = derived
        .authenticator()
        .chain_update(&*bytes)
        .finalize()
        .into_bytes();

    let inner = [hexadecimal(&salt), hexadecimal(&mac), hexadecimal(&bytes)].join("\n");
    let body = hexadecimal(inner.as_bytes());
    let mut text = String::with_capacity(body.len() + body.len() / COLUMNS + HEADER.len() + 2);
    text.push_str(HEADER);
    text.push('\n');
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(COLUMNS));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    Ok(text)
}

/// Decrypts what [`encrypt`] or `ansible-vault encrypt` wrote; the format 1.2, which names the password, as well.
///
/// Blocking for some milliseconds.
pub fn decrypt(text: &str, password: &str) -> Result<Zeroizing<String>, VaultError> {
    let mut lines = text.trim_end().lines();
    let header = lines.next().unwrap_or_default().trim_end();
    let is_known = header == HEADER || header.starts_with("$ANSIBLE_VAULT;1.2;AES256;");
    if !is_known {
        return Err(unreadable("it does not begin with $ANSIBLE_VAULT;1.1;AES256"));
    }
    let body: String = lines.map(str::trim).collect();
    let inner = from_hexadecimal(body.as_bytes())
        .ok_or(unreadable("it has something else than hexadecimal digits"))?;
    let parts: Option<Vec<Vec<u8>>> = inner.split(|byte| *byte == b'\n').map(from_hexadecimal).collect();
    let Some([salt, mac, ciphertext]) = parts.and_then(|parts| <[Vec<u8>; 3]>::try_from(parts).ok()) else {
        return Err(unreadable("it is not made of salt, HMAC and ciphertext"));
    };

    let derived = Derived::new(password, &salt);
    derived
        .authenticator()
        .chain_update(&ciphertext)
        .verify_slice(&mac)
        .map_err(|_| VaultError::WrongKey)?;
    let mut plain = Zeroizing::new(ciphertext);
    derived.cipher().apply_keystream(&mut plain);
    let plain = without_padding(&plain).ok_or(unreadable("its padding is wrong"))?;
    let plain = str::from_utf8(plain).map_err(|_| unreadable("what it holds is not UTF-8"))?;
    Ok(Zeroizing::new(plain.to_owned()))
}

/// PKCS #7: the number of missing bytes, as often as that; a whole block where none is missing.
fn padded(plain: &str) -> Zeroizing<Vec<u8>> {
    let missing = BLOCK_BYTES - plain.len() % BLOCK_BYTES;
    let mut bytes = Zeroizing::new(Vec::with_capacity(plain.len() + missing));
    bytes.extend_from_slice(plain.as_bytes());
    bytes.resize(plain.len() + missing, missing as u8);
    bytes
}

fn without_padding(bytes: &[u8]) -> Option<&[u8]> {
    let count = usize::from(*bytes.last()?);
    if !(1..=BLOCK_BYTES).contains(&count) {
        return None;
    }
    let (plain, padding) = bytes.split_at_checked(bytes.len().checked_sub(count)?)?;
    padding
        .iter()
        .all(|byte| usize::from(*byte) == count)
        .then_some(plain)
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| DIGITS[usize::from(digit)])
        .collect()
}

fn from_hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

fn unreadable(reason: &'static str) -> VaultError {
    VaultError::Unreadable { what: WHAT, reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_was_encrypted_is_decrypted(plain in "(?s).{0,400}", password in "\\PC*[a-z]", salt in any::<[u8; SALT_BYTES]>()) {
            let text = encrypt(&plain, &password, salt).expect("encrypts");
            prop_assert_eq!(&*decrypt(&text, &password).expect("decrypts"), &plain);
            prop_assert_eq!(decrypt(&text, &format!("{password}x")).err(), Some(VaultError::WrongKey));
            prop_assert!(text.ends_with('\n'));
            prop_assert!(text.lines().skip(1).all(|line| line.len() <= COLUMNS && line.len() % 2 == 0));
        }

        #[test]
        fn any_text_is_refused(text in "(\\$ANSIBLE_VAULT;1\\.[12];AES256(;x)?\n)?[0-9a-f\n]{0,100}") {
            prop_assert!(decrypt(&text, "sesame").is_err());
        }

        #[test]
        fn hexadecimal_digits_are_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            prop_assert_eq!(from_hexadecimal(hexadecimal(&bytes).as_bytes()), Some(bytes));
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let text = encrypt("x: y\n", "sesame", [5; SALT_BYTES]).expect("encrypts");
        for place in 0..text.trim_end().len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'3' { b'4' } else { b'3' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(decrypt(&changed, "sesame").is_err(), "{place}: {changed}");
        }
    }

    #[test]
    fn white_space_around_a_password_is_not_part_of_it() {
        let text = encrypt("x: y\n", " sesame\n", [5; SALT_BYTES]).expect("encrypts");
        assert!(decrypt(&text, "sesame").is_ok());
        assert_eq!(encrypt("x", " \n", [5; SALT_BYTES]), Err(VaultError::EmptyKey));
    }

    #[test]
    fn line_ends_of_other_systems_are_read() {
        let text = encrypt("x: y\n", "sesame", [5; SALT_BYTES]).expect("encrypts");
        assert!(decrypt(&text.replace('\n', "\r\n"), "sesame").is_ok());
    }

    /// Written by `ansible-vault encrypt` of ansible-core 2.19.
    #[test]
    fn a_file_that_ansible_wrote_is_read() {
        let text = include_str!("../../tests/stored/ansible_vault");
        let plain = decrypt(text, "open sesame").expect("decrypts");
        assert_eq!(plain.as_str(), "name: \"schlüssel\"\nvalue: {{ 1 }}\n");
    }
}
