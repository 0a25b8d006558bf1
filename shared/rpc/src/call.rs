//! What a handler does around its own work: open the request, answer, and say what makes a write the same write.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use guanxi_contracts::Mutation;
use guanxi_contracts::codec::{self, Guarded};
use guanxi_kernel::{Access, Call, Caller, Refused, Uuid, Violation, Write};
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status};

use crate::status;

/// The call as the layers established it, and the message. Where no layer did (a service that is served without the
/// stack), the call may do nothing and see nothing.
pub fn open<M>(mut request: Request<M>) -> (Call, M) {
    let call = request.extensions_mut().remove::<Call>().unwrap_or_else(nobody);
    (call, request.into_inner())
}

/// A call of which nothing is known yet.
pub(crate) fn nobody() -> Call {
    static NOBODY: LazyLock<Caller> = LazyLock::new(|| Caller {
        subject: "anonymous".into(),
        scopes: Arc::default(),
        organizations: Arc::new(Access::Some(BTreeMap::new())),
    });
    Call { caller: NOBODY.clone(), deadline: None, traceparent: None }
}

/// Answers with what the work came to.
///
/// # Errors
/// The status of the refusal.
pub async fn answer<T>(work: impl Future<Output = Result<T, Refused>>) -> Result<Response<T>, Status> {
    work.await.map(Response::new).map_err(status::status)
}

/// Checks one element of a client's stream against its contract: the codec leaves that to the handler, which answers
/// the element instead of ending the stream.
///
/// # Errors
/// INVALID_ARGUMENT with a violation for each wrong field.
pub fn check<M: Guarded + Message>(element: &M) -> Result<(), Refused> {
    codec::check(element).map_err(|broken| {
        let violation = |b: codec::Broken| Violation { field: b.field, rule: b.rule, description: b.description };
        Refused::violations(broken.into_iter().map(violation).collect())
    })
}

/// The identity of a write of the aggregate `root`, asked for by `message`. `scope` is the method, such as
/// `PointsService/EarnPoints`.
///
/// # Errors
/// INVALID_ARGUMENT where the request id is not a UUID (the contract's own rule says so first).
pub fn write<M: Mutation>(scope: &'static str, root: Uuid, message: &M) -> Result<Write, Refused> {
    let request_id = crate::convert::uuid(message.request_id(), "request_id")?;
    Ok(Write { root, scope, request_id, digest: Sha256::digest(message.encode_to_vec()).into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Change {
        #[prost(string, tag = "1")]
        request_id: String,
        #[prost(int64, tag = "2")]
        points: i64,
    }

    impl Mutation for Change {
        fn request_id(&self) -> &str {
            &self.request_id
        }
    }

    #[test]
    fn the_same_request_is_the_same_write_and_another_body_is_not() {
        let root = Uuid::from_u128(7);
        let change = Change { request_id: Uuid::from_u128(1).to_string(), points: 5 };
        let first = write("S/M", root, &change).expect("a write");
        assert_eq!(write("S/M", root, &change.clone()).expect("a write"), first);
        let other = write("S/M", root, &Change { points: 6, ..change }).expect("a write");
        assert_eq!(other.request_id, first.request_id);
        assert_ne!(other.digest, first.digest);
        let wrong = write("S/M", root, &Change { request_id: "x".into(), points: 5 }).expect_err("x is no UUID");
        assert_eq!(wrong.field_violations()[0].field, "request_id");
    }

    #[test]
    fn a_request_without_the_stack_may_do_nothing() {
        let (call, ()) = open(Request::new(()));
        assert!(!call.caller.has_scope("jobs.read"));
        assert_eq!(call.caller.organizations.readable(), Some(Vec::new()));
    }
}
