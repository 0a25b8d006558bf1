//! The keys of an identity provider, by URL (JWKS): fetched when they are needed, kept, fetched again when a token names a
//! key that is not among them, but not more often than the provider can bear. While the URL is away the kept keys are used,
//! for a while.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};

use super::fetch::{FetchError, Source};
use super::{Claims, Refused};
use crate::tls::ClientTls;

/// Where an identity provider has its keys, and which of its tokens are for us.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// The URL of the keys.
    pub url: String,
    /// Whom to believe, where the URL begins with `https`.
    pub tls: Option<ClientTls>,
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must be, or hold.
    pub audience: String,
    /// After how long the keys are fetched again.
    pub refresh: Duration,
    /// How long there is between two fetches, at the least.
    pub pause: Duration,
    /// How long keys are used that could not be fetched again.
    pub stale: Duration,
}

impl ProviderSettings {
    /// Keys at `url`, for tokens of `issuer` for `audience`; fetched every five minutes and at most every ten seconds,
    /// used for a day while the URL is away.
    pub fn new(url: &str, issuer: &str, audience: &str) -> Self {
        Self {
            url: url.to_owned(),
            tls: None,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            refresh: Duration::from_secs(300),
            pause: Duration::from_secs(10),
            stale: Duration::from_secs(24 * 3600),
        }
    }
}

/// An identity provider. Clones share its keys.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    settings: ProviderSettings,
    source: Source,
    keys: RwLock<Option<Keys>>,
    /// When keys were last asked for; held while they are.
    asked: tokio::sync::Mutex<Option<Instant>>,
    generation: AtomicU64,
}

#[derive(Clone)]
struct Keys {
    by_id: Arc<HashMap<String, (DecodingKey, Algorithm)>>,
    /// As they were told.
    told: Arc<serde_json::Value>,
    at: Instant,
}

impl Provider {
    /// A provider whose keys nobody has asked for yet.
    ///
    /// # Errors
    /// [`FetchError`] where the URL is none.
    pub fn new(settings: ProviderSettings) -> Result<Self, FetchError> {
        let source = Source::new(&settings.url, settings.tls.clone())?;
        let (keys, asked, generation) = (RwLock::default(), tokio::sync::Mutex::default(), AtomicU64::new(0));
        Ok(Self(Arc::new(Inner { settings, source, keys, asked, generation })))
    }

    /// Asks for the keys now. How many there are.
    ///
    /// # Errors
    /// [`FetchError`] where they cannot be had.
    pub async fn fetch(&self) -> Result<usize, FetchError> {
        let _one_at_a_time = self.0.asked.lock().await;
        self.0.fetch().await
    }

    /// Changes whenever the keys do: what was checked with keys before may not be good any more.
    pub(super) fn generation(&self) -> u64 {
        self.keep_fresh();
        self.0.generation.load(Ordering::Acquire)
    }

    /// What a token says that names its key.
    pub(super) async fn claims(&self, token: &str, header: &Header, id: &str) -> Result<Claims, Refused> {
        let (key, algorithm) = self.key(id).await?;
        if header.alg != algorithm {
            return Err(Refused::Invalid);
        }
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.0.settings.issuer]);
        validation.set_audience(&[&self.0.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.validate_exp = false; // Checked by the verifier, by its clock, for remembered tokens too.
        Ok(jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|_| Refused::Invalid)?.claims)
    }

    async fn key(&self, id: &str) -> Result<(DecodingKey, Algorithm), Refused> {
        self.keep_fresh();
        if let Some(key) = self.0.usable().and_then(|keys| keys.by_id.get(id).cloned()) {
            return Ok(key);
        }
        self.0.fetch_unless_just_done().await;
        let keys = self.0.usable().ok_or(Refused::Unavailable)?;
        keys.by_id.get(id).cloned().ok_or(Refused::Invalid)
    }

    /// Has keys that have grown old fetched again, beside the calls.
    fn keep_fresh(&self) {
        let old = |keys: &Keys| keys.at.elapsed() >= self.0.settings.refresh;
        if self.0.kept().as_ref().is_some_and(old) && self.0.asked.try_lock().is_ok_and(|asked| self.0.may_ask(*asked))
        {
            let inner = Arc::clone(&self.0);
            tokio::spawn(async move { inner.fetch_unless_just_done().await });
        }
    }
}

impl Inner {
    fn kept(&self) -> Option<Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn usable(&self) -> Option<Keys> {
        self.kept().filter(|keys| keys.at.elapsed() < self.settings.refresh + self.settings.stale)
    }

    fn may_ask(&self, asked: Option<Instant>) -> bool {
        asked.is_none_or(|at| at.elapsed() >= self.settings.pause)
    }

    /// Those that come while somebody asks wait for the same answer.
    async fn fetch_unless_just_done(&self) {
        let mut asked = self.asked.lock().await;
        if self.may_ask(*asked) {
            if let Err(error) = self.fetch().await {
                tracing::warn!(%error, url = self.settings.url, "the identity provider's keys could not be had");
            }
            *asked = Some(Instant::now());
        }
    }

    async fn fetch(&self) -> Result<usize, FetchError> {
        let body = self.source.get().await?;
        // Keys of kinds that we do not take must not cost those that we do.
        let set: serde_json::Value = serde_json::from_slice(&body).map_err(|_| FetchError::NotKeys)?;
        let listed = set["keys"].as_array().ok_or(FetchError::NotKeys)?;
        let known = listed.iter().filter_map(|key| serde_json::from_value(key.clone()).ok());
        let by_id: HashMap<_, _> = known.filter_map(|key: Jwk| accepted(&key)).collect();
        if by_id.is_empty() {
            return Err(FetchError::NotKeys);
        }
        let count = by_id.len();
        let mut kept = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|keys| keys.told["keys"] != set["keys"]) {
            self.generation.fetch_add(1, Ordering::Release);
        }
        *kept = Some(Keys { by_id: Arc::new(by_id), told: Arc::new(set), at: Instant::now() });
        Ok(count)
    }
}

/// A key's id, and how it checks: RS256, ES256 or EdDSA, and nothing else.
fn accepted(key: &Jwk) -> Option<(String, (DecodingKey, Algorithm))> {
    let algorithm = match &key.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let named = key.common.key_algorithm.as_ref().is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
    let signs = key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let id = key.common.key_id.clone().filter(|_| named && signs)?;
    Some((id, (DecodingKey::from_jwk(key).ok()?, algorithm)))
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("url", &self.0.settings.url).finish_non_exhaustive()
    }
}
