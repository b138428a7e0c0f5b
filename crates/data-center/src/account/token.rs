//! Tokens: JWT, HS256. A token names a session; the session, which is stored, decides.

use aops_api::account::Role;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    #[serde(rename = "sub")]
    pub username: String,
    /// The session.
    #[serde(rename = "sid")]
    pub session_id: String,
    /// Of the account at login, for those who show it; the stored one decides.
    pub role: Role,
    /// When it ends, in seconds.
    #[serde(rename = "exp")]
    pub expires: i64,
}

/// Makes and reads tokens.
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl TokenKey {
    /// From a secret of at least 32 bytes.
    pub fn new(secret: &str) -> Result<Self, Error> {
        let secret = secret.trim().as_bytes();
        if secret.len() < 32 {
            return Err(Error::Setting(format!(
                "the token key has {} bytes; at least 32 are needed",
                secret.len()
            )));
        }
        Ok(Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        })
    }

    /// A token.
    pub fn sign(&self, claims: &Claims) -> String {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .expect("claims are JSON and the key is of the algorithm's family")
    }

    /// What a token says; 1201 when it is not one of ours or has ended.
    pub fn read(&self, token: &str, now_ms: i64) -> Result<Claims, Error> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Its own check would ask the machine's clock.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map_err(|_| Error::Session)?
            .claims;
        if claims.expires.saturating_mul(1_000) <= now_ms {
            return Err(Error::Session);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            username: "ann".to_owned(),
            session_id: "s".to_owned(),
            role: Role::User,
            expires: 10,
        }
    }

    #[test]
    fn only_our_own_and_only_until_its_end() {
        let key = TokenKey::new("0123456789abcdef0123456789abcdef").expect("a key");
        let token = key.sign(&claims());
        assert_eq!(key.read(&token, 9_999).expect("valid"), claims());
        assert!(key.read(&token, 10_000).is_err());
        let other = TokenKey::new("0123456789abcdef0123456789abcdeX").expect("a key");
        assert!(other.read(&token, 0).is_err());
        assert!(key.read(&format!("{token}x"), 0).is_err());
        assert!(key.read("", 0).is_err());
    }

    #[test]
    fn unsigned_tokens_are_refused() {
        let key = TokenKey::new("0123456789abcdef0123456789abcdef").expect("a key");
        let token = key.sign(&claims());
        let payload = token.split('.').nth(1).expect("three parts");
        // {"alg":"none","typ":"JWT"}
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
        assert!(key.read(&unsigned, 0).is_err());
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(TokenKey::new("short").is_err());
    }
}
