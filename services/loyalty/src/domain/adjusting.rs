//! Adjustments: points credited or taken by hand, with a reason and a name to answer for it. A credit is a lot like any
//! other; a debit takes lots in the order in which a spend would. Neither is an earning or a spend: what slides does not
//! move.

use guanxi_kernel::{Refusal, Refused, Violation};
use jiff::Timestamp;
use thiserror::Error;

use super::account::{Account, movement};
use super::entry::{EntryKind, LedgerAccount};
use super::lot::LotId;
use super::points::Points;
use super::program::{OverdraftPolicy, Program};
use super::spending::{EarnError, Insufficient};

/// Which way points go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Credited, active at once.
    Credit {
        /// Whether they make good for something: no milestone counts such points.
        goodwill: bool,
        /// When they expire; `None` where the program says.
        expires_at: Option<Timestamp>,
    },
    /// Taken.
    Debit {
        /// Whether to take what there is where it is less.
        clamp: bool,
    },
}

/// Points to credit or take by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjust {
    /// How many, at least 1.
    pub points: Points,
    /// Which way.
    pub direction: Direction,
    /// Why, in the words of whoever did it.
    pub reason: String,
    /// Who did it: the subject of the caller's token.
    pub subject: String,
}

/// What fields of an adjustment say, some of which contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// Above zero: credited; below: taken.
    pub points: i64,
    /// Whether they make good for something.
    pub goodwill: bool,
    /// When they expire.
    pub expires_at: Option<Timestamp>,
    /// Whether to take what there is.
    pub clamp: bool,
}

/// An adjustment that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an adjustment that contradicts itself")]
pub struct AdjustmentContradicts(pub Vec<Violation>);

impl Refusal for AdjustmentContradicts {
    fn refusal(&self) -> Refused {
        Refused::violations(self.0.clone())
    }
}

impl Adjust {
    /// An adjustment of what was asked, at `now`.
    ///
    /// # Errors
    /// [`AdjustmentContradicts`], with one violation for each field that does not fit the others.
    pub fn new(asked: Asked, reason: String, subject: String, now: Timestamp) -> Result<Self, AdjustmentContradicts> {
        let Asked { points, goodwill, expires_at, clamp } = asked;
        let mut wrong = Vec::new();
        let mut violate = |field: &str, rule: &str, description: String| {
            wrong.push(Violation { field: field.into(), rule: rule.into(), description });
        };
        if points == 0 {
            violate("points", "ADJUSTMENT_EMPTY", "0 points change nothing".into());
        }
        if points < 0 && goodwill {
            violate("goodwill", "ADJUSTMENT_CONTRADICTS", format!("{points} points are taken: that is no goodwill"));
        }
        match expires_at {
            Some(_) if points < 0 => {
                violate("expire_time", "ADJUSTMENT_CONTRADICTS", format!("{points} points are taken: nothing expires"));
            }
            Some(at) if at <= now => {
                violate("expire_time", "EXPIRY_TOO_EARLY", format!("{at} is not after now, {now}"));
            }
            _ => {}
        }
        if points > 0 && clamp {
            violate("clamp", "ADJUSTMENT_CONTRADICTS", format!("{points} points are credited: nothing is to be cut"));
        }
        if !wrong.is_empty() {
            return Err(AdjustmentContradicts(wrong));
        }
        let direction =
            if points > 0 { Direction::Credit { goodwill, expires_at } } else { Direction::Debit { clamp } };
        Ok(Self { points: Points::new(points.saturating_abs()), direction, reason, subject })
    }
}

/// A posting that was made by hand, as it is kept beside its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjusted {
    /// Its number.
    pub posting: i64,
    /// What was credited; negative where it was taken.
    pub points: Points,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub subject: String,
    /// When.
    pub create_time: Timestamp,
}

/// Why an adjustment is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AdjustError {
    /// A debit that the balance does not cover.
    #[error(transparent)]
    Insufficient(#[from] Insufficient),
    /// The account would have been credited beyond all bounds.
    #[error(transparent)]
    Full(#[from] EarnError),
}

impl Refusal for AdjustError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Insufficient(error) => error.refusal(),
            Self::Full(error) => error.refusal(),
        }
    }
}

impl Account {
    /// Credits or takes points by hand. Needs the open lots. Says what was moved, negative where it was taken, and the lot
    /// of a credit.
    ///
    /// # Errors
    /// [`AdjustError`]; nothing but what was due is changed then.
    pub fn adjust(
        &mut self,
        program: &Program,
        adjust: &Adjust,
        now: Timestamp,
    ) -> Result<(Points, Option<LotId>), AdjustError> {
        match adjust.direction {
            Direction::Credit { goodwill, expires_at } => {
                if self.totals.credited() + adjust.points > Points::MAX_CREDITED {
                    return Err(EarnError::AccountFull.into());
                }
                let posting = self.posting(now, now);
                let kind = if goodwill { EntryKind::Goodwill } else { EntryKind::AdjustCredit };
                let what = movement(kind, LedgerAccount::Adjusted, LedgerAccount::Open);
                let sliding = expires_at.is_none() && program.terms.expiry.is_sliding();
                let expires_at = expires_at.or_else(|| program.expires_at(now));
                let lot = self.credit(posting, what, adjust.points, Some(now), expires_at, sliding);
                self.cover(posting);
                self.note(posting.number(), adjust.points, adjust, now);
                Ok((adjust.points, Some(lot)))
            }
            Direction::Debit { clamp } => {
                self.settle(now);
                let available = self.spendable(program, now);
                let clamps = clamp || program.terms.overdraft == OverdraftPolicy::Clamp;
                let points = if clamps { adjust.points.min(available) } else { adjust.points };
                if points > available {
                    return Err(Insufficient { asked: adjust.points, available }.into());
                }
                let posting = self.posting(now, now);
                let what = movement(EntryKind::AdjustDebit, LedgerAccount::Open, LedgerAccount::Adjusted);
                self.debit(posting, what, points);
                if points.is_positive() {
                    self.note(posting.number(), -points, adjust, now);
                }
                Ok((-points, None))
            }
        }
    }

    fn note(&mut self, posting: i64, points: Points, adjust: &Adjust, now: Timestamp) {
        let (reason, subject) = (adjust.reason.clone(), adjust.subject.clone());
        self.changes.adjusted.push(Adjusted { posting, points, reason, subject, create_time: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn rules(asked: Asked) -> Vec<(String, String)> {
        let wrong = Adjust::new(asked, "why".into(), "who".into(), at(100)).expect_err("it contradicts itself");
        wrong.0.into_iter().map(|wrong| (wrong.field, wrong.rule)).collect()
    }

    fn said(wrong: &[(&str, &str)]) -> Vec<(String, String)> {
        wrong.iter().map(|(field, rule)| ((*field).to_owned(), (*rule).to_owned())).collect()
    }

    #[test]
    fn everything_that_contradicts_the_direction_is_said_at_once() {
        let debit = Asked { points: -5, goodwill: true, expires_at: Some(at(200)), clamp: true };
        let contradicts = "ADJUSTMENT_CONTRADICTS";
        assert_eq!(rules(debit), said(&[("goodwill", contradicts), ("expire_time", contradicts)]));
        let credit = Asked { points: 5, goodwill: true, expires_at: Some(at(100)), clamp: true };
        assert_eq!(rules(credit), said(&[("expire_time", "EXPIRY_TOO_EARLY"), ("clamp", contradicts)]));
        assert_eq!(rules(Asked::default()), said(&[("points", "ADJUSTMENT_EMPTY")]));
    }
}
