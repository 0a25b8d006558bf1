//! Tokens: JSON Web Tokens signed with HS256 or EdDSA, what they claim, and where a client takes its own from.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use guanxi_kernel::{Access, Caller, Clock, OrganizationId, SystemClock};
use http::HeaderValue;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use thiserror::Error;

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

/// A token that does not let its bearer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// Not a token, not signed by our key, or with claims that mean nothing.
    #[error("the token is not one of ours")]
    Invalid,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
}

/// Checks tokens, and remembers those that it has checked until they end: an EdDSA signature costs more than a call.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
    clock: Arc<dyn Clock>,
    known: RwLock<HashMap<Box<str>, (Caller, u64)>>,
}

/// So many checked tokens are remembered; then all are forgotten.
const KNOWN_TOKENS: usize = 10_000;

impl Verifier {
    /// Checks with this key, by the machine's clock.
    ///
    /// # Errors
    /// [`KeyError`] where the key cannot check.
    pub fn new(key: &Key) -> Result<Self, KeyError> {
        Self::with_clock(key, Arc::new(SystemClock))
    }

    /// Checks with this key, by `clock`.
    ///
    /// # Errors
    /// [`KeyError`] where the key cannot check.
    pub fn with_clock(key: &Key, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let (key, algorithm) = key.checking()?;
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false; // Checked below, by our clock, for remembered tokens too.
        validation.validate_aud = false;
        Ok(Self { key, validation, clock, known: RwLock::default() })
    }

    /// Who bears this token.
    ///
    /// # Errors
    /// [`Refused`] where it lets nobody in.
    pub fn caller(&self, token: &str) -> Result<Caller, Refused> {
        let now = u64::try_from(self.clock.now().as_second()).unwrap_or(0);
        let alive = |caller: Caller, exp: u64| if now < exp { Ok(caller) } else { Err(Refused::Expired) };
        if let Some((caller, exp)) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(token) {
            return alive(caller.clone(), *exp);
        }
        let claims =
            jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation).map_err(|_| Refused::Invalid)?.claims;
        let caller = claims.caller().ok_or(Refused::Invalid)?;
        let caller = alive(caller, claims.exp)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_TOKENS {
            known.clear();
        }
        known.insert(token.into(), (caller.clone(), claims.exp));
        Ok(caller)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("algorithms", &self.validation.algorithms).finish_non_exhaustive()
    }
}

/// Where a client takes its token from.
pub trait TokenSource: fmt::Debug + Send + Sync + 'static {
    /// The value of the `authorization` header for a call about data within `access`; `None` to send none.
    fn authorization(&self, access: &Access) -> Option<HeaderValue>;
}

/// Sends no token.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoToken;

impl TokenSource for NoToken {
    fn authorization(&self, _: &Access) -> Option<HeaderValue> {
        None
    }
}

/// Sends one token that it was given.
#[derive(Clone)]
pub struct FixedToken(HeaderValue);

impl FixedToken {
    /// Sends `token`; `None` where it has characters that no header may have.
    pub fn new(token: &str) -> Option<Self> {
        bearer(token).map(Self)
    }
}

impl fmt::Debug for FixedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FixedToken(***)")
    }
}

impl TokenSource for FixedToken {
    fn authorization(&self, _: &Access) -> Option<HeaderValue> {
        Some(self.0.clone())
    }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Makes a service's own tokens: short-lived, for its subject and scopes, narrowed to the data that the call which it
/// serves may touch, so that no caller reaches through one service what another would not show it.
pub struct Mint {
    key: EncodingKey,
    header: Header,
    subject: String,
    scope: String,
    clock: Arc<dyn Clock>,
    made: Mutex<BTreeMap<Vec<String>, (HeaderValue, u64)>>,
}

/// How long a minted token lives; it is used for the first half.
const MINTED: Duration = Duration::from_secs(300);

/// So many minted tokens are remembered; then all are forgotten.
const MINTED_TOKENS: usize = 1_000;

impl Mint {
    /// Signs with `key` for `subject`, such as `service:loyalty`, with `scopes`.
    ///
    /// # Errors
    /// [`KeyError`] where the key cannot sign.
    pub fn new(key: &Key, subject: &str, scopes: &[&str]) -> Result<Self, KeyError> {
        let (key, algorithm) = key.signing()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (subject, scope) = (subject.to_owned(), scopes.join(" "));
        Ok(Self { key, header: Header::new(algorithm), subject, scope, clock, made: Mutex::default() })
    }
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint").field("subject", &self.subject).field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl TokenSource for Mint {
    fn authorization(&self, access: &Access) -> Option<HeaderValue> {
        let organizations = organizations_claim(access);
        let now = u64::try_from(self.clock.now().as_second()).unwrap_or(0);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((value, until)) = made.get(&organizations)
            && now < *until
        {
            return Some(value.clone());
        }
        let claims = Claims {
            sub: self.subject.clone(),
            exp: now + MINTED.as_secs(),
            scope: self.scope.clone(),
            organizations: organizations.clone(),
        };
        let token = match jsonwebtoken::encode(&self.header, &claims, &self.key) {
            Ok(token) => token,
            Err(error) => {
                tracing::error!(%error, "a service token could not be signed");
                return None;
            }
        };
        if made.len() >= MINTED_TOKENS {
            made.clear();
        }
        let value = bearer(&token)?;
        made.insert(organizations, (value.clone(), now + MINTED.as_secs() / 2));
        Some(value)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use guanxi_kernel::{TestClock, Timestamp};

    use super::*;

    pub const SECRET: &[u8] = b"a secret of thirty-two bytes and more";
    /// The key pair of RFC 8410, section 10.
    pub const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    pub const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    fn claims(organizations: &[&str]) -> Claims {
        Claims {
            sub: "pos".into(),
            exp: 2_000,
            scope: "jobs.read loyalty.*".into(),
            organizations: organizations.iter().map(|&claim| claim.to_owned()).collect(),
        }
    }

    fn at(second: i64) -> Arc<TestClock> {
        TestClock::at(Timestamp::from_second(second).expect("in range"))
    }

    #[test]
    fn a_token_of_either_algorithm_names_its_bearer_until_it_ends() {
        let pairs = [
            (Key::Secret(SECRET.into()), Key::Secret(SECRET.into())),
            (Key::Private(PRIVATE.into()), Key::Public(PUBLIC.into())),
        ];
        for (signing, checking) in pairs {
            let clock = at(1_999);
            let clock_too: Arc<dyn Clock> = clock.clone();
            let verifier = Verifier::with_clock(&checking, clock_too).expect("a key");
            let token = sign(&signing, &claims(&["cn:rw", "hk:r"])).expect("a token");
            for _first_and_remembered in 0..2 {
                let caller = verifier.caller(&token).expect("a caller");
                assert_eq!(&*caller.subject, "pos");
                assert!(caller.has_scope("loyalty.points.write") && !caller.has_scope("jobs.write"));
                let (cn, hk) = ("cn", "hk");
                let [cn, hk] = [cn, hk].map(|slug| OrganizationId::from_slug(slug).expect("a slug"));
                assert!(caller.organizations.may_write(&cn) && caller.organizations.may_read(&hk));
                assert!(!caller.organizations.may_write(&hk));
            }
            clock.set(Timestamp::from_second(2_000).expect("in range"));
            assert_eq!(verifier.caller(&token), Err(Refused::Expired));
        }
    }

    #[test]
    fn a_token_of_another_key_or_algorithm_lets_nobody_in() {
        let verifier = Verifier::with_clock(&Key::Public(PUBLIC.into()), at(0)).expect("a key");
        let hs256 = sign(&Key::Secret(PUBLIC.as_bytes().to_vec()), &claims(&["*"])).expect("a token");
        let verifier_hs = Verifier::with_clock(&Key::Secret(SECRET.into()), at(0)).expect("a key");
        let other = sign(&Key::Secret(vec![7; 32]), &claims(&["*"])).expect("a token");
        let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4IiwiZXhwIjo0MDAwMDAwMDAwfQ.";
        assert_eq!(verifier.caller(&hs256), Err(Refused::Invalid));
        for token in [other.as_str(), none, "", "x", "a.b.c"] {
            assert_eq!(verifier_hs.caller(token), Err(Refused::Invalid), "{token}");
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

    #[test]
    fn a_minted_token_is_narrowed_to_the_data_of_the_call() {
        let key = Key::Secret(SECRET.into());
        let mint = Mint::new(&key, "service:customer", &["loyalty.*"]).expect("a mint");
        let cn = Access::only(OrganizationId::from_slug("cn").expect("a slug"));
        let value = mint.authorization(&cn).expect("a token");
        assert_eq!(mint.authorization(&cn), Some(value.clone()), "made twice");
        assert_ne!(mint.authorization(&Access::All), Some(value.clone()));
        let verifier = Verifier::new(&key).expect("a verifier");
        let token = value.to_str().expect("text").strip_prefix("Bearer ").expect("a bearer token").to_owned();
        let caller = verifier.caller(&token).expect("a caller");
        assert_eq!((&*caller.subject, &*caller.organizations), ("service:customer", &cn));
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(Verifier::new(&Key::Secret(b"short".into())).err(), Some(KeyError::SecretTooShort(5)));
    }
}
