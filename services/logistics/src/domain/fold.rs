//! The fold: what a package's effective events, in their order, come to. Every status of a package comes from here.

use jiff::Timestamp;

use super::event::Event;
use super::status::{Status, SubStatus};

/// The milestones on the way to the recipient.
pub const MILESTONES: [Status; 6] = [
    Status::Created,
    Status::InfoReceived,
    Status::PickedUp,
    Status::InTransit,
    Status::OutForDelivery,
    Status::Delivered,
];

/// What one event did to the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It moved the package.
    Moved,
    /// It says again what holds, or nothing that the code map knows.
    Nothing,
    /// It contradicts what is known, and moved nothing.
    Anomalous,
}

/// One milestone, and when it was first reported; `None` where it was not: it is never made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Milestone {
    /// The milestone.
    pub status: Status,
    /// When it was first reached.
    pub reached: Option<Timestamp>,
}

/// Where a package stands after some events. Without any it is CREATED.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The status.
    pub status: Status,
    /// The sub-status of the event that made it.
    pub sub_status: Option<SubStatus>,
    /// When the event that made it happened; `None` where nothing was reported.
    pub status_time: Option<Timestamp>,
    /// When it was delivered first; `None` unless a delivery holds.
    pub delivered_time: Option<Timestamp>,
    /// Scanned somewhere after it was delivered.
    pub challenged: bool,
    /// Was lost, and seen again.
    pub found: bool,
    /// Was cancelled, and moved all the same.
    pub moved_after_cancellation: bool,
    /// How many events count.
    pub events: u32,
    /// How many of them contradict what is known.
    pub anomalous: u32,
    /// When the last of them happened: what is new and happened later is one more step.
    pub last_time: Option<Timestamp>,
    /// When each milestone was first reported, in the order of [`MILESTONES`].
    pub reached: [Option<Timestamp>; MILESTONES.len()],
}

impl Standing {
    /// What events come to. They must be in the order of [`Event::place`].
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut standing = Self::default();
        for event in events {
            standing.step(event);
        }
        standing
    }

    /// Whether somebody who watches the package sees the same.
    pub fn shows_the_same(&self, other: &Self) -> bool {
        let seen = |s: &Self| (s.status, s.sub_status, s.status_time, s.delivered_time, s.challenged);
        seen(self) == seen(other)
    }

    /// Takes one more event, which comes after all that were taken.
    pub fn step(&mut self, event: &Event) -> Effect {
        self.events += 1;
        self.last_time = Some(event.effective_time);
        if let Some(at) = MILESTONES.iter().position(|&milestone| milestone == event.status) {
            self.reached[at].get_or_insert(event.effective_time);
        }
        let effect = self.effect(event.status);
        match effect {
            Effect::Moved => self.move_to(event),
            Effect::Nothing => {}
            Effect::Anomalous => {
                self.anomalous += 1;
                self.challenged |= self.status == Status::Delivered && event.status.is_physical_scan();
            }
        }
        effect
    }

    /// What an event of this status does to a package that stands here.
    fn effect(&self, status: Status) -> Effect {
        use Status::{
            AttemptFailed, AvailableForPickup, Cancelled, Created, Damaged, Delivered, InTransit, InfoReceived, Lost,
            OnHold, OutForDelivery, PartiallyDelivered, PickedUp, Returned, Returning, Unknown,
        };
        match status {
            Unknown | PartiallyDelivered => Effect::Nothing,
            Created | InfoReceived | Cancelled if self.status <= InfoReceived => Effect::Moved,
            Cancelled | Delivered | Returned if self.status == status => Effect::Nothing,
            Created | InfoReceived | Cancelled => Effect::Anomalous,
            _ if self.status.holds() => Effect::Anomalous,
            PickedUp | InTransit | OutForDelivery | AvailableForPickup | AttemptFailed | OnHold | Returning | Lost
            | Damaged | Delivered | Returned => Effect::Moved,
        }
    }

    fn move_to(&mut self, event: &Event) {
        self.moved_after_cancellation |= self.status == Status::Cancelled;
        self.found |= self.status == Status::Lost && event.status != Status::Lost;
        if event.status == Status::Delivered {
            self.delivered_time = Some(event.effective_time);
        }
        self.status = event.status;
        self.sub_status = event.sub_status;
        self.status_time = Some(event.effective_time);
    }

    /// When it was picked up first; `None` where that was not reported.
    pub fn picked_up_time(&self) -> Option<Timestamp> {
        self.reached(Status::PickedUp)
    }

    /// Seconds from pick-up to delivery; `None` where either is unknown or they contradict each other: never negative.
    pub fn transit_seconds(&self) -> Option<i64> {
        let seconds = self.delivered_time?.duration_since(self.picked_up_time()?).as_secs();
        (seconds >= 0).then_some(seconds)
    }

    /// The milestones on the way to the recipient, in order.
    pub fn milestones(&self) -> [Milestone; MILESTONES.len()] {
        std::array::from_fn(|at| Milestone { status: MILESTONES[at], reached: self.reached[at] })
    }

    fn reached(&self, milestone: Status) -> Option<Timestamp> {
        MILESTONES.iter().position(|&m| m == milestone).and_then(|at| self.reached[at])
    }
}

#[cfg(test)]
mod tests {
    use super::Status::*;
    use super::*;
    use crate::domain::event::{Digest, EventKey, SourceId, SourceKind};
    use std::sync::Arc;

    /// Events one hour apart, in the order given.
    fn after(statuses: &[Status]) -> Standing {
        let events: Vec<Event> = statuses.iter().enumerate().map(|(hour, &status)| event(hour, status)).collect();
        Standing::fold(&events)
    }

    fn event(hour: usize, status: Status) -> Event {
        let at = Timestamp::from_second(3_600 * i64::try_from(hour).expect("few")).expect("in range");
        Event {
            key: Arc::new(EventKey { source: "t".into(), id: SourceId::Given(hour.to_string()) }),
            digest: Digest(guanxi_kernel::Uuid::nil()),
            revision_time: None,
            source_kind: SourceKind::Carrier,
            effective_time: at,
            status,
            sub_status: None,
            create_time: at,
        }
    }

    #[test]
    fn without_events_a_package_is_created() {
        let standing = after(&[]);
        assert_eq!((standing.status, standing.status_time, standing.events), (Created, None, 0));
    }

    #[test]
    fn what_comes_before_pick_up_moves_only_what_is_not_past_it() {
        assert_eq!(after(&[InfoReceived, Created]).status, Created);
        assert_eq!(after(&[Created, Cancelled]).status, Cancelled);
        for early in [Created, InfoReceived, Cancelled] {
            let standing = after(&[PickedUp, early]);
            assert_eq!((standing.status, standing.anomalous), (PickedUp, 1), "{early}");
        }
        assert_eq!(after(&[Cancelled, Created]).anomalous, 1);
        assert_eq!(after(&[Cancelled, Cancelled]).anomalous, 0);
    }

    #[test]
    fn among_the_scans_of_the_way_the_last_one_wins() {
        let scans =
            [PickedUp, InTransit, OutForDelivery, AvailableForPickup, AttemptFailed, OnHold, Returning, Lost, Damaged];
        for first in scans {
            for last in scans {
                let standing = after(&[first, last]);
                assert_eq!((standing.status, standing.anomalous), (last, 0), "{first} then {last}");
            }
            let revived = after(&[Cancelled, first]);
            assert!(revived.status == first && revived.moved_after_cancellation, "{first} leaves CANCELLED");
        }
    }

    #[test]
    fn delivered_and_returned_hold() {
        for held in [Delivered, Returned] {
            for later in Status::ALL.into_iter().filter(|s| !matches!(s, Unknown | PartiallyDelivered)) {
                let standing = after(&[PickedUp, held, later]);
                assert_eq!(standing.status, held, "{later} moved {held}");
                assert_eq!(standing.anomalous, u32::from(later != held), "{held} then {later}");
                assert_eq!(standing.challenged, held == Delivered && later.is_physical_scan(), "{held} then {later}");
            }
        }
        assert_eq!(after(&[Delivered, Delivered]).delivered_time, after(&[Delivered]).delivered_time);
        assert_eq!(after(&[Returned, Delivered]).delivered_time, None);
    }

    #[test]
    fn an_unknown_code_never_moves_and_contradicts_nothing() {
        for status in Status::ALL.into_iter().filter(|s| !matches!(s, PartiallyDelivered)) {
            let standing = after(&[status, Unknown]);
            assert_eq!((standing.status, standing.anomalous), (after(&[status]).status, 0), "after {status}");
        }
    }

    #[test]
    fn a_lost_package_that_is_scanned_again_was_found() {
        assert!(after(&[Lost, InTransit]).found && after(&[Lost, Delivered]).found);
        assert!(!after(&[InTransit, Lost]).found && !after(&[Lost, Lost]).found && !after(&[Lost, Created]).found);
    }

    #[test]
    fn a_skipped_milestone_is_not_made_up() {
        let standing = after(&[PickedUp, Delivered]);
        let reached: Vec<_> = standing.milestones().iter().filter(|m| m.reached.is_some()).map(|m| m.status).collect();
        assert_eq!(reached, [PickedUp, Delivered]);
        assert_eq!(standing.transit_seconds(), Some(3_600));
    }

    #[test]
    fn t07_delivered_before_the_last_hand_over_is_challenged_and_its_transit_time_unknown() {
        let standing = after(&[Created, InfoReceived, Delivered, PickedUp]);
        assert_eq!((standing.status, standing.challenged, standing.transit_seconds()), (Delivered, true, None));
        assert_eq!(standing.delivered_time, Some(event(2, Delivered).effective_time));
    }
}
