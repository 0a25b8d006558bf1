//! Why coupons are not redeemed, issued or rolled back. No message holds a code: whoever reads a log must not shop with it.

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Kind, OrderName, Refusal, Refused};
use jiff::Timestamp;
use thiserror::Error;

use super::code::CouponId;
use super::limit::Limit;

/// Why one coupon is not redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CouponError {
    /// There is no such code.
    #[error("{0} does not exist")]
    Unknown(CouponId),
    /// Its time has not begun.
    #[error("the coupon is good from {0} on")]
    NotStarted(Timestamp),
    /// Its time is over.
    #[error("the coupon expired at {0}")]
    Expired(Timestamp),
    /// It belongs to somebody else.
    #[error("the coupon belongs to another member")]
    NotOwned,
    /// Only members of other programs may use it.
    #[error("the coupon is for members of {0}")]
    NotEligible(String),
    /// A limit counts what the call does not say.
    #[error("the coupon counts redemptions by {0}, which the call does not name")]
    SubjectMissing(&'static str),
    /// The order is too small.
    #[error("the goods cost {goods}, the coupon needs {minimum}")]
    BelowMinimum {
        /// What they cost, in minor units.
        goods: i64,
        /// What they must cost.
        minimum: i64,
    },
    /// The order is in another currency.
    #[error("the order is in {given}, the coupon in {wanted}")]
    Currency {
        /// The order's.
        given: String,
        /// The coupon's.
        wanted: String,
    },
    /// Another coupon of its group goes first.
    #[error("a coupon of the group {0:?} is in the order already")]
    Excluded(String),
    /// It would take nothing off.
    #[error("the coupon would take nothing off this order")]
    WithoutEffect,
    /// It was redeemed as often as it may be.
    #[error("redeemed {} times, which is the limit by {} and {}", .0.maximum, .0.scope.as_str(), .0.period.as_str())]
    LimitReached(Limit),
    /// The batch may not cost more.
    #[error("the batch's budget of {0} does not cover it")]
    BudgetExhausted(&'static str),
    /// Another one of its chain cannot be redeemed.
    #[error("another coupon of the chain {0:?} cannot be redeemed")]
    ChainBroken(String),
}

impl Refusal for CouponError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Unknown(id) => Refused::not_found("coupon", id),
            Self::NotStarted(at) => {
                Refused::precondition("COUPON_NOT_STARTED", self.to_string()).with("start_time", at)
            }
            Self::Expired(at) => Refused::precondition("COUPON_EXPIRED", self.to_string()).with("expire_time", at),
            Self::NotOwned => Refused::precondition("COUPON_NOT_OWNED", self.to_string()),
            Self::NotEligible(programs) => {
                Refused::precondition("COUPON_NOT_ELIGIBLE", self.to_string()).with("programs", programs)
            }
            Self::SubjectMissing(what) => {
                Refused::precondition("COUPON_SUBJECT_MISSING", self.to_string()).with("missing", what)
            }
            Self::BelowMinimum { goods, minimum } => Refused::precondition("COUPON_MINIMUM_NOT_MET", self.to_string())
                .with("goods_minor", goods)
                .with("minimum_minor", minimum),
            Self::Currency { .. } => Refused::precondition("COUPON_CURRENCY_MISMATCH", self.to_string()),
            Self::Excluded(group) => Refused::precondition("COUPON_EXCLUDED", self.to_string()).with("group", group),
            Self::WithoutEffect => Refused::precondition("COUPON_WITHOUT_EFFECT", self.to_string()),
            Self::LimitReached(limit) => Refused::precondition("COUPON_LIMIT_REACHED", self.to_string())
                .with("scope", limit.scope.as_str())
                .with("period", limit.period.as_str())
                .with("maximum", limit.maximum),
            Self::BudgetExhausted(of) => {
                Refused::precondition("COUPON_BUDGET_EXHAUSTED", self.to_string()).with("budget", of)
            }
            Self::ChainBroken(chain) => {
                Refused::precondition("COUPON_CHAIN_BROKEN", self.to_string()).with("chain", chain)
            }
        }
    }
}

/// Why an order redeems nothing, or a redemption is not rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RedemptionError {
    /// There is no such member.
    #[error("{0} does not exist")]
    UnknownMember(MemberId),
    /// The first coupon that cannot be redeemed.
    #[error(transparent)]
    Coupon(#[from] CouponError),
    /// The order has redeemed.
    #[error("{order} has redeemed coupons: {redemption}")]
    OrderHasCoupons {
        /// The order.
        order: OrderName,
        /// What it redeemed.
        redemption: String,
    },
    /// There is no such redemption.
    #[error("{0} does not exist")]
    UnknownRedemption(String),
    /// It was rolled back before.
    #[error("{redemption} was rolled back at {at}")]
    RolledBack {
        /// Which.
        redemption: String,
        /// When.
        at: Timestamp,
    },
}

impl Refusal for RedemptionError {
    fn refusal(&self) -> Refused {
        match self {
            Self::UnknownMember(member) => Refused::not_found("member", member),
            Self::Coupon(error) => error.refusal(),
            Self::OrderHasCoupons { order, redemption } => Refused::precondition("ORDER_HAS_COUPONS", self.to_string())
                .with("order", order)
                .with("redemption", redemption),
            Self::UnknownRedemption(name) => Refused::not_found("redemption", name),
            Self::RolledBack { at, .. } => {
                Refused::precondition("REDEMPTION_ROLLED_BACK", self.to_string()).with("rollback_time", at)
            }
        }
    }
}

/// Why a code is not issued.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IssueError {
    /// Its earlier life is not over.
    #[error("{coupon} is in use until {until}")]
    CodeTaken {
        /// The coupon that has it.
        coupon: CouponId,
        /// When that one's time is over.
        until: Timestamp,
    },
    /// It would expire before it is made, or after its batch.
    #[error("{asked} is not after now and by {latest}")]
    ExpiryOutOfBatch {
        /// What was asked.
        asked: Timestamp,
        /// The batch's.
        latest: Timestamp,
    },
    /// The batch's time is over.
    #[error("the batch expired at {0}")]
    BatchExpired(Timestamp),
}

impl Refusal for IssueError {
    fn refusal(&self) -> Refused {
        match self {
            Self::CodeTaken { coupon, until } => {
                Refused::new(Kind::AlreadyExists, "COUPON_CODE_TAKEN", self.to_string())
                    .with("until", until)
                    .about("coupon", coupon)
            }
            Self::ExpiryOutOfBatch { .. } => Refused::invalid("expire_time", "EXPIRY_OUT_OF_BATCH", self.to_string()),
            Self::BatchExpired(at) => Refused::precondition("COUPON_EXPIRED", self.to_string()).with("expire_time", at),
        }
    }
}
