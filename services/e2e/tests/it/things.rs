//! One of each thing that Guanxi keeps, made by the owner through the calls that make them.

use futures::stream;
use guanxi_client::contracts::common::v1::Money;
use guanxi_client::contracts::customer::v1::*;
use guanxi_client::contracts::feedback::v1::*;
use guanxi_client::contracts::logistics::v1 as logistics;
use guanxi_client::contracts::logistics::v1::{
    CreateShipmentRequest, IngestEventsRequest, NewPackage, PackageReference, Shipment, SourceKind, TrackingNumber,
};
use guanxi_client::contracts::loyalty::v1::*;
use guanxi_client::{Client, request_id};
use prost_types::Timestamp;

/// The telephone number of the owner's customer.
pub const PHONE: &str = "+8613812348000";

/// The owner's order, by its name.
pub const ORDER: &str = "orders/pos:1";

/// The code of the owner's coupon.
pub const CODE: &str = "WELCOME-1";

/// The names of what was made, all of the organisation `default`.
#[derive(Debug)]
pub struct Things {
    pub store: String,
    pub customer: String,
    pub program: String,
    pub campaign: String,
    pub member: String,
    /// The code by which the member brings others.
    pub referral_code: String,
    pub hold: String,
    pub coupon_batch: String,
    pub coupon: String,
    pub redemption: String,
    pub gift_card: String,
    pub gift_card_code: String,
    pub reward: String,
    pub reward_redemption: String,
    pub challenge: String,
    pub shipment: String,
    pub package: String,
    pub event: String,
    pub case: String,
    pub survey: String,
    pub invitation: String,
    pub job: String,
}

/// An instant long ago, and some minutes after it.
pub fn minute(minutes: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_700_000_000 + minutes * 60, nanos: 0 })
}

/// An identifier that is a telephone number.
pub fn phone() -> Identifier {
    Identifier { r#type: IdentifierType::Phone.into(), value: PHONE.into(), source: String::new() }
}

/// The number of the owner's package.
pub fn number() -> TrackingNumber {
    TrackingNumber { carrier: "sf".into(), number: "SF1234567890".into() }
}

/// An order of one line, of a customer.
pub fn order(name: &str, customer: &str) -> RecordOrdersRequest {
    let line = OrderLine {
        line: 1,
        product: "tv".into(),
        seller: "s1".into(),
        quantity: 1,
        price_minor: 199_900,
        ..OrderLine::default()
    };
    let order = Order {
        name: name.into(),
        customer: customer.into(),
        order_time: minute(0),
        currency_code: "CNY".into(),
        lines: vec![line],
        ..Order::default()
    };
    RecordOrdersRequest { order: Some(order), ..RecordOrdersRequest::default() }
}

/// A program in which each whole yuan earns a point at once.
pub fn program(organization: &str) -> Program {
    let rule = EarningRule {
        id: "per-yuan".into(),
        per_amount: Some(PerAmount { points: 1, step_minor: 100, ..PerAmount::default() }),
        ..EarningRule::default()
    };
    Program {
        organization: organization.into(),
        display_name: "Club".into(),
        point_currency: Some(PointCurrency { display_name: "points".into() }),
        currency_code: "CNY".into(),
        time_zone: "Asia/Shanghai".into(),
        rounding: Rounding::Floor.into(),
        earning_rules: vec![rule],
        referral: Some(ReferralTerms { referrer_points: 5, ..ReferralTerms::default() }),
        ..Program::default()
    }
}

/// A campaign that gives ten points for an order of last century.
pub fn campaign(program: &str) -> Campaign {
    let gift = EarningRule {
        id: "gift".into(),
        fixed: Some(FixedPoints { points: 10 }),
        condition: "order.value_minor > 0".into(),
        ..EarningRule::default()
    };
    Campaign {
        program: program.into(),
        display_name: "Gift".into(),
        start_time: Some(Timestamp { seconds: 0, nanos: 0 }),
        end_time: Some(Timestamp { seconds: 900_000_000, nanos: 0 }),
        earning_rules: vec![gift],
        ..Campaign::default()
    }
}

/// Ten per cent off under a program, until a day far away.
pub fn coupon_batch(program: &str) -> CouponBatch {
    let percent_off = Some(PercentOff { basis_points: 1_000, maximum_minor: 0 });
    CouponBatch {
        program: program.into(),
        display_name: "Welcome".into(),
        discount: Some(CouponDiscount { percent_off, ..CouponDiscount::default() }),
        expire_time: Some(Timestamp { seconds: 4_000_000_000, nanos: 0 }),
        ..CouponBatch::default()
    }
}

/// A purchase of 1,999.00 yuan.
pub fn purchase() -> Purchase {
    let line = PurchaseLine { line: 1, quantity: 1, price_minor: 199_900, ..PurchaseLine::default() };
    Purchase { currency_code: "CNY".into(), lines: vec![line], ..Purchase::default() }
}

/// A survey of one question.
pub fn survey(organization: &str) -> Survey {
    let question = Question {
        id: "recommend".into(),
        kind: QuestionKind::Nps.into(),
        prompt: "Would you recommend us?".into(),
        required: true,
    };
    Survey {
        organization: organization.into(),
        display_name: "After delivery".into(),
        questions: vec![question],
        time_zone: "Asia/Shanghai".into(),
        ..Survey::default()
    }
}

/// A review of the owner's order.
pub fn review(organization: &str) -> Review {
    Review {
        organization: organization.into(),
        source: "shop".into(),
        external_id: "r1".into(),
        subject: ORDER.into(),
        rating: 5,
        ..Review::default()
    }
}

/// An event of a package, by Guanxi's own name of its status.
pub fn event(package: PackageReference, id: &str, status: &str, minutes: i64) -> IngestEventsRequest {
    IngestEventsRequest {
        package: Some(package),
        source: "sf".into(),
        source_kind: SourceKind::Carrier.into(),
        source_event_id: id.into(),
        occurred_time: minute(minutes),
        status_name: status.into(),
        ..IngestEventsRequest::default()
    }
}

/// A package by its name.
pub fn package(name: &str) -> PackageReference {
    PackageReference { package: name.into(), ..PackageReference::default() }
}

/// A shipment of one package, with a carrier's number or without.
pub async fn shipment(client: &Client, tracking_number: Option<TrackingNumber>) -> Shipment {
    let packages = vec![NewPackage { tracking_number }];
    let request = CreateShipmentRequest { request_id: request_id(), packages, ..CreateShipmentRequest::default() };
    let made = client.logistics().shipments().create_shipment(request).await.unwrap().into_inner();
    made.shipment.unwrap()
}

/// Has a new customer earn points by a call, with a case of his and a check of the ledger, which is audited: what an
/// import does not do. No order of his is recorded, whose event could earn the points first.
pub async fn earning_member(client: &Client) {
    let (customers, loyalty, feedback) = (client.customer(), client.loyalty(), client.feedback());
    let request = CreateCustomerRequest {
        customer: Some(Customer { display_name: "李小红的名字".into(), ..Customer::default() }),
        identifiers: vec![phone()],
        request_id: request_id(),
    };
    let customer = customers.customers().create_customer(request).await.unwrap().into_inner().customer.unwrap().name;
    let (program_id, made) = ("club".into(), Some(program("")));
    let request = CreateProgramRequest { request_id: request_id(), program_id, program: made };
    let program = loyalty.programs().create_program(request).await.unwrap().into_inner().program.unwrap().name;
    let (request_id, enroll_time) = (request_id(), None);
    let request = EnrollMemberRequest {
        request_id,
        program,
        customer: customer.clone(),
        enroll_time,
        referral_code: String::new(),
        card_number: String::new(),
    };
    let member = loyalty.members().enroll_member(request).await.unwrap().into_inner().member.unwrap().name;
    let request = EarnPointsRequest {
        request_id: guanxi_client::request_id(),
        member,
        order: "orders/pos:2".into(),
        purchase: Some(purchase()),
        effective_time: None,
    };
    loyalty.points().earn_points(request).await.unwrap();
    let request = VerifyLedgerRequest { request_id: guanxi_client::request_id() };
    loyalty.ledger().verify_ledger(request).await.unwrap();
    let case = Case {
        kind: CaseKind::Complaint.into(),
        subject: "My neighbour took it".into(),
        description: "He lives on the third floor and plays the trombone.".into(),
        customer,
        ..Case::default()
    };
    let request = CreateCaseRequest { request_id: guanxi_client::request_id(), case: Some(case) };
    feedback.cases().create_case(request).await.unwrap();
}

/// Makes a batch, a coupon and a redemption of it.
async fn coupons(client: &Client, program: &str) -> (String, String, String) {
    let mut coupons = client.loyalty().coupons();
    let (coupon_batch_id, made) = ("welcome".into(), Some(coupon_batch(program)));
    let request = CreateCouponBatchRequest { request_id: request_id(), coupon_batch_id, coupon_batch: made };
    let batch = coupons.create_coupon_batch(request).await.unwrap().into_inner().coupon_batch.unwrap().name;
    let code = ImportCouponsRequest { batch: batch.clone(), code: CODE.into(), ..ImportCouponsRequest::default() };
    let mut answers = coupons.import_coupons(stream::iter([code])).await.unwrap().into_inner();
    let coupon = answers.message().await.unwrap().unwrap().coupon.unwrap().name;
    let request = RedeemCouponsRequest {
        request_id: request_id(),
        order: ORDER.into(),
        purchase: Some(purchase()),
        items: vec![CouponItem { code: CODE.into(), chain: String::new() }],
        ..RedeemCouponsRequest::default()
    };
    let redemption = coupons.redeem_coupons(request).await.unwrap().into_inner().redemption;
    (batch, coupon, redemption)
}

/// A reward of a program, for a point.
pub fn reward(program: &str) -> Reward {
    Reward { program: program.into(), display_name: "Umbrella".into(), points: 1, ..Reward::default() }
}

/// A challenge of a program: three purchases, ever.
pub fn challenge(program: &str) -> Challenge {
    let count = CountGoal { measure: ChallengeMeasure::Purchases.into(), target: 3, period: CapPeriod::Ever.into() };
    Challenge {
        program: program.into(),
        display_name: "Thrice".into(),
        count: Some(count),
        points: 1,
        ..Challenge::default()
    }
}

/// Makes a reward that a member has redeemed: its name and the redemption's.
async fn redeemed_reward(client: &Client, program: &str, member: &str) -> (String, String) {
    let mut rewards = client.loyalty().rewards();
    let (reward_id, made) = ("umbrella".into(), Some(reward(program)));
    let request = CreateRewardRequest { request_id: request_id(), reward_id, reward: made };
    let reward = rewards.create_reward(request).await.unwrap().into_inner().reward.unwrap().name;
    let (request_id, member) = (request_id(), member.to_owned());
    let request = RedeemRewardRequest { request_id, reward: reward.clone(), member, claimed_points: 0 };
    let redemption = rewards.redeem_reward(request).await.unwrap().into_inner().redemption.unwrap().name;
    (reward, redemption)
}

/// So many yuan.
pub fn yuan(yuan: i64) -> Option<Money> {
    Some(Money { currency_code: "CNY".into(), minor_units: yuan * 100 })
}

/// Makes a gift card that has paid once: its name and its code.
async fn gift_card(client: &Client) -> (String, String) {
    let mut cards = client.loyalty().gift_cards();
    let request = IssueGiftCardRequest {
        request_id: request_id(),
        amount: yuan(100),
        entropy: request_id(),
        ..IssueGiftCardRequest::default()
    };
    let issued = cards.issue_gift_card(request).await.unwrap().into_inner();
    let request = RedeemGiftCardRequest {
        request_id: request_id(),
        code: issued.code.clone(),
        order: ORDER.into(),
        amount: yuan(1),
        ..RedeemGiftCardRequest::default()
    };
    cards.redeem_gift_card(request).await.unwrap();
    (issued.gift_card.unwrap().name, issued.code)
}

/// Makes one of each.
pub async fn make(client: &Client) -> Things {
    let (customers, loyalty, feedback) = (client.customer(), client.loyalty(), client.feedback());
    let request = CreateStoreRequest {
        parent: "organizations/default".into(),
        store_id: "s1".into(),
        store: Some(Store { display_name: "S1".into(), ..Store::default() }),
        request_id: request_id(),
    };
    let store = customers.organizations().create_store(request).await.unwrap().into_inner().store.unwrap();
    let request = CreateCustomerRequest {
        customer: Some(Customer { display_name: "王小明".into(), ..Customer::default() }),
        identifiers: vec![phone()],
        request_id: request_id(),
    };
    let customer = customers.customers().create_customer(request).await.unwrap().into_inner().customer.unwrap().name;
    let orders = stream::iter([order(ORDER, &customer)]);
    let mut answers = customers.orders().record_orders(orders).await.unwrap().into_inner();
    let recorded = answers.message().await.unwrap().unwrap();
    assert_eq!(recorded.outcome(), RecordOutcome::Recorded, "{recorded:?}");

    let (id, made) = ("club".into(), Some(program("")));
    let request = CreateProgramRequest { request_id: request_id(), program_id: id, program: made };
    let program = loyalty.programs().create_program(request).await.unwrap().into_inner().program.unwrap().name;
    let request = EnrollMemberRequest {
        request_id: request_id(),
        program: program.clone(),
        customer: customer.clone(),
        enroll_time: None,
        referral_code: String::new(),
        card_number: String::new(),
    };
    let member = loyalty.members().enroll_member(request).await.unwrap().into_inner().member.unwrap().name;
    let request = EarnPointsRequest {
        request_id: request_id(),
        member: member.clone(),
        order: ORDER.into(),
        purchase: Some(purchase()),
        effective_time: None,
    };
    loyalty.points().earn_points(request).await.unwrap();
    let request = PlaceHoldRequest {
        request_id: request_id(),
        member: member.clone(),
        points: 10,
        ttl: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        ..PlaceHoldRequest::default()
    };
    let hold = loyalty.points().place_hold(request).await.unwrap().into_inner().hold.unwrap().name;
    let (campaign_id, made) = ("gift".into(), Some(campaign(&program)));
    let request = CreateCampaignRequest { request_id: request_id(), campaign_id, campaign: made };
    let campaign = loyalty.campaigns().create_campaign(request).await.unwrap().into_inner().campaign.unwrap().name;
    let request = VerifyLedgerRequest { request_id: request_id() };
    let job = loyalty.ledger().verify_ledger(request).await.unwrap().into_inner().job.unwrap().name;
    let (coupon_batch, coupon, redemption) = coupons(client, &program).await;
    let (gift_card, gift_card_code) = gift_card(client).await;
    let (reward, reward_redemption) = redeemed_reward(client, &program, &member).await;
    let (challenge_id, made) = ("thrice".into(), Some(challenge(&program)));
    let request = CreateChallengeRequest { request_id: request_id(), challenge_id, challenge: made };
    let challenge = loyalty.challenges().create_challenge(request).await.unwrap().into_inner().challenge.unwrap().name;

    let sent = shipment(client, Some(number())).await;
    let undated =
        IngestEventsRequest { occurred_time: None, ..event(package(&sent.packages[0].name), "2", "IN_TRANSIT", 0) };
    let events = stream::iter([event(package(&sent.packages[0].name), "1", "PICKED_UP", 1), undated]);
    let mut answers = client.logistics().tracking().ingest_events(events).await.unwrap().into_inner();
    let picked_up = answers.message().await.unwrap().unwrap();
    let undated = answers.message().await.unwrap().unwrap();
    assert_eq!(undated.outcome(), logistics::IngestOutcome::Quarantined, "{undated:?}");

    let case = Case {
        kind: CaseKind::Question.into(),
        subject: "Where is it?".into(),
        customer: customer.clone(),
        ..Case::default()
    };
    let request = CreateCaseRequest { request_id: request_id(), case: Some(case) };
    let case = feedback.cases().create_case(request).await.unwrap().into_inner().case.unwrap().name;
    let request = SubmitReviewRequest { request_id: request_id(), review: Some(review("")), historical: false };
    feedback.reviews().submit_review(request).await.unwrap();
    let (id, made) = ("delivery".into(), Some(survey("")));
    let request = CreateSurveyRequest { request_id: request_id(), survey_id: id, survey: made };
    let survey = feedback.surveys().create_survey(request).await.unwrap().into_inner().survey.unwrap().name;
    let request = InviteRequest {
        request_id: request_id(),
        survey: survey.clone(),
        customer: customer.clone(),
        order: String::new(),
    };
    let invited = feedback.surveys().invite(request).await.unwrap().into_inner();
    let (invitation, event) = (invited.invitation.unwrap().name, picked_up.event);
    let (shipment, package) = (sent.name.clone(), sent.packages[0].name.clone());
    let store = store.name;
    let request = CreateReferralCodeRequest { request_id: request_id(), member: member.clone() };
    let referral_code = loyalty.referrals().create_referral_code(request).await.unwrap().into_inner().code;
    Things {
        store,
        customer,
        program,
        campaign,
        member,
        referral_code,
        hold,
        coupon_batch,
        coupon,
        redemption,
        gift_card,
        gift_card_code,
        reward,
        reward_redemption,
        challenge,
        shipment,
        package,
        event,
        case,
        survey,
        invitation,
        job,
    }
}
