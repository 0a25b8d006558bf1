//! The services that this binary can run. A new service is one more line here.

use guanxi_runtime::Service;

/// All of them, in the order in which a reader meets them.
pub const ALL: [Service; 4] =
    [guanxi_customer::SERVICE, guanxi_loyalty::SERVICE, guanxi_logistics::SERVICE, guanxi_feedback::SERVICE];

/// Their names.
pub fn names() -> [&'static str; 4] {
    ALL.map(|service| service.name)
}
