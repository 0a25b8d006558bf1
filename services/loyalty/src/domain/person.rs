//! Who is one person: customers are joined by merges and parted by what compensates those. Both may be heard of in any
//! order, and more than once; who is who depends only on which merges stand.
//!
//! The name that goes on is that of the customer whom no standing merge absorbed; where there are several, or none, the
//! least id: ids are made in the order of time, so it is the earliest.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::Uuid;
use guanxi_kernel::name::{CustomerId, MemberId};

use super::entry::Totals;

/// A merge as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Merge {
    /// Its id.
    pub id: Uuid,
    /// Whose name goes on.
    pub survivor: CustomerId,
    /// Whose name leads to the survivor.
    pub absorbed: CustomerId,
    /// Whether it was compensated.
    pub undone: bool,
}

/// Customers who are one, or ever were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// The customer whose name goes on.
    pub survivor: CustomerId,
    /// All of them.
    pub customers: BTreeSet<CustomerId>,
}

/// The persons that standing merges make of customers; of customers that no merge names, none.
pub fn persons(merges: &[Merge]) -> Vec<Circle> {
    circles(merges, |merge| !merge.undone)
}

/// The customers who ever were one person, directly or through others: what one of them did may concern another.
pub fn acquainted(merges: &[Merge]) -> Vec<Circle> {
    circles(merges, |_| true)
}

fn circles(merges: &[Merge], joins: impl Fn(&Merge) -> bool) -> Vec<Circle> {
    let mut leader: BTreeMap<CustomerId, CustomerId> = BTreeMap::new();
    for merge in merges {
        for customer in [merge.survivor, merge.absorbed] {
            leader.entry(customer).or_insert(customer);
        }
    }
    let mut absorbed = BTreeSet::new();
    for merge in merges.iter().filter(|merge| joins(merge)) {
        absorbed.insert(merge.absorbed);
        let (one, other) = (find(&mut leader, merge.survivor), find(&mut leader, merge.absorbed));
        leader.insert(one.max(other), one.min(other));
    }
    let customers: Vec<CustomerId> = leader.keys().copied().collect();
    let mut found = BTreeMap::<CustomerId, BTreeSet<CustomerId>>::new();
    for customer in customers {
        found.entry(find(&mut leader, customer)).or_default().insert(customer);
    }
    let circle = |customers: BTreeSet<CustomerId>| {
        let least = customers.iter().next().copied();
        let root = customers.iter().find(|customer| !absorbed.contains(customer)).copied().or(least);
        root.map(|survivor| Circle { survivor, customers })
    };
    found.into_values().filter_map(circle).collect()
}

/// Who leads, with the way there made shorter.
fn find(leader: &mut BTreeMap<CustomerId, CustomerId>, customer: CustomerId) -> CustomerId {
    let mut at = customer;
    loop {
        let next = leader.get(&at).copied().unwrap_or(at);
        if next == at {
            leader.insert(customer, at);
            return at;
        }
        at = next;
    }
}

/// The members that belong to a member: those who are one person with him, and those who ever were. Each keeps its own
/// account; what a command means is decided over all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kin {
    /// The key that all of them share.
    pub key: Uuid,
    /// Who are one person now, this one among them.
    pub now: BTreeSet<MemberId>,
    /// Who ever were: a hold or an order of then may still be of several.
    pub ever: BTreeSet<MemberId>,
    /// The one whose name goes on.
    pub survivor: MemberId,
    /// What the accounts of the others add up to.
    pub beside: Totals,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn customer(number: u128) -> CustomerId {
        CustomerId(Uuid::from_u128(number))
    }

    fn merge(id: u128, survivor: u128, absorbed: u128) -> Merge {
        Merge { id: Uuid::from_u128(id), survivor: customer(survivor), absorbed: customer(absorbed), undone: false }
    }

    fn who(circles: &[Circle]) -> Vec<(u128, Vec<u128>)> {
        let numbers = |circle: &Circle| circle.customers.iter().map(|one| one.uuid().as_u128()).collect();
        circles.iter().map(|circle| (circle.survivor.uuid().as_u128(), numbers(circle))).collect()
    }

    #[test]
    fn a_merge_joins_two_and_what_they_had_been_joined_with() {
        assert_eq!(who(&persons(&[merge(1, 1, 2)])), [(1, vec![1, 2])]);
        assert_eq!(who(&persons(&[merge(1, 2, 3), merge(2, 1, 2)])), [(1, vec![1, 2, 3])]);
        assert_eq!(who(&persons(&[merge(1, 1, 2), merge(2, 3, 4)])), [(1, vec![1, 2]), (3, vec![3, 4])]);
    }

    #[test]
    fn what_is_compensated_joins_nobody_and_is_remembered() {
        let merges = [Merge { undone: true, ..merge(1, 1, 2) }, merge(2, 2, 3)];
        assert_eq!(who(&persons(&merges)), [(1, vec![1]), (2, vec![2, 3])]);
        assert_eq!(who(&acquainted(&merges)), [(1, vec![1, 2, 3])]);
    }

    /// Merges as the customer service makes them: of two persons, the earlier survives.
    fn history(picks: &[(u128, u128)]) -> Vec<Merge> {
        let mut merges = Vec::new();
        for (id, (one, other)) in picks.iter().enumerate() {
            let known = persons(&merges);
            let survivor = |number: u128| {
                let of = known.iter().find(|circle| circle.customers.contains(&customer(number)));
                of.map_or(customer(number), |circle| circle.survivor)
            };
            let (one, other) = (survivor(*one), survivor(*other));
            if one != other {
                let (survivor, absorbed) = (one.min(other), one.max(other));
                merges.push(Merge { id: Uuid::from_u128(id as u128), survivor, absorbed, undone: false });
            }
        }
        merges
    }

    proptest! {
        /// Commutative, associative, idempotent: who is who does not depend on the order in which merges are told, nor on how
        /// often; and a merge that is compensated leaves everyone as he was.
        #[test]
        fn who_is_who_depends_on_which_merges_stand_and_on_nothing_else(
            picks in prop::collection::vec((0..12_u128, 0..12_u128), 0..20),
            order in prop::collection::vec(any::<prop::sample::Index>(), 40),
            extra in (0..12_u128, 0..12_u128),
        ) {
            let merges = history(&picks);
            let mut told: Vec<Merge> = merges.iter().chain(&merges).copied().collect();
            for (at, pick) in order.iter().enumerate().take(told.len()) {
                let to = pick.index(told.len());
                told.swap(at, to);
            }
            prop_assert_eq!(persons(&told), persons(&merges));
            for circle in persons(&merges) {
                prop_assert_eq!(Some(&circle.survivor), circle.customers.iter().next(), "the earliest");
            }
            let more = [picks.clone(), vec![extra]].concat();
            let mut joined = history(&more);
            if joined.len() > merges.len() {
                joined.last_mut().expect("one more").undone = true;
                let alone = |circles: Vec<Circle>| -> Vec<Circle> {
                    circles.into_iter().filter(|circle| circle.customers.len() > 1).collect()
                };
                prop_assert_eq!(alone(persons(&joined)), alone(persons(&merges)));
            }
        }
    }
}
