//! Who calls: the bearer of a token, or, where authentication is off, a developer who may do everything.

use std::time::Duration;

use guanxi_kernel::{Caller, Kind, Refused};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Response};
use tonic::body::Body;

use super::{Incoming, Layer, Next, refuse};
use crate::stack::Authentication;
use crate::token;

pub(crate) struct Authenticate {
    authentication: Authentication,
    developer: Caller,
}

impl Layer for Authenticate {
    async fn handle<N: Next>(&self, mut incoming: Incoming, next: &N) -> Response<Body> {
        let Some(method) = incoming.method else { return unknown_method() };
        let authorization = incoming.request.headers().get(AUTHORIZATION).cloned();
        match self.caller(authorization).await {
            Ok(Some(caller)) => incoming.call.caller = caller,
            Ok(None) if method.anonymous => {}
            Ok(None) => return refuse(missing()),
            Err(refused) => return refuse(refused),
        }
        next.run(incoming).await
    }
}

impl Authenticate {
    pub fn new(authentication: Authentication) -> Self {
        Self { authentication, developer: Caller::unlimited("development") }
    }

    /// The caller, or `None` where nobody says who calls.
    async fn caller(&self, authorization: Option<HeaderValue>) -> Result<Option<Caller>, Refused> {
        let Authentication::Required(verifier) = &self.authentication else { return Ok(Some(self.developer.clone())) };
        let Some(header) = authorization else { return Ok(None) };
        let token = header.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let caller = match token {
            Some(token) => verifier.caller(token).await,
            None => Err(token::Refused::Invalid),
        };
        caller.map(Some).map_err(|error| {
            let unauthenticated = |reason| Refused::new(Kind::Unauthenticated, reason, error.to_string());
            match error {
                token::Refused::Invalid => unauthenticated("TOKEN_INVALID"),
                token::Refused::Expired => unauthenticated("TOKEN_EXPIRED"),
                token::Refused::Unavailable => {
                    Refused::unavailable("TOKEN_KEYS_UNAVAILABLE", error.to_string(), KEYS_RETRY)
                }
            }
        })
    }
}

/// After how long a call is worth another try that could not be checked.
const KEYS_RETRY: Duration = Duration::from_secs(1);

fn missing() -> Refused {
    Refused::new(Kind::Unauthenticated, "TOKEN_MISSING", "no token: send `authorization: Bearer …`")
}

/// The answer to a method that no contract declares: no token makes it known, so none is asked for.
pub(crate) fn unknown_method() -> Response<Body> {
    crate::status::complete(tonic::Status::unimplemented("no contract declares this method")).into_http()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tonic::Code;

    use super::super::tests::{End, GET_JOB, HEALTH, incoming, outcome, yes};
    use super::*;
    use crate::token::{Claims, Key, Verifier, sign, tests::SECRET};

    fn required() -> Authenticate {
        let verifier = Verifier::new(&Key::Secret(SECRET.into())).expect("a key");
        Authenticate::new(Authentication::Required(Arc::new(verifier)))
    }

    fn token(exp: u64) -> String {
        let claims = Claims { sub: "pos".into(), exp, scope: "jobs.read".into(), organizations: vec!["*".into()] };
        format!("Bearer {}", sign(&Key::Secret(SECRET.into()), &claims).expect("a token"))
    }

    async fn call(path: &str, authorization: Option<&str>) -> (Code, String) {
        let mut incoming = incoming(path);
        if let Some(value) = authorization {
            incoming.request.headers_mut().insert(AUTHORIZATION, value.parse().expect("a value"));
        }
        let end = End(|incoming: Incoming| async move {
            tonic::Status::new(Code::Ok, &*incoming.call.caller.subject).into_http()
        });
        let response = required().handle(incoming, &end).await;
        let failure = outcome(&response);
        (failure.code, if failure.code == Code::Ok { failure.message } else { failure.reason })
    }

    #[tokio::test]
    async fn a_token_that_is_missing_wrong_or_over_says_which() {
        let (forged, expired) = (token(4_000_000_000).replace('.', ".x"), token(1_000));
        for (authorization, reason) in [
            (None, "TOKEN_MISSING"),
            (Some("Basic x"), "TOKEN_INVALID"),
            (Some("Bearer"), "TOKEN_INVALID"),
            (Some(forged.as_str()), "TOKEN_INVALID"),
            (Some(expired.as_str()), "TOKEN_EXPIRED"),
        ] {
            assert_eq!(call(GET_JOB, authorization).await, (Code::Unauthenticated, reason.to_owned()));
        }
    }

    #[tokio::test]
    async fn a_good_token_names_the_caller() {
        assert_eq!(call(GET_JOB, Some(&token(4_000_000_000))).await, (Code::Ok, "pos".to_owned()));
    }

    #[tokio::test]
    async fn open_methods_need_no_token_but_a_wrong_one_is_still_wrong() {
        assert_eq!(call(HEALTH, None).await, (Code::Ok, "anonymous".to_owned()));
        assert_eq!(call(HEALTH, Some("Bearer x")).await.0, Code::Unauthenticated);
    }

    #[tokio::test]
    async fn an_unknown_method_is_unimplemented_with_or_without_a_token() {
        for authorization in [None, Some("Bearer x")] {
            assert_eq!(call("/x.Y/Z", authorization).await, (Code::Unimplemented, "METHOD_UNKNOWN".to_owned()));
        }
    }

    #[tokio::test]
    async fn where_authentication_is_off_the_caller_is_a_developer() {
        let end = End(|incoming: Incoming| async move {
            assert_eq!(incoming.call.caller, Caller::unlimited("development"));
            yes()
        });
        Authenticate::new(Authentication::Off).handle(incoming(GET_JOB), &end).await;
    }
}
