//! The services that this binary can run. A new service is one more line here.

use guanxi_runtime::Service;

/// All of them, in the order in which a reader meets them.
pub const ALL: [Service; 4] =
    [guanxi_customer::SERVICE, guanxi_loyalty::SERVICE, guanxi_logistics::SERVICE, guanxi_feedback::SERVICE];

/// The same, whoever hears of things before whoever tells of them: the order of backups, so that what one has heard, the
/// other has told.
pub const LISTENERS_FIRST: [Service; 4] =
    [guanxi_loyalty::SERVICE, guanxi_feedback::SERVICE, guanxi_logistics::SERVICE, guanxi_customer::SERVICE];

/// Their names.
pub fn names() -> [&'static str; 4] {
    ALL.map(|service| service.name)
}
