//! Delivery: which shipments an order waits for. Its points become active when the last one is there.

use std::collections::BTreeMap;

use guanxi_kernel::OrderName;
use guanxi_kernel::name::ShipmentId;
use jiff::Timestamp;

/// The shipments of an order, with when each was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery(BTreeMap<ShipmentId, Option<Timestamp>>);

impl Delivery {
    /// One shipment for each distinct seller of the order's lines.
    pub fn expected<'a>(order: &OrderName, sellers: impl IntoIterator<Item = &'a str>) -> Self {
        Self(sellers.into_iter().map(|seller| (order.shipment(seller), None)).collect())
    }

    /// From what was kept.
    pub fn from_kept(shipments: impl IntoIterator<Item = (ShipmentId, Option<Timestamp>)>) -> Self {
        Self(shipments.into_iter().collect())
    }

    /// The shipments.
    pub fn shipments(&self) -> impl Iterator<Item = (ShipmentId, Option<Timestamp>)> {
        self.0.iter().map(|(id, at)| (*id, *at))
    }

    /// Notes that a shipment was delivered at `at`. Says whether that is news: a shipment that the order does not wait
    /// for, or that was delivered before, is none.
    pub fn deliver(&mut self, shipment: ShipmentId, at: Timestamp) -> bool {
        match self.0.get_mut(&shipment) {
            Some(delivered @ None) => {
                *delivered = Some(at);
                true
            }
            _ => false,
        }
    }

    /// When the last shipment was delivered; `None` while one is missing, and for an order that ships nothing.
    pub fn completed(&self) -> Option<Timestamp> {
        let times: Option<Vec<Timestamp>> = self.0.values().copied().collect();
        times?.into_iter().max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn an_order_is_delivered_with_its_last_shipment_in_whatever_order_they_come() {
        let order = OrderName::new("pos", "1").expect("a name");
        let mut delivery = Delivery::expected(&order, ["a", "b", "a"]);
        assert!(delivery.deliver(order.shipment("b"), at(9)));
        assert_eq!(delivery.completed(), None);
        assert!(!delivery.deliver(order.shipment("b"), at(10)), "told twice");
        assert!(!delivery.deliver(order.shipment("c"), at(10)), "not of this order");
        assert!(delivery.deliver(order.shipment("a"), at(5)));
        assert_eq!(delivery.completed(), Some(at(9)));
    }

    #[test]
    fn an_order_that_ships_nothing_is_never_delivered() {
        let order = OrderName::new("pos", "1").expect("a name");
        assert_eq!(Delivery::expected(&order, []).completed(), None);
    }
}
