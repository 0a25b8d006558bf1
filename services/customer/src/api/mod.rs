//! The gRPC services: decode, decide or read, encode.

mod customer_360;
mod customers;
mod identity;
mod ingesting;
mod order_wire;
mod orders;
mod organizations;
mod recording;
mod wire;

pub use customers::Customers;
pub use identity::Identity;
pub use ingesting::Ingesting;
pub use orders::Orders;
pub use organizations::Organizations;
pub use recording::Recording;
