//! Batches: what the codes of one campaign give, to whom, how often, until when, and what they may cost together.

use std::collections::BTreeSet;

use guanxi_kernel::{Currency, NameError, OrganizationId, Refusal, Refused, Uuid, Violation};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::limit::{CounterKey, Limit, Period, Scope};
use super::stack::{Discount, Stacking};
use super::{Coupon, Holder};
use crate::domain::program::ProgramId;
use crate::domain::slug::slug_id;

slug_id! {
    /// `couponBatches/{slug}`, chosen by whoever made it.
    BatchId, "couponBatches", "coupon-batch"
}

/// A batch with its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What its codes mean.
    pub terms: Terms,
    /// The zone in which its periods are counted.
    pub zone: TimeZone,
    /// How many coupons it has.
    pub issued: i64,
    /// How often they were redeemed and not rolled back.
    pub redeemed: i64,
    /// What they took off, in minor units, delivery included.
    pub redeemed_minor: i64,
    /// When it was made.
    pub create_time: Timestamp,
}

/// What the codes of a batch mean. It does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The slug of the program that it was made under.
    pub program: String,
    /// What people call it.
    pub display_name: String,
    /// The program's currency.
    pub currency: Currency,
    /// The program's zone, as it was when the batch was made: its days do not move afterwards.
    pub time_zone: String,
    /// What a coupon gives.
    pub discount: Discount,
    /// The least that goods cost.
    pub minimum_order_minor: i64,
    /// Only for members of these programs, by slug; none means for anybody.
    pub programs: BTreeSet<String>,
    /// How its coupons go together with others.
    pub stacking: Stacking,
    /// How often.
    pub limits: Vec<Limit>,
    /// So much taken off at the most.
    pub budget_minor: Option<i64>,
    /// So many redemptions at the most.
    pub budget_count: Option<i64>,
    /// From when its coupons are good.
    pub start_time: Timestamp,
    /// The first instant at which they are no longer good.
    pub expire_time: Timestamp,
}

/// Terms that contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("terms of a batch of coupons that contradict themselves")]
pub struct TermsError(pub Vec<Violation>);

impl Refusal for TermsError {
    fn refusal(&self) -> Refused {
        Refused::violations(self.0.clone())
    }
}

impl Terms {
    /// Refuses terms that contradict themselves; everything that is wrong at once.
    ///
    /// # Errors
    /// [`TermsError`].
    pub fn check(&self, now: Timestamp) -> Result<(), TermsError> {
        let mut wrong = Vec::new();
        let mut violate = |field: String, rule: &str, description: String| {
            wrong.push(Violation { field: format!("coupon_batch.{field}"), rule: rule.to_owned(), description });
        };
        if self.expire_time <= self.start_time || self.expire_time <= now {
            let description = format!("{} is not after {}", self.expire_time, self.start_time.max(now));
            violate("expire_time".into(), "EXPIRY_TOO_EARLY", description);
        }
        let mut seen = BTreeSet::new();
        for (at, limit) in self.limits.iter().enumerate() {
            if !seen.insert((limit.scope, limit.period)) {
                let description = "there is a limit of this scope and period already".to_owned();
                violate(format!("limits[{at}]"), "LIMIT_REPEATED", description);
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(TermsError(wrong)) }
    }

    /// How often one code may be redeemed in all.
    pub fn redeemable(&self) -> Option<i64> {
        let ever = |limit: &&Limit| (limit.scope, limit.period) == (Scope::Code, Period::Ever);
        self.limits.iter().find(ever).map(|limit| limit.maximum)
    }

    /// Of which program a member must be, where he must be of one.
    pub fn lets_in(&self, holder: Option<&Holder>) -> bool {
        self.programs.is_empty() || holder.is_some_and(|holder| self.programs.contains(&holder.program))
    }
}

impl Batch {
    /// A new batch under a program.
    ///
    /// # Errors
    /// [`TermsError`].
    pub fn create(
        id: BatchId,
        organization: OrganizationId,
        zone: TimeZone,
        terms: Terms,
        now: Timestamp,
    ) -> Result<Self, TermsError> {
        terms.check(now)?;
        Ok(Self { id, organization, terms, zone, issued: 0, redeemed: 0, redeemed_minor: 0, create_time: now })
    }

    /// The program that it was made under.
    ///
    /// # Errors
    /// Where the row holds no slug.
    pub fn program(&self) -> Result<ProgramId, NameError> {
        ProgramId::from_slug(&self.terms.program)
    }

    /// The counter of a limit for a redemption at `at`; `None` where the batch or the coupon itself counts. A customer or
    /// store that is not known has no counter either.
    pub fn counter(&self, limit: &Limit, coupon: &Coupon, by: &By<'_>, at: Timestamp) -> Option<CounterKey> {
        let subject = match (limit.scope, limit.period) {
            (Scope::Code | Scope::Batch, Period::Ever) => return None,
            (Scope::Code, _) => coupon.subject(),
            (Scope::Batch, _) => String::new(),
            (Scope::Customer, _) => by.customer.as_ref()?.to_string(),
            (Scope::Store, _) => by.store?.to_owned(),
        };
        let begins = limit.period.begins(at, &self.zone);
        Some(CounterKey { batch: self.id.uuid(), scope: limit.scope, period: limit.period, begins, subject })
    }
}

/// Who redeems, and where.
#[derive(Debug, Clone, Copy, Default)]
pub struct By<'a> {
    /// The customer, where he is a member.
    pub customer: Option<Uuid>,
    /// The store.
    pub store: Option<&'a str>,
}
