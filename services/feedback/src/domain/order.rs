//! Orders as feedback knows them: whether all of it came, and whether a promise was broken. Asked after delivery and
//! never before; a broken promise, even if delivered later, opens a case instead.

use std::collections::BTreeMap;

use guanxi_kernel::name::{CaseId, CustomerId, ShipmentId};
use guanxi_kernel::{OrderName, OrganizationId, Refusal, Refused, Timestamp};
use thiserror::Error;

use crate::domain::case::{Case, CaseKind, Content, case_of};
use crate::domain::cause::Cause;
use crate::domain::invitation::Invitation;
use crate::domain::name::InvitationId;
use crate::domain::survey::Survey;

/// One shipment of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shipment {
    /// Whether the order's lines ask for it: it is one of a seller of the order.
    pub expected: bool,
    /// Whether all of it came.
    pub delivered: bool,
    /// Whether it ever came after the date that was promised first.
    pub late: bool,
}

/// The facts of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its name.
    pub name: OrderName,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Who placed it.
    pub customer: CustomerId,
    /// Whether it was cancelled as a whole.
    pub cancelled: bool,
    /// Its shipments.
    pub shipments: BTreeMap<ShipmentId, Shipment>,
}

/// A shipment arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The shipment.
    pub shipment: ShipmentId,
    /// When its last package did.
    pub delivered: Timestamp,
    /// Whether on the date promised first or before; `None` where none was promised.
    pub on_time: Option<bool>,
}

/// Why an order is not asked about.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAsked {
    /// It was cancelled.
    #[error("{0} was cancelled")]
    Cancelled(OrderName),
    /// A shipment came late.
    #[error("{0} came late: a broken promise opens a case and asks nothing")]
    PromiseBroken(OrderName),
    /// Not all of it came yet, or nothing is to come.
    #[error("{order} is not delivered: {delivered} of {expected} shipments")]
    NotDelivered {
        /// The order.
        order: OrderName,
        /// Shipments that came.
        delivered: usize,
        /// Shipments of it.
        expected: usize,
    },
}

impl Refusal for NotAsked {
    fn refusal(&self) -> Refused {
        let (reason, order) = match self {
            Self::Cancelled(order) => ("ORDER_CANCELLED", order),
            Self::PromiseBroken(order) => ("ORDER_PROMISE_BROKEN", order),
            Self::NotDelivered { order, .. } => ("ORDER_NOT_DELIVERED", order),
        };
        Refused::precondition(reason, self.to_string()).with("order", order)
    }
}

impl Order {
    /// The shipments that `sellers` send of the order `name`, none of which came yet.
    pub fn expected<'a>(
        name: &OrderName,
        sellers: impl IntoIterator<Item = &'a str>,
    ) -> BTreeMap<ShipmentId, Shipment> {
        let expected = Shipment { expected: true, ..Shipment::default() };
        sellers.into_iter().map(|seller| (name.shipment(seller), expected)).collect()
    }

    /// A shipment arrived: the cause that it gives the order's case, if it is late. Late once is late for good, even if
    /// that delivery is retracted: the customer was told a date that was not kept, or was told wrong.
    pub fn deliver(&mut self, delivery: &Delivery) -> Option<Cause> {
        let late = delivery.on_time == Some(false);
        let shipment = self.shipments.entry(delivery.shipment).or_default();
        shipment.delivered = true;
        shipment.late |= late;
        late.then(|| Cause::late_delivery(delivery.shipment, delivery.delivered))
    }

    /// Whether to ask about it now.
    ///
    /// # Errors
    /// [`NotAsked`], why not.
    pub fn ask(&self) -> Result<(), NotAsked> {
        if self.cancelled {
            return Err(NotAsked::Cancelled(self.name.clone()));
        }
        if self.shipments.values().any(|shipment| shipment.late) {
            return Err(NotAsked::PromiseBroken(self.name.clone()));
        }
        let expected = self.shipments.values().filter(|shipment| shipment.expected);
        let (expected, delivered) = expected.fold((0, 0), |(expected, delivered), shipment| {
            (expected + 1, delivered + usize::from(shipment.delivered))
        });
        if expected == 0 || delivered < expected {
            return Err(NotAsked::NotDelivered { order: self.name.clone(), delivered, expected });
        }
        Ok(())
    }

    /// The one invitation that asks about it. `historical`: imported history asks for it, and nothing is sent.
    pub fn invitation(&self, survey: &Survey, historical: bool, now: Timestamp) -> Invitation {
        let mut invitation = Invitation::new(InvitationId::about(&self.name), survey, self.customer, now);
        invitation.order = Some(self.name.clone());
        invitation.historical = historical;
        invitation
    }

    /// The id of its one case.
    pub fn case_id(&self) -> CaseId {
        case_of(&self.name)
    }

    /// Its one case, without a cause yet: what it says does not depend on which cause comes first. `historical`: imported
    /// history opens it.
    pub fn case(&self, historical: bool, now: Timestamp) -> Case {
        let content = Content {
            kind: CaseKind::Complaint,
            subject: format!("order {} of {}", self.name.number(), self.name.source()),
            description: String::new(),
            customer: Some(self.customer),
            order: Some(self.name.clone()),
        };
        let mut case = Case::open(self.case_id(), self.organization.clone(), content, now);
        case.historical = historical;
        case
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, delivery, order, order_of};

    #[test]
    fn an_order_is_asked_about_after_its_last_shipment_and_never_before() {
        let mut it = order_of(&["a", "b"]);
        assert_eq!(it.ask(), Err(NotAsked::NotDelivered { order: order(), delivered: 0, expected: 2 }));
        assert_eq!(it.deliver(&delivery("a", Some(true))), None);
        assert_eq!(it.ask(), Err(NotAsked::NotDelivered { order: order(), delivered: 1, expected: 2 }));
        assert_eq!(it.deliver(&delivery("b", None)), None, "what was not promised is not late");
        assert_eq!(it.ask(), Ok(()));
    }

    #[test]
    fn a_broken_promise_opens_a_case_and_asks_nothing_even_once_all_came() {
        let mut it = order_of(&["a", "b"]);
        assert!(it.deliver(&delivery("a", Some(false))).is_some());
        it.deliver(&delivery("b", Some(true)));
        assert_eq!(it.ask(), Err(NotAsked::PromiseBroken(order())));
        it.deliver(&delivery("a", Some(true)));
        assert_eq!(it.ask(), Err(NotAsked::PromiseBroken(order())), "late once is late for good");
    }

    #[test]
    fn a_cancelled_order_and_one_of_nothing_are_not_asked_about() {
        let mut it = order_of(&["a"]);
        it.cancelled = true;
        it.deliver(&delivery("a", Some(true)));
        assert_eq!(it.ask(), Err(NotAsked::Cancelled(order())));
        assert_eq!(order_of(&[]).ask(), Err(NotAsked::NotDelivered { order: order(), delivered: 0, expected: 0 }));
    }

    #[test]
    fn a_shipment_that_no_line_asks_for_is_not_waited_for_but_may_be_late() {
        let mut it = order_of(&["a"]);
        it.deliver(&delivery("a", Some(true)));
        assert_eq!(it.ask(), Ok(()));
        assert!(it.deliver(&delivery("replacement", Some(false))).is_some());
        assert_eq!(it.ask(), Err(NotAsked::PromiseBroken(order())));
    }

    #[test]
    fn the_case_of_an_order_is_one() {
        assert_eq!(order_of(&["a"]).case(false, at(1)).id, order_of(&["b"]).case(true, at(2)).id);
    }
}
