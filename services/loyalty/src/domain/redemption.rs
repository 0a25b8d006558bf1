//! What points are worth at a till: so many are so much money, in whole steps, from a minimum on, up to a share of the order.
//! A caller says what an order costs and how many points its customer would use; how many are taken and what they pay is
//! found here, whatever the caller thinks.

use guanxi_kernel::{Money, Refusal, Refused, Violation};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::account::Account;
use super::points::Points;
use super::program::{OverdraftPolicy, Program};
use super::spending::{Insufficient, Spend};

/// What points are worth, and how many of them may pay for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redemption {
    /// So many points, 1 to 1,000,000,
    pub points: Points,
    /// are worth so many minor units of the program's money, 1 to 1,000,000,000.
    pub minor_units: i64,
    /// Only whole multiples of so many points are taken: 1050 with a step of 100 spends 1000. At least 1.
    pub step: Points,
    /// Fewer pay nothing; 0 where any number may.
    pub minimum: Points,
    /// What share of an order points may pay, in thousandths, 1 to 1,000.
    pub maximum_permille: i64,
}

/// What was spent, and what it pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// How many points; none where they are below the minimum.
    pub points: Points,
    /// What they pay, in minor units of the program's money; `None` where the spend names no order amount.
    pub paid_minor: Option<i64>,
}

/// Why points are not spent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpendError {
    /// A debit that the balance does not cover.
    #[error(transparent)]
    Insufficient(#[from] Insufficient),
    /// The program does not say what its points are worth.
    #[error("{0} does not say what its points are worth")]
    WithoutValue(super::program::ProgramId),
    /// The order is in another money than the program.
    #[error("the order is in {order}, the program counts in {program}")]
    OtherCurrency {
        /// The order's.
        order: guanxi_kernel::Currency,
        /// The program's.
        program: guanxi_kernel::Currency,
    },
}

impl Refusal for SpendError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Insufficient(error) => error.refusal(),
            Self::WithoutValue(program) => {
                Refused::precondition("POINTS_WITHOUT_VALUE", self.to_string()).with("program", program)
            }
            Self::OtherCurrency { .. } => {
                Refused::invalid("order_amount.currency_code", "CURRENCY_NOT_PROGRAMS", self.to_string())
            }
        }
    }
}

impl Redemption {
    /// Notes what contradicts itself: a step must be worth a whole number of minor units.
    pub fn check(&self, field: &str, wrong: &mut Vec<Violation>) {
        let worth = i128::from(self.step.get()) * i128::from(self.minor_units);
        if worth % i128::from(self.points.get().max(1)) != 0 {
            wrong.push(Violation {
                field: format!("{field}.step_points"),
                rule: "STEP_NOT_WHOLE".into(),
                description: format!(
                    "{} points at {} minor units for {} points are no whole number of minor units",
                    self.step, self.minor_units, self.points
                ),
            });
        }
    }

    /// How many of `wanted` points pay for an order of this amount, where `available` are there: no more than its share, whole
    /// steps, none below the minimum.
    pub fn take(&self, wanted: Points, order_minor: i64, available: Option<Points>) -> Points {
        let most_minor = i128::from(order_minor) * i128::from(self.maximum_permille) / 1_000;
        let most = most_minor * i128::from(self.points.get()) / i128::from(self.minor_units);
        let most = Points::new(i64::try_from(most).unwrap_or(i64::MAX));
        let cut = wanted.min(most).min(available.unwrap_or(wanted));
        let whole = Points::new(cut.get() / self.step.get() * self.step.get());
        if whole < self.minimum { Points::ZERO } else { whole }
    }

    /// What so many points, in whole steps, are worth in minor units.
    pub fn worth(&self, points: Points) -> i64 {
        let worth = i128::from(points.get()) * i128::from(self.minor_units) / i128::from(self.points.get());
        i64::try_from(worth).expect("points pay no more than the order costs")
    }
}

impl Account {
    /// Spends points as [`Account::spend`] does; where the spend says what the order costs, as many as the program's terms let
    /// pay for it. Needs the open lots.
    ///
    /// # Errors
    /// [`SpendError`]; nothing but what was due is changed then.
    pub fn redeem(&mut self, program: &Program, spend: &Spend, now: Timestamp) -> Result<Spent, SpendError> {
        self.settle(now);
        let available = self.spendable(program, now);
        let (points, paid_minor) = program.price(spend, available)?;
        let points = match points {
            Points::ZERO => points,
            _ => self.spend(program, &Spend { points, ..spend.clone() }, now)?,
        };
        Ok(Spent { points, paid_minor })
    }
}

impl Program {
    /// How many points a spend asks for in the end, and what those pay where it says what the order costs. `available` are
    /// there.
    ///
    /// # Errors
    /// [`SpendError`].
    pub(crate) fn price(&self, spend: &Spend, available: Points) -> Result<(Points, Option<i64>), SpendError> {
        let Some(Money { minor_units, currency }) = spend.order_amount else { return Ok((spend.points, None)) };
        if currency != self.currency {
            return Err(SpendError::OtherCurrency { order: currency, program: self.currency });
        }
        let terms = self.terms.redemption.ok_or_else(|| SpendError::WithoutValue(self.id.clone()))?;
        let clamps = spend.clamp || self.terms.overdraft == OverdraftPolicy::Clamp;
        let points = terms.take(spend.points, minor_units, clamps.then_some(available));
        Ok((points, Some(terms.worth(points))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(points: i64) -> Points {
        Points::new(points)
    }

    /// A hundred points are 1.00, in steps of a hundred, from 200 on, up to half of an order.
    fn terms() -> Redemption {
        Redemption {
            points: points(100),
            minor_units: 100,
            step: points(100),
            minimum: points(200),
            maximum_permille: 500,
        }
    }

    #[test]
    fn a_step_a_minimum_and_a_share_of_the_order_are_kept() {
        let taken = |wanted, order| terms().take(points(wanted), order, None).get();
        assert_eq!(taken(1_050, 100_000), 1_000, "whole steps");
        assert_eq!(taken(5_000, 4_000), 2_000, "cut to half of the order");
        assert_eq!(taken(5_000, 4_199), 2_000, "whole steps of what half of it comes to");
        assert_eq!((taken(199, 100_000), taken(200, 100_000), taken(5_000, 399)), (0, 200, 0), "below the minimum");
        assert_eq!(terms().take(points(1_000), 100_000, Some(points(750))).get(), 700, "whole steps of what there is");
        assert_eq!(terms().worth(points(700)), 700);
    }

    #[test]
    fn a_step_that_is_worth_a_part_of_a_cent_is_refused() {
        let mut wrong = Vec::new();
        Redemption { points: points(3), minor_units: 1, step: points(3), ..terms() }.check("redemption", &mut wrong);
        assert_eq!(wrong, []);
        Redemption { points: points(3), minor_units: 1, step: points(100), ..terms() }.check("redemption", &mut wrong);
        assert_eq!((wrong.len(), wrong[0].field.as_str()), (1, "redemption.step_points"));
    }

    proptest! {
        /// Whatever is wanted: no more than that, never more money than the share, whole steps, whole minor units.
        #[test]
        fn what_is_taken_never_exceeds_what_was_wanted_or_the_share(
            (per, minor, steps) in (1..1_000_i64, 1..1_000_i64, 1..20_i64),
            (minimum, permille) in (0..5_000_i64, 1..=1_000_i64),
            (wanted, order) in (1..1_000_000_000_000_i64, 0..1_000_000_000_000_i64),
            available in prop::option::of(0..1_000_000_i64),
        ) {
            let terms = Redemption {
                points: points(per),
                minor_units: minor,
                step: points(per * steps),
                minimum: points(minimum),
                maximum_permille: permille,
            };
            let taken = terms.take(points(wanted), order, available.map(Points::new));
            prop_assert!(taken.get() <= wanted && available.is_none_or(|available| taken.get() <= available));
            prop_assert!(i128::from(terms.worth(taken)) * 1_000 <= i128::from(order) * i128::from(permille));
            prop_assert_eq!(taken.get() % (per * steps), 0);
            prop_assert!(taken.is_zero() || taken.get() >= minimum);
            // One step more would be too many, or it is below the minimum.
            let more = taken + terms.step;
            let too_many = more.get() > wanted
                || available.is_some_and(|available| more.get() > available)
                || i128::from(terms.worth(more)) * 1_000 > i128::from(order) * i128::from(permille)
                || more.get() < minimum
                || taken.is_zero();
            prop_assert!(too_many);
        }
    }
}
