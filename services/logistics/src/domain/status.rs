//! The statuses of packages and shipments, in milestone order, and the closed list of sub-statuses of each.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Where a package or a shipment stands. Declared in milestone order, which is the order of comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Status {
    /// It exists; what a package is when nothing effective was reported.
    #[default]
    Created,
    /// The carrier knows of it and does not have it yet.
    InfoReceived,
    /// The carrier has it.
    PickedUp,
    /// On its way between nodes.
    InTransit,
    /// A courier is bringing it.
    OutForDelivery,
    /// Waits at a locker, station or store.
    AvailableForPickup,
    /// A delivery was tried and failed.
    AttemptFailed,
    /// Stands still until somebody decides or does something.
    OnHold,
    /// The recipient has it. Holds.
    Delivered,
    /// Some packages of a shipment are delivered. Computed, of shipments only.
    PartiallyDelivered,
    /// On its way back.
    Returning,
    /// Back. Holds.
    Returned,
    /// Nobody knows where it is.
    Lost,
    /// Damaged.
    Damaged,
    /// It will not be sent.
    Cancelled,
    /// Of events only: the code map does not know what the source says. Never moves anything.
    Unknown,
}

/// A text that is not a status.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a status")]
pub struct UnknownStatus(pub String);

impl Status {
    /// Every status, in milestone order.
    pub const ALL: [Self; 16] = [
        Self::Created,
        Self::InfoReceived,
        Self::PickedUp,
        Self::InTransit,
        Self::OutForDelivery,
        Self::AvailableForPickup,
        Self::AttemptFailed,
        Self::OnHold,
        Self::Delivered,
        Self::PartiallyDelivered,
        Self::Returning,
        Self::Returned,
        Self::Lost,
        Self::Damaged,
        Self::Cancelled,
        Self::Unknown,
    ];

    /// Its name, such as `IN_TRANSIT`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::InfoReceived => "INFO_RECEIVED",
            Self::PickedUp => "PICKED_UP",
            Self::InTransit => "IN_TRANSIT",
            Self::OutForDelivery => "OUT_FOR_DELIVERY",
            Self::AvailableForPickup => "AVAILABLE_FOR_PICKUP",
            Self::AttemptFailed => "ATTEMPT_FAILED",
            Self::OnHold => "ON_HOLD",
            Self::Delivered => "DELIVERED",
            Self::PartiallyDelivered => "PARTIALLY_DELIVERED",
            Self::Returning => "RETURNING",
            Self::Returned => "RETURNED",
            Self::Lost => "LOST",
            Self::Damaged => "DAMAGED",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The words that say more about it. The list is closed; releases make it longer.
    pub fn sub_statuses(self) -> &'static [&'static str] {
        match self {
            Self::Created => &["allocated", "packed", "label_created", "waiting_stock"],
            Self::InfoReceived => &["pre_advised", "pickup_scheduled", "pickup_failed"],
            Self::PickedUp => &["collected", "dropped_off", "accepted_at_node"],
            Self::InTransit => &[
                "arrived",
                "sorted",
                "departed",
                "in_vehicle",
                "handed_to_partner",
                "in_customs",
                "customs_cleared",
                "misrouted",
                "redirected",
                "problem_resolved",
            ],
            Self::OutForDelivery => {
                &["courier_assigned", "on_vehicle", "recipient_contacted", "next_stop", "arrived_at_door"]
            }
            Self::AvailableForPickup => &["at_locker", "at_station", "at_store", "reminder_sent", "overdue"],
            Self::AttemptFailed => &[
                "absent",
                "unreachable",
                "refused",
                "address_invalid",
                "no_access",
                "closed",
                "cod_unpaid",
                "verification_failed",
                "rescheduled_by_customer",
                "out_of_time",
            ],
            Self::OnHold => &[
                "customs",
                "documents",
                "payment",
                "address_query",
                "security",
                "weather",
                "damaged_under_review",
                "missing_part",
                "customer_request",
            ],
            Self::Delivered => &[
                "to_recipient",
                "to_household",
                "to_neighbour",
                "to_property_desk",
                "collected",
                "left_safe_place",
                "with_cod",
            ],
            Self::PartiallyDelivered => &[],
            Self::Returning => &["requested", "refused", "unclaimed", "undeliverable", "recalled"],
            Self::Returned => &["to_sender", "to_return_centre"],
            Self::Lost => &["declared", "presumed", "stolen"],
            Self::Damaged => &["repairable", "total_loss", "destroyed"],
            Self::Cancelled => &["before_pickup", "recalled"],
            Self::Unknown => &["unmapped_code", "no_data"],
        }
    }

    /// The sub-status of this name, if this status has it.
    pub fn sub_status(self, name: &str) -> Option<SubStatus> {
        self.sub_statuses().iter().find(|&&known| known == name).map(|&known| SubStatus(known))
    }

    /// Whether only a correction moves a package on from it.
    pub fn holds(self) -> bool {
        matches!(self, Self::Delivered | Self::Returned)
    }

    /// Whether somebody had the package in his hands to report it: what challenges a delivery that is said to be over.
    pub fn is_physical_scan(self) -> bool {
        matches!(
            self,
            Self::PickedUp
                | Self::InTransit
                | Self::OutForDelivery
                | Self::AvailableForPickup
                | Self::AttemptFailed
                | Self::Returning
                | Self::Returned
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// A word of a status's closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubStatus(&'static str);

impl SubStatus {
    /// The word, such as `arrived`.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_statuses_of_packages_and_one_of_shipments_are_in_milestone_order() {
        assert!(Status::ALL.is_sorted(), "declared out of order");
        assert_eq!(Status::ALL.len(), 15 + 1);
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("DELIVERED ".parse::<Status>().is_err());
    }

    #[test]
    fn a_sub_status_belongs_to_its_status() {
        assert_eq!(Status::Delivered.sub_status("collected").map(SubStatus::as_str), Some("collected"));
        assert_eq!(Status::Delivered.sub_status("arrived"), None);
        assert!(Status::PartiallyDelivered.sub_statuses().is_empty());
    }
}
