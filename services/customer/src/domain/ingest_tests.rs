//! The laws of ingest: whose a record is, whatever comes first.

use guanxi_kernel::Timestamp;
use proptest::prelude::*;

use super::super::identifier::IdentifierKind;
use super::super::phone::Region;
use super::super::profile::{PersonName, Stated};
use super::super::source_record::{Basis, Claim as RawClaim};
use super::*;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(day * 86_400).expect("in range")
}

fn policy() -> Policy {
    Policy {
        reader: Reader::new(Region::CN, []),
        silence: SignedDuration::from_hours(180 * 24),
        ranks: SourceRanks::default(),
    }
}

fn organization() -> OrganizationId {
    OrganizationId::default_organization()
}

/// A record of `source`, with `name`, and identifiers written as `phone:…`, `email:…`, `card:…`.
fn record(source: &str, external_id: &str, day: i64, name: &str, identifiers: &[&str]) -> SourceRecord {
    let claims = identifiers.iter().map(|text| {
        let (kind, value) = text.split_once(':').expect("kind:value");
        let kind = match kind {
            "phone" => IdentifierKind::Phone,
            "email" => IdentifierKind::Email,
            _ => IdentifierKind::Card,
        };
        let identifier = RawIdentifier { kind, source: String::new(), value: value.into() };
        RawClaim { identifier, valid_from: None, valid_to: None }
    });
    SourceRecord {
        source: source.into(),
        external_id: external_id.into(),
        event_time: at(day),
        basis: Basis::Observed,
        region: String::new(),
        stated: Stated {
            name: Some(PersonName { display: name.into(), ..PersonName::default() }).filter(|_| !name.is_empty()),
            ..Stated::default()
        },
        claims: claims.collect(),
    }
}

fn ingest(known: &mut Known, record: SourceRecord) -> Ingested {
    let policy = policy();
    let read = Read::new(organization(), record, &policy.reader);
    known.ingest(&read, CustomerId::new(), &policy, at(10_000))
}

#[test]
fn the_same_record_again_is_a_duplicate_and_another_version_a_revision() {
    let mut known = Known::default();
    let first = ingest(&mut known, record("pos", "1", 1, "王小明", &["phone:13900139000"]));
    assert_eq!((first.outcome, first.identifiers.as_slice()), (Outcome::Created, &[IdentifierOutcome::Linked][..]));
    let again = ingest(&mut known, record("pos", "1", 1, "王小明", &["phone:13900139000"]));
    assert_eq!((again.outcome, again.customer), (Outcome::Duplicate, first.customer));
    let newer = ingest(&mut known, record("pos", "1", 2, "王大明", &["phone:13900139000"]));
    assert_eq!((newer.outcome, newer.customer), (Outcome::Revised, first.customer));
    assert_eq!(known.customer(first.customer).map(|c| c.profile.name.shown()), Some("王大明".to_owned()));
    assert_eq!((known.added().len(), known.created().count()), (2, 1));
}

#[test]
fn four_sources_with_their_own_writings_are_one_customer() {
    let mut known = Known::default();
    let records = [
        record("pos", "1", 1, "王小明", &["phone:139 0013 9000", "email:Ming@Example.com", "card:6200-1234"]),
        record("web", "w-7", 2, "小明 王", &["phone:+86 13900139000"]),
        record("call", "c3", 3, "", &["phone:００８６13900139000", "email:ming@example.com"]),
        record("form", "f9", 4, "Wang X.", &["card:6200 1234"]),
    ];
    let owners: BTreeSet<_> = records.into_iter().map(|record| ingest(&mut known, record).customer).collect();
    assert_eq!((owners.len(), known.added().len()), (1, 4));
}

#[test]
fn one_shared_number_makes_two_customers_and_stays_the_first_ones() {
    let mut known = Known::default();
    let a = ingest(&mut known, record("pos", "1", 1, "王小明", &["phone:13900139000"]));
    let b = ingest(&mut known, record("web", "2", 2, "李雷", &["phone:13900139000"]));
    assert_ne!(a.customer, b.customer);
    assert_eq!((b.outcome, b.identifiers.as_slice()), (Outcome::Created, &[IdentifierOutcome::Contested][..]));
}

#[test]
fn two_ids_of_one_source_are_two_customers_whatever_else_agrees() {
    let mut known = Known::default();
    let agreed = ["phone:13900139000", "email:a@b.cn", "card:62001234"];
    let a = ingest(&mut known, record("pos", "1", 1, "王小明", &agreed));
    let b = ingest(&mut known, record("pos", "2", 2, "王小明", &agreed));
    assert_ne!(a.customer, b.customer);
    assert_eq!(b.identifiers, vec![IdentifierOutcome::Contested; 3]);
}

#[test]
fn c14_a_recycled_number_makes_a_second_customer() {
    let mut known = Known::default();
    let mut first = record("pos", "1", 1, "王小明", &["phone:13900139000"]);
    first.claims[0].valid_to = Some(at(100));
    let a = ingest(&mut known, first);
    let b = ingest(&mut known, record("pos", "2", 240, "李雷", &["phone:13900139000"]));
    assert_ne!(a.customer, b.customer);
    let (_, number) = known.timelines().find(|(_, t)| t.identifier.kind == IdentifierKind::Phone).expect("the number");
    assert_eq!(
        (number.owner(at(50)), number.owner(at(150)), number.owner(at(240))),
        (Some(a.customer), None, Some(b.customer))
    );
}

#[test]
fn a_silent_number_starts_a_new_customer_under_another_name_and_not_under_its_own() {
    let mut known = Known::default();
    let a = ingest(&mut known, record("pos", "1", 1, "王小明", &["phone:13900139000"]));
    let back = ingest(&mut known, record("web", "1", 300, "王小明", &["phone:13900139000"]));
    assert_eq!(back.customer, a.customer);
    let other = ingest(&mut known, record("crm", "1", 481, "李雷", &["phone:13900139000"]));
    assert_eq!((other.outcome, other.identifiers.as_slice()), (Outcome::Created, &[IdentifierOutcome::Linked][..]));
    assert_ne!(other.customer, a.customer);
}

#[test]
fn c08_c09_what_identifies_nobody_joins_nobody() {
    let mut known = Known::default();
    let dummies = ["phone:13800138000", "phone:400-812-3456", "phone:10086", "email:test@test.com"];
    let a = ingest(&mut known, record("pos", "1", 1, "王小明", &dummies));
    let b = ingest(&mut known, record("web", "2", 2, "王小明", &dummies));
    assert_ne!(a.customer, b.customer);
    use IdentifierOutcome::{Denied, Impersonal, Invalid};
    assert_eq!(b.identifiers, [Denied, Impersonal, Invalid, Denied]);
}

#[test]
fn a_declared_customer_may_not_take_another_ones_identifier() {
    let mut known = Known::default();
    let a = ingest(&mut known, record("pos", "1", 1, "王小明", &["email:a@b.cn"]));
    let id = CustomerId::new();
    let raw = |kind, value: &str| RawIdentifier { kind, source: String::new(), value: value.into() };
    let mut declare = |identifiers: &[RawIdentifier]| {
        let customer = Customer::new(id, organization(), Default::default(), at(9));
        known.declare(customer, record("guanxi", "x", 9, "李雷", &[]), identifiers, &policy(), at(9))
    };
    let taken = declare(&[raw(IdentifierKind::Email, "A@B.cn")]).expect_err("is taken");
    assert_eq!(taken, CustomerError::IdentifierTaken { at: 0, kind: IdentifierKind::Email, owner: a.customer });
    let wrong = declare(&[raw(IdentifierKind::Email, "x"), raw(IdentifierKind::Phone, "10086")]).expect_err("is wrong");
    assert!(matches!(wrong, CustomerError::Invalid(violations) if violations.len() == 2));
    assert_eq!(declare(&[raw(IdentifierKind::Email, "b@b.cn")]), Ok(()));
    assert_eq!(known.customer(id).map(|c| c.profile.name.shown()), Some("李雷".to_owned()));
}

fn any_record() -> impl Strategy<Value = SourceRecord> {
    let source = prop_oneof![Just("pos"), Just("web"), Just("crm")];
    let identifiers = proptest::sample::subsequence(
        vec!["phone:13900139000", "phone:13900139001", "email:a@b.cn", "email:b@b.cn", "card:62001234"],
        0..4,
    );
    (source, 0_u8..4, 0_i64..400, prop_oneof![Just("王小明"), Just("李雷"), Just("")], identifiers)
        .prop_map(|(source, id, day, name, identifiers)| record(source, &id.to_string(), day, name, &identifiers))
}

proptest! {
    #[test]
    fn an_account_has_one_customer_and_nobody_has_two_accounts_of_a_source(
        records in prop::collection::vec(any_record(), 1..24)
    ) {
        let mut known = Known::default();
        let mut owners = BTreeMap::new();
        for record in records {
            let account = (record.source.clone(), record.external_id.clone());
            let outcome = ingest(&mut known, record.clone());
            let owner = *owners.entry(account).or_insert(outcome.customer);
            prop_assert_eq!(owner, outcome.customer);
            prop_assert_eq!(ingest(&mut known, record).outcome, Outcome::Duplicate);
        }
        let mut accounts = BTreeMap::new();
        for ((source, id), owner) in owners {
            prop_assert_eq!(accounts.insert((owner, source), id), None);
        }
        for customer in known.created() {
            let versions = known.versions[&customer.id].iter().map(|version| &version.record);
            prop_assert_eq!(&customer.profile, &survivorship::view(versions, &SourceRanks::default()));
        }
    }
}
