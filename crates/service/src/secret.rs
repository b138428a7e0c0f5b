//! Secrets in files that only their owner can read, and the credentials that services show each other.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Reads a secret, or makes one when the file does not exist yet. A file that others can read is refused.
pub fn read_or_create(path: &Path, make: impl FnOnce() -> String) -> io::Result<String> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            let text = format!("{} can be read by others; run: chmod 600 {0}", path.display());
            Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
        }
        Ok(_) => Ok(fs::read_to_string(path)?.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = make();
            write(path, &secret)?;
            Ok(secret)
        }
        Err(error) => Err(error),
    }
}

/// Writes a secret to a file of mode 0600, whole or not at all.
pub fn write(path: &Path, secret: &str) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let _ = fs::remove_file(&unfinished);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

/// The services that may call, and their secrets (kept hashed).
#[derive(Clone, Default)]
pub struct Credentials(Arc<BTreeMap<String, [u8; 32]>>);

impl Credentials {
    /// From pairs of name and secret.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(Arc::new(
            secrets
                .into_iter()
                .map(|(name, secret)| (name.to_owned(), digest(secret)))
                .collect(),
        ))
    }

    /// The name of the service that shows `name:secret`; `None` when it is not known by that secret.
    pub fn check(&self, shown: &str) -> Option<&str> {
        let (name, secret) = shown.split_once(':')?;
        let (name, expected) = self.0.get_key_value(name)?;
        // Digests are compared: how long that takes says nothing about the secret.
        (*expected == digest(secret)).then_some(name.as_str())
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_must_be_private() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("a.secret");
        let made = read_or_create(&path, || "first".to_owned()).expect("made");
        let read = read_or_create(&path, || "second".to_owned()).expect("read");
        assert_eq!((made.as_str(), read.as_str()), ("first", "first"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("chmod");
        let error = read_or_create(&path, || "third".to_owned()).expect_err("refused");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn credentials_are_checked() {
        let credentials = Credentials::new([("manager", "s1"), ("cli", "s2")]);
        assert_eq!(credentials.check("manager:s1"), Some("manager"));
        for wrong in ["manager:s2", "nobody:s1", "manager", ""] {
            assert_eq!(credentials.check(wrong), None, "{wrong}");
        }
    }
}
