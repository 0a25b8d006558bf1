//! An identity provider that is away: the start goes on, its tokens wait, those of the services do not; and what
//! `guanxi doctor` says of it.

use std::io::{Read, Write};
use std::net::TcpListener;

use guanxi_client::contracts::common::v1::GetSummaryRequest;
use guanxi_client::{Client, Error};
use guanxi_testkit::process::{guanxi, text};
use serde_json::Value;
use tonic::Code;

use crate::started::{Started, with};

/// The key pair of RFC 8410, section 10.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
/// The same public key, as a provider shows it.
const KEYS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE"}]}"#;
/// `{"alg":"EdDSA","kid":"1"}`, `{"sub":"x","exp":32503680000}`, and no signature.
const OF_THE_PROVIDER: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJzdWIiOiJ4IiwiZXhwIjozMjUwMzY4MDAwMH0.AAAA";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_away_keeps_its_own_callers_waiting_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (signing, public) = (file("signing", PRIVATE), file("public", PUBLIC));
    let data = dir.path().join("data").display().to_string();
    // Nobody answers at first: the port is taken, and nothing is accepted.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://127.0.0.1:{port}/keys");
    let settings = [
        ("auth.mode", "jwks"),
        ("auth.key_file", public.as_str()),
        ("auth.signing_key_file", signing.as_str()),
        ("auth.jwks_url", url.as_str()),
        ("auth.issuer", "https://login.example"),
        ("auth.audience", "guanxi"),
        ("database.data_dir", data.as_str()),
    ];
    let server = Started::serve(with(&["serve"], &settings));
    let asked = async |token: &str| {
        let client = Client::builder().endpoint(&format!("127.0.0.1:{}", server.port)).token(token).build().unwrap();
        let answer = client.admin("loyalty").get_summary(GetSummaryRequest::default()).await;
        answer.map(drop).map_err(|status| (status.code(), Error::from(status).reason))
    };
    let own = guanxi().args(["token", "--key-file", &signing]).output().unwrap();
    assert_eq!(asked(text(&own.stdout).trim()).await, Ok(()));
    let away = (Code::Unavailable, "TOKEN_KEYS_UNAVAILABLE".to_owned());
    assert_eq!(asked(OF_THE_PROVIDER).await, Err(away));

    let doctor = || {
        let output = with(&["doctor", "--json"], &settings).output().unwrap();
        let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let finding = found.into_iter().find(|finding| finding["check"] == "keys of the identity provider");
        finding.unwrap_or_else(|| panic!("nothing is said of the provider: {}", text(&output.stdout)))
    };
    let finding = doctor();
    assert!(finding["verdict"] == "bad" && finding["advice"] == "check auth.jwks_url", "{finding}");
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let _asked = socket.read(&mut [0; 1024]);
            let _told = write!(socket, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{KEYS}", KEYS.len());
        }
    });
    let finding = doctor();
    assert!(finding["verdict"] == "good" && finding["found"] == format!("1 at {url}"), "{finding}");
}
