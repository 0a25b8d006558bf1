//! What a suite runs over: databases, buses and transports, and the macro that makes a test for each.

/// Where the services of a test run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Combination {
    /// SQLite, calls within the process, the bus in memory: what a newcomer starts.
    Embedded,
    /// PostgreSQL, calls within the process, the bus in memory.
    Postgres,
    /// PostgreSQL, each service a process of its own as far as it can tell: calls over TCP, the bus in Redis.
    Remote,
}

/// Makes each test function a test for each [`Combination`]: `name::embedded`, `name::postgres`, `name::remote`.
///
/// ```text
/// guanxi_testkit::matrix! {
///     Setup::of(&[guanxi_loyalty::SERVICE]).told_by(&["customer", "logistics"]);
///
///     async fn an_order_earns_once(env: &Env) {
///         env.tell("customer", [order_recorded()]).await;
///         env.settle().await;
///         …
///     }
/// }
/// ```
#[macro_export]
macro_rules! matrix {
    ($setup:expr; $($(#[doc = $doc:literal])* async fn $name:ident($env:ident: &Env) $body:block)*) => {
        $($(#[doc = $doc])* mod $name {
            #[allow(unused_imports, reason = "not every test needs all that its module imports")]
            use super::*;

            async fn run($env: &$crate::Env) $body

            async fn over(combination: $crate::Combination) {
                use $crate::Setup;
                let setup: Setup = $setup;
                let env = setup.start(combination).await;
                run(&env).await;
                env.end().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                over($crate::Combination::Embedded).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                over($crate::Combination::Postgres).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn remote() {
                over($crate::Combination::Remote).await;
            }
        })*
    };
}
