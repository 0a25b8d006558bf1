//! Causes: why a case is open.

use guanxi_kernel::name::ShipmentId;
use guanxi_kernel::{Timestamp, Uuid, natural_id};

use crate::domain::name::ReviewId;
use crate::domain::words::words;

words! {
    /// What sort of reason it is.
    pub enum CauseKind {
        /// A shipment came after the date that was promised first.
        LateDelivery = "late_delivery",
        /// A review gave 1 or 2.
        LowRating = "low_rating",
    }
}

/// One reason. Kind and origin name it: the same reason is had once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause {
    /// Its sort.
    pub kind: CauseKind,
    /// What gave it: `shipments/{uuid}` or `reviews/{uuid}`.
    pub origin: String,
    /// When it happened.
    pub occur_time: Timestamp,
}

impl Cause {
    /// A shipment came late.
    pub fn late_delivery(shipment: ShipmentId, delivered: Timestamp) -> Self {
        Self { kind: CauseKind::LateDelivery, origin: shipment.to_string(), occur_time: delivered }
    }

    /// A review gave 1 or 2.
    pub fn low_rating(review: ReviewId, written: Timestamp) -> Self {
        Self { kind: CauseKind::LowRating, origin: review.to_string(), occur_time: written }
    }

    /// Its key within a case.
    pub fn id(&self) -> Uuid {
        natural_id("cause", [self.kind.word(), self.origin.as_str()])
    }
}
