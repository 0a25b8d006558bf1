//! Cases with known answers, and laws, of the book.

mod cases;
mod laws;

use std::collections::BTreeMap;

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{OrderName, OrganizationId, Uuid};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::batch::{Batch, BatchId, Terms};
use super::book::Book;
use super::limit::{Limit, Period, Scope};
use super::redemption::{Cart, Item, Redeem};
use super::stack::{Discount, Stacking};
use super::{Holder, Owner};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(super) fn now() -> Timestamp {
    at("2026-11-22T04:00:00Z")
}

pub(super) fn member(number: u128) -> MemberId {
    MemberId(Uuid::from_u128(number))
}

pub(super) fn limit(scope: Scope, period: Period, maximum: i64) -> Limit {
    Limit { scope, period, maximum }
}

/// Ten per cent off, good until the year's end.
pub(super) fn terms() -> Terms {
    Terms {
        program: "club".into(),
        display_name: "Winter".into(),
        currency: "CNY".parse().expect("a currency"),
        time_zone: "Asia/Shanghai".into(),
        discount: Discount::Percent { basis_points: 1_000, maximum_minor: None },
        minimum_order_minor: 0,
        programs: std::collections::BTreeSet::new(),
        stacking: Stacking::default(),
        limits: Vec::new(),
        budget_minor: None,
        budget_count: None,
        start_time: at("2026-11-01T00:00:00Z"),
        expire_time: at("2026-12-31T16:00:00Z"),
    }
}

/// A book of one batch for each of these terms, with a coupon that belongs to nobody: `CODE0`, `CODE1`, …
pub(super) fn book(all: Vec<Terms>) -> Book {
    let mut book = Book::default();
    for (n, terms) in all.into_iter().enumerate() {
        let id = BatchId::from_slug(&format!("b{n}")).expect("a slug");
        let (organization, zone) = (OrganizationId::default_organization(), TimeZone::get(&terms.time_zone));
        let created = terms.start_time;
        let batch = Batch::create(id.clone(), organization, zone.expect("a zone"), terms, created);
        book.batches.insert(id.uuid(), batch.expect("good terms"));
        issue(&mut book, n, &format!("CODE{n}"), None);
    }
    for number in 1..=3 {
        let (member, customer) = (member(number), CustomerId(Uuid::from_u128(100 + number)));
        let organization = OrganizationId::default_organization();
        book.holders.insert(member, Holder { member, customer, program: "club".into(), organization, kin: Vec::new() });
    }
    book
}

pub(super) fn issue(book: &mut Book, batch: usize, text: &str, owner: Option<MemberId>) {
    let key = BatchId::from_slug(&format!("b{batch}")).expect("a slug").uuid();
    let owner = owner.map(|member| Owner { member, customer: book.holders[&member].customer });
    let issued = book.issue(key, &text.parse().expect("a code"), owner, None, now());
    assert!(issued.expect("it is issued").is_some());
}

pub(super) fn cart(goods: i64, codes: &[&str]) -> Cart {
    let items = codes.iter().map(|code| {
        let (code, chain) = code.split_once('@').unwrap_or((code, ""));
        Item { text: code.parse().expect("a code"), chain: chain.into() }
    });
    Cart {
        organization: OrganizationId::default_organization(),
        member: None,
        store: None,
        currency: "CNY".parse().expect("a currency"),
        goods,
        delivery: 0,
        items: items.collect(),
        tenders: Vec::new(),
    }
}

pub(super) fn redeem(order: &str, cart: Cart) -> Redeem {
    let order = OrderName::new("pos", order).expect("a name");
    Redeem { order, cart, lines: BTreeMap::from([(1, 1)]), partial: false }
}
