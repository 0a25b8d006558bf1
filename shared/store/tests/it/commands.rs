//! A call's write: once, whatever is sent again, and nothing where it is refused.

use guanxi_kernel::{Call, Refused, new_id};
use guanxi_store::{Session, StoreError, Written};

use crate::fixture::{add, on_both, write};

on_both! {
    async fn the_same_request_again_gets_the_stored_reply(fixture: &Fixture) {
        let (id, request) = (new_id(), new_id());
        let call = Call::internal("test");
        let mut replies = Vec::new();
        for _ in 0..3 {
            replies.push(fixture.db.command(&call, &write(id, request, "+5"), |tx| async move {
                add(&tx, id, 5).await?;
                Ok(b"five".to_vec())
            }).await.unwrap());
        }
        assert_eq!(fixture.points(id).await, Some(5));
        assert_eq!(replies, [false, true, true].map(|replayed| Written { reply: b"five".to_vec(), replayed }));
    }

    async fn the_same_request_id_with_another_body_is_refused(fixture: &Fixture) {
        let (id, request) = (new_id(), new_id());
        let call = Call::internal("test");
        let reply = |_| async { Ok(Vec::new()) };
        fixture.db.command(&call, &write(id, request, "+5"), reply).await.unwrap();
        let error = fixture.db.command(&call, &write(id, request, "+6"), reply).await.unwrap_err();
        assert_eq!(Refused::from(error).reason(), "REQUEST_ID_REUSED");
    }

    async fn a_refused_call_writes_nothing_and_leaves_its_request_id_unused(fixture: &Fixture) {
        let (id, request) = (new_id(), new_id());
        let call = Call::internal("test");
        let refused = fixture.db.command(&call, &write(id, request, "+5"), |tx| async move {
            add(&tx, id, 5).await?;
            Err(Refused::precondition("CLOSED", "the account is closed").into())
        }).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(_)));
        assert_eq!((fixture.points(id).await, fixture.count("idempotency").await), (None, 0));
        fixture.db.command(&call, &write(id, request, "+6"), |tx| async move {
            add(&tx, id, 6).await?;
            Ok(Vec::new())
        }).await.unwrap();
        assert_eq!(fixture.points(id).await, Some(6));
    }

    async fn sixteen_callers_with_one_request_id_write_once(fixture: &Fixture) {
        let (id, request) = (new_id(), new_id());
        let calls = (0..16).map(|_| {
            let db = fixture.db.clone();
            tokio::spawn(async move {
                db.command(&Call::internal("test"), &write(id, request, "+5"), |tx| async move {
                    add(&tx, id, 5).await?;
                    Ok(b"done".to_vec())
                }).await
            })
        });
        let mut fresh = 0;
        for call in calls.collect::<Vec<_>>() {
            let written = call.await.unwrap().unwrap();
            assert_eq!(written.reply, b"done");
            fresh += u32::from(!written.replayed);
        }
        assert_eq!((fresh, fixture.points(id).await), (1, Some(5)));
    }

    async fn no_write_is_lost_where_many_write_one_row(fixture: &Fixture) {
        let id = new_id();
        let calls = (0..64).map(|_| {
            let db = fixture.db.clone();
            tokio::spawn(async move {
                db.command(&Call::internal("test"), &write(id, new_id(), "+1"), |tx| async move {
                    add(&tx, id, 1).await?;
                    Ok(Vec::new())
                }).await
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap().unwrap();
        }
        assert_eq!(fixture.points(id).await, Some(64));
    }

    async fn everything_in_a_transaction_has_one_instant(fixture: &Fixture) {
        let (tx_now, clock_now) = fixture.db.slice(&Call::internal("test"), |tx| async move { Ok((tx.now(), Session::now(&*tx))) }).await.unwrap();
        assert_eq!(tx_now, clock_now);
    }
}
