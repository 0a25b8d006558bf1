//! Tokens of an identity provider: its keys by URL, as they change, and while they are away.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use guanxi_rpc::token::{Provider, ProviderSettings, Refused, sign};
use guanxi_rpc::{Claims, Key, Verifier};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fixture::SECRET;

const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "guanxi";
/// Made for this test, and good for nothing else.
const RSA: &str = include_str!("rsa.pem");
/// The private key of RFC 8410, section 10.
const ED25519: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

/// A provider's URL: what it answers, and how often it was asked.
#[derive(Clone)]
struct Site {
    url: String,
    answer: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Site {
    async fn start(keys: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        let site = Self { url, answer: Arc::default(), asked: Arc::default() };
        site.show(keys);
        let served = site.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                served.asked.fetch_add(1, Ordering::Relaxed);
                let mut head = [0; 1024];
                let _asked = socket.read(&mut head).await;
                let body = served.answer.lock().expect("not poisoned").as_ref().map(Value::to_string);
                let text = body.map_or_else(
                    || "HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n".to_owned(),
                    |body| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
                );
                let _told = socket.write_all(text.as_bytes()).await;
            }
        });
        site
    }

    fn show(&self, keys: &[&Signer]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.public.clone()).collect();
        *self.answer.lock().expect("not poisoned") = Some(json!({ "keys": keys }));
    }

    fn away(&self) {
        *self.answer.lock().expect("not poisoned") = None;
    }

    fn verifier(&self, change: impl Fn(&mut ProviderSettings)) -> Verifier {
        let mut settings = ProviderSettings::new(&self.url, ISSUER, AUDIENCE);
        settings.pause = Duration::ZERO;
        change(&mut settings);
        let provider = Provider::new(settings).expect("a URL");
        Verifier::new(&Key::Secret(SECRET.into())).expect("a key").with_provider(provider)
    }
}

/// One key of a provider.
struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    id: String,
    public: Value,
}

impl Signer {
    fn new(algorithm: Algorithm, id: &str) -> Self {
        let key = match algorithm {
            Algorithm::RS256 | Algorithm::RS512 => EncodingKey::from_rsa_pem(RSA.as_bytes()),
            Algorithm::ES256 => EncodingKey::from_ec_pem(
                KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key").serialize_pem().as_bytes(),
            ),
            _ => EncodingKey::from_ed_pem(ED25519.as_bytes()),
        };
        let key = key.expect("PEM");
        let mut public = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).expect("a key")).expect("JSON");
        public["kid"] = id.into();
        Self { key, algorithm, id: id.to_owned(), public }
    }

    fn token(&self, change: impl Fn(&mut Value)) -> String {
        let mut claims = json!({
            "sub": "anna", "exp": 32_503_680_000_u64, "iss": ISSUER, "aud": ["other", AUDIENCE],
            "scope": "loyalty.*", "organizations": ["cn:rw"],
        });
        change(&mut claims);
        let header = Header { kid: Some(self.id.clone()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, &claims, &self.key).expect("a token")
    }

    fn good(&self) -> String {
        self.token(|_| ())
    }
}

/// Whom a token names, or why it names nobody.
async fn who(verifier: &Verifier, token: &str) -> Result<String, Refused> {
    Ok(verifier.caller(token).await?.subject.to_string())
}

fn anna() -> Result<String, Refused> {
    Ok("anna".to_owned())
}

#[tokio::test]
async fn keys_of_three_kinds_are_taken_and_asked_for_once() {
    let keys =
        [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA].map(|kind| Signer::new(kind, &format!("{kind:?}")));
    let site = Site::start(&keys.each_ref()).await;
    let verifier = site.verifier(|_| ());
    for key in &keys {
        assert_eq!(who(&verifier, &key.good()).await, anna(), "{:?}", key.algorithm);
        assert_eq!(who(&verifier, &key.token(|claims| claims["aud"] = AUDIENCE.into())).await, anna());
    }
    assert_eq!(site.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_services_own_tokens_need_no_provider() {
    let site = Site::start(&[]).await;
    let verifier = site.verifier(|_| ());
    let claims = Claims {
        sub: "service:loyalty".into(),
        exp: 32_503_680_000,
        scope: "*".into(),
        organizations: vec!["*".into()],
    };
    let token = sign(&Key::Secret(SECRET.into()), &claims).expect("a token");
    assert_eq!(who(&verifier, &token).await, Ok("service:loyalty".to_owned()));
    assert_eq!(site.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_token_that_is_not_for_us_lets_nobody_in() {
    let (key, other) = (Signer::new(Algorithm::ES256, "1"), Signer::new(Algorithm::ES256, "1"));
    let (rs512, rsa) = (Signer::new(Algorithm::RS512, "2"), Signer::new(Algorithm::RS256, "2"));
    let site = Site::start(&[&key, &rsa]).await;
    let verifier = site.verifier(|_| ());
    assert_eq!(who(&verifier, &key.token(|claims| claims["exp"] = 1.into())).await, Err(Refused::Expired));
    let changes: [fn(&mut Value); 6] = [
        |claims| claims["iss"] = "https://evil.example".into(),
        |claims| claims["aud"] = "shop".into(),
        |claims| drop(claims.as_object_mut().map(|all| all.remove("iss"))),
        |claims| drop(claims.as_object_mut().map(|all| all.remove("aud"))),
        |claims| claims["nbf"] = 32_503_000_000_u64.into(),
        |claims| claims["organizations"] = json!(["cn"]),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert_eq!(who(&verifier, &key.token(change)).await, Err(Refused::Invalid), "{at}");
    }
    // Another's signature under a known id; a stronger algorithm than is allowed; the public key as a shared secret.
    let by_public = {
        let header = Header { kid: Some("1".into()), ..Header::new(Algorithm::HS256) };
        let secret = EncodingKey::from_secret(key.public["x"].as_str().expect("a key").as_bytes());
        jsonwebtoken::encode(&header, &json!({"sub": "x", "exp": 32_503_680_000_u64}), &secret).expect("a token")
    };
    for forged in [other.good(), rs512.good(), by_public] {
        assert_eq!(who(&verifier, &forged).await, Err(Refused::Invalid));
    }
}

#[tokio::test]
async fn a_key_that_is_new_is_fetched_and_one_that_is_gone_is_good_for_nothing() {
    let (old, new) = (Signer::new(Algorithm::ES256, "old"), Signer::new(Algorithm::EdDSA, "new"));
    let site = Site::start(&[&old]).await;
    let verifier = site.verifier(|_| ());
    let token = old.good();
    assert_eq!(who(&verifier, &token).await, anna());
    site.show(&[&old, &new]);
    assert_eq!(who(&verifier, &new.good()).await, anna());
    assert_eq!(who(&verifier, &token).await, anna());
    site.show(&[&new]);
    assert_eq!(who(&verifier, &Signer::new(Algorithm::ES256, "strange").good()).await, Err(Refused::Invalid));
    assert_eq!(who(&verifier, &token).await, Err(Refused::Invalid), "it was remembered");
}

#[tokio::test]
async fn unknown_keys_do_not_make_us_ask_more_often_than_we_may() {
    let key = Signer::new(Algorithm::ES256, "1");
    let site = Site::start(&[&key]).await;
    let verifier = site.verifier(|settings| settings.pause = Duration::from_secs(3600));
    let strangers: Vec<String> =
        (0..50).map(|id| Signer::new(Algorithm::ES256, &format!("strange {id}")).good()).collect();
    let asking = strangers.iter().map(|token| who(&verifier, token));
    assert!(futures::future::join_all(asking).await.iter().all(|answer| *answer == Err(Refused::Invalid)));
    assert_eq!(who(&verifier, &key.good()).await, anna());
    assert_eq!(site.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn old_keys_are_used_while_the_url_is_away_and_not_for_ever() {
    let (old, new) = (Signer::new(Algorithm::ES256, "1"), Signer::new(Algorithm::ES256, "2"));
    let site = Site::start(&[&old]).await;
    let verifier = site.verifier(|settings| {
        settings.refresh = Duration::from_millis(50);
        settings.stale = Duration::from_millis(400);
    });
    assert_eq!(who(&verifier, &old.good()).await, anna());
    site.away();
    let began = Instant::now();
    let mut good = 0;
    let ended = loop {
        match who(&verifier, &old.token(|claims| claims["n"] = good.into())).await {
            Ok(_) => good += 1,
            Err(refused) => break refused,
        }
        assert!(began.elapsed() < Duration::from_secs(10), "they are used for ever");
    };
    assert_eq!(ended, Refused::Unavailable);
    assert!(began.elapsed() >= Duration::from_millis(300) && good > 10, "{:?}", began.elapsed());
    site.show(&[&new]);
    assert_eq!(who(&verifier, &new.good()).await, anna(), "it is back");
}

#[tokio::test]
async fn keys_are_fetched_again_by_and_by_beside_the_calls() {
    let (old, new) = (Signer::new(Algorithm::ES256, "1"), Signer::new(Algorithm::ES256, "2"));
    let site = Site::start(&[&old]).await;
    let verifier = site.verifier(|settings| settings.refresh = Duration::from_millis(20));
    let token = old.good();
    assert_eq!(who(&verifier, &token).await, anna());
    site.show(&[&new]);
    let until = Instant::now() + Duration::from_secs(10);
    while who(&verifier, &token).await == anna() {
        assert!(Instant::now() < until, "a key that is gone is used for ever");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn nobody_can_say_who_calls_before_the_keys_are_there() {
    let key = Signer::new(Algorithm::ES256, "1");
    let site = Site::start(&[&key]).await;
    site.away();
    let verifier = site.verifier(|_| ());
    assert_eq!(who(&verifier, &key.good()).await, Err(Refused::Unavailable));
    site.show(&[&key]);
    assert_eq!(who(&verifier, &key.good()).await, anna());
}
