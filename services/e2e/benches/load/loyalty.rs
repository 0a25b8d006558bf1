//! What loyalty promises beside EarnPoints: debits, holds and coupons, hot and cold, an account with a long history, a million
//! codes, and what an earning takes of the disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use guanxi_contracts::common::v1::job_service_client::JobServiceClient;
use guanxi_contracts::common::v1::{JobState, WatchJobRequest};
use guanxi_contracts::loyalty::v1::coupon_service_client::CouponServiceClient;
use guanxi_contracts::loyalty::v1::points_service_client::PointsServiceClient;
use guanxi_contracts::loyalty::v1::{
    CouponBatch, CouponDiscount, CouponItem, CreateCouponBatchRequest, CreateCouponsRequest, ExportCouponsRequest,
    GetBalanceRequest, PercentOff, PlaceHoldRequest, Purchase, PurchaseLine, RedeemCouponsRequest, SpendPointsRequest,
};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;

use crate::calls::{SPREAD, earn, id, many, said, spread, with_token};
use crate::drive::Calls;
use crate::server::Guanxi;

/// A call of loyalty's that is measured beside EarnPoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    EarnHot,
    Spend,
    SpendLong,
    PlaceHold,
    Balance,
    BalanceLong,
    Redeem,
    RedeemHot,
}

pub const ALL: [Which; 8] = [
    Which::EarnHot,
    Which::Spend,
    Which::SpendLong,
    Which::PlaceHold,
    Which::Balance,
    Which::BalanceLong,
    Which::Redeem,
    Which::RedeemHot,
];

impl Which {
    pub fn name(self) -> &'static str {
        match self {
            Self::EarnHot => "EarnPoints, one member",
            Self::Spend => "SpendPoints",
            Self::SpendLong => "SpendPoints, long",
            Self::PlaceHold => "PlaceHold",
            Self::Balance => "GetBalance",
            Self::BalanceLong => "GetBalance, long",
            Self::Redeem => "RedeemCoupons",
            Self::RedeemHot => "RedeemCoupons, one code",
        }
    }
}

/// What the calls are about.
pub struct Shop {
    members: Arc<[String]>,
    codes: Arc<[String]>,
    /// A member with many entries.
    regular: String,
}

/// Entries of an account with a long history.
const HISTORY: usize = 100_000;
/// Codes of the large batch.
const CODES: i64 = 1_000_000;

/// What making and exporting many codes took.
pub struct Codes {
    pub made: Duration,
    pub exported: Duration,
}

type Token = AsciiMetadataValue;

impl Shop {
    /// Codes for the calls, and a history of `HISTORY` entries, or of `quick` a tenth of that.
    pub async fn make(guanxi: &Guanxi, members: &Arc<[String]>, quick: bool) -> Self {
        let (token, channel) = (token(guanxi), guanxi.channels[0].clone());
        batch(&channel, &token, "bench").await;
        create(&channel, &token, "bench", SPREAD as i64).await;
        let codes: Arc<[String]> = export(&channel, &token, "bench").await.into();
        let regular = members[0].clone();
        let (entries, channels) = (if quick { HISTORY / 10 } else { HISTORY }, guanxi.channels.clone());
        many(entries, |n| {
            let mut client = PointsServiceClient::new(channels[n % channels.len()].clone());
            let request = with_token(earn(&regular), &token);
            async move { client.earn_points(request).await.map(|_| String::new()) }
        })
        .await;
        Self { members: Arc::clone(members), codes, regular }
    }

    pub fn calls(&self, guanxi: &Guanxi, which: Which) -> Calls {
        let (token, channels) = (token(guanxi), guanxi.channels.clone());
        let points = {
            let channels = channels.clone();
            move |n: u64| PointsServiceClient::new(channels[n as usize % channels.len()].clone())
        };
        let (members, regular) = (Arc::clone(&self.members), self.regular.clone());
        let one = move |n: u64, long: bool| if long { regular.clone() } else { members[spread(n)].clone() };
        match which {
            Which::EarnHot => Arc::new(move |n| {
                let (mut client, request) = (points(n), with_token(earn(&one(n, true)), &token));
                Box::pin(async move { client.earn_points(request).await.map(drop).map_err(said) })
            }),
            Which::Spend | Which::SpendLong => Arc::new(move |n| {
                let member = one(n, which == Which::SpendLong);
                let request = SpendPointsRequest { request_id: id(), member, points: 1, ..Default::default() };
                let (mut client, request) = (points(n), with_token(request, &token));
                Box::pin(async move { client.spend_points(request).await.map(drop).map_err(said) })
            }),
            Which::PlaceHold => Arc::new(move |n| {
                let member = one(n, false);
                let request = PlaceHoldRequest { request_id: id(), member, points: 1, ..Default::default() };
                let (mut client, request) = (points(n), with_token(request, &token));
                Box::pin(async move { client.place_hold(request).await.map(drop).map_err(said) })
            }),
            Which::Balance | Which::BalanceLong => Arc::new(move |n| {
                let member = one(n, which == Which::BalanceLong);
                let request = with_token(GetBalanceRequest { member, ..Default::default() }, &token);
                let mut client = points(n);
                Box::pin(async move { client.get_balance(request).await.map(drop).map_err(said) })
            }),
            Which::Redeem | Which::RedeemHot => {
                let codes = Arc::clone(&self.codes);
                Arc::new(move |n| {
                    let code = &codes[if which == Which::RedeemHot { 0 } else { spread(n) % codes.len() }];
                    let request = redeem(code, one(n, false));
                    let mut client = CouponServiceClient::new(channels[n as usize % channels.len()].clone());
                    let request = with_token(request, &token);
                    Box::pin(async move { client.redeem_coupons(request).await.map(drop).map_err(said) })
                })
            }
        }
    }
}

/// Makes `CODES` codes and exports them.
pub async fn codes(guanxi: &Guanxi) -> Codes {
    let (token, channel) = (token(guanxi), guanxi.channels[0].clone());
    batch(&channel, &token, "million").await;
    let began = Instant::now();
    create(&channel, &token, "million", CODES).await;
    let made = began.elapsed();
    let began = Instant::now();
    let exported = export(&channel, &token, "million").await;
    assert_eq!(exported.len() as i64, CODES);
    Codes { made, exported: began.elapsed() }
}

fn token(guanxi: &Guanxi) -> Token {
    guanxi.token.parse().unwrap()
}

async fn batch(channel: &Channel, token: &Token, batch: &str) {
    let percent_off = Some(PercentOff { basis_points: 1_000, maximum_minor: 0 });
    let expire_time = Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 });
    let made = CouponBatch {
        program: "programs/bench".into(),
        display_name: "bench".into(),
        discount: Some(CouponDiscount { percent_off, ..Default::default() }),
        expire_time,
        ..Default::default()
    };
    let request =
        CreateCouponBatchRequest { request_id: id(), coupon_batch_id: batch.into(), coupon_batch: Some(made) };
    let mut client = CouponServiceClient::new(channel.clone());
    client.create_coupon_batch(with_token(request, token)).await.unwrap();
}

/// Makes codes of a batch, and waits until they are there.
async fn create(channel: &Channel, token: &Token, batch: &str, count: i64) {
    let request = CreateCouponsRequest {
        request_id: id(),
        batch: format!("couponBatches/{batch}"),
        pattern: "####-####-####-####".into(),
        count,
        ..Default::default()
    };
    let mut client = CouponServiceClient::new(channel.clone());
    let job = client.create_coupons(with_token(request, token)).await.unwrap().into_inner().job.unwrap();
    let request = with_token(WatchJobRequest { name: job.name }, token);
    let mut states = JobServiceClient::new(channel.clone()).watch_job(request).await.unwrap().into_inner();
    let mut last = job.state;
    while let Some(seen) = states.message().await.unwrap() {
        last = seen.job.unwrap().state;
    }
    assert_eq!(last, i32::from(JobState::Succeeded), "the codes of {batch} were not made");
}

async fn export(channel: &Channel, token: &Token, batch: &str) -> Vec<String> {
    let request = with_token(ExportCouponsRequest { batch: format!("couponBatches/{batch}") }, token);
    let mut client = CouponServiceClient::new(channel.clone());
    let parts = client.export_coupons(request).await.unwrap().into_inner();
    let coupons = parts.map(|part| part.unwrap().coupons).collect::<Vec<_>>().await;
    coupons.into_iter().flatten().map(|coupon| coupon.code).collect()
}

fn redeem(code: &str, member: String) -> RedeemCouponsRequest {
    let line = PurchaseLine { line: 1, quantity: 1, price_minor: 299_900, ..Default::default() };
    RedeemCouponsRequest {
        request_id: id(),
        order: format!("orders/bench:{}", id()),
        member,
        purchase: Some(Purchase { currency_code: "CNY".into(), lines: vec![line], ..Default::default() }),
        items: vec![CouponItem { code: code.to_owned(), ..Default::default() }],
        ..Default::default()
    }
}

/// Bytes that one earning takes, with all tables and indexes, from what the database grew by.
pub fn bytes_for_each(guanxi: &Guanxi, before: i64, earned: i64) -> f64 {
    (size(guanxi) - before) as f64 / earned.max(1) as f64
}

/// What loyalty's tables and indexes take.
pub fn size(guanxi: &Guanxi) -> i64 {
    let sql = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class WHERE relkind = 'r' \
               AND relnamespace = 'public'::regnamespace";
    number(guanxi, sql)
}

/// Earnings so far.
pub fn earnings(guanxi: &Guanxi) -> i64 {
    number(guanxi, "SELECT count(*) FROM entries WHERE kind = 'EARN'")
}

fn number(guanxi: &Guanxi, sql: &str) -> i64 {
    guanxi.suite.postgres().query("loyalty", sql).unwrap()[0].parse().unwrap()
}
