//! A Redis Cluster of three masters, from the installed binary: the slots are shared among them, no replicas.

use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{OwnRedis, servers};

/// How many slots a cluster has.
const SLOTS: u32 = 16_384;
/// How long the nodes may take to agree.
const PATIENCE: Duration = Duration::from_secs(30);

/// Three masters of one's own; they end with the value.
#[derive(Debug)]
pub struct OwnRedisCluster {
    nodes: Vec<OwnRedis>,
}

impl OwnRedisCluster {
    /// Starts the nodes and makes them a cluster.
    ///
    /// # Errors
    /// Where `redis-server` or `redis-cli` is not installed, or the nodes do not agree within thirty seconds.
    pub fn start() -> io::Result<Self> {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..3 {
            let bus = servers::free_port()?.to_string();
            let options =
                ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", bus.as_str()];
            nodes.push(OwnRedis::start_with(&options)?);
            buses.push(bus);
        }
        let own = Self { nodes };
        for at in 0..3_u32 {
            let (first, last) = (SLOTS * at / 3, SLOTS * (at + 1) / 3 - 1);
            let node = usize::try_from(at).map_err(io::Error::other)?;
            own.ask(node, &["cluster", "addslotsrange", &first.to_string(), &last.to_string()])?;
            own.ask(node, &["cluster", "set-config-epoch", &(at + 1).to_string()])?;
        }
        for (node, bus) in own.nodes.iter().zip(&buses).skip(1) {
            own.ask(0, &["cluster", "meet", "127.0.0.1", &node.port().to_string(), bus])?;
        }
        own.wait_until_whole()?;
        Ok(own)
    }

    /// Its URL, which names every node.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis://{}", hosts.join(","))
    }

    /// How many keys each node has.
    ///
    /// # Errors
    /// Where one does not answer.
    pub fn keys(&self) -> io::Result<Vec<u64>> {
        let count = |node| self.ask(node, &["dbsize"])?.trim().parse().map_err(io::Error::other);
        (0..self.nodes.len()).map(count).collect()
    }

    /// Empties every node.
    ///
    /// # Errors
    /// Where one does not answer.
    pub fn flush_all(&self) -> io::Result<()> {
        (0..self.nodes.len()).try_for_each(|node| self.ask(node, &["flushall"]).map(drop))
    }

    /// Ends a node at once.
    ///
    /// # Errors
    /// The system's.
    pub fn crash(&mut self, node: usize) -> io::Result<()> {
        self.nodes[node].crash()
    }

    /// Starts it again, while others may still be away.
    ///
    /// # Errors
    /// Where it does not answer within ten seconds.
    pub fn begin_again(&mut self, node: usize) -> io::Result<()> {
        self.nodes[node].start_again()
    }

    /// Starts it again, and waits until the cluster is whole.
    ///
    /// # Errors
    /// Where that takes longer than thirty seconds.
    pub fn start_again(&mut self, node: usize) -> io::Result<()> {
        self.nodes[node].start_again()?;
        self.wait_until_whole()
    }

    fn wait_until_whole(&self) -> io::Result<()> {
        let since = Instant::now();
        let whole = |node| {
            let info = self.ask(node, &["cluster", "info"]).unwrap_or_default();
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        while !(0..self.nodes.len()).all(whole) {
            if since.elapsed() > PATIENCE {
                return Err(io::Error::other("the nodes of the cluster do not agree"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn ask(&self, node: usize, command: &[&str]) -> io::Result<String> {
        let port = self.nodes[node].port().to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(command).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let good = output.status.success() && !said.starts_with("ERR");
        if good { Ok(said) } else { Err(io::Error::other(format!("redis-cli {command:?}: {said}"))) }
    }
}
