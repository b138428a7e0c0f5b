//! Texts that only a key opens: a prefix that says what it is and in which version, a colon, and in base64 a nonce and
//! what XChaCha20-Poly1305 makes of the secret under it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// Bytes of a nonce: so many that random ones never meet.
pub const NONCE_BYTES: usize = 24;

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) type Key = Zeroizing<[u8; KEY_BYTES]>;

/// Why a sealed text was not opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// It is not one.
    Unreadable(&'static str),
    /// Another key or context, or changed.
    NotAuthentic,
}

/// `PREFIX:BASE64`. The prefix and the context have to be the same when it is opened.
pub(crate) fn seal(
    key: &Key,
    prefix: &str,
    context: &[&str],
    secret: &[u8],
    nonce: [u8; NONCE_BYTES],
) -> String {
    let bytes = seal_bytes(key, &associated_data(prefix, context), secret, nonce);
    format!("{prefix}:{}", STANDARD_NO_PAD.encode(bytes))
}

/// What [`seal`] sealed.
pub(crate) fn open(
    key: &Key,
    prefix: &str,
    context: &[&str],
    text: &str,
) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let encoded = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix(':'))
        .ok_or(NotOpened::Unreadable(
            "it begins otherwise; another version wrote it, or it is something else",
        ))?;
    let bytes = STANDARD_NO_PAD
        .decode(encoded)
        .map_err(|_| NotOpened::Unreadable("it is not base64"))?;
    open_bytes(key, &associated_data(prefix, context), &bytes)
}

/// The nonce and the sealed secret.
pub(crate) fn seal_bytes(
    key: &Key,
    associated_data: &[u8],
    secret: &[u8],
    nonce: [u8; NONCE_BYTES],
) -> Vec<u8> {
    let payload = Payload {
        msg: secret,
        aad: associated_data,
    };
    let sealed = XChaCha20Poly1305::new((&**key).into())
        .encrypt(&XNonce::from(nonce), payload)
        .expect("a secret is far shorter than the cipher's limit");
    [nonce.as_slice(), &sealed].concat()
}

/// What [`seal_bytes`] sealed.
pub(crate) fn open_bytes(
    key: &Key,
    associated_data: &[u8],
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let (nonce, sealed) = bytes
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(NotOpened::Unreadable("it is too short"))?;
    let payload = Payload {
        msg: sealed,
        aad: associated_data,
    };
    XChaCha20Poly1305::new((&**key).into())
        .decrypt(&XNonce::from(*nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| NotOpened::NotAuthentic)
}

/// Each text after its length: two contexts never look like one another.
fn associated_data(prefix: &str, context: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in std::iter::once(&prefix).chain(context) {
        bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Zeroizing::new([byte; KEY_BYTES])
    }

    #[test]
    fn contexts_do_not_run_into_one_another() {
        let text = seal(&key(1), "p", &["ann", "b"], b"secret", [0; NONCE_BYTES]);
        assert_eq!(
            &**open(&key(1), "p", &["ann", "b"], &text).expect("opens"),
            b"secret"
        );
        for context in [
            &["an", "nb"][..],
            &["annb"],
            &["annb", ""],
            &["ann", "b", ""],
            &["ann"],
        ] {
            let outcome = open(&key(1), "p", context, &text);
            assert_eq!(outcome.err(), Some(NotOpened::NotAuthentic), "{context:?}");
        }
        assert!(open(&key(2), "p", &["ann", "b"], &text).is_err());
    }

    #[test]
    fn a_prefix_is_not_exchanged_for_another() {
        let text = seal(&key(1), "p1", &[], b"secret", [0; NONCE_BYTES]);
        let renamed = text.replace("p1:", "p2:");
        assert_eq!(
            open(&key(1), "p2", &[], &renamed).err(),
            Some(NotOpened::NotAuthentic)
        );
        assert!(matches!(
            open(&key(1), "p2", &[], &text),
            Err(NotOpened::Unreadable(_))
        ));
    }

    /// Computed with libsodium's `crypto_aead_xchacha20poly1305_ietf_encrypt` through its test vector in
    /// draft-irtf-cfrg-xchacha-03, A.3.1.
    #[test]
    fn the_cipher_is_the_one_of_the_draft() {
        let key: Key = Zeroizing::new(std::array::from_fn(|index| 0x80 + index as u8));
        let nonce: [u8; NONCE_BYTES] = std::array::from_fn(|index| 0x40 + index as u8);
        let associated = [
            0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7,
        ];
        let secret =
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
sunscreen would be it.";
        let sealed = seal_bytes(&key, &associated, secret, nonce);
        assert_eq!(sealed[24..32], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
        let tag = [
            0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49,
        ];
        assert_eq!(sealed[sealed.len() - 16..], tag);
    }
}
