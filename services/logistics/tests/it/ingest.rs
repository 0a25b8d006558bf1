//! Events in: whatever their order, number and writers, nothing is lost and one end is reached.

use futures::StreamExt;
use guanxi_contracts::Message;
use guanxi_contracts::logistics::v1::*;
use guanxi_testkit::Env;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::support::*;

/// Everything that can be read of a package, with the names that the server made taken out.
async fn read_whole(env: &Env, number: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut seen = tracking(env, place(number, "a")).await;
    (seen.package, seen.shipment) = Default::default();
    seen.encode(&mut bytes).expect("a buffer");
    for mut event in history(env, package(number, "a")).await {
        event.name = event.name.split_off("packages/".len() + 36);
        event.encode(&mut bytes).expect("a buffer");
    }
    bytes
}

guanxi_testkit::matrix! {
    setup();

    async fn t01_any_order_batching_and_number_of_the_same_events_ends_in_the_same_bytes(env: &Env) {
        let numbers: Vec<String> = (0..24).map(|n| n.to_string()).collect();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut ends = Vec::new();
        for (at, number) in numbers.iter().enumerate() {
            let mut revised = event(place(number, "a"), "4", "ATTEMPT_FAILED", "2018-03-18T09:00:00Z");
            revised.source_revision_time = Some(guanxi_contracts::time::to_proto(crate::support::at("2018-03-19T00:00:00Z")));
            let mut future = event(place(number, "a"), "6", "IN_TRANSIT", "2099-01-01T00:00:00Z");
            future.source_kind = SourceKind::Scanner.into();
            let life = [
                event(place(number, "a"), "1", "CREATED", "2018-03-01T12:00:00Z"),
                event(place(number, "a"), "2", "INFO_RECEIVED", "2018-03-05T12:00:00Z"),
                event(place(number, "a"), "3", "PICKED_UP", "2018-03-04T12:00:00Z"),
                event(place(number, "a"), "4", "DELIVERED", "2018-03-18T09:00:00Z"),
                revised,
                event(place(number, "a"), "5", "DELIVERED", "2018-03-20T09:00:00Z"),
                event(place(number, "a"), "", "OUT_FOR_DELIVERY", "2018-03-20T08:00:00Z"),
                future,
            ];
            let many: Vec<_> = life.iter().flat_map(|e| std::iter::repeat_n(e.clone(), 1 + at % 3)).collect();
            let many = Just(many).prop_shuffle().new_tree(&mut runner).expect("a permutation").current();
            // The order is recorded before, in the middle of, or after its events, which come in batches of any size.
            let (first, rest) = many.split_at(many.len() * (at % 4) / 3);
            ingest(env, first.to_vec()).await;
            record(env, number, &["a"]).await;
            env.settle().await;
            for batch in rest.chunks(1 + at % 7) {
                ingest(env, batch.to_vec()).await;
            }
            ends.push(read_whole(env, number).await);
        }
        for end in &ends {
            assert_eq!(end, &ends[0]);
        }
        env.verify().await;
    }

    async fn t02_sixteen_clients_post_sixteen_events_to_one_package_at_once(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let posts = (0..16).map(|n| async move {
            ingest(env, vec![event(place("1", "a"), &n.to_string(), "IN_TRANSIT", &format!("2018-03-10T10:{n:02}:00Z"))]).await
        });
        let answers: Vec<_> = futures::stream::iter(posts).buffer_unordered(16).concat().await;
        assert_eq!(answers.iter().filter(|answer| answer.outcome() == IngestOutcome::Accepted).count(), 16);
        assert_eq!(history(env, package("1", "a")).await.len(), 16);
        assert_eq!(tracking(env, place("1", "a")).await.effective_events, 16);
        env.verify().await;
    }

    async fn writers_that_name_one_package_in_two_ways_lose_nothing(env: &Env) {
        let made = create(env, vec![numbered("sf", "SF123456"), NewPackage::default()], None).await;
        let by_number = PackageReference {
            tracking_number: made.packages[0].tracking_number.clone(),
            ..PackageReference::default()
        };
        let ways = [by_number, named(&made.packages[0].name), named(&made.packages[1].name)];
        let posts = (0..30).map(|n| {
            let way = ways[n % 3].clone();
            async move {
                let batch = (0..4).map(|m| {
                    event(way.clone(), &format!("{n}-{m}"), "IN_TRANSIT", &format!("2018-03-{:02}T10:{n:02}:00Z", 10 + m))
                });
                outcomes(env, batch.collect()).await
            }
        });
        let answers: Vec<_> = futures::stream::iter(posts).buffer_unordered(30).concat().await;
        assert_eq!(answers, [IngestOutcome::Accepted; 120]);
        let counted = |at: usize| tracking(env, named(&made.packages[at].name));
        assert_eq!((counted(0).await.effective_events, counted(1).await.effective_events), (80, 40));
        env.verify().await;
    }

    async fn what_is_held_back_is_listed_in_pages_once_each(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let undated = |n: i32| event(place("1", "a"), &n.to_string(), "IN_TRANSIT", "");
        ingest(env, (0..5).map(undated).collect()).await;
        ingest(env, (0..5).map(undated).collect()).await;
        let (mut ids, mut token) = (Vec::new(), String::new());
        loop {
            let request = ListQuarantineRequest { page_size: 2, page_token: token, source: "olist".into() };
            let page = env.client().logistics().tracking().list_quarantine(request).await.expect("a page").into_inner();
            ids.extend(page.events.into_iter().map(|event| event.source_event_id));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        ids.sort();
        assert_eq!(ids, ["0", "1", "2", "3", "4"]);
        let other = ListQuarantineRequest { source: "ups".into(), ..Default::default() };
        let none = env.client().logistics().tracking().list_quarantine(other).await.expect("a page").into_inner();
        assert_eq!(none.events, []);
    }

    async fn t03_a_scan_of_the_day_before_enters_history_and_tells_nobody(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        ingest(env, vec![event(place("1", "a"), "d", "DELIVERED", "2018-03-21T10:00:00Z")]).await;
        env.settle().await;
        let told = env.events("logistics").await.len();
        let answers = outcomes(env, vec![event(place("1", "a"), "s", "IN_TRANSIT", "2018-03-20T10:00:00Z")]).await;
        assert_eq!(answers, [IngestOutcome::Accepted]);
        env.settle().await;
        assert_eq!(env.events("logistics").await.len(), told);
        assert_eq!(tracking(env, place("1", "a")).await.status(), TrackingStatus::Delivered);
        let statuses: Vec<_> = history(env, package("1", "a")).await.iter().map(TrackingEvent::status).collect();
        assert_eq!(statuses, [TrackingStatus::InTransit, TrackingStatus::Delivered]);
    }

    async fn t04_of_a_batch_of_fifty_all_are_kept_and_forty_nine_are_usable(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let batch: Vec<_> = (0..50).map(|n| {
            let mut scan = event(place("1", "a"), &n.to_string(), "", &format!("2018-03-10T10:{n:02}:00Z"));
            (scan.carrier, scan.code, scan.description) = ("sf".into(), "31".into(), "arrived at node".into());
            match n {
                10 => scan.description.clear(),
                20 => (scan.code, scan.description) = ("9999".into(), "?".into()),
                30 => scan.occurred_text.clear(),
                _ => {}
            }
            scan
        }).collect();
        let answers = ingest(env, batch).await;
        let count = |outcome| answers.iter().filter(|answer| answer.outcome() == outcome).count();
        assert_eq!((count(IngestOutcome::Accepted), count(IngestOutcome::Quarantined)), (49, 1));
        assert_eq!((answers[20].status(), answers[10].status()), (TrackingStatus::Unknown, TrackingStatus::InTransit));
        assert_eq!(history(env, package("1", "a")).await.len(), 49);
        let held = env.client().logistics().tracking().list_quarantine(ListQuarantineRequest::default()).await;
        let held = held.expect("a list").into_inner().events;
        assert_eq!(held.len(), 1);
        assert_eq!((held[0].reason(), held[0].source_event_id.as_str()), (QuarantineReason::Undated, "30"));
        env.verify().await;
    }

    async fn each_answer_says_what_became_of_the_event(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let scan = event(place("1", "a"), "1", "PICKED_UP", "2018-03-10T10:00:00Z");
        let other = IngestEventsRequest { location: "Campinas".into(), ..scan.clone() };
        let early = event(place("1", "a"), "2", "INFO_RECEIVED", "2018-03-11T10:00:00Z");
        let undated = event(place("1", "a"), "3", "IN_TRANSIT", "last Tuesday");
        let answers = ingest(env, vec![scan.clone(), scan, other, early, undated]).await;
        let outcomes: Vec<_> = answers.iter().map(IngestEventsResponse::outcome).collect();
        use IngestOutcome::*;
        assert_eq!(outcomes, [Accepted, Duplicate, Revised, Anomalous, Quarantined]);
        assert_eq!(answers.iter().map(|answer| answer.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(answers[0].event.starts_with(&package("1", "a").to_string()));
        assert_eq!((&answers[0].event, answers[4].event.as_str()), (&answers[2].event, ""));
    }

    async fn an_event_of_the_future_is_set_back_to_its_arrival_and_flagged(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let soon = event(place("1", "a"), "1", "PICKED_UP", "2026-11-22T04:47:00Z");
        let late = event(place("1", "a"), "2", "IN_TRANSIT", "2026-11-22T04:47:01Z");
        ingest(env, vec![soon, late]).await;
        let events = history(env, package("1", "a")).await;
        assert_eq!(events.iter().map(|e| (e.status(), e.clamped)).collect::<Vec<_>>(), [
            (TrackingStatus::InTransit, true),
            (TrackingStatus::PickedUp, false),
        ]);
        assert_eq!(events[0].effective_time, events[0].receive_time);
    }

    async fn numbers_and_addresses_of_people_are_masked(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let mut scan = event(place("1", "a"), "1", "OUT_FOR_DELIVERY", "2018-03-10T10:00:00Z");
        scan.description = "派件员 13800138000, ana@example.com".into();
        ingest(env, vec![scan.clone(), scan]).await;
        let events = history(env, package("1", "a")).await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].description, "派件员 *********00, ***@example.com");
    }

    async fn a_crash_between_batches_loses_nothing_and_repeats_nothing(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let scans: Vec<_> = (0..20)
            .map(|n| event(place("1", "a"), &n.to_string(), "IN_TRANSIT", &format!("2018-03-10T10:{n:02}:00Z")))
            .collect();
        ingest(env, scans[..12].to_vec()).await;
        env.crash_and_start_again().await;
        let again = outcomes(env, scans).await;
        assert!(again[..12].iter().all(|&outcome| outcome == IngestOutcome::Duplicate));
        assert!(again[12..].iter().all(|&outcome| outcome == IngestOutcome::Accepted));
        env.verify().await;
    }
}
