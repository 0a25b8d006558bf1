//! Facts: what others hear of a member's ledger, read off its new entries.

use jiff::Timestamp;

use super::entry::{Entry, EntryKind, OrderId};
use super::points::Points;

/// Something that happened to a member's points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub kind: FactKind,
    /// The order that it is about.
    pub order: Option<OrderId>,
    /// How many, at least 1.
    pub points: Points,
    /// When, by the business.
    pub effective_time: Timestamp,
    /// The number of the entry that it was first read off: the ledger's version then.
    pub entry: i64,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactKind {
    /// Points were credited.
    Earned {
        /// From when they can be spent; `None` while they wait for delivery.
        active_from: Option<Timestamp>,
        /// When they expire.
        expires_at: Option<Timestamp>,
    },
    /// Waiting points became active.
    Activated {
        /// From when they can be spent.
        active_from: Timestamp,
        /// When they expire.
        expires_at: Option<Timestamp>,
    },
    /// Points were spent, directly or by the capture of a hold.
    Spent,
    /// Points of a returned order were taken back.
    Reversed,
    /// Points expired.
    Expired {
        /// Whether they still waited.
        pending: bool,
    },
}

/// The facts of new entries, in their order. A posting that spends, reverses or expires over several lots tells of it once
/// for each order and moment.
pub fn facts(entries: &[Entry]) -> Vec<Fact> {
    let mut facts: Vec<(i64, Fact)> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.points.is_positive()) {
        let (active_from, expires_at) = (entry.active_from, entry.expires_at);
        let kind = match (entry.kind, active_from) {
            (EntryKind::Earn, _) => {
                FactKind::Earned { active_from, expires_at: expires_at.filter(|_| active_from.is_some()) }
            }
            (EntryKind::Activate, Some(active_from)) => FactKind::Activated { active_from, expires_at },
            (EntryKind::Spend | EntryKind::Capture, _) => FactKind::Spent,
            (EntryKind::Reverse | EntryKind::Restore, _) => FactKind::Reversed,
            (EntryKind::Expire, _) => FactKind::Expired { pending: false },
            (EntryKind::Cancel, _) => FactKind::Expired { pending: true },
            _ => continue,
        };
        let order = entry.order.filter(|_| !matches!(kind, FactKind::Expired { .. }));
        let same = |(posting, fact): &&mut (i64, Fact)| {
            *posting == entry.posting
                && (fact.kind, fact.order, fact.effective_time) == (kind, order, entry.effective_time)
        };
        let points = if entry.kind == EntryKind::Restore { -entry.points } else { entry.points };
        match facts.iter_mut().find(same) {
            Some((_, fact)) => fact.points += points,
            None => {
                let effective_time = entry.effective_time;
                facts.push((entry.posting, Fact { kind, order, points, effective_time, entry: entry.number }));
            }
        }
    }
    facts.into_iter().map(|(_, fact)| fact).filter(|fact| fact.points.is_positive()).collect()
}
