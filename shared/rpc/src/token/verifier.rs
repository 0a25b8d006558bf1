//! Who bears a token: the server's half.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use guanxi_kernel::{Caller, Clock, SystemClock};
use jsonwebtoken::{DecodingKey, Validation};
use thiserror::Error;

use super::{Claims, Key, KeyError};

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

#[cfg(test)]
mod tests {
    use guanxi_kernel::{OrganizationId, TestClock, Timestamp};

    use super::super::sign;
    use super::super::tests::{PRIVATE, PUBLIC, SECRET, claims};
    use super::*;

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
                let [cn, hk] = ["cn", "hk"].map(|slug| OrganizationId::from_slug(slug).expect("a slug"));
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
    fn a_short_secret_is_refused() {
        assert_eq!(Verifier::new(&Key::Secret(b"short".into())).err(), Some(KeyError::SecretTooShort(5)));
    }
}
