//! Credentials of hosts at rest, and as Ansible reads them.
//!
//! Every user has one [`DataKey`], 32 random bytes, which seals the [`Credentials`] of their hosts. What is stored:
//!
//! | stored | what it is | what opens it |
//! |---|---|---|
//! | [`WrappedKey`], one for each user | the data key, sealed by a key that argon2id derives from what the user gave as `key` | the user's `key` |
//! | [`DataKey::seal_for_session`], one for each session whose user gave the `key` | the data key, sealed by a key derived from the access token | the token, which comes with each request and is not stored |
//! | [`DataKey::seal`], one for each access to a host | the credentials, bound to their owner and host | the data key |
//!
//! So a copy of the database opens nothing, and a server that restarts has lost nothing. A `key` is changed by opening the
//! data key with the old one and wrapping it with the new one: what it seals stays as it is. Everything is sealed with
//! XChaCha20-Poly1305 under nonces of 24 random bytes.
//!
//! [`ansible::inventory`] writes what Ansible reads.
//!
//! The crate has no I/O, no clock and no randomness of its own: a caller passes arrays of random bytes, fresh ones for each
//! call. Secrets are wiped from memory when they are dropped, and never shown by `Debug`. Neighbours: the data center stores
//! what is sealed here; `aops-api` has the file of an inventory.
//!
//! | module | what it has |
//! |---|---|
//! | [`ansible`] | Ansible's vault format, and the inventory |
//! | [`credentials`] | who logs in on a host, and how |
//! | [`data_key`] | what seals them |
//! | [`error`] | what can go wrong |
//! | `sealed` | texts that only a key opens |
//! | [`wrapped_key`] | a data key as it is stored |

pub mod ansible;
pub mod credentials;
pub mod data_key;
pub mod error;
mod sealed;
pub mod wrapped_key;

pub use credentials::{Binding, Credentials};
pub use data_key::DataKey;
pub use error::VaultError;
pub use sealed::NONCE_BYTES;
pub use wrapped_key::{Cost, WRAP_RANDOM_BYTES, WrappedKey};
