//! Who bears a token: the server's half.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use guanxi_kernel::{Caller, Clock, SystemClock};
use jsonwebtoken::{DecodingKey, Validation};
use thiserror::Error;

use super::{Claims, Key, KeyError, Provider};

/// A token that does not let its bearer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// Not a token, not signed by our key, or with claims that mean nothing.
    #[error("the token is not one of ours")]
    Invalid,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// Nobody can say: the keys of the identity provider cannot be had.
    #[error("the identity provider's keys cannot be had: try again")]
    Unavailable,
}

/// Checks tokens, and remembers those that it has checked until they end: an EdDSA signature costs more than a call.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
    provider: Option<Provider>,
    clock: Arc<dyn Clock>,
    known: RwLock<HashMap<Box<str>, Known>>,
}

/// A token that was checked.
#[derive(Clone)]
struct Known {
    caller: Caller,
    exp: u64,
    /// Of the provider's keys, where one of them checked it.
    generation: Option<u64>,
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
        Ok(Self { key, validation, provider: None, clock, known: RwLock::default() })
    }

    /// Also takes the tokens of an identity provider: those that name their key.
    #[must_use]
    pub fn with_provider(self, provider: Provider) -> Self {
        Self { provider: Some(provider), ..self }
    }

    /// Who bears this token.
    ///
    /// # Errors
    /// [`Refused`] where it lets nobody in.
    pub async fn caller(&self, token: &str) -> Result<Caller, Refused> {
        let now = u64::try_from(self.clock.now().as_second()).unwrap_or(0);
        let alive = |known: &Known| if now < known.exp { Ok(known.caller.clone()) } else { Err(Refused::Expired) };
        if let Some(known) = self.remembered(token) {
            return alive(&known);
        }
        // Apart, since it is done once for each token and would make every call's future large.
        let (claims, generation) = Box::pin(self.claims(token)).await?;
        let known = Known { caller: claims.caller().ok_or(Refused::Invalid)?, exp: claims.exp, generation };
        let caller = alive(&known)?;
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KNOWN_TOKENS {
            all.clear();
        }
        all.insert(token.into(), known);
        Ok(caller)
    }

    /// What was found of a token before, unless the provider's keys have changed since.
    fn remembered(&self, token: &str) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()?;
        let current = self.provider.as_ref().map(Provider::generation);
        (known.generation.is_none() || known.generation == current).then_some(known)
    }

    /// What a token claims, and which generation of the provider's keys checked it. One that names its key is the
    /// provider's, any other is checked with ours.
    async fn claims(&self, token: &str) -> Result<(Claims, Option<u64>), Refused> {
        if let Some(provider) = &self.provider {
            let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Invalid)?;
            if let Some(id) = &header.kid {
                let generation = provider.generation();
                return Ok((provider.claims(token, &header, id).await?, Some(generation)));
            }
        }
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation);
        Ok((decoded.map_err(|_| Refused::Invalid)?.claims, None))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("algorithms", &self.validation.algorithms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use guanxi_kernel::{OrganizationId, TestClock, Timestamp};

    use super::super::sign;
    use super::super::tests::{PRIVATE, PUBLIC, SECRET, claims};
    use super::*;

    fn at(second: i64) -> Arc<TestClock> {
        TestClock::at(Timestamp::from_second(second).expect("in range"))
    }

    #[tokio::test]
    async fn a_token_of_either_algorithm_names_its_bearer_until_it_ends() {
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
                let caller = verifier.caller(&token).await.expect("a caller");
                assert_eq!(&*caller.subject, "pos");
                assert!(caller.has_scope("loyalty.points.write") && !caller.has_scope("jobs.write"));
                let [cn, hk] = ["cn", "hk"].map(|slug| OrganizationId::from_slug(slug).expect("a slug"));
                assert!(caller.organizations.may_write(&cn) && caller.organizations.may_read(&hk));
                assert!(!caller.organizations.may_write(&hk));
            }
            clock.set(Timestamp::from_second(2_000).expect("in range"));
            assert_eq!(verifier.caller(&token).await, Err(Refused::Expired));
        }
    }

    #[tokio::test]
    async fn a_token_of_another_key_or_algorithm_lets_nobody_in() {
        let verifier = Verifier::with_clock(&Key::Public(PUBLIC.into()), at(0)).expect("a key");
        let hs256 = sign(&Key::Secret(PUBLIC.as_bytes().to_vec()), &claims(&["*"])).expect("a token");
        let verifier_hs = Verifier::with_clock(&Key::Secret(SECRET.into()), at(0)).expect("a key");
        let other = sign(&Key::Secret(vec![7; 32]), &claims(&["*"])).expect("a token");
        let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4IiwiZXhwIjo0MDAwMDAwMDAwfQ.";
        assert_eq!(verifier.caller(&hs256).await, Err(Refused::Invalid));
        for token in [other.as_str(), none, "", "x", "a.b.c"] {
            assert_eq!(verifier_hs.caller(token).await, Err(Refused::Invalid), "{token}");
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(Verifier::new(&Key::Secret(b"short".into())).err(), Some(KeyError::SecretTooShort(5)));
    }
}
