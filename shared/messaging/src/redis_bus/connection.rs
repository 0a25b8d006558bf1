//! How Redis is reached: one server, or a cluster whose nodes tell where each stream is. Both connect at their first
//! command and again after a loss.

use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, Pipeline, RedisFuture, RedisResult, TlsCertificates, Value};

/// A blocked read may last longer than any fixed time-out of the driver; each command is bounded by who sends it.
const UNBOUNDED: Duration = Duration::from_secs(3_600);
/// How long a node may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// A server or a cluster, to be connected to.
#[derive(Clone)]
pub(super) enum Place {
    Server(Box<Client>),
    Cluster(Box<ClusterClient>),
}

/// A connection; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Server(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Place {
    pub(super) fn server(url: &str, ca: Option<Vec<u8>>) -> RedisResult<Self> {
        let client = match ca {
            Some(ca) => Client::build_with_tls(url, signed_by(ca))?,
            None => Client::open(url)?,
        };
        Ok(Self::Server(Box::new(client)))
    }

    /// The nodes of `redis://:password@one:6379,two:6379`; one that answers names the others.
    pub(super) fn cluster(url: &str, ca: Option<Vec<u8>>) -> RedisResult<Self> {
        let builder = ClusterClient::builder(nodes(url)).retries(1).max_retry_wait(500);
        let builder = match ca {
            Some(ca) => builder.certs(signed_by(ca)),
            None => builder,
        };
        builder
            .connection_timeout(CONNECT)
            .response_timeout(UNBOUNDED)
            .build()
            .map(|client| Self::Cluster(Box::new(client)))
    }

    pub(super) fn connect(&self) -> RedisResult<Connection> {
        match self {
            Self::Server(client) => {
                let config = ConnectionManagerConfig::new()
                    .set_response_timeout(None)
                    .set_connection_timeout(Some(CONNECT))
                    .set_number_of_retries(1)
                    .set_max_delay(Duration::from_millis(500));
                ConnectionManager::new_lazy_with_config((**client).clone(), config).map(Connection::Server)
            }
            Self::Cluster(client) => {
                let config = ClusterConfig::new().set_connection_timeout(CONNECT).set_response_timeout(UNBOUNDED);
                Ok(Connection::Cluster(client.get_pending_async_connection_with_config(config)))
            }
        }
    }
}

fn signed_by(ca: Vec<u8>) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: Some(ca) }
}

/// A URL for each host of a list of hosts, all with the same user and password.
fn nodes(url: &str) -> Vec<String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("redis", url));
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
    let at = if user.is_empty() { "" } else { "@" };
    hosts.split(',').map(|host| format!("{scheme}://{user}{at}{}{path}", host.trim())).collect()
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::nodes;

    #[test]
    fn a_list_of_hosts_is_a_url_for_each() {
        assert_eq!(nodes("redis://a:1"), ["redis://a:1"]);
        let many = ["rediss://u:p@a:1/?x=y", "rediss://u:p@b:2/?x=y", "rediss://u:p@c:3/?x=y"];
        assert_eq!(nodes("rediss://u:p@a:1,b:2, c:3/?x=y"), many);
    }
}
