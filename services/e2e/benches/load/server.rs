//! `guanxi serve` on PostgreSQL and Redis, as a process of its own, with authentication on.

use guanxi_testkit::process::{Plan, Server, Suite};
use guanxi_testkit::{OwnPostgres, OwnRedis};
use tonic::transport::{Channel, Endpoint};

/// A running `guanxi serve`, with the ways to it.
pub struct Guanxi {
    pub suite: Suite,
    pub channels: Vec<Channel>,
    pub token: String,
}

impl Guanxi {
    pub async fn start(postgres: OwnPostgres, redis: OwnRedis) -> Self {
        // As it is run: what is logged costs too.
        let suite = Plan::together().on(postgres, redis).setting("telemetry.level", "info").start();
        let token = format!("Bearer {}", suite.own_token().unwrap());
        Self { channels: channels(&suite.endpoint("customer")).await, token, suite }
    }

    /// Starts it again with other settings, on the same data.
    pub async fn start_again(&mut self, settings: &[(&str, &str)]) {
        let server = self.server();
        server.stop();
        settings.iter().for_each(|(setting, value)| server.set(setting, value));
        server.start_again();
        self.channels = channels(&self.suite.endpoint("customer")).await;
    }

    pub fn server(&mut self) -> &mut Server {
        self.suite.server("customer")
    }

    pub fn processes(&mut self) -> Vec<u32> {
        let servers = [self.suite.postgres().pid().unwrap(), self.suite.redis().pid().unwrap()];
        [self.server().pid()].into_iter().chain(servers).collect()
    }
}

/// A few connections: one alone is a limit of its own.
pub async fn channels(url: &str) -> Vec<Channel> {
    let mut channels = Vec::new();
    for _ in 0..8 {
        channels.push(Endpoint::from_shared(url.to_owned()).unwrap().tcp_nodelay(true).connect().await.unwrap());
    }
    channels
}
