//! CustomerService: idempotency, etags, masks, pages, filters, deletion, strangers.

use guanxi_client::{Error, request_id};
use guanxi_contracts::customer::events::v1::{BirthdayCalendar, CustomerCreated, CustomerUpdated};
use guanxi_contracts::customer::v1::*;
use guanxi_testkit::matrix;

use crate::support::*;

matrix! {
    setup();

    async fn a_customer_is_made_read_and_told_of(env: &Env) {
        let client = env.client();
        let address = Address { region_code: "CN".into(), locality: "南京".into(), ..Address::default() };
        let stated = Customer {
            birth_date: "1990-02-28".into(),
            address: Some(address.clone()),
            language_code: "zh-Hans-CN".into(),
            ..named("王", "小明")
        };
        let made = create(&client, stated, &[phone("139 0013 9000"), email("Ming@Example.COM")]).await.expect("is made");
        assert_eq!((made.display_name.as_str(), made.birth_date.as_str()), ("王小明", "1990-02-28"));
        assert_eq!((made.organization.as_str(), made.state()), ("organizations/default", CustomerState::Active));
        assert_eq!((&made.address, made.create_time), (&Some(address), made.update_time));
        assert_eq!(made.identifiers, [email("ming@example.com"), phone("+8613900139000")]);
        assert_eq!(get(&client, &made.name).await.expect("is there"), made);
        assert_eq!(lookup(&client, phone("+86-139-0013-9000"), None).await.expect("is found"), made);
        env.settle().await;
        let told = env.events_of::<CustomerCreated>("customer").await;
        assert_eq!(told.iter().map(|told| told.customer.as_str()).collect::<Vec<_>>(), [made.name.as_str()]);
        let birthday = told[0].facts.clone().and_then(|facts| facts.birthday).expect("it is told, without its year");
        assert_eq!((birthday.month, birthday.day, birthday.calendar(), birthday.proven), (
            2,
            28,
            BirthdayCalendar::Gregorian,
            false,
        ));
        env.verify().await;
    }

    async fn the_same_request_makes_one_customer_and_another_body_is_refused(env: &Env) {
        let client = env.client();
        let request = CreateCustomerRequest {
            customer: Some(named("王", "小明")),
            identifiers: vec![card("62001234")],
            request_id: request_id(),
        };
        let send = |request: CreateCustomerRequest| async {
            client.customer().customers().create_customer(request).await.map_err(Error::from)
        };
        let first = send(request.clone()).await.expect("is made").into_inner();
        assert_eq!(send(request.clone()).await.expect("is answered").into_inner(), first);
        let other = CreateCustomerRequest { customer: Some(named("李", "雷")), ..request };
        assert_eq!(send(other).await.expect_err("is refused").reason, "REQUEST_ID_REUSED");
        assert_eq!(figures(&client).await["customers"], 1);
    }

    async fn an_identifier_that_is_taken_or_recognises_nobody_is_refused(env: &Env) {
        let client = env.client();
        let first = create(&client, named("王", "小明"), &[email("a@b.cn")]).await.expect("is made");
        let taken = create(&client, named("李", "雷"), &[card("62001234"), email("A@b.CN")]).await.expect_err("is taken");
        assert_eq!((taken.reason.as_str(), taken.metadata["customer"].as_str()), ("IDENTIFIER_TAKEN", first.name.as_str()));
        let wrong = [phone("10086"), phone("400-812-3456"), email("test@test.com"), external("", "1")];
        let rules = broken(create(&client, named("李", "雷"), &wrong).await);
        assert_eq!(rules.iter().map(|(_, rule)| rule.as_str()).collect::<Vec<_>>(),
            ["IDENTIFIER_INVALID", "IDENTIFIER_IMPERSONAL", "IDENTIFIER_DENIED", "SOURCE_REQUIRED"]);
        assert_eq!(figures(&client).await["customers"], 1);
        // What was refused left nothing behind.
        create(&client, named("李", "雷"), &[card("62001234")]).await.expect("the card is free");
    }

    async fn everything_that_is_wrong_is_said_at_once(env: &Env) {
        let client = env.client();
        let wrong =
            Customer { family_name: "\0".into(), given_name: "a\0b".into(), language_code: "!".into(), ..Customer::default() };
        let fields: Vec<_> = broken(create(&client, wrong, &[]).await).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["customer.given_name", "customer.family_name", "customer.language_code"]);
        let wrong = Customer { birth_date: "soon".into(), language_code: "!".into(), ..Customer::default() };
        let request = CreateCustomerRequest { customer: Some(wrong), identifiers: vec![], request_id: "x".into() };
        let answer = client.customer().customers().create_customer(request).await.map_err(Error::from);
        let fields: Vec<_> = broken(answer).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["request_id", "customer.birth_date", "customer.language_code"]);
        let future = Customer { birth_date: "2999-01-01".into(), ..Customer::default() };
        assert_eq!(broken(create(&client, future, &[]).await)[0].1, "BIRTH_DATE_FUTURE");
    }

    async fn an_update_changes_what_its_mask_names_under_the_etag_that_was_read(env: &Env) {
        let client = env.client();
        let made = create(&client, named("王", "小明"), &[]).await.expect("is made");
        let update = |customer: Customer, paths: &[&str]| {
            let mask = prost_types::FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() };
            let request = UpdateCustomerRequest {
                customer: Some(customer),
                update_mask: Some(mask),
                request_id: request_id(),
            };
            let client = client.clone();
            async move {
                let answer = client.customer().customers().update_customer(request).await.map_err(Error::from)?;
                Ok::<_, Error>(answer.into_inner().customer.expect("a customer"))
            }
        };
        env.clock().advance(jiff::SignedDuration::from_secs(5));
        let wanted = Customer { given_name: "大明".into(), birth_date: "1990-01-01".into(), ..made.clone() };
        let changed = update(wanted, &["given_name"]).await.expect("changes");
        assert_eq!((changed.display_name.as_str(), changed.birth_date.as_str()), ("王大明", ""));
        assert_eq!((changed.given_name.as_str(), changed.family_name.as_str()), ("大明", "王"));
        assert_ne!(changed.etag, made.etag);
        let stale = update(Customer { given_name: "x".into(), ..made.clone() }, &["given_name"]).await;
        let stale = stale.expect_err("is stale");
        assert_eq!((stale.code, stale.reason.as_str()), (tonic::Code::Aborted, "ETAG_MISMATCH"));
        let unknown = broken(update(changed.clone(), &["state", "given_name", "colour"]).await);
        assert_eq!(unknown.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["update_mask"]);
        let cleared = update(Customer { name: changed.name.clone(), ..Customer::default() }, &[]).await.expect("clears");
        assert_eq!((cleared.given_name.as_str(), cleared.display_name.as_str()), ("", ""));
        env.settle().await;
        let told = env.events_of::<CustomerUpdated>("customer").await;
        assert_eq!(told[0].paths, ["display_name", "given_name"]);
        let birthdays = told.iter().map(|told| told.facts.as_ref().expect("they are told").birthday.is_some());
        assert_eq!(birthdays.collect::<Vec<_>>(), vec![false; told.len()], "as it is, though it did not change");
        env.verify().await;
    }

    async fn a_customer_is_deleted_hidden_and_brought_back(env: &Env) {
        let client = env.client();
        let made = create(&client, named("王", "小明"), &[email("a@b.cn")]).await.expect("is made");
        let delete = || async {
            let request =
                DeleteCustomerRequest { name: made.name.clone(), etag: String::new(), request_id: request_id() };
            client.customer().customers().delete_customer(request).await.map_err(Error::from)
        };
        let deleted = delete().await.expect("deletes").into_inner().customer.expect("a customer");
        assert_eq!((deleted.state(), deleted.delete_time.is_some()), (CustomerState::Deleted, true));
        assert_eq!(reason(delete().await), "CUSTOMER_DELETED");
        assert_eq!(get(&client, &made.name).await.expect("is readable").state(), CustomerState::Deleted);
        assert_eq!(reason(lookup(&client, email("a@b.cn"), None).await), "NOT_FOUND");
        let list = |show_deleted| {
            let request = ListCustomersRequest { show_deleted, ..ListCustomersRequest::default() };
            let client = client.clone();
            async move { client.customer().customers().list_customers(request).await.expect("lists").into_inner() }
        };
        assert_eq!((list(false).await.customers.len(), list(true).await.customers.len()), (0, 1));
        assert_eq!(figures(&client).await["customers"], 0);
        let undelete = || async {
            let request =
                UndeleteCustomerRequest { name: made.name.clone(), etag: String::new(), request_id: request_id() };
            client.customer().customers().undelete_customer(request).await.map_err(Error::from)
        };
        undelete().await.expect("comes back");
        assert_eq!(reason(undelete().await), "CUSTOMER_NOT_DELETED");
        assert_eq!(lookup(&client, email("a@b.cn"), None).await.expect("is found").name, made.name);
    }

    async fn lists_filter_order_and_page(env: &Env) {
        let client = env.client();
        let names = ["e", "a", "d", "b", "c"];
        let records = names.iter().enumerate().map(|(n, name)| SourceRecord {
            family_name: if n % 2 == 0 { "Even".into() } else { "Odd".into() },
            ..record("pos", &n.to_string(), "2024-01-01", name, &[])
        });
        ingest(&client, records).await;
        let list = |filter: &str, order_by: &str, page_size, page_token: &str| {
            let request = ListCustomersRequest {
                filter: filter.into(),
                order_by: order_by.into(),
                page_size,
                page_token: page_token.into(),
                ..ListCustomersRequest::default()
            };
            let client = client.clone();
            async move {
                let answer = client.customer().customers().list_customers(request).await.map_err(Error::from)?;
                Ok::<_, Error>(answer.into_inner())
            }
        };
        let shown = |page: &ListCustomersResponse| {
            page.customers.iter().map(|customer| customer.display_name.clone()).collect::<Vec<_>>().concat()
        };
        let first = list("", "display_name", 2, "").await.expect("lists");
        let second = list("", "display_name", 2, &first.next_page_token).await.expect("lists");
        let third = list("", "display_name", 2, &second.next_page_token).await.expect("lists");
        assert_eq!([shown(&first), shown(&second), shown(&third)], ["ab", "cd", "e"]);
        assert_eq!(third.next_page_token, "");
        assert_eq!(shown(&list("family_name = Odd", "display_name desc", 0, "").await.expect("lists")), "ba");
        let every = list("state = ACTIVE AND family_name = Odd OR family_name = Even", "display_name", 0, "").await;
        assert_eq!(shown(&every.expect("lists")), "abcde");
        let mut paged = String::new();
        let mut token = String::new();
        loop {
            let page = list("", "", 1, &token).await.expect("lists");
            paged.push_str(&shown(&page));
            token = page.next_page_token;
            if token.is_empty() { break }
        }
        let mut letters: Vec<char> = paged.chars().collect();
        letters.sort_unstable();
        assert_eq!(letters, ['a', 'b', 'c', 'd', 'e'], "customers of one instant are each on one page");
        assert_eq!(broken(list("colour = red", "", 0, "").await)[0].1, "FILTER_FIELD_UNKNOWN");
        assert_eq!(broken(list("", "colour", 0, "").await)[0].1, "ORDER_FIELD_UNKNOWN");
        assert_eq!(broken(list("", "", -1, "").await)[0].0, "page_size");
        assert_eq!(broken(list("state = ACTIVE", "display_name", 2, &first.next_page_token).await)[0].1, "PAGE_TOKEN_MISMATCH");
    }

    async fn several_are_read_in_the_order_asked_for(env: &Env) {
        let client = env.client();
        let made = ingest(&client, (0..3).map(|n| record("pos", &n.to_string(), "2024-01-01", "x y", &[]))).await;
        let names: Vec<String> = made.iter().rev().map(|answer| answer.customer.clone()).collect();
        let batch = |names: Vec<String>| {
            let client = client.clone();
            async move {
                let answer = client.customer().customers().batch_get_customers(BatchGetCustomersRequest { names }).await;
                answer.map(tonic::Response::into_inner).map_err(Error::from)
            }
        };
        let found = batch(names.clone()).await.expect("are there");
        assert_eq!(found.customers.iter().map(|customer| customer.name.clone()).collect::<Vec<_>>(), names);
        let unknown = format!("customers/{}", guanxi_kernel::new_id());
        let missing = batch(vec![names[0].clone(), unknown.clone()]).await.expect_err("is unknown");
        assert_eq!((missing.code, missing.resource.expect("a resource").name), (tonic::Code::NotFound, unknown));
    }

    async fn a_stranger_finds_nobody_and_makes_nobody(env: &Env) {
        let client = env.client();
        make_organization(&client, "hk", "Asia/Hong_Kong", "HKD").await;
        let ours = create(&client, named("王", "小明"), &[email("a@b.cn")]).await.expect("is made");
        let stranger = env.client_as("stranger", &["customer.*", "admin.read"], &["hk:rw"]);
        assert_eq!(reason(get(&stranger, &ours.name).await), "NOT_FOUND");
        assert_eq!(reason(lookup(&stranger, email("a@b.cn"), None).await), "NOT_FOUND");
        let foreign = Customer { organization: "organizations/default".into(), ..named("李", "雷") };
        assert_eq!(reason(create(&stranger, foreign, &[]).await), "NOT_FOUND");
        let request = DeleteCustomerRequest { name: ours.name.clone(), etag: String::new(), request_id: request_id() };
        let deleted = stranger.customer().customers().delete_customer(request).await.map_err(Error::from);
        assert_eq!(reason(deleted), "NOT_FOUND");
        let theirs = create(&stranger, named("李", "雷"), &[email("a@b.cn")]).await.expect("theirs is another");
        assert_eq!(theirs.organization, "organizations/hk");
        assert_ne!(lookup(&stranger, email("a@b.cn"), None).await.expect("is found").name, ours.name);
        let reader = env.client_as("reader", &["customer.*", "admin.read"], &["default:r"]);
        assert_eq!(get(&reader, &ours.name).await.expect("may read"), ours);
        let written = create(&reader, Customer { organization: ours.organization.clone(), ..named("x", "y") }, &[]).await;
        assert_eq!(reason(written), "ORGANIZATION_READ_ONLY");
        let scopeless = env.client_as("scopeless", &["customer.orders.read"], &["*"]);
        let denied = get(&scopeless, &ours.name).await.expect_err("has no scope");
        assert_eq!((denied.code, denied.reason.as_str()), (tonic::Code::PermissionDenied, "SCOPE_MISSING"));
    }
}
