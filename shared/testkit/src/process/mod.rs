//! The binary `guanxi` as processes of a test's own: services that are started, asked, killed and started again, seen as
//! an operator and a client see them.
//!
//! ```no_run
//! use guanxi_testkit::process::{Plan, SERVICES};
//!
//! // All services in one process, on SQLite, without authentication.
//! let suite = Plan::embedded().start();
//! println!("{}", suite.told(&["report", "summary"]));
//!
//! // Two processes of each service, on a PostgreSQL and a Redis of their own, with tokens.
//! let mut suite = Plan::apart().replicas(2).setting("server.drain", "1s").start();
//! let import = suite.begin(&["import", "olist", "/data/olist"]);
//! suite.wait_for("orders", 500);
//! suite.replica("loyalty", 1).kill();
//! suite.replica("loyalty", 1).start_again();
//! suite.redis().flush_all()?;
//! println!("{:?}", import.wait_with_output()?.status);
//! println!("{} {}", suite.figures()["points_active"], suite.told(&["verify"]));
//!
//! // For clients: where each service is, and tokens. `client()` has both.
//! let endpoints = SERVICES.map(|service| suite.endpoint(service));
//! let reader = suite.token(&["*.read"], &["cn:r"]);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The binary is the one that `GUANXI_BIN` names, else the one that cargo built beside the test. All processes end with
//! the [`Suite`]. It panics where something does not go as it must: a test then fails.

mod binary;
mod plan;
mod server;
mod suite;

pub use binary::{guanxi, text};
pub use plan::{KEY, Plan};
pub use server::Server;
pub use suite::Suite;

/// The services, in the order in which the suite names them.
pub const SERVICES: [&str; 4] = ["customer", "loyalty", "logistics", "feedback"];
