//! Source records and identity edges: recycling, contests, concurrency, rejection of single elements.

use std::collections::BTreeSet;

use guanxi_client::Error;
use guanxi_contracts::customer::events::v1::{CustomerCreated, CustomerUpdated};
use guanxi_contracts::customer::v1::*;
use guanxi_testkit::matrix;

use crate::support::*;

async fn edges(client: &guanxi_client::Client, customer: &str, day: Option<&str>) -> Vec<IdentityEdge> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListIdentityEdgesRequest {
            customer: customer.into(),
            as_of_time: day.and_then(time),
            page_size: 2,
            page_token,
        };
        let page = client.customer().identities().list_identity_edges(request).await.expect("lists").into_inner();
        all.extend(page.identity_edges);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

matrix! {
    setup();

    async fn records_of_four_sources_are_one_customer_and_again_duplicates(env: &Env) {
        let client = env.client();
        let records = || [
            record("pos", "1", "2024-01-01", "王小明", &[phone("139 0013 9000"), email("Ming@Example.com"), card("6200-1234")]),
            record("web", "w-7", "2024-01-02", "小明 王", &[phone("+86 13900139000")]),
            record("call", "c3", "2024-01-03", "", &[phone("００８６13900139000"), email("ming@example.com")]),
            record("form", "f9", "2024-01-04", "Wang X.", &[card("6200 1234")]),
        ];
        let answers = ingest(&client, records()).await;
        let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome()).collect();
        use IngestOutcome::{Created, Linked};
        assert_eq!(outcomes, [Created, Linked, Linked, Linked]);
        assert_eq!(answers.iter().map(|a| a.customer.as_str()).collect::<BTreeSet<_>>().len(), 1);
        assert_eq!(answers.iter().map(|a| a.index).collect::<Vec<_>>(), [0, 1, 2, 3]);
        let again = ingest(&client, records()).await;
        assert!(again.iter().all(|answer| answer.outcome() == IngestOutcome::Duplicate), "{again:?}");
        let customer = get(&client, &answers[0].customer).await.expect("is there");
        assert_eq!(customer.display_name, "Wang X.", "the most recent name");
        assert_eq!(edges(&client, &customer.name, None).await.len(), 7);
        env.settle().await;
        assert_eq!(env.events_of::<CustomerCreated>("customer").await.len(), 1);
        env.verify().await;
    }

    async fn c14_a_recycled_number_is_two_customers_and_is_looked_up_at_its_time(env: &Env) {
        let client = env.client();
        let mut first = record("pos", "1", "2022-05-01", "王小明", &[phone("13900139000")]);
        first.identifiers[0].valid_to_time = time("2024-01-10");
        let a = ingest_one(&client, first).await;
        let b = ingest_one(&client, record("pos", "2", "2024-06-01", "李雷", &[phone("13900139000")])).await;
        assert_ne!(a.customer, b.customer);
        let owner = |day| lookup(&client, phone("13900139000"), Some(day));
        assert_eq!(owner("2023-12-05").await.expect("is A's").name, a.customer);
        assert_eq!(reason(owner("2024-03-01").await), "NOT_FOUND");
        assert_eq!(owner("2024-06-05").await.expect("is B's").name, b.customer);
        let held = edges(&client, &a.customer, None).await;
        let number = held.iter().find(|edge| edge.valid_to_time.is_some()).expect("the number's edge");
        assert_eq!((number.valid_from_time, number.valid_to_time), (time("2022-05-01"), time("2024-01-10")));
        assert_eq!((number.rule.as_str(), number.score_permille), ("deterministic-1", 1_000));
        assert_eq!(edges(&client, &a.customer, Some("2024-02-01")).await.len(), 1, "only the account is left");
        env.verify().await;
    }

    async fn c08_c09_dummies_and_service_numbers_make_no_edge(env: &Env) {
        let client = env.client();
        let dummies = [phone("tel:+86-138-0013-8000"), phone("400-812-3456"), phone("10086"), email("test@test.com")];
        let answer = ingest_one(&client, record("pos", "1", "2024-01-01", "王小明", &dummies)).await;
        let outcomes: Vec<_> = answer.identifiers().collect();
        use IdentifierOutcome::{Denied, Impersonal, Invalid};
        assert_eq!(outcomes, [Denied, Impersonal, Invalid, Denied]);
        assert_eq!(edges(&client, &answer.customer, None).await.len(), 1);
    }

    async fn a_contested_number_stays_its_owners_and_the_answer_says_so(env: &Env) {
        let client = env.client();
        let a = ingest_one(&client, record("pos", "1", "2024-01-01", "王小明", &[phone("13900139000")])).await;
        let b = ingest_one(&client, record("web", "1", "2024-02-01", "李雷", &[phone("13900139000")])).await;
        assert_eq!(b.identifiers().collect::<Vec<_>>(), [IdentifierOutcome::Contested]);
        assert_eq!(lookup(&client, phone("13900139000"), None).await.expect("is A's").name, a.customer);
    }

    async fn a_new_version_revises_the_customer_and_tells_which_paths(env: &Env) {
        let client = env.client();
        let first = ingest_one(&client, record("pos", "1", "2024-01-01", "王小明", &[])).await;
        let before = get(&client, &first.customer).await.expect("is there");
        let second = ingest_one(&client, record("pos", "1", "2024-02-01", "王大明", &[card("62001234")])).await;
        assert_eq!((second.outcome(), &second.customer), (IngestOutcome::Revised, &first.customer));
        let older = ingest_one(&client, record("pos", "1", "2023-02-01", "王老明", &[])).await;
        assert_eq!(older.outcome(), IngestOutcome::Revised, "kept, and not believed");
        let after = get(&client, &first.customer).await.expect("is there");
        assert_eq!(after.display_name, "王大明");
        assert_ne!(before.etag, after.etag);
        env.settle().await;
        let told = env.events_of::<CustomerUpdated>("customer").await;
        assert_eq!(told.iter().map(|event| event.paths.join(",")).collect::<Vec<_>>(), ["display_name,identifiers"]);
        env.verify().await;
    }

    async fn a_bad_element_is_answered_with_all_that_is_wrong_and_harms_no_other(env: &Env) {
        let client = env.client();
        let good = record("pos", "1", "2024-01-01", "王小明", &[]);
        let malformed = SourceRecord {
            source: "Not a source".into(),
            event_time: None,
            birth_date: "soon".into(),
            ..record("pos", "2", "2024-01-01", "x", &[phone("")])
        };
        let contradictory = SourceRecord {
            birth_date: "2999-01-01".into(),
            ..record("pos", "3", "2024-01-01", "x", &[external("", "1"), Identifier { source: "pos".into(), ..phone("1") }])
        };
        let foreign = SourceRecord { organization: "organizations/nowhere".into(), ..record("pos", "4", "2024-01-01", "x", &[]) };
        let reserved = record("guanxi", "5", "2024-01-01", "x", &[]);
        let nul = record("pos", "6", "2024-01-01", "a\0b", &[]);
        let last = record("pos", "7", "2024-01-01", "李雷", &[]);
        let answers = ingest(&client, [good, malformed, contradictory, foreign, reserved, nul, last]).await;
        let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome()).collect();
        use IngestOutcome::{Created, Rejected};
        assert_eq!(outcomes, [Created, Rejected, Rejected, Rejected, Rejected, Rejected, Created]);
        let fields: Vec<_> = rejected(answers[1].rejection.as_ref()).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["record.source", "record.event_time", "record.birth_date", "record.identifiers[0].identifier.value"]);
        let rules: Vec<_> = rejected(answers[2].rejection.as_ref()).into_iter().map(|(_, rule)| rule).collect();
        assert_eq!(rules, ["BIRTH_DATE_FUTURE", "SOURCE_REQUIRED", "SOURCE_MISPLACED"]);
        assert_eq!(answers[3].rejection.as_ref().expect("is rejected").reason, "NOT_FOUND");
        assert_eq!(rejected(answers[4].rejection.as_ref()), [("record.source", "SOURCE_RESERVED")]);
        assert_eq!(rejected(answers[5].rejection.as_ref()), [("record.display_name", "string.no_nul")]);
        assert_eq!(figures(&client).await["customers"], 2);
    }

    async fn streams_that_send_the_same_people_at_once_make_each_once(env: &Env) {
        let client = env.client();
        let records = |source: &'static str| (0..60).map(move |n| {
            let number = format!("1390013{:04}", n % 30);
            record(source, &n.to_string(), "2024-01-01", &format!("顾客{}", n % 30), &[phone(&number), card(&format!("card{n:04}"))])
        });
        let streams = (0..4).map(|_| ingest(&client, records("pos")));
        let answers: Vec<_> = futures::future::join_all(streams).await.into_iter().flatten().collect();
        assert_eq!(answers.iter().filter(|answer| answer.outcome() == IngestOutcome::Created).count(), 60);
        let owners: BTreeSet<_> = answers.iter().map(|answer| (&answer.external_id, &answer.customer)).collect();
        assert_eq!(owners.len(), 60, "each account has one customer");
        assert_eq!(figures(&client).await["customers"], 60);
        env.verify().await;
    }

    async fn a_customer_of_another_organisation_has_no_edges_for_a_stranger(env: &Env) {
        let client = env.client();
        let made = ingest_one(&client, record("pos", "1", "2024-01-01", "王小明", &[])).await;
        let stranger = env.client_as("stranger", &["customer.*", "admin.read"], &["hk:rw"]);
        let request = ListIdentityEdgesRequest { customer: made.customer, ..ListIdentityEdgesRequest::default() };
        let answer = stranger.customer().identities().list_identity_edges(request).await.map_err(Error::from);
        assert_eq!(reason(answer), "NOT_FOUND");
    }
}
