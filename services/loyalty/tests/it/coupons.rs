//! Coupons: made, exported, imported, redeemed, taken back, announced before they expire.

use std::collections::BTreeSet;

use guanxi_client::{Error, request_id};
use guanxi_contracts::loyalty::events::v1::{CouponExpiring, CouponIssued};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;

use crate::coupon_support::*;
use crate::support::*;

guanxi_testkit::matrix! {
    setup();

    async fn codes_are_made_by_a_job_and_exported_as_a_stream(env: &Env) {
        create(&env.client(), "test", program()).await;
        batch(&env.client(), "winter", ten_per_cent()).await;
        assert_eq!(create_codes(env, creating("winter", 21_000)).await, 21_000);
        let all = exported(&env.client(), "winter").await;
        let codes: BTreeSet<&str> = all.iter().map(|coupon| coupon.code.as_str()).collect();
        assert_eq!((all.len(), codes.len(), get_batch(&env.client(), "winter").await.coupon_count), (21_000, 21_000, 21_000));
        assert!(codes.iter().all(|code| guanxi_loyalty::domain::coupon::code::is_well_formed(code)));
        assert!(all.iter().all(|coupon| coupon.expire_time == Some(to_proto(at("2026-12-31T16:00:00Z")))));
        let redeemed = redeem(&env.client(), redeeming("1", &[&all[7].code.to_lowercase()])).await;
        assert_eq!(redeemed.totals.unwrap().discount_minor, 1_000);
        env.verify().await;
    }

    async fn a_pattern_that_can_be_guessed_is_refused_with_its_bits(env: &Env) {
        create(&env.client(), "test", program()).await;
        batch(&env.client(), "winter", ten_per_cent()).await;
        let weak = CreateCouponsRequest { pattern: "WN-####-####".into(), ..creating("winter", 10) };
        let error = Error::from(env.client().loyalty().coupons().create_coupons(weak).await.expect_err("it is weak"));
        assert_eq!((error.reason.as_str(), error.metadata["bits"].as_str()), ("COUPON_PATTERN_TOO_WEAK", "39"));
    }

    async fn imported_codes_are_answered_one_by_one(env: &Env) {
        create(&env.client(), "test", program()).await;
        batch(&env.client(), "winter", ten_per_cent()).await;
        let late = Some(to_proto(at("2027-12-31T16:00:00Z")));
        let elements = vec![
            import("winter", "WELCOME-1"),
            import("winter", "welcome1"),
            import("winter", "!"),
            import("nobody", "WELCOME-2"),
            ImportCouponsRequest { expire_time: late, ..import("winter", "WELCOME-3") },
            import("winter", "WELCOME-4"),
        ];
        let answers = imported(&env.client(), elements.clone()).await;
        let reasons: Vec<&str> = answers.iter().map(|answer| answer.reason.as_str()).collect();
        let expected = ["", "COUPON_CODE_TAKEN", "INVALID_ARGUMENT", "NOT_FOUND", "INVALID_ARGUMENT", ""];
        assert_eq!(reasons, expected);
        let last = answers.last().unwrap();
        assert_eq!((last.index, last.kept_count, last.rejected_count), (5, 2, 4));
        assert_eq!((answers[1].outcome(), last.outcome()), (CouponImportOutcome::Rejected, CouponImportOutcome::Kept));
        let again = imported(&env.client(), elements).await;
        assert_eq!(again.last().unwrap().rejected_count, 6);
        assert_eq!(get_batch(&env.client(), "winter").await.coupon_count, 2);
        env.verify().await;
    }

    async fn a_cart_is_validated_without_effect_and_redeemed_by_the_same_rules(env: &Env) {
        let member = member(env, program()).await;
        let amount_off = Some(AmountOff { amount_minor: 300 });
        let amount = CouponBatch {
            discount: Some(CouponDiscount { amount_off, ..CouponDiscount::default() }),
            eligible_programs: vec!["programs/test".into()],
            ..ten_per_cent()
        };
        let free_delivery = Some(FreeDelivery {});
        let delivery = CouponBatch {
            discount: Some(CouponDiscount { free_delivery, ..CouponDiscount::default() }),
            ..limited(CouponLimitScope::Code, CouponLimitPeriod::Ever, 1)
        };
        for (id, terms, code) in [("ten", ten_per_cent(), "TEN1"), ("three", amount, "THREE"), ("free", delivery, "FREE")] {
            batch(&env.client(), id, terms).await;
            codes(&env.client(), id, &[code]).await;
        }
        let mut coupons = env.client().loyalty().coupons();
        let validate = ValidateCouponsRequest {
            purchase: cart(10_000),
            items: ["TEN1", "THREE", "FREE", "NONE"].map(item).to_vec(),
            ..ValidateCouponsRequest::default()
        };
        let seen = coupons.validate_coupons(validate.clone()).await.unwrap().into_inner();
        let reasons: Vec<&str> = seen.verdicts.iter().map(|verdict| verdict.reason.as_str()).collect();
        assert_eq!(reasons, ["", "COUPON_NOT_ELIGIBLE", "", "NOT_FOUND"]);
        assert_eq!(seen.totals.unwrap().payable_minor, 9_000);
        let members = ValidateCouponsRequest { member: member.clone(), ..validate };
        let seen = coupons.validate_coupons(members).await.unwrap().into_inner();
        assert_eq!(get_batch(&env.client(), "ten").await.redeemed_count, 0, "looking has no effect");
        let request = RedeemCouponsRequest { member, ..redeeming("1", &["TEN1", "THREE", "FREE"]) };
        let redeemed = redeem(&env.client(), request.clone()).await;
        assert_eq!(redeemed.totals, seen.totals);
        let totals = redeemed.totals.unwrap();
        assert_eq!((totals.discount_minor, totals.delivery_discount_minor, totals.payable_minor), (1_300, 500, 8_700));
        assert_eq!(redeem(&env.client(), request).await, redeemed, "the same answer");
        assert_eq!(refused(&env.client(), redeeming("1", &["TEN1"])).await, "ORDER_HAS_COUPONS");
        assert_eq!(refused(&env.client(), redeeming("2", &["FREE"])).await, "COUPON_LIMIT_REACHED");
        let used = ListCouponsRequest { state: CouponState::Used.into(), ..ListCouponsRequest::default() };
        let used = list(&env.client(), used).await;
        assert_eq!(used.iter().map(|coupon| coupon.code.as_str()).collect::<Vec<_>>(), ["FREE"]);
        env.verify().await;
    }

    async fn l14_a_code_lowers_what_earns_and_a_gift_card_does_not(env: &Env) {
        let member = member(env, program()).await;
        batch(&env.client(), "ten", ten_per_cent()).await;
        codes(&env.client(), "ten", &["TEN1"]).await;
        let tender = CouponTender { priority: 0, amount_minor: 5_000 };
        let request = RedeemCouponsRequest { tenders: vec![tender], ..redeeming("1", &["TEN1"]) };
        let totals = redeem(&env.client(), request).await.totals.unwrap();
        assert_eq!((totals.discount_minor, totals.tendered_minor, totals.payable_minor), (1_000, 5_000, 4_500));
        let mut earned = earning(&member, "1", vec![line(1, 10_000)]);
        earned.purchase.as_mut().unwrap().discount_minor = totals.discount_minor;
        let answer = env.client().loyalty().points().earn_points(earned).await.unwrap().into_inner();
        assert_eq!(answer.points, 90);
    }

    async fn l22_a_redemption_is_taken_back_once(env: &Env) {
        create(&env.client(), "test", program()).await;
        batch(&env.client(), "one", limited(CouponLimitScope::Code, CouponLimitPeriod::Ever, 1)).await;
        codes(&env.client(), "one", &["ONCE"]).await;
        let name = redeem(&env.client(), redeeming("1", &["ONCE"])).await.redemption;
        let mut coupons = env.client().loyalty().coupons();
        let back = coupons.rollback_redemption(rolling_back(&name)).await.unwrap().into_inner();
        assert_eq!((back.coupon_count, back.discount_minor), (1, 1_000));
        assert_eq!(reason(coupons.rollback_redemption(rolling_back(&name)).await), "REDEMPTION_ROLLED_BACK");
        let again = redeem(&env.client(), redeeming("1", &["ONCE"])).await;
        assert!(again.redemption.ends_with("/redemptions/2"), "{}", again.redemption);
        let nothing = name.replace("/1", "/7");
        assert_eq!(reason(coupons.rollback_redemption(rolling_back(&nothing)).await), "NOT_FOUND");
        env.verify().await;
    }

    async fn a67_what_a_cancelled_or_returned_order_used_can_be_used_again_once(env: &Env) {
        let member = member(env, program()).await;
        batch(&env.client(), "one", limited(CouponLimitScope::Code, CouponLimitPeriod::Ever, 1)).await;
        codes(&env.client(), "one", &["FIRST", "SECOND"]).await;
        let two_lines = Some(purchase(vec![line(1, 5_000), line(2, 5_000)]));
        for (number, code) in [("1", "FIRST"), ("2", "SECOND")] {
            let member = member.clone();
            let request = RedeemCouponsRequest { purchase: two_lines.clone(), member, ..redeeming(number, &[code]) };
            redeem(&env.client(), request).await;
        }
        // The return of a half gives nothing back, whatever comes first and however often.
        let half = returned("2", customer(1), "r1", &[1]);
        env.tell("customer", [cancelled("1", customer(1)), half, returned("1", customer(1), "r0", &[1])]).await;
        env.tell("customer", [recorded("1", customer(1), &["a", "b"]), recorded("2", customer(1), &["a", "b"])]).await;
        env.settle().await;
        assert_eq!(refused(&env.client(), redeeming("3", &["SECOND"])).await, "COUPON_LIMIT_REACHED");
        redeem(&env.client(), redeeming("4", &["FIRST"])).await;
        env.tell("customer", [returned("1", customer(1), "r2", &[1, 2]), cancelled("1", customer(1))]).await;
        env.tell("customer", [returned("2", customer(1), "r2", &[2])]).await;
        env.settle().await;
        assert_eq!(refused(&env.client(), redeeming("5", &["FIRST"])).await, "COUPON_LIMIT_REACHED");
        redeem(&env.client(), redeeming("6", &["SECOND"])).await;
        assert_eq!(get_batch(&env.client(), "one").await.redeemed_count, 2);
        env.verify().await;
    }

    async fn a68_members_hear_of_their_coupons_and_before_they_expire_once(env: &Env) {
        let mine = member(env, program()).await;
        batch(&env.client(), "winter", limited(CouponLimitScope::Code, CouponLimitPeriod::Ever, 1)).await;
        let others = enroll(&env.client(), "test", customer(2)).await;
        let request = CreateCouponsRequest { members: vec![mine.clone(), others], count: 0, ..creating("winter", 0) };
        assert_eq!(create_codes(env, request).await, 2);
        codes(&env.client(), "winter", &["NOBODYS"]).await;
        let of_mine = ListCouponsRequest { member: mine.clone(), ..ListCouponsRequest::default() };
        let listed = list(&env.client(), of_mine.clone()).await;
        let [coupon] = listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!((coupon.kind(), coupon.expire_time), (CouponKind::PercentOff, Some(to_proto(at("2026-12-31T16:00:00Z")))));
        env.settle().await;
        assert_eq!(env.events_of::<CouponIssued>("loyalty").await.len(), 2);
        assert_eq!(refused(&env.client(), redeeming("1", &[&coupon.code])).await, "COUPON_NOT_OWNED");
        let told = || async {
            env.settle().await;
            let told = env.events_of::<CouponExpiring>("loyalty").await;
            told.into_iter().map(|told| (told.member == mine, told.days_before)).collect::<Vec<_>>()
        };
        for (when, expected) in [("2026-12-24T15:59:00Z", vec![]), ("2026-12-26T16:00:00Z", vec![(false, 7), (true, 7)])] {
            env.clock().set(at(when));
            for _ in 0..2 {
                env.run_jobs().await;
            }
            let mut told = told().await;
            told.sort_unstable();
            assert_eq!(told, expected, "{when}");
        }
        let request = RedeemCouponsRequest { member: mine.clone(), ..redeeming("1", &[&coupon.code]) };
        redeem(&env.client(), request).await;
        for when in ["2026-12-30T16:00:00Z", "2026-12-31T20:00:00Z"] {
            env.clock().set(at(when));
            env.run_jobs().await;
        }
        assert_eq!(told().await.len(), 3, "who has used it hears nothing");
        assert_eq!(told().await.iter().filter(|told| **told == (false, 1)).count(), 1);
        assert_eq!(list(&env.client(), of_mine).await[0].state(), CouponState::Used);
        env.verify().await;
    }

    async fn an_expiry_that_nobody_was_told_of_is_found(env: &Env) {
        let mine = member(env, program()).await;
        batch(&env.client(), "winter", ten_per_cent()).await;
        let request = CreateCouponsRequest { members: vec![mine], count: 0, ..creating("winter", 0) };
        create_codes(env, request).await;
        // All of December the reminders stood still.
        env.clock().set(at("2027-01-02T00:00:00Z"));
        let broken = env.violations().await;
        assert_eq!(broken.iter().map(|one| one.invariant.as_str()).collect::<BTreeSet<_>>(), ["coupons-of-members-expire-announced"].into());
    }

    async fn a_counter_that_was_changed_is_found(env: &Env) {
        use guanxi_store::sea_orm::ConnectionTrait;
        create(&env.client(), "test", program()).await;
        batch(&env.client(), "day", limited(CouponLimitScope::Batch, CouponLimitPeriod::Day, 5)).await;
        codes(&env.client(), "day", &["DAILY"]).await;
        redeem(&env.client(), redeeming("1", &["DAILY"])).await;
        env.verify().await;
        let (db, call) = (env.database("loyalty"), guanxi_kernel::Call::internal("test"));
        for table in ["coupon_counters SET used = 0", "coupons SET redeemed = 9", "coupon_batches SET redeemed_minor = 1"] {
            let before = env.violations().await.len();
            let forged = db.slice(&call, |tx| async move {
                tx.conn().execute_unprepared(&format!("UPDATE {table}")).await?;
                Ok(())
            });
            forged.await.unwrap();
            assert_eq!(env.violations().await.len(), before + 1, "{table}");
        }
    }

    async fn a_text_is_used_again_once_its_time_is_over(env: &Env) {
        create(&env.client(), "test", program()).await;
        batch(&env.client(), "winter", ten_per_cent()).await;
        let expire_time = Some(to_proto(at("2027-12-31T16:00:00Z")));
        batch(&env.client(), "next", CouponBatch { expire_time, ..ten_per_cent() }).await;
        codes(&env.client(), "winter", &["HOLIDAY"]).await;
        assert_eq!(imported(&env.client(), vec![import("next", "HOLIDAY")]).await[0].reason, "COUPON_CODE_TAKEN");
        env.clock().set(at("2026-12-31T16:00:00Z"));
        assert_eq!(refused(&env.client(), redeeming("1", &["HOLIDAY"])).await, "COUPON_EXPIRED");
        codes(&env.client(), "next", &["HOLIDAY"]).await;
        redeem(&env.client(), redeeming("1", &["HOLIDAY"])).await;
        let listed = list(&env.client(), ListCouponsRequest::default()).await;
        let mut states: Vec<_> = listed.iter().map(Coupon::state).collect();
        states.sort_unstable();
        assert_eq!(states, [CouponState::Active, CouponState::Expired]);
        let request = GetCouponRequest { name: listed[0].name.clone() };
        let newest = env.client().loyalty().coupons().get_coupon(request).await.unwrap().into_inner().coupon.unwrap();
        assert_eq!(newest.batch, "couponBatches/next");
        env.verify().await;
    }

    async fn a_batch_contradicts_itself_in_everything_that_is_wrong_at_once(env: &Env) {
        create(&env.client(), "test", program()).await;
        let limit = limited(CouponLimitScope::Code, CouponLimitPeriod::Ever, 1).limits[0];
        let wrong = CouponBatch {
            limits: vec![limit, limit],
            expire_time: Some(to_proto(at("2026-11-01T00:00:00Z"))),
            ..ten_per_cent()
        };
        let request = CreateCouponBatchRequest {
            request_id: request_id(),
            coupon_batch_id: "wrong".into(),
            coupon_batch: Some(wrong),
        };
        let error = env.client().loyalty().coupons().create_coupon_batch(request).await.expect_err("it is wrong");
        assert_eq!(Error::from(error).reason, "INVALID_ARGUMENT");
    }

    async fn a_job_that_was_killed_goes_on_without_doubles(env: &Env) {
        create(&env.client(), "test", program()).await;
        batch(&env.client(), "winter", ten_per_cent()).await;
        let request = creating("winter", 35_000);
        env.client().loyalty().coupons().create_coupons(request).await.unwrap();
        env.crash_and_start_again().await;
        env.run_jobs().await;
        let all = exported(&env.client(), "winter").await;
        let codes: BTreeSet<&str> = all.iter().map(|coupon| coupon.code.as_str()).collect();
        assert_eq!((all.len(), codes.len()), (35_000, 35_000));
        env.verify().await;
    }
}
