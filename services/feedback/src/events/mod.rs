//! What feedback does with what the other services tell.

mod order_cancelled;
mod order_recorded;
mod shipment_delivered;

pub use order_cancelled::CancelOrders;
pub use order_recorded::RecordOrders;
pub use shipment_delivered::DeliverShipments;

use guanxi_kernel::OrderName;
use guanxi_messaging::Outcome;

/// The order that an event names, or what becomes of an event that names none.
fn order(name: &str) -> Result<OrderName, Outcome> {
    name.parse().map_err(|error| Outcome::Dead(format!("order: {error}")))
}
