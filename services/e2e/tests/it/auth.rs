//! Who is let in, to what, and what those are told who are not.

use std::time::{Duration, Instant};

use guanxi_client::contracts::METHODS;
use guanxi_client::contracts::customer::v1::{CreateCustomerRequest, Customer, GetCustomerRequest};
use guanxi_client::{Client, Error, request_id};
use guanxi_testkit::Suite;
use guanxi_testkit::process::{KEY, Plan, guanxi, text};
use tonic::Code;

use crate::{raw, things};

/// A token of another key, or one that lives so long.
fn signed(key: &str, lifetime: &str) -> String {
    let output = guanxi().args(["token", "--expires", lifetime]).env("GUANXI_AUTH__KEY", key).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

/// Code and reason of a refusal.
fn refused<T: std::fmt::Debug>(answer: Result<T, impl Into<Error>>) -> (Code, String) {
    let error = answer.expect_err("it is refused").into();
    (error.code, error.reason)
}

/// A call that changes nothing.
async fn get(client: &Client, name: &str) -> Result<Customer, Error> {
    let request = GetCustomerRequest { name: name.into() };
    Ok(client.customer().customers().get_customer(request).await?.into_inner().customer.unwrap())
}

/// A call that makes a customer.
async fn create(client: &Client) -> Result<Customer, Error> {
    let request = CreateCustomerRequest {
        customer: Some(Customer { display_name: "李雷".into(), ..Customer::default() }),
        identifiers: vec![],
        request_id: request_id(),
    };
    Ok(client.customer().customers().create_customer(request).await?.into_inner().customer.unwrap())
}

/// All services in one process on PostgreSQL, where tokens are a must, and a customer there.
async fn guarded() -> (Suite, String) {
    let suite = tokio::task::spawn_blocking(|| Plan::together().start()).await.unwrap();
    let customer = create(&suite.client()).await.unwrap().name;
    (suite, customer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_let_in_is_told_why() {
    let (suite, customer) = guarded().await;
    let unauthenticated = |reason: &str| (Code::Unauthenticated, reason.to_owned());
    assert_eq!(refused(get(&suite.client_with(None), &customer).await), unauthenticated("TOKEN_MISSING"));
    let other = signed("a key that is not the one of this suite, though long", "1h");
    for wrong in [other.as_str(), "rubbish"] {
        assert_eq!(refused(get(&suite.client_with(Some(wrong)), &customer).await), unauthenticated("TOKEN_INVALID"));
    }
    let short = suite.client_with(Some(&signed(KEY, "2s")));
    let since = Instant::now();
    let ended = loop {
        match get(&short, &customer).await {
            Ok(_) => assert!(since.elapsed() < Duration::from_secs(60), "a token of two seconds does not end"),
            ended => break ended,
        }
    };
    assert_eq!(refused(ended), unauthenticated("TOKEN_EXPIRED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_what_it_says_and_no_more() {
    let (suite, customer) = guarded().await;
    let with = |scopes: &[&str], organizations: &[&str]| suite.client_with(Some(&suite.token(scopes, organizations)));

    let narrow = with(&["customer.customers.read", "loyalty.*"], &["*"]);
    assert_eq!(get(&narrow, &customer).await.unwrap().name, customer);
    let error = create(&narrow).await.expect_err("reading is not writing");
    assert_eq!((error.code, error.reason.as_str()), (Code::PermissionDenied, "SCOPE_MISSING"));
    assert_eq!(error.metadata["scope"], "customer.customers.write");

    let reader = with(&["*"], &["default:r"]);
    assert_eq!(get(&reader, &customer).await.unwrap().name, customer);
    assert_eq!(refused(create(&reader).await), (Code::PermissionDenied, "ORGANIZATION_READ_ONLY".to_owned()));

    let error = get(&with(&["*"], &["hk:rw"]), &customer).await.expect_err("it is not theirs");
    assert_eq!((error.code, error.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    assert_eq!(error.resource.map(|resource| resource.name), Some(customer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_asks_for_a_token_and_for_its_scope() {
    let (suite, _) = guarded().await;
    let (nobody, idle) = (suite.client_with(None), suite.client_with(Some(&suite.token(&["none"], &["*"]))));
    let mut anonymous = Vec::new();
    for method in METHODS {
        if method.anonymous {
            anonymous.push(method.path);
            continue;
        }
        let reasons = (Code::Unauthenticated, "TOKEN_MISSING".to_owned());
        assert_eq!(refused(raw::call(&nobody, method.path, "").await), reasons, "{}", method.path);
        let error = raw::call(&idle, method.path, "").await.expect_err("no scope covers it");
        assert_eq!((error.code, error.reason.as_str()), (Code::PermissionDenied, "SCOPE_MISSING"), "{}", method.path);
        assert_eq!(error.metadata["scope"], method.scope, "{}", method.path);
    }
    assert_eq!(anonymous, ["/guanxi.logistics.v1.TrackingService/LookupTracking"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_reflection_and_the_public_lookup_are_open() {
    let (suite, _) = guarded().await;
    let sent = things::shipment(&suite.client(), Some(things::number())).await;
    assert_eq!(sent.packages.len(), 1);
    let nobody = suite.client_with(None);
    // HealthCheckRequest for everything; SERVING is 1 in field 1.
    let health = raw::call(&nobody, "/grpc.health.v1.Health/Check", "").await.unwrap().unwrap();
    assert_eq!(health, [8, 1].as_slice());
    // list_services, field 7, of ServerReflectionRequest.
    let listing = [0x3a, 0].as_slice();
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let services = text(&raw::call(&nobody, path, listing).await.unwrap().unwrap());
    for service in ["guanxi.loyalty.v1.PointsService", "guanxi.common.v1.JobService"] {
        assert!(services.contains(service), "{services:?}");
    }
    let request =
        guanxi_client::contracts::logistics::v1::LookupTrackingRequest { tracking_number: Some(things::number()) };
    nobody.logistics().tracking().lookup_tracking(request).await.unwrap();
}

#[test]
fn without_authentication_nothing_but_sqlite_on_the_loopback_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let served = |arguments: &[&str]| {
        let output = guanxi().arg("serve").args(arguments).current_dir(dir.path()).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = served(&["--database", "postgres://postgres@127.0.0.1:1/{service}"]);
    assert!(code == Some(2) && said.contains("auth.mode") && said.contains("SQLite only"), "{code:?} {said}");
    let (code, said) = served(&["--listen", "0.0.0.0:0"]);
    assert!(code == Some(2) && said.contains("auth.mode") && said.contains("loopback"), "{code:?} {said}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made");
}
