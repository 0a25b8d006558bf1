//! Where a client takes its token from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use guanxi_kernel::{Access, Clock, SystemClock};
use http::HeaderValue;
use jsonwebtoken::{EncodingKey, Header};

use super::{Claims, Key, KeyError, organizations_claim};

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
mod tests {
    use guanxi_kernel::OrganizationId;

    use super::super::Verifier;
    use super::super::tests::SECRET;
    use super::*;

    #[tokio::test]
    async fn a_minted_token_is_narrowed_to_the_data_of_the_call() {
        let key = Key::Secret(SECRET.into());
        let mint = Mint::new(&key, "service:customer", &["loyalty.*"]).expect("a mint");
        let cn = Access::only(OrganizationId::from_slug("cn").expect("a slug"));
        let value = mint.authorization(&cn).expect("a token");
        assert_eq!(mint.authorization(&cn), Some(value.clone()), "made twice");
        assert_ne!(mint.authorization(&Access::All), Some(value.clone()));
        let verifier = Verifier::new(&key).expect("a verifier");
        let token = value.to_str().expect("text").strip_prefix("Bearer ").expect("a bearer token").to_owned();
        let caller = verifier.caller(&token).await.expect("a caller");
        assert_eq!((&*caller.subject, &*caller.organizations), ("service:customer", &cn));
    }
}
