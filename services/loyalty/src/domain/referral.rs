//! Referrals: who brought whom, and what is paid for it. It is paid on conversion: the first order of the one who was brought
//! that the program's filter lets in, as it stands now. As long as an order of his converts, what was paid stands; when none
//! does any more, it is taken back.
//!
//! Nobody is brought by one who joined later than he: so there is no circle, however long.

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{Kind, OrderName, OrganizationId, Refusal, Refused, Uuid, Violation, natural_id};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::award;
use super::cap::CapPeriod;
use super::coupon::code::CodeText;
use super::entry::{OrderId, text_enum};
use super::expiry::Period;
use super::goal::{Dated, Selection};
use super::points::Points;
use super::program::{Program, ProgramId};

/// What a program pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferralTerms {
    /// To the one who brought somebody.
    pub referrer_points: Points,
    /// To the one who was brought.
    pub referee_points: Points,
    /// Which orders convert.
    pub selection: Selection,
    /// For how many others one member is paid within a period; `None` where there is no end of it.
    pub limit: Option<i64>,
    /// The period of the limit.
    pub limit_period: Option<CapPeriod>,
    /// How long the points are good; `None` as long as the program says.
    pub valid_for: Option<Period>,
}

impl ReferralTerms {
    /// Notes everything in which the terms contradict themselves.
    pub fn check(&self, wrong: &mut Vec<Violation>) {
        self.selection.check("referral.filter", wrong);
        let mut violate = |field: &str, rule: &str, description: &str| {
            let (field, rule, description) = (format!("referral.{field}"), rule.to_owned(), description.to_owned());
            wrong.push(Violation { field, rule, description });
        };
        if self.limit.is_some() != self.limit_period.is_some() {
            violate("limit_period", "LIMIT_WITHOUT_PERIOD", "a limit has a period, and a period a limit");
        }
        if self.referrer_points.is_zero() && self.referee_points.is_zero() {
            violate("referrer_points", "REFERRAL_PAYS_NOTHING", "neither of both is given anything");
        }
    }

    /// The first and last local day of the period in which a conversion counts for the limit; `None` without one.
    pub fn limit_days(&self, program: &Program, at: Timestamp) -> Option<(Date, Date)> {
        Some(self.limit_period?.around(program.calendar(at).day(at)))
    }
}

impl ProgramId {
    /// The key under which orders of members who were brought are counted.
    pub fn referral_goal(&self) -> Uuid {
        natural_id("referral-goal", [self.slug()])
    }

    /// The key of a code: the same text has the same in a program.
    pub fn referral_code(&self, code: &CodeText) -> Uuid {
        natural_id("referral-code", [self.slug(), code.plain()])
    }
}

/// What the codes look like: 49 random bits and a check character. Whoever knows one can only do its owner good.
pub const PATTERN: &str = "#####-#####";

text_enum! {
    /// What came of a referral.
    State {
        /// Nothing yet.
        Pending = "PENDING",
        /// It was paid.
        Converted = "CONVERTED",
        /// What was paid was taken back.
        Reversed = "REVERSED",
    }
}

/// Who brought whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// Who was brought.
    pub referee: MemberId,
    /// Who brought him.
    pub referrer: MemberId,
    /// In which program.
    pub program: ProgramId,
    /// Whose program.
    pub organization: OrganizationId,
    /// The code, as it is shown.
    pub code: String,
    /// What came of it.
    pub state: State,
    /// How often it was converted.
    pub generation: i64,
    /// The order that converts it, while one does.
    pub order: Option<(OrderId, OrderName, Timestamp)>,
    /// The day on which the period of the limit began in which it was paid.
    pub limit_from: Option<Date>,
    /// What the referrer was given.
    pub referrer_points: Points,
    /// What the referee was given.
    pub referee_points: Points,
    /// Whether the referrer was given nothing since his limit was reached.
    pub limited: bool,
    /// When it was said.
    pub create_time: Timestamp,
}

/// Who of both is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one who brought somebody.
    Referrer,
    /// The one who was brought.
    Referee,
}

/// What is to be done about a referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is as it must be, but for what waits for delivery.
    Stand,
    /// Pay it, for this order.
    Convert(Dated),
    /// What was paid stands for another order: the first one turned out to be a different one.
    Move(Dated),
    /// Take back what was paid.
    Reverse,
}

impl Referral {
    /// What is to be done, where these orders of the referee count.
    pub fn step(&self, counted: &[Dated]) -> Step {
        let first = counted.iter().filter(|dated| dated.amount > 0).min().copied();
        let current = self.order.as_ref().filter(|_| self.state == State::Converted).map(|(order, ..)| *order);
        match (current, first) {
            (None, None) => Step::Stand,
            (None, Some(first)) => Step::Convert(first),
            (Some(_), None) => Step::Reverse,
            (Some(current), Some(first)) if current == first.order => Step::Stand,
            (Some(_), Some(first)) => Step::Move(first),
        }
    }

    /// What one of both was given this time is called in the ledger.
    pub fn award(&self, side: Side) -> OrderName {
        let side = match side {
            Side::Referrer => "referrer",
            Side::Referee => "referee",
        };
        award::order(natural_id("referral", [&self.referee.to_string(), &self.generation.to_string(), side]))
    }

    /// Whom both awards are for, and how much: those that gave anything.
    pub fn awards(&self) -> impl Iterator<Item = (MemberId, OrderName, Points)> {
        let both = [
            (self.referee, self.award(Side::Referee), self.referee_points),
            (self.referrer, self.award(Side::Referrer), self.referrer_points),
        ];
        both.into_iter().filter(|(_, _, points)| points.is_positive())
    }
}

/// A member, as far as it matters who brought him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party {
    /// The member.
    pub member: MemberId,
    /// The customer.
    pub customer: CustomerId,
    /// When the system heard of the membership.
    pub joined: Timestamp,
}

/// Why nobody was brought.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReferralError {
    /// The program pays nothing.
    #[error("{0} pays for no referral")]
    NoReferrals(ProgramId),
    /// There is no such code.
    #[error("no member of {0} has this code")]
    UnknownCode(ProgramId),
    /// The member has none.
    #[error("{0} has no referral code")]
    NoCode(MemberId),
    /// The code is his own.
    #[error("the code is the member's own")]
    OwnCode,
    /// Somebody brought him already.
    #[error("{0} was brought by another member")]
    AlreadyRecorded(MemberId),
    /// He bought before.
    #[error("{0} has bought already")]
    TooLate(MemberId),
    /// The one who brought him joined later than he.
    #[error("whoever has the code joined later than {0}")]
    JoinedLater(MemberId),
}

impl Refusal for ReferralError {
    fn refusal(&self) -> Refused {
        match self {
            Self::NoReferrals(program) => {
                Refused::precondition("PROGRAM_WITHOUT_REFERRALS", self.to_string()).with("program", program)
            }
            Self::UnknownCode(program) => Refused::not_found("referral code", program),
            Self::NoCode(member) => Refused::not_found("referral code", member),
            Self::OwnCode => Refused::precondition("REFERRAL_OWN_CODE", self.to_string()),
            Self::AlreadyRecorded(member) => {
                Refused::new(Kind::AlreadyExists, "REFERRAL_ALREADY_RECORDED", self.to_string())
                    .with("member", member)
                    .about("member", member)
            }
            Self::TooLate(member) => {
                Refused::precondition("REFERRAL_TOO_LATE", self.to_string()).with("member", member)
            }
            Self::JoinedLater(member) => {
                Refused::precondition("REFERRER_JOINED_LATER", self.to_string()).with("member", member)
            }
        }
    }
}

/// Whether `referrer` can have brought `referee`; `brought` says whether somebody did, `bought` whether he bought.
///
/// # Errors
/// [`ReferralError`].
pub fn may_refer(referrer: Party, referee: Party, brought: bool, bought: bool) -> Result<(), ReferralError> {
    if referrer.member == referee.member || referrer.customer == referee.customer {
        return Err(ReferralError::OwnCode);
    }
    if brought {
        return Err(ReferralError::AlreadyRecorded(referee.member));
    }
    if bought {
        return Err(ReferralError::TooLate(referee.member));
    }
    if referrer.joined >= referee.joined {
        return Err(ReferralError::JoinedLater(referee.member));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn party(number: u128, joined: i64) -> Party {
        let id = Uuid::from_u128(number);
        Party { member: MemberId(id), customer: CustomerId(id), joined: at(joined) }
    }

    fn referral() -> Referral {
        Referral {
            referee: party(2, 2).member,
            referrer: party(1, 1).member,
            program: ProgramId::from_slug("test").expect("a slug"),
            organization: OrganizationId::default_organization(),
            code: "CODE".into(),
            state: State::Pending,
            generation: 0,
            order: None,
            limit_from: None,
            referrer_points: Points::new(100),
            referee_points: Points::ZERO,
            limited: false,
            create_time: at(3),
        }
    }

    fn dated(number: u128, second: i64, amount: i64) -> Dated {
        Dated { at: at(second), order: OrderId(Uuid::from_u128(number)), amount }
    }

    #[test]
    fn a45_nobody_is_brought_by_himself_twice_late_or_in_a_circle() {
        let (old, new) = (party(1, 1), party(2, 2));
        assert_eq!(may_refer(old, new, false, false), Ok(()));
        assert_eq!(may_refer(new, new, false, false), Err(ReferralError::OwnCode));
        let twin = Party { customer: old.customer, ..new };
        assert_eq!(may_refer(old, twin, false, false), Err(ReferralError::OwnCode), "the same customer");
        assert_eq!(may_refer(old, new, true, false), Err(ReferralError::AlreadyRecorded(new.member)));
        assert_eq!(may_refer(old, new, false, true), Err(ReferralError::TooLate(new.member)));
        assert_eq!(may_refer(new, old, false, false), Err(ReferralError::JoinedLater(old.member)));
        let same = party(3, 2);
        assert_eq!(may_refer(same, new, false, false), Err(ReferralError::JoinedLater(new.member)));
    }

    #[test]
    fn a45_the_first_order_that_counts_converts_and_what_was_paid_stands_while_one_does() {
        let mut referral = referral();
        assert_eq!(referral.step(&[]), Step::Stand);
        assert_eq!(referral.step(&[dated(1, 5, 0)]), Step::Stand, "it came back");
        let (first, second) = (dated(1, 5, 1), dated(2, 4, 1));
        assert_eq!(referral.step(&[first]), Step::Convert(first));
        referral.state = State::Converted;
        referral.order = Some((first.order, award::order(Uuid::nil()), first.at));
        assert_eq!(referral.step(&[first]), Step::Stand);
        assert_eq!(referral.step(&[first, second]), Step::Move(second), "an earlier one came late");
        let gone = Dated { amount: 0, ..first };
        assert_eq!(referral.step(&[gone, dated(3, 9, 1)]), Step::Move(dated(3, 9, 1)));
        assert_eq!(referral.step(&[gone]), Step::Reverse);
        referral.state = State::Reversed;
        assert_eq!(referral.step(&[gone]), Step::Stand);
        assert_eq!(referral.step(&[gone, dated(3, 9, 1)]), Step::Convert(dated(3, 9, 1)));
    }

    #[test]
    fn only_who_gets_something_has_an_award_and_each_time_another() {
        let mut referral = referral();
        let names =
            |referral: &Referral| referral.awards().map(|(member, order, _)| (member, order)).collect::<Vec<_>>();
        let before = names(&referral);
        assert_eq!(before.len(), 1);
        assert_eq!(before[0].0, referral.referrer);
        referral.generation += 1;
        assert_ne!(names(&referral), before);
    }
}
