//! Identity edges: whose an identifier was, and when. At any instant an identifier belongs to one customer at most.
//!
//! Telephone numbers are recycled: an edge ends on a notice, or gives way after a silence to somebody else who claims
//! the number.

use guanxi_kernel::Timestamp;
use guanxi_kernel::name::CustomerId;
use jiff::SignedDuration;

use super::identifier::{Identifier, IdentifierKind};

/// The rule behind an edge that matching made. Its version is part of its name.
pub const RULE_DETERMINISTIC: &str = "deterministic-1";
/// The rule behind an edge that a caller declared.
pub const RULE_DECLARED: &str = "declared-1";

/// An identifier's time with one customer, `[valid_from, valid_to)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Its number among the identifier's edges, from 1, in the order in which they were made.
    pub number: i64,
    /// Whose it is.
    pub owner: CustomerId,
    /// From when, inclusive.
    pub valid_from: Timestamp,
    /// Until when, exclusive; `None` while it is.
    pub valid_to: Option<Timestamp>,
    /// When a record last carried it for this customer.
    pub last_seen: Timestamp,
    /// The source of the record that made it.
    pub source: String,
    /// The rule that made it.
    pub rule: String,
    /// When it was made here.
    pub create_time: Timestamp,
}

impl Edge {
    fn holds(&self, at: Timestamp) -> bool {
        self.valid_from <= at && self.valid_to.is_none_or(|to| at < to)
    }

    fn active_until(&self) -> Timestamp {
        self.last_seen.max(self.valid_from)
    }

    fn overlaps(&self, from: Timestamp, to: Option<Timestamp>) -> bool {
        self.valid_to.is_none_or(|end| from < end) && to.is_none_or(|to| self.valid_from < to)
    }
}

/// An identifier said to be a customer's.
#[derive(Debug, Clone)]
pub struct Claimed<'a> {
    /// Whose.
    pub owner: CustomerId,
    /// When the claim was made, by its source.
    pub event_time: Timestamp,
    /// From when; the event time where nothing is said.
    pub valid_from: Option<Timestamp>,
    /// Until when; still, where nothing is said.
    pub valid_to: Option<Timestamp>,
    /// The source of the claim.
    pub source: &'a str,
    /// The rule that ties the claim to the owner.
    pub rule: &'static str,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The identifier is the claimant's then.
    Linked,
    /// It is another customer's then, and stays so.
    Contested,
}

/// All edges of one identifier.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// What they are edges of.
    pub identifier: Identifier,
    edges: Vec<Edge>,
    loaded: i64,
    changed: Vec<i64>,
}

impl Timeline {
    /// The timeline of `identifier` with the edges that are known.
    pub fn new(identifier: Identifier, mut edges: Vec<Edge>) -> Self {
        edges.sort_by_key(|edge| edge.valid_from);
        let loaded = edges.iter().map(|edge| edge.number).max().unwrap_or(0);
        Self { identifier, edges, loaded, changed: Vec::new() }
    }

    /// The edges, by the time from which they are valid.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The edges that were made since the timeline was loaded.
    pub fn made(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(|edge| edge.number > self.loaded)
    }

    /// The edges that were loaded and have changed since.
    pub fn changed(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(|edge| edge.number <= self.loaded && self.changed.contains(&edge.number))
    }

    /// Whose it is at `at`. A card or an account is its owner's for ever, before the first record too.
    pub fn owner(&self, at: Timestamp) -> Option<CustomerId> {
        if self.identifier.kind.is_contact_point() {
            self.edges.iter().find(|edge| edge.holds(at)).map(|edge| edge.owner)
        } else {
            self.edges.last().map(|edge| edge.owner)
        }
    }

    /// Whose it is at `at` to somebody who claims it then: a number that has been silent for `silence` is nobody's.
    pub fn owner_against(&self, at: Timestamp, silence: SignedDuration) -> Option<CustomerId> {
        let owner = self.owner(at)?;
        let gives_way = self.edges.iter().any(|edge| edge.holds(at) && self.gives_way(edge, at, silence));
        (!gives_way).then_some(owner)
    }

    /// Ties the identifier to the claimant, where it is nobody else's in that time.
    pub fn claim(&mut self, claim: &Claimed<'_>, silence: SignedDuration, now: Timestamp) -> Claim {
        let from = claim.valid_from.unwrap_or(claim.event_time);
        if claim.valid_from.is_none() && claim.valid_to.is_some_and(|to| to <= from) {
            return self.end(claim);
        }
        let mut to = claim.valid_to;
        let mut endings = Vec::new();
        for other in self.edges.iter().filter(|edge| edge.owner != claim.owner) {
            if !other.overlaps(from, to) {
                continue;
            }
            let silent_since = claim.event_time.max(from).saturating_add(silence).unwrap_or(Timestamp::MAX);
            if other.valid_from <= from && self.gives_way(other, from, silence) {
                endings.push(other.number);
            } else if from < other.valid_from && self.recycles() && silent_since <= other.valid_from {
                // It had been silent long enough when the later owner, who was recorded before, came to it.
                to = Some(silent_since);
            } else {
                return Claim::Contested;
            }
        }
        for number in endings {
            let edge = self.edges.iter_mut().find(|edge| edge.number == number).expect("was found above");
            edge.valid_to = edge.active_until().checked_add(silence).ok().map(|end| end.min(from));
            self.changed.push(number);
        }
        self.tie(claim, from, to, now);
        Claim::Linked
    }

    fn recycles(&self) -> bool {
        self.identifier.kind == IdentifierKind::Phone
    }

    fn gives_way(&self, edge: &Edge, at: Timestamp, silence: SignedDuration) -> bool {
        self.recycles() && edge.valid_to.is_none() && at.duration_since(edge.active_until()) >= silence
    }

    /// A notice that the identifier is no longer the claimant's.
    fn end(&mut self, claim: &Claimed<'_>) -> Claim {
        let Some(to) = claim.valid_to else { return Claim::Contested };
        let mut own = self.edges.iter_mut().filter(|edge| edge.owner == claim.owner).peekable();
        if own.peek().is_none() {
            return Claim::Contested;
        }
        if let Some(edge) = own.find(|edge| edge.holds(to) && edge.valid_from < to) {
            edge.valid_to = Some(to);
            self.changed.push(edge.number);
        }
        Claim::Linked
    }

    fn tie(&mut self, claim: &Claimed<'_>, from: Timestamp, to: Option<Timestamp>, now: Timestamp) {
        let seen = claim.event_time;
        let own = self.edges.iter_mut().find(|edge| edge.owner == claim.owner && edge.overlaps(from, to));
        if let Some(edge) = own {
            let before = edge.clone();
            edge.valid_from = edge.valid_from.min(from);
            edge.last_seen = edge.last_seen.max(seen);
            edge.valid_to = match (edge.valid_to, claim.valid_to) {
                (None, Some(to)) => Some(to),
                (earlier, _) => earlier,
            };
            if *edge != before {
                self.changed.push(edge.number);
            }
        } else {
            let number = self.edges.iter().map(|edge| edge.number).max().unwrap_or(0) + 1;
            self.edges.push(Edge {
                number,
                owner: claim.owner,
                valid_from: from,
                valid_to: to,
                last_seen: seen,
                source: claim.source.to_owned(),
                rule: claim.rule.to_owned(),
                create_time: now,
            });
            self.changed.push(number);
        }
        self.edges.sort_by_key(|edge| edge.valid_from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: SignedDuration = SignedDuration::from_hours(180 * 24);

    fn at(text: &str) -> Timestamp {
        format!("{text}T00:00:00Z").parse().expect("a date")
    }

    fn customers() -> (CustomerId, CustomerId) {
        (CustomerId::new(), CustomerId::new())
    }

    fn phone() -> Timeline {
        let identifier =
            Identifier { kind: IdentifierKind::Phone, source: String::new(), value: "+8613900139000".into() };
        Timeline::new(identifier, Vec::new())
    }

    fn claim(timeline: &mut Timeline, owner: CustomerId, event: &str, from: Option<&str>, to: Option<&str>) -> Claim {
        let claimed = Claimed {
            owner,
            event_time: at(event),
            valid_from: from.map(at),
            valid_to: to.map(at),
            source: "pos",
            rule: RULE_DETERMINISTIC,
        };
        timeline.claim(&claimed, SILENCE, at("2025-01-01"))
    }

    #[test]
    fn c14_a_number_is_read_at_its_time() {
        let (a, b) = customers();
        let mut number = phone();
        assert_eq!(claim(&mut number, a, "2022-05-01", None, Some("2024-01-10")), Claim::Linked);
        assert_eq!(claim(&mut number, b, "2024-06-01", None, None), Claim::Linked);
        assert_eq!(number.owner(at("2023-12-05")), Some(a));
        assert_eq!(number.owner(at("2024-01-10")), None);
        assert_eq!(number.owner(at("2024-06-01")), Some(b));
    }

    #[test]
    fn an_open_number_stays_its_owners_until_it_has_been_silent_long_enough() {
        let (a, b) = customers();
        let mut number = phone();
        claim(&mut number, a, "2024-01-01", None, None);
        assert_eq!(claim(&mut number, b, "2024-06-28", None, None), Claim::Contested);
        assert_eq!(number.owner_against(at("2024-06-29"), SILENCE), None);
        assert_eq!(claim(&mut number, b, "2024-06-29", None, None), Claim::Linked);
        assert_eq!((number.owner(at("2024-06-28")), number.owner(at("2024-06-29"))), (Some(a), Some(b)));
    }

    #[test]
    fn an_email_address_does_not_give_way_to_silence() {
        let (a, b) = customers();
        let mut address = phone();
        address.identifier.kind = IdentifierKind::Email;
        claim(&mut address, a, "2020-01-01", None, None);
        assert_eq!(claim(&mut address, b, "2024-01-01", None, None), Claim::Contested);
    }

    #[test]
    fn a_notice_ends_an_edge() {
        let (a, b) = customers();
        let mut number = phone();
        claim(&mut number, a, "2023-01-01", None, None);
        assert_eq!(claim(&mut number, a, "2024-01-10", None, Some("2024-01-10")), Claim::Linked);
        assert_eq!(number.edges().len(), 1);
        assert_eq!(number.owner(at("2024-02-01")), None);
        assert_eq!(claim(&mut number, b, "2024-02-01", None, None), Claim::Linked);
    }

    #[test]
    fn an_earlier_record_that_arrives_later_widens_the_edge() {
        let (a, _) = customers();
        let mut number = phone();
        claim(&mut number, a, "2024-03-01", None, None);
        assert_eq!(claim(&mut number, a, "2024-01-01", None, None), Claim::Linked);
        assert_eq!((number.edges().len(), number.owner(at("2024-01-01"))), (1, Some(a)));
        assert_eq!(number.edges()[0].last_seen, at("2024-03-01"));
    }

    #[test]
    fn a_record_that_arrives_late_goes_to_the_side_that_owned_the_number_then() {
        let (a, b) = customers();
        let mut number = phone();
        claim(&mut number, b, "2024-06-01", None, None);
        assert_eq!(claim(&mut number, a, "2023-01-01", None, None), Claim::Linked);
        assert_eq!((number.owner(at("2023-02-01")), number.owner(at("2024-06-01"))), (Some(a), Some(b)));
        assert_eq!(claim(&mut phone_of(b), a, "2024-05-01", None, None), Claim::Contested);
    }

    fn phone_of(owner: CustomerId) -> Timeline {
        let mut number = phone();
        claim(&mut number, owner, "2024-06-01", None, None);
        number
    }

    #[test]
    fn an_account_is_its_owners_before_the_first_record_too() {
        let (a, b) = customers();
        let mut account = Timeline::new(Identifier::external("olist", "1"), Vec::new());
        claim(&mut account, a, "2024-01-01", None, None);
        assert_eq!(account.owner(at("2020-01-01")), Some(a));
        assert_eq!(claim(&mut account, b, "2030-01-01", None, None), Claim::Contested);
    }

    proptest::proptest! {
        #[test]
        fn nobody_ever_shares_an_identifier_at_one_instant(
            claims in proptest::collection::vec(
                (0_usize..3, 0_i64..40, proptest::option::of(0_i64..40), proptest::option::of(0_i64..40)), 0..12)
        ) {
            let people = [CustomerId::new(), CustomerId::new(), CustomerId::new()];
            let day = |n: i64| Timestamp::from_second(n * 86_400).expect("in range");
            let mut number = phone();
            for (who, event, from, to) in claims {
                if let (Some(from), Some(to)) = (from, to) && from >= to { continue }
                let claimed = Claimed {
                    owner: people[who],
                    event_time: day(event),
                    valid_from: from.map(day),
                    valid_to: to.map(day),
                    source: "s",
                    rule: RULE_DETERMINISTIC,
                };
                number.claim(&claimed, SignedDuration::from_hours(24 * 7), day(99));
                for edge in number.edges() {
                    proptest::prop_assert!(edge.valid_to.is_none_or(|to| edge.valid_from < to), "{edge:?} is empty");
                }
                for n in 0..60 {
                    let holders = number.edges().iter().filter(|edge| edge.holds(day(n))).count();
                    proptest::prop_assert!(holders <= 1, "day {n}: {:?}", number.edges());
                }
            }
        }
    }
}
