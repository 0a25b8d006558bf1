//! The laws of a track: one end whatever the order, and the cases of known answer.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::domain::event::{Digest, SourceId, SourceKind};
use crate::domain::status::Status;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn key(id: &str) -> EventKey {
    EventKey { source: "ups".into(), id: SourceId::Given(id.into()) }
}

fn event(id: &str, when: &str, status: Status) -> Event {
    Event {
        key: Arc::new(key(id)),
        digest: Digest(guanxi_kernel::natural_id("t", [id, when, status.as_str()])),
        revision_time: None,
        source_kind: SourceKind::Carrier,
        effective_time: at(when),
        status,
        sub_status: None,
        create_time: at("2018-06-01T00:00:00Z"),
    }
}

fn stored_at(event: Event, when: &str) -> Event {
    Event { create_time: at(when), ..event }
}

#[derive(Debug, Clone)]
enum Input {
    Receive(Event),
    Retract(EventKey),
}

fn apply(track: &mut Track, input: Input) {
    match input {
        Input::Receive(event) => {
            track.receive(event);
        }
        Input::Retract(key) => {
            track.retract(key, at("2018-06-01T00:00:00Z"));
        }
    }
}

/// The whole end state as bytes: the standing and every revision with its marks.
fn bytes(track: &Track) -> Vec<u8> {
    format!("{:?}\n{:#?}", track.standing(), track.history()).into_bytes()
}

prop_compose! {
    fn any_event()(
        id in 0_u8..12,
        revision in proptest::option::of(0_i64..3),
        hour in 0_i64..10,
        status in 0_usize..16,
        kind in 1_i16..=3,
        digest in 0_u128..4,
    ) -> Event {
        // What is one revision must be one content: the digest is of everything that varies.
        let content = format!("{revision:?} {hour} {status} {kind} {digest}");
        Event {
            key: Arc::new(key(&id.to_string())),
            digest: Digest(guanxi_kernel::natural_id("t", [content.as_str()])),
            revision_time: revision.map(|r| Timestamp::from_second(r).expect("in range")),
            source_kind: SourceKind::from_priority(kind).expect("1 to 3"),
            effective_time: Timestamp::from_second(hour * 3_600).expect("in range"),
            status: Status::ALL[status],
            sub_status: None,
            create_time: at("2018-06-01T00:00:00Z"),
        }
    }
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        9 => any_event().prop_map(Input::Receive),
        1 => (0_u8..12).prop_map(|id| Input::Retract(key(&id.to_string()))),
    ]
}

/// Inputs, and the same inputs each one to three times in any order.
fn inputs_and_a_permutation() -> impl Strategy<Value = (Vec<Input>, Vec<Input>)> {
    proptest::collection::vec((any_input(), 1_usize..=3), 1..24).prop_flat_map(|repeated| {
        let once: Vec<Input> = repeated.iter().map(|(input, _)| input.clone()).collect();
        let many: Vec<Input> =
            repeated.into_iter().flat_map(|(input, times)| std::iter::repeat_n(input, times)).collect();
        (Just(once), Just(many).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn t01_the_same_events_in_any_order_and_number_end_in_the_same_bytes(
        (once, shuffled) in inputs_and_a_permutation(),
    ) {
        let (mut one, mut other) = (Track::default(), Track::default());
        once.into_iter().for_each(|input| apply(&mut one, input));
        shuffled.into_iter().for_each(|input| apply(&mut other, input));
        prop_assert_eq!(bytes(&one), bytes(&other));
    }

    #[test]
    fn a_track_that_is_loaded_is_the_track_that_was_stored(inputs in proptest::collection::vec(any_input(), 0..24)) {
        let mut track = Track::default();
        inputs.into_iter().for_each(|input| apply(&mut track, input));
        let events = track.known.values().flat_map(|known| known.revisions.clone());
        let retractions = track.known.iter().filter_map(|(key, known)| Some(((**key).clone(), known.retracted?)));
        let loaded = Track::load(events, retractions);
        prop_assert_eq!(bytes(&loaded), bytes(&track));
        prop_assert_eq!(loaded.view(View::default()), track.standing().clone());
    }

    #[test]
    fn a_track_that_goes_on_from_where_it_stood_is_the_track_from_the_beginning(
        before in proptest::collection::vec(any_input(), 0..16),
        after in proptest::collection::vec((any_event(), 0_u8..40), 0..12),
    ) {
        let mut whole = Track::default();
        before.into_iter().for_each(|input| apply(&mut whole, input));
        let last = whole.standing().last_time.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut resumed = Track::resume(whole.standing().clone(), []);
        for (event, id) in after {
            let later = event.effective_time.as_second() + 1;
            let event = Event {
                key: Arc::new(key(&format!("new {id}"))),
                effective_time: last + jiff::SignedDuration::from_secs(later),
                ..event
            };
            prop_assert_eq!(resumed.receive(event.clone()), whole.receive(event));
            prop_assert_eq!(resumed.standing(), whole.standing());
        }
    }

    #[test]
    fn a_track_seen_at_the_end_of_time_is_the_track(inputs in proptest::collection::vec(any_input(), 0..24)) {
        let mut track = Track::default();
        inputs.into_iter().for_each(|input| apply(&mut track, input));
        let view = View { as_of: Some(Timestamp::MAX), known_at: Some(Timestamp::MAX) };
        prop_assert_eq!(&track.view(view), track.standing());
    }
}

#[test]
fn t01_a_thousand_orders_of_one_parcels_life_end_in_the_same_bytes() {
    let life = [
        event("1", "2018-03-01T08:00:00Z", Status::Created),
        event("2", "2018-03-01T09:00:00Z", Status::InfoReceived),
        event("3", "2018-03-02T10:00:00Z", Status::PickedUp),
        event("4", "2018-03-03T10:00:00Z", Status::InTransit),
        event("5", "2018-03-04T10:00:00Z", Status::Delivered),
        event("6", "2018-03-05T10:00:00Z", Status::InTransit),
        event("6", "2018-03-03T11:00:00Z", Status::InTransit),
    ];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut first = None;
    for _ in 0..1_000 {
        let many: Vec<Event> = life.iter().flat_map(|e| [e.clone(), e.clone(), e.clone()]).collect();
        let order = Just(many).prop_shuffle().new_tree(&mut runner).expect("a permutation").current();
        let mut track = Track::default();
        order.into_iter().for_each(|event| apply(&mut track, Input::Receive(event)));
        assert_eq!(first.get_or_insert_with(|| bytes(&track)), &bytes(&track));
    }
}

#[test]
fn t03_a_scan_of_the_day_before_enters_history_and_leaves_the_delivery() {
    let mut track = Track::default();
    assert_eq!(track.receive(event("d", "2018-03-21T10:00:00Z", Status::Delivered)), Outcome::Accepted);
    let before = track.standing().clone();
    assert_eq!(track.receive(event("s", "2018-03-20T10:00:00Z", Status::InTransit)), Outcome::Accepted);
    let after = track.standing();
    assert_eq!(
        (after.status, after.status_time, after.delivered_time),
        (Status::Delivered, before.status_time, before.delivered_time)
    );
    assert!(!after.challenged);
    let order: Vec<Status> = track.history().iter().map(|item| item.event.status).collect();
    assert_eq!(order, [Status::InTransit, Status::Delivered]);
}

#[test]
fn t08_a_retracted_delivery_re_opens_the_package_and_is_still_seen_from_before() {
    let mut track = Track::default();
    track.receive(stored_at(event("s", "2018-03-20T10:00:00Z", Status::OutForDelivery), "2018-03-20T10:01:00Z"));
    track.receive(stored_at(event("d", "2018-03-21T10:00:00Z", Status::Delivered), "2018-03-21T10:01:00Z"));
    assert_eq!(track.standing().status, Status::Delivered);

    assert!(track.retract(key("d"), at("2018-03-25T00:00:00Z")));
    assert_eq!((track.standing().status, track.standing().delivered_time), (Status::OutForDelivery, None));
    let seen = |as_of: Option<&str>, known_at: Option<&str>| {
        track.view(View { as_of: as_of.map(at), known_at: known_at.map(at) }).status
    };
    assert_eq!(seen(None, Some("2018-03-24T23:59:59Z")), Status::Delivered);
    assert_eq!(seen(None, Some("2018-03-25T00:00:00Z")), Status::OutForDelivery);
    assert_eq!(seen(Some("2018-03-24T00:00:00Z"), None), Status::OutForDelivery);
    assert_eq!(seen(Some("2018-03-24T00:00:00Z"), Some("2018-03-24T00:00:00Z")), Status::Delivered);
    assert_eq!(seen(Some("2018-03-19T00:00:00Z"), None), Status::Created);
}

#[test]
fn a_retraction_may_come_first_and_covers_every_revision() {
    let mut track = Track::default();
    assert!(track.retract(key("d"), at("2018-03-20T00:00:00Z")));
    assert!(!track.retract(key("d"), at("2018-03-21T00:00:00Z")), "the first one stands");
    assert_eq!(track.receive(event("d", "2018-03-21T10:00:00Z", Status::Delivered)), Outcome::Accepted);
    assert_eq!(track.receive(event("d", "2018-03-21T11:00:00Z", Status::Delivered)), Outcome::Revised);
    assert_eq!(track.standing(), &Standing::default());
    assert!(track.history().iter().all(|item| !item.effective && item.retracted == Some(at("2018-03-20T00:00:00Z"))));
}

#[test]
fn of_revisions_the_latest_of_the_source_counts_whenever_it_arrives() {
    let late = Event {
        revision_time: Some(at("2018-03-22T00:00:00Z")),
        ..event("d", "2018-03-21T10:00:00Z", Status::Delivered)
    };
    let early = Event {
        revision_time: Some(at("2018-03-21T12:00:00Z")),
        ..event("d", "2018-03-21T09:00:00Z", Status::AttemptFailed)
    };
    let mut track = Track::default();
    assert_eq!(track.receive(late), Outcome::Accepted);
    assert_eq!(track.receive(early), Outcome::Revised);
    assert_eq!((track.standing().status, track.standing().events), (Status::Delivered, 1));
}

#[test]
fn at_one_instant_the_milestone_decides_then_the_nearer_source() {
    let now = "2018-03-21T10:00:00Z";
    let kind = |id: &str, kind, sub: &str| Event {
        source_kind: kind,
        sub_status: Status::InTransit.sub_status(sub),
        ..event(id, now, Status::InTransit)
    };
    let mut track = Track::default();
    track.receive(kind("1", SourceKind::Scanner, "departed"));
    track.receive(kind("2", SourceKind::Aggregator, "arrived"));
    track.receive(event("3", now, Status::PickedUp));
    let standing = track.standing();
    assert_eq!((standing.status, standing.sub_status.map(|s| s.as_str())), (Status::InTransit, Some("departed")));
}

#[test]
fn an_answer_says_what_the_event_was_as_the_fold_stood_then() {
    let mut track = Track::default();
    track.receive(event("p", "2018-03-21T10:00:00Z", Status::PickedUp));
    let label = event("l", "2018-03-21T11:00:00Z", Status::InfoReceived);
    assert_eq!(track.receive(label.clone()), Outcome::Anomalous);
    assert_eq!(track.receive(label), Outcome::Duplicate);
    assert_eq!(track.standing().anomalous, 1);
    track.retract(key("p"), at("2018-03-22T00:00:00Z"));
    assert_eq!((track.standing().status, track.standing().anomalous), (Status::InfoReceived, 0));
}

#[test]
fn a_track_that_goes_on_knows_what_was_stored_before() {
    let stored = event("p", "2018-03-21T10:00:00Z", Status::PickedUp);
    let mut track = Track::default();
    track.receive(stored.clone());
    let mut resumed = Track::resume(track.standing().clone(), [(stored.key.clone(), stored.digest)]);
    assert_eq!(resumed.receive(stored), Outcome::Duplicate);
    assert_eq!(resumed.standing(), track.standing());
}

#[test]
fn a_nil_digest_is_a_digest_like_any_other() {
    let mut track = Track::default();
    let nil = Event { digest: Digest(Uuid::nil()), ..event("p", "2018-03-21T10:00:00Z", Status::PickedUp) };
    assert_eq!(track.receive(nil.clone()), Outcome::Accepted);
    assert_eq!(track.receive(nil), Outcome::Duplicate);
}
