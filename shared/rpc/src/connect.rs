//! A connection to an address: TCP, and TLS on top where the URL says so.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

type Addresses = BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// Says the addresses of a name and port, as they are now: names of headless services have one for each replica.
#[derive(Clone)]
pub struct Resolver(Arc<dyn Fn(String, u16) -> Addresses + Send + Sync>);

impl Resolver {
    /// Asks `resolve`, rather than this machine's resolver.
    pub fn new<F>(resolve: impl Fn(String, u16) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self(Arc::new(move |host, port| Box::pin(resolve(host, port))))
    }

    /// The addresses of `host`, which may be an address itself.
    pub(crate) async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        (self.0)(bare(host).to_owned(), port).await
    }
}

impl Default for Resolver {
    /// Asks this machine's resolver.
    fn default() -> Self {
        Self::new(|host, port| async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// A host without the brackets that a URL puts around an IPv6 address.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// A connection, encrypted or not.
pub(crate) type Socket = Box<dyn Duplex>;

/// What can be read from and written to.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Connects, with TLS towards `host` where there is a configuration for it.
pub(crate) async fn connect(
    address: SocketAddr,
    tls: Option<(Arc<ClientConfig>, &str)>,
    patience: Duration,
) -> io::Result<Socket> {
    let connecting = async {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let Some((config, host)) = tls else { return Ok(Box::new(tcp) as Socket) };
        let name = ServerName::try_from(bare(host).to_owned()).map_err(io::Error::other)?;
        Ok(Box::new(TlsConnector::from(config).connect(name, tcp).await?) as Socket)
    };
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {patience:?}"));
    tokio::time::timeout(patience, connecting).await.unwrap_or_else(|_| Err(late()))
}
