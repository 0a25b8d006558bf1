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

    /// Notes that a shipment is there that the order may not know of, as where a seller sends twice. Says whether that is
    /// news: what comes after all others were delivered is none, since what became active stays so.
    pub fn expect(&mut self, shipment: ShipmentId) -> bool {
        let news = self.completed().is_none() && !self.0.contains_key(&shipment);
        if news {
            self.0.insert(shipment, None);
        }
        news
    }

    /// Notes that a shipment was delivered at `at`, whether it was expected or not. Says whether that is news: one that was
    /// delivered before is none, nor is one more after all others were.
    pub fn deliver(&mut self, shipment: ShipmentId, at: Timestamp) -> bool {
        self.expect(shipment);
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
        assert!(delivery.deliver(order.shipment("a"), at(5)));
        assert_eq!(delivery.completed(), Some(at(9)));
        assert!(!delivery.deliver(order.shipment("c"), at(10)), "after all the others");
        assert_eq!(delivery.completed(), Some(at(9)));
    }

    #[test]
    fn a_shipment_that_comes_to_be_known_is_waited_for_unless_all_others_are_there() {
        let order = OrderName::new("pos", "1").expect("a name");
        let (mut delivery, more) = (Delivery::expected(&order, ["a"]), order.shipment("more"));
        assert!(delivery.expect(more));
        assert!(!delivery.expect(more) && !delivery.expect(order.shipment("a")), "told twice");
        assert!(delivery.deliver(order.shipment("a"), at(5)));
        assert_eq!(delivery.completed(), None);
        assert!(delivery.deliver(more, at(7)));
        assert_eq!(delivery.completed(), Some(at(7)));
        assert!(!delivery.expect(order.shipment("late")), "what is active stays active");
        let mut unexpected = Delivery::expected(&order, ["a"]);
        assert!(unexpected.deliver(more, at(3)), "delivered before it was known");
        assert_eq!(unexpected.completed(), None, "the other is missing");
    }

    #[test]
    fn an_order_that_ships_nothing_is_never_delivered() {
        let order = OrderName::new("pos", "1").expect("a name");
        assert_eq!(Delivery::expected(&order, []).completed(), None);
    }
}
