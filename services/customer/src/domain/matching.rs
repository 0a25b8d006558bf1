//! Deterministic matching: which known customer a new record is about.
//!
//! A card or an account of another source is enough. A contact point is not: people share telephones and mailboxes, so
//! it takes a second, independent agreement (another contact point, the name, the birth date). Two ids of one source are
//! two customers, whatever else agrees.

use std::collections::BTreeMap;

use guanxi_kernel::Timestamp;
use guanxi_kernel::name::CustomerId;

use super::customer::Customer;
use super::identifier::IdentifierKind;
use super::profile::Stated;

/// How a candidate agrees with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Agreement {
    /// Cards and accounts in common.
    pub strong: u32,
    /// Kinds of contact point in common: two telephones are one agreement.
    pub contacts: u32,
    /// The name and the birth date, as far as they agree.
    pub traits: u32,
}

impl Agreement {
    /// Whether it is enough to say that two records are one person's.
    pub fn suffices(self) -> bool {
        self.strong > 0 || (self.contacts > 0 && self.contacts + self.traits >= 2)
    }
}

/// A customer that holds one of the record's identifiers.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The customer.
    pub customer: &'a Customer,
    /// Whether it already has another id of the record's source.
    pub vetoed: bool,
}

/// The customer that the record is about: of those that agree enough, the one that agrees most; of equals the one who
/// was known first.
pub fn choose<'a>(
    held: &[(IdentifierKind, CustomerId)],
    stated: &Stated,
    candidates: impl IntoIterator<Item = Candidate<'a>>,
) -> Option<CustomerId> {
    let shared = shared(held);
    candidates
        .into_iter()
        .filter(|candidate| !candidate.vetoed)
        .filter_map(|Candidate { customer, .. }| {
            let mut agreement = shared.get(&customer.id).copied().unwrap_or_default();
            agreement.traits = traits(stated, customer);
            agreement.suffices().then_some((agreement, customer))
        })
        .max_by_key(|(agreement, customer)| (*agreement, std::cmp::Reverse(seniority(customer))))
        .map(|(_, customer)| customer.id)
}

fn seniority(customer: &Customer) -> (Timestamp, CustomerId) {
    (customer.create_time, customer.id)
}

fn shared(held: &[(IdentifierKind, CustomerId)]) -> BTreeMap<CustomerId, Agreement> {
    let mut distinct = held.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let mut shared = BTreeMap::<CustomerId, Agreement>::new();
    for (kind, owner) in distinct {
        let agreement = shared.entry(owner).or_default();
        if kind.is_contact_point() {
            agreement.contacts += 1;
        } else {
            agreement.strong += 1;
        }
    }
    shared
}

fn traits(stated: &Stated, customer: &Customer) -> u32 {
    let name = stated.name.as_ref().is_some_and(|name| name.agrees(&customer.profile.name));
    let born = stated.birth_date.is_some_and(|date| date.0.is_some() && date == customer.profile.birth_date);
    u32::from(name) + u32::from(born)
}

#[cfg(test)]
mod tests {
    use guanxi_kernel::OrganizationId;

    use super::super::profile::{PersonName, Profile};
    use super::*;

    fn customer(name: &str, second: i64) -> Customer {
        let profile = Profile { name: called(name), ..Profile::default() };
        let known = Timestamp::from_second(second).expect("in range");
        Customer::new(CustomerId::new(), OrganizationId::default_organization(), profile, known)
    }

    fn called(name: &str) -> PersonName {
        PersonName { display: name.into(), ..PersonName::default() }
    }

    fn chosen(held: &[(IdentifierKind, CustomerId)], name: &str, among: &[&Customer]) -> Option<CustomerId> {
        let stated = Stated { name: Some(called(name)), ..Stated::default() };
        choose(held, &stated, among.iter().map(|&customer| Candidate { customer, vetoed: false }))
    }

    #[test]
    fn one_shared_contact_point_never_joins_two_people() {
        let a = customer("王小明", 1);
        let held = [(IdentifierKind::Phone, a.id), (IdentifierKind::Phone, a.id)];
        assert_eq!(chosen(&held, "李雷", &[&a]), None);
        assert_eq!(chosen(&held, "小明 王", &[&a]), Some(a.id), "the order of the parts does not count");
        assert_eq!(chosen(&held, "王小明", &[&a]), Some(a.id));
    }

    #[test]
    fn two_contact_points_or_a_card_join_whatever_the_name() {
        let a = customer("王小明", 1);
        assert_eq!(chosen(&[(IdentifierKind::Phone, a.id), (IdentifierKind::Email, a.id)], "x y", &[&a]), Some(a.id));
        assert_eq!(chosen(&[(IdentifierKind::Card, a.id)], "x y", &[&a]), Some(a.id));
    }

    #[test]
    fn the_name_alone_joins_nobody() {
        let a = customer("王小明", 1);
        assert_eq!(chosen(&[], "王小明", &[&a]), None);
    }

    #[test]
    fn another_id_of_the_same_source_vetoes() {
        let a = customer("王小明", 1);
        let vetoed = Candidate { customer: &a, vetoed: true };
        assert_eq!(choose(&[(IdentifierKind::Card, a.id)], &Stated::default(), [vetoed]), None);
    }

    #[test]
    fn the_most_agreement_wins_and_among_equals_the_one_known_first() {
        let (a, b) = (customer("王小明", 2), customer("王小明", 1));
        let held = [(IdentifierKind::Phone, a.id), (IdentifierKind::Email, b.id)];
        assert_eq!(chosen(&held, "王小明", &[&a, &b]), Some(b.id));
        let held = [(IdentifierKind::Card, a.id), (IdentifierKind::Email, b.id)];
        assert_eq!(chosen(&held, "王小明", &[&a, &b]), Some(a.id));
    }
}
