//! The sample as a whole: the same for ever, growing with time and customers, and shaped like a retailer.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::*;

const UNTIL: Date = date(2026, 11, 1);

/// Every element of a sample, by its natural key, as the bytes that are sent.
fn bytes(sample: &Sample) -> BTreeMap<String, Vec<u8>> {
    let mut bytes = BTreeMap::new();
    let mut add = |key: String, element: Vec<u8>| assert!(bytes.insert(key.clone(), element).is_none(), "{key} twice");
    for record in sample.people().flat_map(|person| elements::records(&person).collect::<Vec<_>>()) {
        let of = record.record.as_ref().expect("a record");
        add(format!("record {}:{}", of.source, of.external_id), record.encode_to_vec());
    }
    for (person, purchase) in sample.purchases() {
        let name = purchase.name();
        add(name.to_string(), purchase.order(&person, sample.until).encode_to_vec());
        for event in purchase.events(&person, sample.until) {
            add(format!("{name} event {}", event.source_event_id), event.encode_to_vec());
        }
        if let Some(review) = purchase.review(&person, sample.until) {
            add(format!("{name} review"), review.encode_to_vec());
        }
    }
    bytes
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    assert_eq!(bytes(&Sample::new(1, 300, UNTIL)), bytes(&Sample::new(1, 300, UNTIL)));
    let others = bytes(&Sample::new(2, 300, UNTIL));
    let meeting = bytes(&Sample::new(1, 300, UNTIL)).into_keys().filter(|key| others.contains_key(key)).count();
    assert_eq!(meeting, 0, "another seed is another retailer");
}

#[test]
fn more_customers_are_the_same_ones_and_others() {
    let few = bytes(&Sample::new(1, 100, UNTIL));
    let many = bytes(&Sample::new(1, 300, UNTIL));
    assert!(few.iter().all(|(key, element)| many.get(key) == Some(element)));
}

#[test]
fn a_later_day_only_adds() {
    let (earlier, later) = (Sample::new(1, 300, UNTIL), Sample::new(1, 300, UNTIL.tomorrow().expect("a day")));
    let before: BTreeMap<_, _> = earlier.purchases().map(|(_, purchase)| (purchase.name(), purchase)).collect();
    let after: BTreeMap<_, _> =
        later.purchases().map(|(person, purchase)| (purchase.name(), (person, purchase))).collect();
    let gone = before.keys().filter(|name| !after.contains_key(name)).count();
    assert!(gone < 10, "only what is older than two years: {gone}");
    for (name, (person, purchase)) in &after {
        let Some(known) = before.get(name) else { continue };
        let (old, new) = (known.order(person, earlier.until), purchase.order(person, later.until));
        let (old, mut new) = (old.order.expect("an order"), new.order.expect("an order"));
        // A cancellation and a return may come; nothing else changes.
        (new.cancel_time, new.cancel_reason) = (old.cancel_time, old.cancel_reason.clone());
        new.returns.clone_from(&old.returns);
        assert_eq!(old, new);
        let (old, new) = (known.events(person, earlier.until), purchase.events(person, later.until));
        assert!(old.iter().all(|event| new.contains(event)));
    }
}

#[test]
fn the_first_day_that_one_can_look_at_has_two_years_behind_it() {
    let sample = Sample::new(1, 500, FIRST_UNTIL);
    let oldest = sample.purchases().map(|(_, purchase)| purchase.time.as_second()).min().expect("orders");
    assert!(sample.until.as_second() - oldest > orders::TWO_YEARS - 30 * orders::DAY);
}

#[test]
fn a_customer_buys_three_times_on_average_and_few_buy_very_often() {
    let sample = Sample::new(1, 5_000, UNTIL);
    let mut orders = BTreeMap::<u64, u64>::new();
    for (person, purchase) in sample.purchases() {
        *orders.entry(person.index).or_default() += 1;
        let age = sample.until.as_second() - purchase.time.as_second();
        assert!((1..=orders::TWO_YEARS).contains(&age) && person.since < purchase.time);
    }
    let total: u64 = orders.values().sum();
    assert!((14_500..16_500).contains(&total), "{total}");
    assert!((4_400..4_800).contains(&orders.len()), "{} of 5,000 bought", orders.len());
    assert!(orders.values().any(|count| *count > 40));
    let mut by_count: Vec<u64> = orders.into_values().collect();
    by_count.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
    let top_fifth: u64 = by_count.iter().take(1_000).sum();
    assert!((55..75).contains(&(top_fifth * 100 / total)), "the top fifth places {top_fifth} of {total}");
}

#[test]
fn money_is_whole_minor_units_and_everything_is_paid() {
    let mut currencies = BTreeSet::new();
    for (person, purchase) in Sample::new(1, 1_000, UNTIL).purchases() {
        let value: i64 = purchase.lines.iter().map(|line| line.price_minor + line.delivery_minor).sum();
        assert_eq!(purchase.tenders.iter().map(|tender| tender.amount_minor).sum::<i64>(), value);
        currencies.insert((person.organization.slug, person.organization.currency_code));
        // No basket costs less than the cheapest accessory, or more than three rooms full of cameras.
        let unit = if person.organization.currency_code == "JPY" { 20 } else { 100 };
        assert!((10 * unit..300_000 * unit).contains(&value), "{value} {}", person.organization.currency_code);
    }
    assert_eq!(currencies, BTreeSet::from([("cn", "CNY"), ("hk", "HKD"), ("jp", "JPY")]));
}

#[test]
fn parcels_arrive_in_time_mostly_and_report_in_order() {
    let (mut delivered, mut late, mut failed) = (0, 0, 0);
    for (_, purchase) in Sample::new(1, 3_000, UNTIL).purchases() {
        let sellers: BTreeSet<_> = purchase.lines.iter().map(|line| &line.seller).collect();
        assert_eq!(purchase.parcels.iter().map(|parcel| &parcel.seller).collect::<BTreeSet<_>>(), sellers);
        for parcel in &purchase.parcels {
            assert!(parcel.scans.is_sorted_by_key(|scan| scan.time), "{parcel:?}");
            assert!(parcel.scans.first().is_some_and(|scan| scan.time > purchase.time));
            delivered += usize::from(parcel.delivered.is_some());
            late += usize::from(parcel.delivered.is_some() && parcel.late);
            failed += usize::from(parcel.failed.is_some());
        }
    }
    assert!((930..960).contains(&((delivered - late) * 1_000 / delivered)), "{late} late of {delivered}");
    assert!(failed > 0 && failed * 50 < delivered, "{failed} given up, {delivered} delivered");
}

#[test]
fn who_waited_is_less_content() {
    let mut ratings = BTreeMap::<bool, Vec<i32>>::new();
    for (_, purchase) in Sample::new(1, 5_000, UNTIL).purchases() {
        let late = purchase.parcels.iter().any(|parcel| parcel.late);
        ratings.entry(late).or_default().extend(purchase.opinion.review.map(|stars| stars.rating));
    }
    let mean = |late: bool| ratings[&late].iter().sum::<i32>() as f64 / ratings[&late].len() as f64;
    assert!(mean(false) > 4.2 && mean(true) < 3.2, "{} in time, {} late", mean(false), mean(true));
    let all: Vec<i32> = ratings.into_values().flatten().collect();
    let overall = all.iter().sum::<i32>() as f64 / all.len() as f64;
    assert!((4.1..4.4).contains(&overall), "{overall}");
}

#[test]
fn every_element_passes_the_contracts_rules() {
    use guanxi_client::contracts::codec::check;

    let sample = Sample::new(1, 2_000, UNTIL);
    for person in sample.people() {
        elements::records(&person).for_each(|record| check(&record).expect("a valid record"));
    }
    places::STORES.iter().for_each(|store| check(&elements::store(store)).expect("a valid store"));
    for (person, purchase) in sample.purchases() {
        check(&purchase.order(&person, sample.until)).expect("a valid order");
        purchase.events(&person, sample.until).iter().for_each(|event| check(event).expect("a valid event"));
        purchase.review(&person, sample.until).iter().for_each(|review| check(review).expect("a valid review"));
        purchase
            .postponements(&person, sample.until)
            .iter()
            .for_each(|promise| check(promise).expect("a valid promise"));
    }
}
