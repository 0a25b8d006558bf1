//! From the section `[auth]` to what checks callers, and to the tokens with which services call each other.

use std::sync::Arc;

use guanxi_rpc::token::KeyError;
use guanxi_rpc::{Authentication, Key, Mint, NoToken, TokenSource, Verifier};

use crate::error::StartError;
use crate::settings::{self, AuthMode};

/// The keys of a process.
pub(crate) enum Keys {
    /// Everyone may do everything.
    None,
    /// `verify` checks tokens, `sign` makes those of the process's own services.
    Both { verify: Key, sign: Key },
}

impl Keys {
    /// Reads the keys that the settings name.
    pub(crate) fn read(auth: &settings::Auth) -> Result<Self, StartError> {
        Ok(match auth.mode {
            AuthMode::Off => Self::None,
            AuthMode::Hs256 => {
                let secret = Key::Secret(key(auth)?.trim().as_bytes().to_vec());
                Self::Both { verify: secret.clone(), sign: secret }
            }
            AuthMode::Eddsa => {
                let sign = file("auth.signing_key_file", &auth.signing_key_file)?;
                Self::Both { verify: Key::Public(key(auth)?), sign: Key::Private(sign) }
            }
        })
    }

    /// What the server asks of callers.
    pub(crate) fn authentication(&self) -> Result<Authentication, StartError> {
        Ok(match self {
            Self::None => Authentication::Off,
            Self::Both { verify, .. } => Authentication::Required(Arc::new(Verifier::new(verify).map_err(unusable)?)),
        })
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

fn key(auth: &settings::Auth) -> Result<String, StartError> {
    if auth.key.is_empty() { file("auth.key_file", &auth.key_file) } else { Ok(auth.key.expose().to_owned()) }
}

fn file(setting: &str, path: &std::path::Path) -> Result<String, StartError> {
    std::fs::read_to_string(path)
        .map_err(|error| StartError::new(format!("the key in {} cannot be read: {error} ({setting})", path.display())))
}

fn unusable(error: KeyError) -> StartError {
    StartError::new(format!("the key cannot be used: {error}; check the section [auth]"))
}
