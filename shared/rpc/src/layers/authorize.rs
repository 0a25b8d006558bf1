//! A call needs the scope that its contract declares, and is written to the audit log where its contract says so. No
//! handler asks for either.

use guanxi_kernel::Refused;
use http::Response;
use tonic::body::Body;

use super::{Incoming, Layer, Next, refuse};

pub(crate) struct Authorize;

impl Layer for Authorize {
    async fn handle<N: Next>(&self, incoming: Incoming, next: &N) -> Response<Body> {
        let Some(method) = incoming.method else { return super::authenticate::unknown_method() };
        let caller = &incoming.call.caller;
        let allowed = method.anonymous || caller.has_scope(method.scope);
        if method.audit {
            tracing::info!(target: "audit", subject = &*caller.subject, method = method.path, allowed, "called");
        }
        if !allowed {
            let message = format!("the token of {:?} does not cover the scope {}", caller.subject, method.scope);
            return refuse(Refused::denied("SCOPE_MISSING", message).with("scope", method.scope));
        }
        next.run(incoming).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tonic::Code;

    use super::super::tests::{CANCEL_JOB, End, GET_JOB, HEALTH, incoming, outcome, yes};
    use super::*;

    async fn with_scopes(path: &str, scopes: &[&str]) -> crate::Failure {
        let mut incoming = incoming(path);
        incoming.call.caller.scopes = Arc::new(scopes.iter().map(|&scope| scope.to_owned()).collect());
        outcome(&Authorize.handle(incoming, &End(|_| async { yes() })).await)
    }

    #[tokio::test]
    async fn a_missing_scope_is_named() {
        let failure = with_scopes(CANCEL_JOB, &["jobs.read", "loyalty.*"]).await;
        assert_eq!((failure.code, failure.reason.as_str()), (Code::PermissionDenied, "SCOPE_MISSING"));
        assert_eq!(failure.metadata["scope"], "jobs.write");
    }

    #[tokio::test]
    async fn the_declared_scope_opens_the_method_and_open_methods_need_none() {
        assert_eq!(with_scopes(GET_JOB, &["jobs.read"]).await.code, Code::Ok);
        assert_eq!(with_scopes(HEALTH, &[]).await.code, Code::Ok);
    }
}
