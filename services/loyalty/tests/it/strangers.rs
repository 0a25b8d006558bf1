//! Whose data: to a stranger, another organisation's programs, members and points do not exist.

use guanxi_client::request_id;
use guanxi_contracts::loyalty::v1::*;

use crate::campaigns::{campaign, creating};
use crate::holds::holding;
use crate::support::*;

guanxi_testkit::matrix! {
    setup();

    async fn a_stranger_finds_nothing(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 10).await;
        let held = env.client().loyalty().points().place_hold(holding(&member, 1)).await.unwrap().into_inner();
        let hold = held.hold.unwrap().name;
        let strange = env.client_as("stranger", &["loyalty.*", "admin.read"], &["hk:rw"]);
        let (mut programs, mut members, mut points) =
            (strange.loyalty().programs(), strange.loyalty().members(), strange.loyalty().points());
        let name = "programs/test".to_owned();
        assert_eq!(reason(programs.get_program(GetProgramRequest { name: name.clone() }).await), "NOT_FOUND");
        let listed = programs.list_programs(ListProgramsRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.programs, []);
        let update = UpdateProgramRequest {
            request_id: request_id(),
            program: Some(Program { name: name.clone(), ..program() }),
            update_mask: None,
        };
        assert_eq!(reason(programs.update_program(update).await), "NOT_FOUND");
        let make = |organization: &str| CreateProgramRequest {
            request_id: request_id(),
            program_id: "mine".into(),
            program: Some(Program { organization: organization.into(), ..program() }),
        };
        assert_eq!(reason(programs.create_program(make("organizations/default")).await), "NOT_FOUND");
        let enrol = EnrollMemberRequest {
            request_id: request_id(),
            program: name.clone(),
            customer: customer(9).to_string(),
            enroll_time: None,
            referral_code: String::new(),
            card_number: String::new(),
        };
        assert_eq!(reason(members.enroll_member(enrol).await), "NOT_FOUND");
        assert_eq!(reason(members.get_member(GetMemberRequest { name: member.clone() }).await), "NOT_FOUND");
        env.client().loyalty().members().assign_card(crate::cards::assigning(&member, "6200 1111")).await.unwrap();
        assert_eq!(reason(members.lookup_card(crate::cards::looking_up("6200 1111")).await), "NOT_FOUND");
        assert_eq!(reason(members.list_cards(ListCardsRequest { member: member.clone() }).await), "NOT_FOUND");
        assert_eq!(reason(members.assign_card(crate::cards::assigning(&member, "6200 2222")).await), "NOT_FOUND");
        assert_eq!(reason(members.replace_card(crate::cards::replacing(&member, "", "6200 2222")).await), "NOT_FOUND");
        let born = crate::occasions::birthday(&member, 1, 1, BirthdaySource::Member);
        assert_eq!(reason(members.set_birthday(born).await), "NOT_FOUND");
        assert_eq!(reason(members.check_in(crate::occasions::checking_in(&member)).await), "NOT_FOUND");
        let standing = GetTierStandingRequest { member: member.clone() };
        assert_eq!(reason(members.get_tier_standing(standing).await), "NOT_FOUND");
        let grant = crate::tiers::granting(&member, "gold", "2999-12-31");
        assert_eq!(reason(members.grant_tier(grant.clone()).await), "NOT_FOUND");
        let reader = env.client_as("reader", &["loyalty.*"], &["default:r"]);
        assert_eq!(reason(reader.loyalty().members().grant_tier(grant).await), "ORGANIZATION_READ_ONLY");
        let listed = members.list_members(ListMembersRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.members, []);
        let estimate = EstimateEarningRequest { program: name, purchase: Some(purchase(vec![])), ..EstimateEarningRequest::default() };
        assert_eq!(reason(points.estimate_earning(estimate).await), "NOT_FOUND");
        assert_eq!(reason(points.earn_points(earning(&member, "2", vec![line(1, 100)])).await), "NOT_FOUND");
        assert_eq!(reason(points.spend_points(spending(&member, 1)).await), "NOT_FOUND");
        assert_eq!(reason(points.place_hold(holding(&member, 1)).await), "NOT_FOUND");
        let capture = CaptureHoldRequest { request_id: request_id(), name: hold.clone(), points: None };
        assert_eq!(reason(points.capture_hold(capture).await), "NOT_FOUND");
        let void = VoidHoldRequest { request_id: request_id(), name: hold };
        assert_eq!(reason(points.void_hold(void).await), "NOT_FOUND");
        assert_eq!(reason(points.return_order(return_all(&member, "1")).await), "NOT_FOUND");
        assert_eq!(reason(points.adjust_points(crate::adjusting::adjusting(&member, 1)).await), "NOT_FOUND");
        let other = enroll(&env.client(), "test", customer(2)).await;
        assert_eq!(reason(points.transfer_points(crate::transfers::giving(&member, &other, 1)).await), "NOT_FOUND");
        let batch = crate::batches::posting(vec![crate::batches::spend("a", &member, 1)]);
        let answered = points.batch_post(batch).await.unwrap().into_inner().results.remove(0);
        assert_eq!(answered.refused.unwrap().reason, "NOT_FOUND");
        let request = GetBalanceRequest { member: member.clone(), as_of: None, known_at: None };
        assert_eq!(reason(points.get_balance(request).await), "NOT_FOUND");
        let request = ListEntriesRequest { member: member.clone(), ..ListEntriesRequest::default() };
        assert_eq!(reason(points.list_entries(request).await), "NOT_FOUND");
        let request = ListExpiringRequest { member: member.clone(), until: None };
        assert_eq!(reason(points.list_expiring(request).await), "NOT_FOUND");
        let made = crate::challenges::challenging("thrice", crate::challenges::monthly());
        let mut challenges = strange.loyalty().challenges();
        assert_eq!(reason(challenges.create_challenge(made.clone()).await), "NOT_FOUND");
        let made = env.client().loyalty().challenges().create_challenge(made).await.unwrap().into_inner();
        let made = made.challenge.unwrap();
        let get = GetChallengeRequest { name: made.name.clone() };
        assert_eq!(reason(challenges.get_challenge(get).await), "NOT_FOUND");
        let listed = challenges.list_challenges(ListChallengesRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.challenges, []);
        let update =
            UpdateChallengeRequest { request_id: request_id(), challenge: Some(made.clone()), update_mask: None };
        assert_eq!(reason(challenges.update_challenge(update).await), "NOT_FOUND");
        let progress = ListChallengeProgressRequest { member: member.clone() };
        assert_eq!(reason(challenges.list_challenge_progress(progress).await), "NOT_FOUND");
        let awards = ListChallengeAwardsRequest { member: member.clone(), ..ListChallengeAwardsRequest::default() };
        assert_eq!(reason(challenges.list_challenge_awards(awards).await), "NOT_FOUND");
        let mut referrals = strange.loyalty().referrals();
        let code = CreateReferralCodeRequest { request_id: request_id(), member: member.clone() };
        assert_eq!(reason(referrals.create_referral_code(code).await), "NOT_FOUND");
        let code = GetReferralCodeRequest { member: member.clone() };
        assert_eq!(reason(referrals.get_referral_code(code).await), "NOT_FOUND");
        assert_eq!(reason(referrals.create_referral(crate::referrals::bringing(&member, "CODE")).await), "NOT_FOUND");
        let listed = ListReferralsRequest { member: member.clone(), ..ListReferralsRequest::default() };
        assert_eq!(reason(referrals.list_referrals(listed).await), "NOT_FOUND");
        env.client().loyalty().campaigns().create_campaign(creating("double", campaign())).await.unwrap();
        let mut campaigns = strange.loyalty().campaigns();
        let name = "campaigns/double".to_owned();
        assert_eq!(reason(campaigns.create_campaign(creating("mine", campaign())).await), "NOT_FOUND");
        assert_eq!(reason(campaigns.get_campaign(GetCampaignRequest { name: name.clone() }).await), "NOT_FOUND");
        let listed = campaigns.list_campaigns(ListCampaignsRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.campaigns, []);
        let update = UpdateCampaignRequest {
            request_id: request_id(),
            campaign: Some(Campaign { name: name.clone(), ..campaign() }),
            update_mask: None,
        };
        assert_eq!(reason(campaigns.update_campaign(update).await), "NOT_FOUND");
        assert_eq!(reason(campaigns.get_campaign_report(GetCampaignReportRequest { name, margin_permille: None }).await), "NOT_FOUND");
        let backtest = BacktestRuleRequest {
            request_id: request_id(),
            program: "programs/test".into(),
            rule: Some(crate::rules::rule("draft")),
            ..BacktestRuleRequest::default()
        };
        assert_eq!(reason(programs.backtest_rule(backtest).await), "NOT_FOUND");
        let owed = GetLiabilityRequest { program: "programs/test".into(), ..GetLiabilityRequest::default() };
        assert_eq!(reason(strange.loyalty().ledger().get_liability(owed).await), "NOT_FOUND");
        let verify = VerifyLedgerRequest { request_id: request_id() };
        assert_eq!(reason(strange.loyalty().ledger().verify_ledger(verify).await), "ORGANIZATIONS_MISSING");
        assert_eq!(figures(&strange).await.values().copied().collect::<Vec<_>>(), [0; 5]);
        assert_eq!(balance(&env.client(), &member).await.balance, 10);
    }

    async fn to_a_stranger_there_are_no_coupons(env: &Env) {
        use crate::coupon_support::*;
        let member = member(env, program()).await;
        batch(&env.client(), "winter", ten_per_cent()).await;
        codes(&env.client(), "winter", &["WELCOME"]).await;
        let made = redeem(&env.client(), redeeming("1", &["WELCOME"])).await.redemption;
        let strange = env.client_as("stranger", &["loyalty.*"], &["hk:rw"]);
        let reader = env.client_as("reader", &["loyalty.*"], &["default:r"]);
        let mut coupons = strange.loyalty().coupons();
        let name = "couponBatches/winter".to_owned();
        assert_eq!(reason(coupons.get_coupon_batch(GetCouponBatchRequest { name: name.clone() }).await), "NOT_FOUND");
        assert_eq!(coupons.list_coupon_batches(ListCouponBatchesRequest::default()).await.unwrap().into_inner().coupon_batches, []);
        let making = CreateCouponBatchRequest {
            request_id: request_id(),
            coupon_batch_id: "mine".into(),
            coupon_batch: Some(ten_per_cent()),
        };
        assert_eq!(reason(coupons.create_coupon_batch(making.clone()).await), "NOT_FOUND");
        assert_eq!(reason(reader.loyalty().coupons().create_coupon_batch(making).await), "ORGANIZATION_READ_ONLY");
        assert_eq!(reason(coupons.create_coupons(creating("winter", 1)).await), "NOT_FOUND");
        assert_eq!(reason(reader.loyalty().coupons().create_coupons(creating("winter", 1)).await), "ORGANIZATION_READ_ONLY");
        assert_eq!(reason(coupons.export_coupons(ExportCouponsRequest { batch: name }).await.map(drop)), "NOT_FOUND");
        assert_eq!(imported(&strange, vec![import("winter", "OTHER")]).await[0].reason, "NOT_FOUND");
        assert_eq!(imported(&reader, vec![import("winter", "OTHER")]).await[0].reason, "ORGANIZATION_READ_ONLY");
        let seen = list(&reader, ListCouponsRequest::default()).await;
        assert_eq!(seen.len(), 1);
        assert_eq!(list(&strange, ListCouponsRequest::default()).await, []);
        assert_eq!(reason(coupons.get_coupon(GetCouponRequest { name: seen[0].name.clone() }).await), "NOT_FOUND");
        assert_eq!(reason(coupons.rollback_redemption(rolling_back(&made)).await), "NOT_FOUND");
        assert_eq!(reason(reader.loyalty().coupons().rollback_redemption(rolling_back(&made)).await), "ORGANIZATION_READ_ONLY");
        // The same code in the stranger's own organisation is another one, which there is not; the member is a stranger there.
        assert_eq!(refused(&strange, redeeming("2", &["WELCOME"])).await, "NOT_FOUND");
        assert_eq!(refused(&strange, RedeemCouponsRequest { member, ..redeeming("2", &["WELCOME"]) }).await, "NOT_FOUND");
        let named = RedeemCouponsRequest { organization: "organizations/default".into(), ..redeeming("2", &["WELCOME"]) };
        assert_eq!(refused(&strange, named.clone()).await, "NOT_FOUND");
        assert_eq!(refused(&reader, named).await, "ORGANIZATION_READ_ONLY");
        let validate = ValidateCouponsRequest {
            organization: "organizations/default".into(),
            purchase: cart(10_000),
            items: vec![item("WELCOME")],
            ..ValidateCouponsRequest::default()
        };
        assert_eq!(reason(coupons.validate_coupons(validate.clone()).await), "NOT_FOUND");
        let looked = reader.loyalty().coupons().validate_coupons(validate).await.unwrap().into_inner();
        assert_eq!(looked.totals.unwrap().discount_minor, 1_000);
        assert_eq!(get_batch(&env.client(), "winter").await.redeemed_count, 1);
    }

    async fn a_reader_may_read_but_not_write(env: &Env) {
        let member = member(env, program()).await;
        let reader = env.client_as("reader", &["loyalty.*"], &["default:r"]);
        assert_eq!(balance(&reader, &member).await.balance, 0);
        let mut points = reader.loyalty().points();
        let refused = points.earn_points(earning(&member, "1", vec![line(1, 100)])).await;
        assert_eq!(reason(refused), "ORGANIZATION_READ_ONLY");
        let narrow = env.client_as("narrow", &["loyalty.points.read"], &["*"]);
        let refused = narrow.loyalty().points().spend_points(spending(&member, 1)).await;
        assert_eq!(reason(refused), "SCOPE_MISSING");
    }

    async fn a_new_program_belongs_to_its_makers_organisation(env: &Env) {
        let maker = env.client_as("maker", &["loyalty.*"], &["hk:rw"]);
        let made = create(&maker, "hk", program()).await;
        assert_eq!(made.organization, "organizations/hk");
        env.tell("customer", [recorded("1", customer(1), &["a"])]).await;
        env.settle().await;
        assert_eq!(figures(&env.client()).await["members"], 0, "an order of another organisation enrols nobody");
    }
}
