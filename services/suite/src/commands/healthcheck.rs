//! `guanxi healthcheck`: what containers ask.

use std::net::SocketAddr;

use clap::Args;

use crate::failed::{Done, Failed};
use crate::shown::say;

/// Ask a process whether it takes calls
///
/// Ends with 0 where it does, else with 1.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// The admin port to ask
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7401", env = "GUANXI_SERVER__ADMIN")]
    admin: SocketAddr,
}

impl Healthcheck {
    /// Asks.
    ///
    /// # Errors
    /// What was heard instead.
    pub async fn run(self) -> Done {
        guanxi_runtime::healthcheck(loopback(self.admin)).await.map_err(Failed::new)?;
        say!("ready");
        Ok(())
    }
}

/// A process that listens on every address is asked on this machine's own.
fn loopback(admin: SocketAddr) -> SocketAddr {
    match admin {
        SocketAddr::V4(at) if at.ip().is_unspecified() => ([127, 0, 0, 1], at.port()).into(),
        SocketAddr::V6(at) if at.ip().is_unspecified() => (std::net::Ipv6Addr::LOCALHOST, at.port()).into(),
        at => at,
    }
}
