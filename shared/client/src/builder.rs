//! How a client is set up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use guanxi_rpc::tls::TlsError;
use guanxi_rpc::transport::{AddressError, RemoteSettings};
use guanxi_rpc::{ClientFiles, ClientTls, FixedToken, NoToken, Resolver, TokenSource, Transport};
use thiserror::Error;

use crate::Client;

/// Where a suite listens that was started without settings.
const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:7400";

/// A client to be set up. Without an endpoint it is for a suite on this machine, at port 7400.
#[derive(Debug)]
pub struct Builder {
    endpoint: Option<Endpoint>,
    endpoints: BTreeMap<String, Endpoint>,
    token: Token,
    deadline: Duration,
    remote: RemoteSettings,
    tls: Option<Result<ClientTls, TlsError>>,
}

enum Endpoint {
    Url(String),
    Transport(Transport),
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Transport(transport) => transport.fmt(f),
        }
    }
}

#[derive(Debug)]
enum Token {
    Source(Arc<dyn TokenSource>),
    Malformed,
}

/// A client that cannot be set up.
#[derive(Debug, Error)]
pub enum SetupError {
    /// An endpoint that cannot be called.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Certificates or keys that cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A token that no header can carry.
    #[error("the token has characters that no header may have")]
    Token,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            endpoint: None,
            endpoints: BTreeMap::new(),
            token: Token::Source(Arc::new(NoToken)),
            deadline: Duration::from_secs(10),
            remote: RemoteSettings::default(),
            tls: None,
        }
    }
}

impl Builder {
    /// Where every service is that has no endpoint of its own: `http://host:port`, or `host:port`.
    #[must_use]
    pub fn endpoint(self, url: &str) -> Self {
        Self { endpoint: Some(Endpoint::Url(with_scheme(url))), ..self }
    }

    /// Where one service (`loyalty`) is.
    #[must_use]
    pub fn endpoint_for(mut self, service: &str, url: &str) -> Self {
        self.endpoints.insert(service.to_owned(), Endpoint::Url(with_scheme(url)));
        self
    }

    /// A way to every service that has none of its own, such as the services of this process.
    #[must_use]
    pub fn transport(self, transport: Transport) -> Self {
        Self { endpoint: Some(Endpoint::Transport(transport)), ..self }
    }

    /// Sends this token with every call.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        match FixedToken::new(token) {
            Some(token) => self.token_source(Arc::new(token)),
            None => Self { token: Token::Malformed, ..self },
        }
    }

    /// Asks for a token at every call; the source keeps it fresh.
    #[must_use]
    pub fn token_source(self, tokens: Arc<dyn TokenSource>) -> Self {
        Self { token: Token::Source(tokens), ..self }
    }

    /// The deadline of a unary call that sets none, and of a call with all its retries. 10 s unless set.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The certificate, PEM, that signed those of `https` endpoints.
    #[must_use]
    pub fn ca_certificate(self, pem: &str) -> Self {
        Self { tls: Some(ClientTls::trusting(pem)), ..self }
    }

    /// Whom to believe of `https` endpoints, and what to show them: files that are read again when they change.
    #[must_use]
    pub fn tls(self, files: ClientFiles) -> Self {
        Self { tls: Some(ClientTls::read(files)), ..self }
    }

    /// Asks `resolver` for the addresses behind the names of endpoints, rather than this machine's resolver.
    #[must_use]
    pub fn resolver(mut self, resolver: Resolver) -> Self {
        self.remote.resolver = resolver;
        self
    }

    /// How often the names of endpoints are looked up again. 5 s unless set.
    #[must_use]
    pub fn resolve_every(mut self, every: Duration) -> Self {
        self.remote.resolve_every = every;
        self
    }

    /// The client. It connects at its first call.
    ///
    /// # Errors
    /// [`SetupError`] where an endpoint or the token cannot be used.
    pub fn build(self) -> Result<Client, SetupError> {
        let Token::Source(tokens) = self.token else { return Err(SetupError::Token) };
        let remote = RemoteSettings { tls: self.tls.transpose()?, ..self.remote };
        let transport = |endpoint: Endpoint| {
            let bare = match endpoint {
                Endpoint::Url(url) => Transport::remote(&url, &remote)?,
                Endpoint::Transport(transport) => transport,
            };
            Ok::<_, SetupError>(bare.with_tokens(Arc::clone(&tokens)).with_default_deadline(self.deadline))
        };
        let nothing_said = self.endpoint.is_none() && self.endpoints.is_empty();
        let endpoint = self.endpoint.or_else(|| nothing_said.then(|| Endpoint::Url(DEFAULT_ENDPOINT.to_owned())));
        let endpoints = self.endpoints.into_iter();
        let transports = endpoints.map(|(service, endpoint)| Ok((service, transport(endpoint)?)));
        Ok(Client {
            transports: Arc::new(transports.collect::<Result<_, SetupError>>()?),
            otherwise: endpoint.map(transport).transpose()?,
            deadline: self.deadline,
        })
    }
}

fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_called_is_said_when_the_client_is_set_up() {
        let wrong = |builder: Builder| builder.build().expect_err("it cannot be set up").to_string();
        assert!(wrong(Client::builder().endpoint("ftp://x")).contains("does not begin with http"));
        assert!(wrong(Client::builder().endpoint_for("loyalty", "https://x")).contains("CA certificate"));
        assert_eq!(wrong(Client::builder().token("a\nb")), SetupError::Token.to_string());
        assert!(Client::builder().endpoint("127.0.0.1:7400").build().is_ok());
    }

    #[tokio::test]
    async fn a_service_without_an_endpoint_is_refused_by_name() {
        let client = Client::builder().endpoint_for("loyalty", "127.0.0.1:1").build().expect("a client");
        let request = crate::contracts::common::v1::GetSummaryRequest::default();
        let status = client.admin("customer").get_summary(request).await.expect_err("there is no endpoint");
        let error = crate::Error::from(status);
        assert_eq!((error.reason.as_str(), error.metadata["service"].as_str()), ("ENDPOINT_UNKNOWN", "customer"));
    }
}
