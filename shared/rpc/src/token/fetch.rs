//! One small document by HTTP: asked for, and no more of it read than such a document has.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::uri::{Authority, Scheme};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;

use crate::connect::{Resolver, connect};
use crate::tls::ClientTls;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest that it may be.
const LARGEST: usize = 1 << 20;

/// Why a document could not be had.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The URL cannot be asked.
    #[error("{0:?} is no URL that begins with https:// or http://")]
    Url(String),
    /// Nobody answered.
    #[error("no answer: {0}")]
    Away(String),
    /// Something else was answered.
    #[error("the answer was {0}")]
    Status(StatusCode),
    /// It is not what was asked for.
    #[error("the answer holds no keys that check RS256, ES256 or EdDSA")]
    NotKeys,
}

/// Where the document is.
pub(super) struct Source {
    uri: Uri,
    authority: Authority,
    port: u16,
    tls: Option<ClientTls>,
}

impl Source {
    pub fn new(url: &str, tls: Option<ClientTls>) -> Result<Self, FetchError> {
        let wrong = || FetchError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        if secure != tls.is_some() || !(secure || uri.scheme() == Some(&Scheme::HTTP)) {
            return Err(wrong());
        }
        let authority = uri.authority().ok_or_else(wrong)?.clone();
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { uri, authority, port, tls })
    }

    pub async fn get(&self) -> Result<Bytes, FetchError> {
        let answered = tokio::time::timeout(PATIENCE, self.ask()).await;
        answered.unwrap_or_else(|_| Err(FetchError::Away(format!("nothing within {PATIENCE:?}"))))
    }

    async fn ask(&self) -> Result<Bytes, FetchError> {
        let away = |error: &dyn std::fmt::Display| FetchError::Away(error.to_string());
        let host = self.authority.host();
        let addresses = Resolver::default().addresses(host, self.port).await.map_err(|error| away(&error))?;
        let tls = self.tls.as_ref().map(|tls| {
            let mut config = (*tls.current()).clone();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Arc::new(config)
        });
        let mut last = away(&"the name has no address");
        for address in addresses {
            match connect(address, tls.clone().map(|tls| (tls, host)), PATIENCE).await {
                Ok(socket) => return self.document(TokioIo::new(socket)).await,
                Err(error) => last = away(&error),
            }
        }
        Err(last)
    }

    async fn document<S>(&self, socket: S) -> Result<Bytes, FetchError>
    where
        S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let away = |error: &dyn std::fmt::Display| FetchError::Away(error.to_string());
        let (mut sender, connection) = http1::handshake(socket).await.map_err(|error| away(&error))?;
        let connection = tokio::spawn(connection);
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path).header(HOST, self.authority.as_str()).header(ACCEPT, "application/json");
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| away(&error))?;
        let response = sender.send_request(request).await.map_err(|error| away(&error))?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), LARGEST).collect().await.map_err(|error| away(&error))?;
        connection.abort();
        Ok(body.to_bytes())
    }
}
