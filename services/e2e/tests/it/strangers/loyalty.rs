//! The calls of loyalty.

use guanxi_client::contracts::loyalty::v1::*;
use guanxi_client::request_id;

use super::{Fate, OWNERS, Row, mask, read, row};
use crate::things::{self, ORDER, Things};

/// A row for each.
pub fn rows(t: &Things) -> Vec<Row> {
    let (member, id) = (t.member.clone(), request_id);
    let changed = Program { name: t.program.clone(), ..things::program("") };
    use Fate::{Denied, Empty, Harmless, Missing};
    let points = vec![
        row(
            "ProgramService/CreateProgram",
            Missing,
            CreateProgramRequest {
                request_id: id(),
                program_id: "mine".into(),
                program: Some(things::program(OWNERS)),
            },
        ),
        row("ProgramService/GetProgram", Missing, GetProgramRequest { name: t.program.clone() }),
        row("ProgramService/ListPrograms", Empty, ListProgramsRequest::default()),
        row(
            "ProgramService/UpdateProgram",
            Missing,
            UpdateProgramRequest { request_id: id(), program: Some(changed), update_mask: mask("display_name") },
        ),
        row(
            "MemberService/EnrollMember",
            Missing,
            EnrollMemberRequest {
                request_id: id(),
                program: t.program.clone(),
                customer: t.customer.clone(),
                enroll_time: None,
                referral_code: String::new(),
                card_number: String::new(),
            },
        ),
        row("MemberService/ListCards", Missing, ListCardsRequest { member: member.clone() }),
        row(
            "MemberService/AssignCard",
            Missing,
            AssignCardRequest { request_id: id(), member: member.clone(), number: "62002222".into() },
        ),
        row(
            "MemberService/LookupCard",
            Missing,
            LookupCardRequest { program: t.program.clone(), number: "62002222".into() },
        ),
        row(
            "MemberService/ReplaceCard",
            Missing,
            ReplaceCardRequest {
                request_id: id(),
                member: member.clone(),
                old_number: String::new(),
                number: "62003333".into(),
                reason: CardEnd::Lost.into(),
            },
        ),
        row("MemberService/GetMember", Missing, GetMemberRequest { name: member.clone() }),
        row(
            "MemberService/SetBirthday",
            Missing,
            SetBirthdayRequest {
                request_id: id(),
                member: member.clone(),
                birthday: Some(Birthday {
                    month: 2,
                    day: 29,
                    source: BirthdaySource::Member.into(),
                    ..Birthday::default()
                }),
                time_zone: String::new(),
            },
        ),
        row(
            "MemberService/CheckIn",
            Missing,
            CheckInRequest { request_id: id(), member: member.clone(), ..CheckInRequest::default() },
        ),
        row("MemberService/GetTierStanding", Missing, GetTierStandingRequest { member: member.clone() }),
        row(
            "MemberService/GrantTier",
            Missing,
            GrantTierRequest {
                request_id: id(),
                member: member.clone(),
                tier: "gold".into(),
                until_date: "2999-12-31".into(),
                reason: "mine".into(),
            },
        ),
        row(
            "MemberService/ListMembers",
            Empty,
            ListMembersRequest { customer: t.customer.clone(), ..ListMembersRequest::default() },
        ),
        row(
            "PointsService/EstimateEarning",
            Missing,
            EstimateEarningRequest {
                program: t.program.clone(),
                purchase: Some(things::purchase()),
                ..EstimateEarningRequest::default()
            },
        ),
        row(
            "PointsService/EarnPoints",
            Missing,
            EarnPointsRequest {
                request_id: id(),
                member: member.clone(),
                order: "orders/pos:2".into(),
                purchase: Some(things::purchase()),
                effective_time: None,
            },
        ),
        row(
            "PointsService/SpendPoints",
            Missing,
            SpendPointsRequest { request_id: id(), member: member.clone(), points: 1, ..SpendPointsRequest::default() },
        ),
        row(
            "PointsService/PlaceHold",
            Missing,
            PlaceHoldRequest {
                request_id: id(),
                member: member.clone(),
                points: 1,
                ttl: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
                ..PlaceHoldRequest::default()
            },
        ),
        row(
            "PointsService/CaptureHold",
            Missing,
            CaptureHoldRequest { request_id: id(), name: t.hold.clone(), points: None },
        ),
        row("PointsService/VoidHold", Missing, VoidHoldRequest { request_id: id(), name: t.hold.clone() }),
        row(
            "PointsService/ReturnOrder",
            Missing,
            ReturnOrderRequest {
                request_id: id(),
                member: member.clone(),
                order: ORDER.into(),
                return_id: "all".into(),
                ..ReturnOrderRequest::default()
            },
        ),
        row(
            "PointsService/AdjustPoints",
            Missing,
            AdjustPointsRequest {
                request_id: id(),
                member: member.clone(),
                points: 1,
                reason: "none".into(),
                ..AdjustPointsRequest::default()
            },
        ),
        row(
            "PointsService/TransferPoints",
            Missing,
            TransferPointsRequest { request_id: id(), member: member.clone(), to_member: member.clone(), points: 1 },
        ),
        row(
            "PointsService/BatchPost",
            // The refusals are an answer, so the owner who sends the very same request gets it too.
            Harmless(|answer| {
                let refused = read::<BatchPostResponse>(answer).results.remove(0).refused;
                refused.is_some_and(|refused| refused.reason == "NOT_FOUND")
            }),
            BatchPostRequest {
                request_id: id(),
                commands: vec![PostCommand {
                    key: "a".into(),
                    adjust: Some(PostAdjust {
                        member: member.clone(),
                        points: 1,
                        reason: "none".into(),
                        ..PostAdjust::default()
                    }),
                    ..PostCommand::default()
                }],
            },
        ),
        row(
            "PointsService/GetBalance",
            Missing,
            GetBalanceRequest { member: member.clone(), ..GetBalanceRequest::default() },
        ),
        row(
            "PointsService/ListEntries",
            Missing,
            ListEntriesRequest { member: member.clone(), ..ListEntriesRequest::default() },
        ),
        row("PointsService/ListExpiring", Missing, ListExpiringRequest { member, until: None }),
        row(
            "ProgramService/BacktestRule",
            Missing,
            BacktestRuleRequest {
                request_id: id(),
                program: t.program.clone(),
                rule: things::program("").earning_rules.first().cloned(),
                ..BacktestRuleRequest::default()
            },
        ),
        row(
            "CampaignService/CreateCampaign",
            Missing,
            CreateCampaignRequest {
                request_id: id(),
                campaign_id: "mine".into(),
                campaign: Some(things::campaign(&t.program)),
            },
        ),
        row("CampaignService/GetCampaign", Missing, GetCampaignRequest { name: t.campaign.clone() }),
        row("CampaignService/ListCampaigns", Empty, ListCampaignsRequest::default()),
        row(
            "CampaignService/UpdateCampaign",
            Missing,
            UpdateCampaignRequest {
                request_id: id(),
                campaign: Some(Campaign { name: t.campaign.clone(), ..things::campaign(&t.program) }),
                update_mask: mask("display_name"),
            },
        ),
        row(
            "CampaignService/GetCampaignReport",
            Missing,
            GetCampaignReportRequest { name: t.campaign.clone(), margin_permille: None },
        ),
        row("LedgerService/VerifyLedger", Denied, VerifyLedgerRequest { request_id: id() }),
        row(
            "LedgerService/GetLiability",
            Missing,
            GetLiabilityRequest { program: t.program.clone(), ..GetLiabilityRequest::default() },
        ),
    ];
    points.into_iter().chain(coupons(t)).chain(gift_cards(t)).chain(rewards(t)).chain(challenges(t)).collect()
}

/// Those of coupons.
fn coupons(t: &Things) -> Vec<Row> {
    let (batch, id) = (t.coupon_batch.clone(), request_id);
    let items = vec![CouponItem { code: things::CODE.into(), chain: String::new() }];
    let (organization, purchase) = (OWNERS.to_owned(), Some(things::purchase()));
    use Fate::{Empty, Missing, Rejected};
    vec![
        row(
            "CouponService/CreateCouponBatch",
            Missing,
            CreateCouponBatchRequest {
                request_id: id(),
                coupon_batch_id: "mine".into(),
                coupon_batch: Some(things::coupon_batch(&t.program)),
            },
        ),
        row("CouponService/GetCouponBatch", Missing, GetCouponBatchRequest { name: batch.clone() }),
        row("CouponService/ListCouponBatches", Empty, ListCouponBatchesRequest::default()),
        row(
            "CouponService/CreateCoupons",
            Missing,
            CreateCouponsRequest {
                request_id: id(),
                batch: batch.clone(),
                pattern: "WN-####-####-#####".into(),
                count: 1,
                ..CreateCouponsRequest::default()
            },
        ),
        row("CouponService/ExportCoupons", Missing, ExportCouponsRequest { batch: batch.clone() }),
        row(
            "CouponService/ImportCoupons",
            Rejected(|answer| read::<ImportCouponsResponse>(answer).reason),
            ImportCouponsRequest { batch, code: "ANOTHER".into(), ..ImportCouponsRequest::default() },
        ),
        row("CouponService/GetCoupon", Missing, GetCouponRequest { name: t.coupon.clone() }),
        row("CouponService/ListCoupons", Empty, ListCouponsRequest::default()),
        row(
            "CouponService/ValidateCoupons",
            Missing,
            ValidateCouponsRequest {
                organization: organization.clone(),
                purchase: purchase.clone(),
                items: items.clone(),
                ..ValidateCouponsRequest::default()
            },
        ),
        row(
            "CouponService/RedeemCoupons",
            Missing,
            RedeemCouponsRequest {
                request_id: id(),
                organization,
                order: "orders/pos:3".into(),
                purchase,
                items,
                ..RedeemCouponsRequest::default()
            },
        ),
        row(
            "CouponService/RollbackRedemption",
            Missing,
            RollbackRedemptionRequest { request_id: id(), name: t.redemption.clone() },
        ),
    ]
}

/// Those of gift cards.
fn gift_cards(t: &Things) -> Vec<Row> {
    let id = request_id;
    let (organization, amount) = (OWNERS.to_owned(), things::yuan(1));
    use Fate::Missing;
    vec![
        row(
            "GiftCardService/IssueGiftCard",
            Missing,
            IssueGiftCardRequest {
                request_id: id(),
                organization: organization.clone(),
                amount: amount.clone(),
                entropy: id(),
                ..IssueGiftCardRequest::default()
            },
        ),
        row(
            "GiftCardService/GetGiftCard",
            Missing,
            GetGiftCardRequest { name: t.gift_card.clone(), ..GetGiftCardRequest::default() },
        ),
        row(
            "GiftCardService/RedeemGiftCard",
            Missing,
            RedeemGiftCardRequest {
                request_id: id(),
                code: t.gift_card_code.clone(),
                organization,
                order: ORDER.into(),
                amount,
                ..RedeemGiftCardRequest::default()
            },
        ),
        row(
            "GiftCardService/ReverseGiftCardRedemption",
            Missing,
            ReverseGiftCardRedemptionRequest { request_id: id(), name: format!("{}/entries/2", t.gift_card) },
        ),
    ]
}

/// Those of challenges and referrals.
fn challenges(t: &Things) -> Vec<Row> {
    let (name, member, id) = (t.challenge.clone(), t.member.clone(), request_id);
    let changed = Challenge { name: name.clone(), ..things::challenge(&t.program) };
    use Fate::{Empty, Missing};
    vec![
        row(
            "ChallengeService/CreateChallenge",
            Missing,
            CreateChallengeRequest {
                request_id: id(),
                challenge_id: "mine".into(),
                challenge: Some(things::challenge(&t.program)),
            },
        ),
        row("ChallengeService/GetChallenge", Missing, GetChallengeRequest { name }),
        row("ChallengeService/ListChallenges", Empty, ListChallengesRequest::default()),
        row(
            "ChallengeService/UpdateChallenge",
            Missing,
            UpdateChallengeRequest { request_id: id(), challenge: Some(changed), update_mask: mask("display_name") },
        ),
        row("ChallengeService/ListChallengeProgress", Missing, ListChallengeProgressRequest { member: member.clone() }),
        row(
            "ChallengeService/ListChallengeAwards",
            Missing,
            ListChallengeAwardsRequest { member: member.clone(), ..ListChallengeAwardsRequest::default() },
        ),
        row(
            "ReferralService/CreateReferralCode",
            Missing,
            CreateReferralCodeRequest { request_id: id(), member: member.clone() },
        ),
        row("ReferralService/GetReferralCode", Missing, GetReferralCodeRequest { member: member.clone() }),
        row(
            "ReferralService/CreateReferral",
            Missing,
            CreateReferralRequest { request_id: id(), member: member.clone(), code: t.referral_code.clone() },
        ),
        row(
            "ReferralService/ListReferrals",
            Missing,
            ListReferralsRequest { member, ..ListReferralsRequest::default() },
        ),
    ]
}

/// Those of rewards.
fn rewards(t: &Things) -> Vec<Row> {
    let (name, id) = (t.reward.clone(), request_id);
    let changed = Reward { name: name.clone(), ..things::reward(&t.program) };
    use Fate::{Empty, Missing};
    vec![
        row(
            "RewardService/CreateReward",
            Missing,
            CreateRewardRequest {
                request_id: id(),
                reward_id: "mine".into(),
                reward: Some(things::reward(&t.program)),
            },
        ),
        row("RewardService/GetReward", Missing, GetRewardRequest { name: name.clone() }),
        row("RewardService/ListRewards", Empty, ListRewardsRequest::default()),
        row(
            "RewardService/UpdateReward",
            Missing,
            UpdateRewardRequest { request_id: id(), reward: Some(changed), update_mask: mask("display_name") },
        ),
        row(
            "RewardService/RedeemReward",
            Missing,
            RedeemRewardRequest { request_id: id(), reward: name, member: t.member.clone(), claimed_points: 0 },
        ),
        row(
            "RewardService/UpdateRedemption",
            Missing,
            UpdateRedemptionRequest {
                request_id: id(),
                name: t.reward_redemption.clone(),
                state: RewardRedemptionState::Prepared.into(),
            },
        ),
        row(
            "RewardService/CancelRedemption",
            Missing,
            CancelRedemptionRequest { request_id: id(), name: t.reward_redemption.clone() },
        ),
    ]
}
