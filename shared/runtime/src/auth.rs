//! From the section `[auth]` to what checks callers, and to the tokens with which services call each other.

use std::path::Path;
use std::sync::Arc;

use guanxi_rpc::token::{KeyError, Provider, ProviderSettings};
use guanxi_rpc::{Authentication, ClientFiles, ClientTls, Key, Mint, NoToken, TokenSource, Verifier};

use crate::error::StartError;
use crate::settings::{self, AuthMode};

/// The keys of a process.
pub(crate) enum Keys {
    /// Everyone may do everything.
    None,
    /// `verify` checks tokens, `sign` makes those of the process's own services, `provider` checks those of people.
    Both { verify: Key, sign: Key, provider: Option<Provider> },
}

impl Keys {
    /// Reads the keys that the settings name. Those of an identity provider are not fetched yet.
    pub(crate) fn read(auth: &settings::Auth) -> Result<Self, StartError> {
        Ok(match auth.mode {
            AuthMode::Off => Self::None,
            AuthMode::Hs256 => {
                let secret = Key::Secret(key(auth)?.trim().as_bytes().to_vec());
                Self::Both { verify: secret.clone(), sign: secret, provider: None }
            }
            AuthMode::Eddsa | AuthMode::Jwks => {
                let sign = Key::Private(file("auth.signing_key_file", &auth.signing_key_file)?);
                let provider = (auth.mode == AuthMode::Jwks).then(|| provider(auth)).transpose()?;
                Self::Both { verify: Key::Public(key(auth)?), sign, provider }
            }
        })
    }

    /// The identity provider, where there is one.
    pub(crate) fn provider(&self) -> Option<&Provider> {
        match self {
            Self::None => None,
            Self::Both { provider, .. } => provider.as_ref(),
        }
    }

    /// What the server asks of callers.
    pub(crate) fn authentication(&self) -> Result<Authentication, StartError> {
        let Self::Both { verify, provider, .. } = self else { return Ok(Authentication::Off) };
        let verifier = Verifier::new(verify).map_err(unusable)?;
        Ok(Authentication::Required(Arc::new(match provider {
            Some(provider) => verifier.with_provider(provider.clone()),
            None => verifier,
        })))
    }

    /// Where `service` takes the tokens for its own calls from.
    pub(crate) fn tokens(&self, service: &str) -> Result<Arc<dyn TokenSource>, StartError> {
        Ok(match self {
            Self::None => Arc::new(NoToken),
            Self::Both { sign, .. } => {
                Arc::new(Mint::new(sign, &format!("service:{service}"), &["*"]).map_err(unusable)?)
            }
        })
    }
}

fn provider(auth: &settings::Auth) -> Result<Provider, StartError> {
    let ca = Some(auth.jwks_ca_file.clone()).filter(|file| !file.as_os_str().is_empty());
    let tls =
        auth.jwks_url.has_scheme(&["https"]).then(|| ClientTls::read(ClientFiles { ca, ..ClientFiles::default() }));
    let tls = tls.transpose().map_err(|error| StartError::new(format!("{error}; check auth.jwks_ca_file")))?;
    let settings = ProviderSettings {
        tls,
        stale: auth.jwks_stale,
        ..ProviderSettings::new(auth.jwks_url.expose(), &auth.issuer, &auth.audience)
    };
    Provider::new(settings).map_err(|error| StartError::new(format!("{error}; check auth.jwks_url")))
}

fn key(auth: &settings::Auth) -> Result<String, StartError> {
    if auth.key.is_empty() { file("auth.key_file", &auth.key_file) } else { Ok(auth.key.expose().to_owned()) }
}

fn file(setting: &str, path: &Path) -> Result<String, StartError> {
    let shown = path.display();
    std::fs::read_to_string(path).map_err(|error| {
        StartError::new(format!(
            "the key in {shown} cannot be read: {error}; mount it there, or name its file in {setting}"
        ))
    })
}

fn unusable(error: KeyError) -> StartError {
    StartError::new(format!("the key cannot be used: {error}; check the section [auth]"))
}
