//! Customers who ask to be forgotten: what says something of the person goes, the ledger's facts stay without him.

use guanxi_client::request_id;
use guanxi_contracts::customer::events::v1::CustomerErased;
use guanxi_contracts::loyalty::events::v1::CustomerErasureCompleted;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{Call, OrganizationId};
use guanxi_messaging::event;
use guanxi_store::NewEvent;
use guanxi_store::sea_orm::{ConnectionTrait, Statement};

use crate::cards::{assigning, looking_up};
use crate::coupon_support::{batch, imported, redeeming, ten_per_cent};
use crate::merging::merged;
use crate::occasions::birthday;
use crate::support::*;

fn erased(who: CustomerId) -> NewEvent {
    let when = at("2026-11-20T00:00:00Z");
    let message = CustomerErased { customer: who.to_string(), absorbed: Vec::new(), erase_time: Some(to_proto(when)) };
    event(who, 9, &OrganizationId::default_organization(), when, false, &message)
}

guanxi_testkit::matrix! {
    setup();

    async fn who_is_forgotten_is_nobody_and_stays_so(env: &Env) {
        let one = member(env, expiring_program(60)).await;
        let client = env.client();
        let other = enroll(&client, "test", customer(2)).await;
        let bystander = enroll(&client, "test", customer(3)).await;
        let (mut members, mut points) = (client.loyalty().members(), client.loyalty().points());
        members.assign_card(assigning(&one, "6200 SECRET")).await.unwrap();
        members.set_birthday(birthday(&one, 2, 29, BirthdaySource::Member)).await.unwrap();
        points.adjust_points(AdjustPointsRequest { reason: "cried at the till".into(), ..crate::adjusting::adjusting(&one, 5) })
            .await
            .unwrap();
        for (number, name) in [("1", &one), ("2", &other), ("3", &bystander)] {
            earn(&client, name, number, 50).await;
        }
        points.spend_points(spending(&one, 20)).await.unwrap();
        points.place_hold(crate::holds::holding(&one, 10)).await.unwrap();
        batch(&client, "winter", ten_per_cent()).await;
        let code = ImportCouponsRequest {
            batch: "couponBatches/winter".into(),
            code: "AAAA1111".into(),
            member: one.clone(),
            ..ImportCouponsRequest::default()
        };
        assert!(imported(&client, vec![code]).await[0].reason.is_empty());
        env.tell("customer", [merged(1, customer(1), customer(2))]).await;
        let segment = |version| crate::sources::entered(customer(1), "vip", version, "2026-11-01T00:00:00Z");
        env.tell("customer", [segment(1), crate::sources::at_risk(customer(1), 700, 1, "2026-11-01T00:00:00Z")]).await;
        env.settle().await;
        let before = figures(&client).await;

        env.tell("customer", [erased(customer(1)), erased(customer(1)), erased(customer(9))]).await;
        env.settle().await;
        for name in [&one, &other] {
            let request = GetMemberRequest { name: name.clone() };
            assert_eq!(reason(members.get_member(request).await), "NOT_FOUND");
            assert_eq!(reason(points.spend_points(spending(name, 1)).await), "NOT_FOUND");
            let request = GetBalanceRequest { member: name.clone(), as_of: None, known_at: None };
            assert_eq!(reason(points.get_balance(request).await), "NOT_FOUND");
            let request = crate::transfers::giving(&bystander, name, 1);
            assert_eq!(reason(points.transfer_points(request).await), "NOT_FOUND");
        }
        let lookup = members.lookup_card(looking_up("6200SECRET")).await;
        assert_eq!(reason(lookup), "NOT_FOUND");
        assert_eq!(reason(members.assign_card(assigning(&bystander, "6200SECRET")).await), "CARD_BLOCKED");
        let redeem = RedeemCouponsRequest { member: one.clone(), ..redeeming("r", &["AAAA1111"]) };
        assert_eq!(reason(client.loyalty().coupons().redeem_coupons(redeem).await), "NOT_FOUND");
        assert_eq!(reason(client.loyalty().coupons().redeem_coupons(redeeming("r", &["AAAA1111"])).await), "COUPON_NOT_OWNED");
        let after = figures(&client).await;
        assert_eq!(after["points_earned"], before["points_earned"], "the facts stay");
        assert_eq!(after["points_active"], 50, "nobody's points are nobody's to spend");
        assert_eq!(balance(&client, &bystander).await.balance, 50);
        env.verify().await;

        // Nothing revives him.
        env.tell("customer", [recorded("9", customer(1), &["a"]), recorded("10", customer(9), &["a"])]).await;
        env.tell("customer", [cancelled("1", customer(1)), merged(2, customer(3), customer(1))]).await;
        env.tell("customer", [segment(2), crate::sources::at_risk(customer(1), 800, 2, "2026-11-21T00:00:00Z")]).await;
        env.settle().await;
        for who in [1, 2, 9] {
            let request = ListMembersRequest { customer: customer(who).to_string(), ..ListMembersRequest::default() };
            assert_eq!(members.list_members(request).await.unwrap().into_inner().members, []);
            let request = EnrollMemberRequest {
                request_id: request_id(),
                program: "programs/test".into(),
                customer: customer(who).to_string(),
                enroll_time: None,
                card_number: String::new(),
                referral_code: String::new(),
            };
            assert_eq!(reason(members.enroll_member(request).await), "CUSTOMER_ERASED");
        }
        assert_eq!(balance(&client, &bystander).await.balance, 50);
        let told = env.events_of::<CustomerErasureCompleted>("loyalty").await;
        let mut told: Vec<_> = told.into_iter().map(|told| told.customer).collect();
        told.sort_unstable();
        assert_eq!(told, [customer(1).to_string(), customer(9).to_string()], "once, also of one who was no member");
        env.verify().await;

        // What said something of the person is in no row of loyalty's own.
        let (db, call) = (env.database("loyalty"), Call::internal("test"));
        let left = db.slice(&call, |tx| async move {
            let sql = "SELECT (SELECT COUNT(*) FROM adjustments WHERE reason LIKE '%cried%') \
                       + (SELECT COUNT(*) FROM member_cards WHERE number LIKE '%SECRET%') \
                       + (SELECT COUNT(*) FROM member_occasions WHERE month = 2) + (SELECT COUNT(*) FROM customer_days) \
                       + (SELECT COUNT(*) FROM customer_segments) + (SELECT COUNT(*) FROM customer_risks) AS n";
            let statement = Statement::from_string(tx.backend(), sql);
            let row = tx.conn().query_one_raw(statement).await?;
            Ok(row.map(|row| row.try_get::<i64>("", "n")).transpose()?)
        });
        assert_eq!(left.await.unwrap(), Some(0));
    }
}
