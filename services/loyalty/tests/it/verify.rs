//! The ledger checks itself, and finds what somebody changed behind its back.

use guanxi_client::request_id;
use guanxi_contracts::Message;
use guanxi_contracts::common::v1::{GetJobRequest, JobState};
use guanxi_contracts::loyalty::v1::*;
use guanxi_kernel::Call;
use guanxi_store::sea_orm::ConnectionTrait;

use guanxi_testkit::Env;

use crate::support::*;

async fn verify(env: &Env) -> VerifyLedgerResult {
    let request = VerifyLedgerRequest { request_id: request_id() };
    let job = env.client().loyalty().ledger().verify_ledger(request).await.unwrap().into_inner().job.unwrap();
    assert_eq!((job.kind.as_str(), job.state()), ("verify-ledger", JobState::Pending));
    env.run_jobs().await;
    let request = GetJobRequest { name: job.name };
    let job = env.client().jobs("loyalty").get_job(request).await.unwrap().into_inner().job.unwrap();
    assert_eq!(job.state(), JobState::Succeeded, "{}", job.error);
    let result = job.result.unwrap();
    assert!(result.type_url.ends_with("guanxi.loyalty.v1.VerifyLedgerResult"), "{}", result.type_url);
    VerifyLedgerResult::decode(result.value.as_slice()).unwrap()
}

guanxi_testkit::matrix! {
    setup();

    async fn a_ledger_equals_its_replay_and_a_forged_balance_is_found(env: &Env) {
        create(&env.client(), "test", program()).await;
        let orders = (0..500_u32).map(|n| recorded(&n.to_string(), customer(u128::from(n % 450)), &["a"]));
        env.tell("customer", orders.collect::<Vec<_>>()).await;
        env.settle().await;
        let clean = verify(env).await;
        assert_eq!((clean.accounts, clean.entries, clean.violations.len()), (450, 500, 0));
        let (db, call) = (env.database("loyalty"), Call::internal("test"));
        let forged = db.slice(&call, |tx| async move {
            let sql = "UPDATE lots SET open_points = open_points + 1 WHERE lot_id = 1 \
                       AND root_id = (SELECT root_id FROM lots ORDER BY root_id LIMIT 1)";
            tx.conn().execute_unprepared(sql).await?;
            Ok(())
        });
        forged.await.unwrap();
        let found = verify(env).await;
        let mut invariants: Vec<_> = found.violations.iter().map(|wrong| wrong.invariant.as_str()).collect();
        invariants.sort_unstable();
        assert_eq!(invariants, ["lots-equal-replay", "points-are-conserved"]);
    }

    async fn an_entry_that_was_changed_with_everything_that_follows_from_it_is_found_by_its_hash(env: &Env) {
        create(&env.client(), "test", program()).await;
        env.tell("customer", vec![recorded("1", customer(1), &["a"]), recorded("2", customer(2), &["a"])]).await;
        env.settle().await;
        assert_eq!(verify(env).await.violations, []);
        let (db, call) = (env.database("loyalty"), Call::internal("test"));
        let forged = db.slice(&call, |tx| async move {
            let first = "root_id = (SELECT root_id FROM accounts ORDER BY root_id LIMIT 1)";
            for change in [
                "entries SET points = points + 5",
                "lots SET points = points + 5, open_points = open_points + 5",
                "accounts SET earned = earned + 5, open_points = open_points + 5",
                "member_orders SET earned = earned + 5",
            ] {
                tx.conn().execute_unprepared(&format!("UPDATE {change} WHERE {first}")).await?;
            }
            Ok(())
        });
        forged.await.unwrap();
        let found = verify(env).await.violations;
        let said: Vec<_> = found.iter().map(|wrong| (wrong.invariant.as_str(), wrong.description.as_str())).collect();
        assert_eq!(said, [("hashes-are-chained", "entry 1 is not what was recorded, or what came before it is not")]);
    }

    async fn an_entry_of_a_kind_that_nobody_knows_is_found(env: &Env) {
        create(&env.client(), "test", program()).await;
        env.tell("customer", [recorded("1", customer(1), &["a"])]).await;
        env.settle().await;
        env.verify().await;
        let (db, call) = (env.database("loyalty"), Call::internal("test"));
        let forged = db.slice(&call, |tx| async move {
            tx.conn().execute_unprepared("UPDATE entries SET kind = 'GIVEN'").await?;
            Ok(())
        });
        forged.await.unwrap();
        let found = env.violations().await;
        let found: Vec<_> = found.iter().filter(|wrong| wrong.invariant == "entries-are-of-known-kinds").collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].description, "1 entries of kind GIVEN from ISSUED to OPEN");
    }
}
