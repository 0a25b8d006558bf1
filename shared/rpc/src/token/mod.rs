//! Tokens: JSON Web Tokens signed with HS256 or EdDSA, or by an identity provider, and what they claim. A server checks them with a [`Verifier`]; a
//! client takes its own from a [`TokenSource`].

use std::fmt;
use std::sync::Arc;

use guanxi_kernel::{Access, Caller, OrganizationId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use thiserror::Error;

mod fetch;
mod provider;
mod source;
mod verifier;

pub use fetch::FetchError;
pub use provider::{Provider, ProviderSettings};
pub use source::{FixedToken, Mint, NoToken, TokenSource};
pub use verifier::{Refused, Verifier};

/// A key for tokens. What can sign can check too, except a public key.
#[derive(Clone)]
pub enum Key {
    /// A shared secret of at least 32 bytes (HS256): signs and checks.
    Secret(Vec<u8>),
    /// An Ed25519 public key, PEM (EdDSA): checks.
    Public(String),
    /// An Ed25519 private key, PKCS#8 PEM (EdDSA): signs.
    Private(String),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(***)",
            Self::Public(_) => "Public",
            Self::Private(_) => "Private(***)",
        })
    }
}

/// A key that cannot be used so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The secret can be guessed.
    #[error("the secret has {0} bytes: HS256 needs 32 at least")]
    SecretTooShort(usize),
    /// The text is not a key of this kind.
    #[error("the key is not an Ed25519 key in PEM: {0}")]
    Malformed(String),
    /// A public key signs nothing, and a private key is no place to check from.
    #[error("{0}")]
    Wrong(&'static str),
}

impl Key {
    fn signing(&self) -> Result<(EncodingKey, Algorithm), KeyError> {
        match self {
            Self::Secret(secret) if secret.len() < 32 => Err(KeyError::SecretTooShort(secret.len())),
            Self::Secret(secret) => Ok((EncodingKey::from_secret(secret), Algorithm::HS256)),
            Self::Private(pem) => {
                let key = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|e| KeyError::Malformed(e.to_string()))?;
                Ok((key, Algorithm::EdDSA))
            }
            Self::Public(_) => Err(KeyError::Wrong("a public key cannot sign: a secret or a private key can")),
        }
    }

    fn checking(&self) -> Result<(DecodingKey, Algorithm), KeyError> {
        match self {
            Self::Secret(secret) if secret.len() < 32 => Err(KeyError::SecretTooShort(secret.len())),
            Self::Secret(secret) => Ok((DecodingKey::from_secret(secret), Algorithm::HS256)),
            Self::Public(pem) => {
                let key = DecodingKey::from_ed_pem(pem.as_bytes()).map_err(|e| KeyError::Malformed(e.to_string()))?;
                Ok((key, Algorithm::EdDSA))
            }
            Self::Private(_) => Err(KeyError::Wrong("tokens are checked with the public key, not the private one")),
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who calls.
    pub sub: String,
    /// When the token ends, seconds since 1970.
    pub exp: u64,
    /// What it may be used for: scopes, separated by spaces. `loyalty.*` and `*` cover what is below them.
    #[serde(default)]
    pub scope: String,
    /// Whose data: `["cn:rw", "hk:r"]`, or `["*"]` for everybody's. Absent: nobody's.
    #[serde(default)]
    pub organizations: Vec<String>,
}

impl Claims {
    /// The caller that a token of these claims stands for; `None` where the organisations are malformed.
    pub fn caller(&self) -> Option<Caller> {
        let organizations = match self.organizations.as_slice() {
            [all] if all == "*" => Access::All,
            list => Access::Some(list.iter().map(|claim| right(claim)).collect::<Option<_>>()?),
        };
        Some(Caller {
            subject: self.sub.as_str().into(),
            scopes: Arc::new(self.scope.split_ascii_whitespace().map(str::to_owned).collect()),
            organizations: Arc::new(organizations),
        })
    }
}

fn right(claim: &str) -> Option<(OrganizationId, bool)> {
    let (slug, right) = claim.split_once(':')?;
    let write = match right {
        "rw" => true,
        "r" => false,
        _ => return None,
    };
    Some((OrganizationId::from_slug(slug).ok()?, write))
}

/// Access, as the claim of a token says it.
pub fn organizations_claim(access: &Access) -> Vec<String> {
    match access {
        Access::All => vec!["*".to_owned()],
        Access::Some(list) => {
            let rights = list.iter().map(|(id, write)| format!("{}:{}", id.slug(), if *write { "rw" } else { "r" }));
            rights.collect()
        }
    }
}

/// Signs a token.
///
/// # Errors
/// [`KeyError`] where the key cannot sign.
pub fn sign(key: &Key, claims: &Claims) -> Result<String, KeyError> {
    let (key, algorithm) = key.signing()?;
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).map_err(|e| KeyError::Malformed(e.to_string()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub const SECRET: &[u8] = b"a secret of thirty-two bytes and more";
    /// The key pair of RFC 8410, section 10.
    pub const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    pub const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    /// Claims that end at second 2,000.
    pub fn claims(organizations: &[&str]) -> Claims {
        Claims {
            sub: "pos".into(),
            exp: 2_000,
            scope: "jobs.read loyalty.*".into(),
            organizations: organizations.iter().map(|&claim| claim.to_owned()).collect(),
        }
    }

    #[test]
    fn organisations_are_said_with_a_right_or_not_at_all() {
        assert_eq!(claims(&["*"]).caller().map(|c| (*c.organizations).clone()), Some(Access::All));
        assert_eq!(claims(&[]).caller().map(|c| c.organizations.readable().map(|l| l.len())), Some(Some(0)));
        for malformed in ["cn", "cn:w", "CN:r", "*:r", ":r", "cn:rw:r"] {
            assert_eq!(claims(&[malformed]).caller(), None, "{malformed} was taken");
        }
        assert_eq!(claims(&["*", "cn:r"]).caller(), None);
    }
}
