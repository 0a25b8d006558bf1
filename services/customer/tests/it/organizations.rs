//! Organisations and stores: made once, listed in pages, hidden from strangers.

use guanxi_client::{Error, request_id};
use guanxi_contracts::customer::v1::*;
use guanxi_testkit::matrix;

use crate::support::*;

fn create(id: &str, zone: &str, currency: &str) -> CreateOrganizationRequest {
    CreateOrganizationRequest {
        organization_id: id.into(),
        organization: Some(Organization {
            display_name: id.into(),
            time_zone: zone.into(),
            currency_code: currency.into(),
            ..Organization::default()
        }),
        request_id: request_id(),
    }
}

fn store(parent: &str, id: &str) -> CreateStoreRequest {
    CreateStoreRequest {
        parent: parent.into(),
        store_id: id.into(),
        store: Some(Store { display_name: id.into(), locality: "南京".into(), ..Store::default() }),
        request_id: request_id(),
    }
}

matrix! {
    setup();

    async fn an_organisation_is_made_once(env: &Env) {
        let organizations = env.client().customer().organizations();
        let request = create("olist", "America/Sao_Paulo", "BRL");
        let send = |request: CreateOrganizationRequest| {
            let mut organizations = organizations.clone();
            async move {
                let answer = organizations.create_organization(request).await.map_err(Error::from)?;
                Ok::<_, Error>(answer.into_inner().organization.expect("an organisation"))
            }
        };
        let made = send(request.clone()).await.expect("is made");
        assert_eq!((made.name.as_str(), made.currency_code.as_str()), ("organizations/olist", "BRL"));
        assert_eq!(send(request.clone()).await.expect("is answered"), made, "the same request");
        let again = send(create("olist", "America/Sao_Paulo", "BRL")).await.expect_err("exists");
        assert_eq!((again.code, again.reason.as_str()), (tonic::Code::AlreadyExists, "ALREADY_EXISTS"));
        let wrong = broken(send(create("mars", "Mars/Olympus", "BRL")).await);
        assert_eq!(wrong, [("organization.time_zone".to_owned(), "ZONE_UNKNOWN".to_owned())]);
        let request = GetOrganizationRequest { name: "organizations/olist".into() };
        let found = organizations.clone().get_organization(request).await.expect("is there").into_inner();
        assert_eq!(found.organization, Some(made));
    }

    async fn the_default_organisation_is_always_there(env: &Env) {
        let mut organizations = env.client().customer().organizations();
        let request = GetOrganizationRequest { name: "organizations/default".into() };
        let found = organizations.get_organization(request).await.expect("is there").into_inner();
        let found = found.organization.expect("an organisation");
        assert_eq!((found.currency_code.as_str(), found.time_zone.as_str()), ("CNY", "Asia/Shanghai"));
    }

    async fn stores_are_made_and_listed_in_pages(env: &Env) {
        let mut organizations = env.client().customer().organizations();
        for id in ["c", "a", "b"] {
            organizations.create_store(store("organizations/default", id)).await.expect("is made");
        }
        let mut list = async |parent: &str, page_token: String| {
            let request = ListStoresRequest { parent: parent.into(), page_size: 2, page_token };
            let answer = organizations.list_stores(request).await.map_err(Error::from);
            answer.map(tonic::Response::into_inner)
        };
        let first = list("organizations/default", String::new()).await.expect("lists");
        let second = list("organizations/default", first.next_page_token.clone()).await.expect("lists");
        let names: Vec<_> = first.stores.iter().chain(&second.stores).map(|store| store.display_name.as_str()).collect();
        assert_eq!((names, second.next_page_token.as_str()), (vec!["a", "b", "c"], ""));
        assert_eq!(reason(list("organizations/nowhere", String::new()).await), "NOT_FOUND");
        assert_eq!(broken(list("organizations/default", "rubbish".into()).await)[0].1, "PAGE_TOKEN_MALFORMED");
        let again = organizations.create_store(store("organizations/default", "a")).await.map_err(Error::from);
        assert_eq!(reason(again), "ALREADY_EXISTS");
        let nowhere = organizations.create_store(store("organizations/nowhere", "a")).await.map_err(Error::from);
        assert_eq!(reason(nowhere), "NOT_FOUND");
    }

    async fn an_order_of_a_store_needs_the_store(env: &Env) {
        let client = env.client();
        ingest_one(&client, record("pos", "1", "2023-01-01", "王小明", &[])).await;
        let mut placed = order("1", "2024-02-01", "pos", "1");
        placed.order.as_mut().expect("an order").store = "organizations/default/stores/a".into();
        let answer = place_one(&client, placed.clone()).await;
        assert_eq!(answer.rejection.expect("is rejected").reason, "STORE_UNKNOWN");
        client.customer().organizations().create_store(store("organizations/default", "a")).await.expect("is made");
        assert_eq!(place_one(&client, placed).await.outcome(), RecordOutcome::Recorded);
    }

    async fn a_stranger_sees_its_own_organisations_only(env: &Env) {
        let client = env.client();
        make_organization(&client, "hk", "Asia/Hong_Kong", "HKD").await;
        make_organization(&client, "jp", "Asia/Tokyo", "JPY").await;
        let stranger = env.client_as("stranger", &["customer.*", "admin.read"], &["hk:rw"]);
        let mut organizations = stranger.customer().organizations();
        let list = organizations.list_organizations(ListOrganizationsRequest::default()).await.expect("lists");
        let names: Vec<_> = list.into_inner().organizations.into_iter().map(|organization| organization.name).collect();
        assert_eq!(names, ["organizations/hk"]);
        let request = GetOrganizationRequest { name: "organizations/jp".into() };
        assert_eq!(reason(organizations.get_organization(request).await.map_err(Error::from)), "NOT_FOUND");
        let made = organizations.create_organization(create("mo", "Asia/Macau", "MOP")).await.map_err(Error::from);
        assert_eq!(reason(made), "NOT_FOUND");
    }
}
