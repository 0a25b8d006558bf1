//! What the tests say of coupons.

use futures::stream;
use guanxi_client::{Client, request_id};
use guanxi_contracts::Message;
use guanxi_contracts::common::v1::{GetJobRequest, JobState};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_testkit::Env;

use crate::support::*;

/// Ten per cent off under the program `test`, until the year's end.
pub fn ten_per_cent() -> CouponBatch {
    let percent_off = Some(PercentOff { basis_points: 1_000, maximum_minor: 0 });
    CouponBatch {
        program: "programs/test".into(),
        display_name: "Winter".into(),
        discount: Some(CouponDiscount { percent_off, ..CouponDiscount::default() }),
        expire_time: Some(to_proto(at("2026-12-31T16:00:00Z"))),
        ..CouponBatch::default()
    }
}

/// The same with a limit.
pub fn limited(scope: CouponLimitScope, period: CouponLimitPeriod, maximum: i64) -> CouponBatch {
    let limit = CouponLimit { scope: scope.into(), period: period.into(), maximum };
    CouponBatch { limits: vec![limit], ..ten_per_cent() }
}

pub async fn batch(client: &Client, id: &str, batch: CouponBatch) -> CouponBatch {
    let coupon_batch = Some(batch);
    let request = CreateCouponBatchRequest { request_id: request_id(), coupon_batch_id: id.into(), coupon_batch };
    let answer = client.loyalty().coupons().create_coupon_batch(request).await.expect("it is made");
    answer.into_inner().coupon_batch.expect("a batch")
}

pub async fn get_batch(client: &Client, id: &str) -> CouponBatch {
    let request = GetCouponBatchRequest { name: format!("couponBatches/{id}") };
    let answer = client.loyalty().coupons().get_coupon_batch(request).await.expect("there is one");
    answer.into_inner().coupon_batch.expect("a batch")
}

pub fn import(batch: &str, code: &str) -> ImportCouponsRequest {
    ImportCouponsRequest { batch: format!("couponBatches/{batch}"), code: code.into(), ..Default::default() }
}

/// The answers to imported codes.
pub async fn imported(client: &Client, elements: Vec<ImportCouponsRequest>) -> Vec<ImportCouponsResponse> {
    let mut answers = client.loyalty().coupons().import_coupons(stream::iter(elements)).await.unwrap().into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        all.push(answer);
    }
    all
}

/// Imports codes that must be taken.
pub async fn codes(client: &Client, batch: &str, codes: &[&str]) {
    let answers = imported(client, codes.iter().map(|code| import(batch, code)).collect()).await;
    assert!(answers.iter().all(|answer| answer.reason.is_empty()), "{answers:?}");
}

pub fn cart(goods_minor: i64) -> Option<Purchase> {
    Some(purchase(vec![PurchaseLine { delivery_minor: 500, ..line(1, goods_minor) }]))
}

pub fn item(code: &str) -> CouponItem {
    let (code, chain) = code.split_once('@').unwrap_or((code, ""));
    CouponItem { code: code.into(), chain: chain.into() }
}

/// An order of 100.00 that redeems these codes.
pub fn redeeming(number: &str, codes: &[&str]) -> RedeemCouponsRequest {
    RedeemCouponsRequest {
        request_id: request_id(),
        order: order(number).to_string(),
        purchase: cart(10_000),
        items: codes.iter().map(|code| item(code)).collect(),
        ..RedeemCouponsRequest::default()
    }
}

pub async fn redeem(client: &Client, request: RedeemCouponsRequest) -> RedeemCouponsResponse {
    client.loyalty().coupons().redeem_coupons(request).await.expect("it is redeemed").into_inner()
}

pub async fn refused(client: &Client, request: RedeemCouponsRequest) -> String {
    reason(client.loyalty().coupons().redeem_coupons(request).await)
}

pub fn rolling_back(name: &str) -> RollbackRedemptionRequest {
    RollbackRedemptionRequest { request_id: request_id(), name: name.into() }
}

pub fn creating(batch: &str, count: i64) -> CreateCouponsRequest {
    CreateCouponsRequest {
        request_id: request_id(),
        batch: format!("couponBatches/{batch}"),
        pattern: "WN-####-####-#####".into(),
        count,
        ..CreateCouponsRequest::default()
    }
}

/// Has codes made, to the end of the job.
pub async fn create_codes(env: &Env, request: CreateCouponsRequest) -> i64 {
    let job = env.client().loyalty().coupons().create_coupons(request).await.unwrap().into_inner().job.unwrap();
    env.run_jobs().await;
    let request = GetJobRequest { name: job.name };
    let job = env.client().jobs("loyalty").get_job(request).await.unwrap().into_inner().job.unwrap();
    assert_eq!(job.state(), JobState::Succeeded, "{}", job.error);
    CreateCouponsResult::decode(job.result.unwrap().value.as_slice()).unwrap().coupons
}

pub async fn list(client: &Client, request: ListCouponsRequest) -> Vec<Coupon> {
    client.loyalty().coupons().list_coupons(request).await.unwrap().into_inner().coupons
}

/// All coupons of a batch, as they are exported.
pub async fn exported(client: &Client, batch: &str) -> Vec<Coupon> {
    let request = ExportCouponsRequest { batch: format!("couponBatches/{batch}") };
    let mut answers = client.loyalty().coupons().export_coupons(request).await.unwrap().into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        all.extend(answer.coupons);
    }
    all
}
