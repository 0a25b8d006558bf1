//! One holder at a time.

use std::time::Duration;

use guanxi_kernel::new_id;

use crate::fixture::on_both;

on_both! {
    async fn a_lease_has_one_holder_until_it_is_given_back(fixture: &Fixture) {
        let (a, b) = (new_id(), new_id());
        let long = Duration::from_secs(60);
        assert!(fixture.db.lease("x", a, long).await.unwrap());
        assert!(fixture.db.lease("x", a, long).await.unwrap(), "its holder renews it");
        assert!(!fixture.db.lease("x", b, long).await.unwrap());
        assert!(fixture.db.lease("y", b, long).await.unwrap(), "another lease is another matter");
        fixture.db.release("x", b).await.unwrap();
        assert!(!fixture.db.lease("x", b, long).await.unwrap(), "only its holder gives it back");
        fixture.db.release("x", a).await.unwrap();
        assert!(fixture.db.lease("x", b, long).await.unwrap());
    }

    async fn a_lease_that_ran_out_is_free(fixture: &Fixture) {
        assert!(fixture.db.lease("x", new_id(), Duration::ZERO).await.unwrap());
        assert!(fixture.db.lease("x", new_id(), Duration::from_secs(60)).await.unwrap());
    }

    async fn replicas_that_start_together_migrate_once(fixture: &Fixture) {
        let others = futures::future::join_all((0..4).map(|_| fixture.another())).await;
        assert_eq!(others.len(), 4);
        assert_eq!(fixture.db.migrations().await.unwrap(), ["m0001_store", "m0002_accounts"]);
    }
}
