//! Shipments of one and of several packages: their status, their facts, and whether they came in time.

use std::sync::Arc;

use super::*;
use crate::domain::event::{Digest, Event, EventKey, SourceId, SourceKind};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn reported(status: Status, when: &str) -> Event {
    Event {
        key: Arc::new(EventKey { source: "t".into(), id: SourceId::Given(when.into()) }),
        digest: Digest(guanxi_kernel::Uuid::nil()),
        revision_time: None,
        source_kind: SourceKind::Carrier,
        effective_time: at(when),
        status,
        sub_status: None,
        create_time: at(when),
    }
}

fn shipment(packages: usize) -> Shipment {
    let promise = Promise::read("2018-03-21", "", "", "America/Sao_Paulo").expect("a promise");
    let package = |_| Package { id: PackageId::new(), tracking: None, standing: Standing::default() };
    let mut shipment = Shipment {
        id: ShipmentId::new(),
        organization: OrganizationId::default_organization(),
        order: None,
        seller: None,
        customer: None,
        packages: (0..packages).map(package).collect(),
        promised: Some(Promised::first(promise)),
        status: Status::Created,
        version: 0,
        create_time: at("2018-03-01T00:00:00Z"),
        update_time: at("2018-03-01T00:00:00Z"),
    };
    assert_eq!(shipment.open(at("2018-03-01T00:00:00Z")).1, [Fact::Created]);
    shipment
}

/// Reports of one package, and what the shipment tells of them.
fn report(shipment: &mut Shipment, package: usize, status: Status, when: &str) -> Vec<Fact> {
    shipment.packages[package].standing.step(&reported(status, when));
    let id = shipment.packages[package].id;
    shipment.settle(&[id], at(when)).1
}

fn with(statuses: &[Status]) -> Status {
    let mut shipment = shipment(statuses.len());
    for (package, &status) in shipment.packages.iter_mut().zip(statuses) {
        package.standing.status = status;
    }
    status_of(&shipment.packages)
}

#[test]
fn a_shipment_stands_where_its_least_package_does() {
    use Status::{
        Cancelled, Created, Delivered, InTransit, Lost, OutForDelivery, PartiallyDelivered, PickedUp, Returned,
    };
    assert_eq!(with(&[PickedUp, OutForDelivery]), PickedUp);
    assert_eq!(with(&[Delivered, Created]), PartiallyDelivered);
    assert_eq!(with(&[Delivered, Delivered]), Delivered);
    assert_eq!(with(&[Delivered, Cancelled]), Delivered);
    assert_eq!(with(&[Cancelled, Cancelled]), Cancelled);
    assert_eq!(with(&[Delivered, Lost]), PartiallyDelivered);
    assert_eq!(with(&[Returned, Returned]), Returned);
    assert_eq!(with(&[Lost, InTransit]), InTransit);
    assert_eq!(with(&[]), Created);
}

#[test]
fn t06_delivered_on_the_promised_local_day_is_on_time() {
    let mut shipment = shipment(1);
    let facts = report(&mut shipment, 0, Status::Delivered, "2018-03-21T18:16:52-03:00");
    assert_eq!(shipment.on_time(), Some(true));
    assert!(
        matches!(facts[1], Fact::Delivered { on_time: Some(true), delivered_date, .. } if delivered_date == jiff::civil::date(2018, 3, 21))
    );
}

#[test]
fn t07_two_sellers_are_two_shipments_of_one_package_each() {
    let order: OrderName = "orders/olist:77".parse().expect("a name");
    assert_ne!(order.shipment("a"), order.shipment("b"));
    let mut shipment = shipment(1);
    report(&mut shipment, 0, Status::Delivered, "2018-03-20T10:00:00Z");
    let facts = report(&mut shipment, 0, Status::PickedUp, "2018-03-20T11:00:00Z");
    let standing = &shipment.packages[0].standing;
    assert_eq!((shipment.status, standing.challenged, standing.transit_seconds()), (Status::Delivered, true, None));
    assert_eq!(facts, [], "a challenge is no new delivery");
}

#[test]
fn t09_three_items_in_two_packages_are_partially_delivered_and_judged_by_the_last() {
    let mut shipment = shipment(2);
    let facts = report(&mut shipment, 0, Status::Delivered, "2018-03-20T10:00:00Z");
    assert_eq!((shipment.status, shipment.on_time()), (Status::PartiallyDelivered, None));
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::Delivered { .. })));
    let facts = report(&mut shipment, 1, Status::Delivered, "2018-03-23T10:00:00Z");
    assert_eq!((shipment.status, shipment.on_time()), (Status::Delivered, Some(false)));
    assert_eq!(
        facts.last(),
        Some(&Fact::Delivered {
            delivered_time: at("2018-03-23T10:00:00Z"),
            delivered_date: jiff::civil::date(2018, 3, 23),
            on_time: Some(false),
        })
    );
}

#[test]
fn a_delivery_is_told_once_and_again_after_it_was_retracted_and_happened_after_all() {
    let mut shipment = shipment(1);
    let told = |facts: &[Fact]| facts.iter().filter(|fact| matches!(fact, Fact::Delivered { .. })).count();
    assert_eq!(told(&report(&mut shipment, 0, Status::Delivered, "2018-03-20T10:00:00Z")), 1);
    assert_eq!(told(&report(&mut shipment, 0, Status::Delivered, "2018-03-20T11:00:00Z")), 0);
    shipment.packages[0].standing = Standing::default();
    let id = shipment.packages[0].id;
    assert_eq!(told(&shipment.settle(&[id], at("2018-03-21T00:00:00Z")).1), 0);
    assert_eq!(told(&report(&mut shipment, 0, Status::Delivered, "2018-03-21T12:00:00Z")), 1);
}

#[test]
fn a_lost_package_makes_the_shipment_not_on_time_until_it_is_found() {
    let mut shipment = shipment(2);
    report(&mut shipment, 0, Status::Lost, "2018-03-20T10:00:00Z");
    assert_eq!(shipment.on_time(), Some(false));
    report(&mut shipment, 0, Status::InTransit, "2018-03-20T11:00:00Z");
    assert_eq!(shipment.on_time(), None);
}

#[test]
fn every_change_has_the_next_number() {
    let mut shipment = shipment(2);
    let both: Vec<PackageId> = shipment.packages.iter().map(|p| p.id).collect();
    let numbers = |changes: Vec<Change>| changes.into_iter().map(|change| change.number).collect::<Vec<_>>();
    assert_eq!(numbers(shipment.settle(&both, at("2018-03-20T10:00:00Z")).0), [2, 3]);
    assert_eq!(numbers(shipment.settle(&[], at("2018-03-20T10:00:00Z")).0), [0_i64; 0]);
    let promise = Promise::read("2018-03-22", "", "", "America/Sao_Paulo").expect("a promise");
    let (change, _) =
        shipment.revise_promise(promise, "stock".into(), "a".into(), at("2018-03-20T10:00:00Z")).expect("a later date");
    assert_eq!((change.number, change.promised), (4, Some(jiff::civil::date(2018, 3, 22))));
}

#[test]
fn a_shipment_that_is_over_is_promised_no_more() {
    let mut shipment = shipment(1);
    report(&mut shipment, 0, Status::Delivered, "2018-03-20T10:00:00Z");
    let promise = Promise::read("2018-03-22", "", "", "America/Sao_Paulo").expect("a promise");
    let refused = shipment.revise_promise(promise.clone(), "x".into(), "a".into(), at("2018-03-20T10:00:00Z"));
    assert_eq!(refused.map_err(|e| e.refusal().reason()).map(|_| ()), Err("SHIPMENT_ENDED"));
    let mut without = self::shipment(1);
    without.promised = None;
    let refused = without.revise_promise(promise, "x".into(), "a".into(), at("2018-03-20T10:00:00Z"));
    assert_eq!(refused.map_err(|e| e.refusal().reason()).map(|_| ()), Err("PROMISE_MISSING"));
}
