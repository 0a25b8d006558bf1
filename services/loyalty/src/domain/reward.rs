//! Rewards: what points buy. Stock and points are taken together, by the ledger's own decision, under an order's name of the
//! redemption's own: so a cancellation is a return of that order, and gives points back where they came from.

use std::collections::BTreeSet;

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{OrderName, OrganizationId, Refusal, Refused, Uuid};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::facts::Told;
use super::ledger::{Book, Command, LedgerError, Outcome};
use super::points::Points;
use super::program::ProgramId;
use super::returns::{Return, Source};
use super::slug::slug_id;
use super::spending::{Insufficient, Spend};

slug_id! {
    /// `rewards/{slug}`, chosen by whoever made it.
    RewardId, "rewards", "reward"
}

/// A reward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reward {
    /// Its name.
    pub id: RewardId,
    /// Whose data it is.
    pub organization: OrganizationId,
    /// Whose members can have it.
    pub program: ProgramId,
    /// What an update can change.
    pub terms: Terms,
    /// How many were redeemed and not cancelled.
    pub redeemed: i64,
    /// 1, and one more with every update; redemptions do not count.
    pub version: i64,
    /// When it was made.
    pub create_time: Timestamp,
}

/// What an update can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What people call it.
    pub display_name: String,
    /// What it costs, at least 1.
    pub points: Points,
    /// What it costs besides, in minor units of the program's currency.
    pub price_minor: i64,
    /// How many there were in all; `None` where there is no end of them.
    pub stock_total: Option<i64>,
    /// Who can have it.
    pub eligibility: Eligibility,
}

/// Which members of its program can have a reward.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Eligibility {
    /// Those whose customer is in one of these segments, by slug; none means any.
    pub segments: BTreeSet<String>,
    /// Those who have one of these tiers, by id; none means any.
    pub tiers: BTreeSet<String>,
}

impl Eligibility {
    /// Whether every member can have it.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a member who has this tier, and of whose customer this was told, can have it.
    fn admits(&self, tier: Option<&str>, told: &Told) -> bool {
        (self.segments.is_empty() || told.segments.iter().any(|segment| self.segments.contains(segment)))
            && (self.tiers.is_empty() || tier.is_some_and(|tier| self.tiers.contains(tier)))
    }
}

/// Where a redemption stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Asked for.
    Pending,
    /// Ready to be handed over, or on its way.
    Prepared,
    /// Handed over.
    Fulfilled,
    /// Points and stock went back.
    Cancelled,
}

impl State {
    /// Every one, as the column has it.
    pub const ALL: &[&str] = &["PENDING", "PREPARED", "FULFILLED", "CANCELLED"];

    /// As the column has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Prepared => "PREPARED",
            Self::Fulfilled => "FULFILLED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// From the column.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Prepared, Self::Fulfilled, Self::Cancelled].into_iter().find(|one| one.as_str() == text)
    }

    fn has_ended(self) -> bool {
        matches!(self, Self::Fulfilled | Self::Cancelled)
    }
}

/// What a member redeemed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    /// Its id.
    pub id: Uuid,
    /// The reward.
    pub reward: RewardId,
    /// Who.
    pub member: MemberId,
    /// Where it stands.
    pub state: State,
    /// The points that it took.
    pub points: Points,
    /// What the shop collects besides.
    pub price_minor: i64,
    /// When it was asked for.
    pub create_time: Timestamp,
    /// When it last moved on.
    pub update_time: Timestamp,
}

/// What is done to a reward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Redeem it, as the redemption of this id.
    Redeem(Uuid),
    /// Cancel a redemption.
    Cancel(Uuid),
}

/// Why a reward is not redeemed, or a redemption does not move on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RewardError {
    /// There is no such reward.
    #[error("{0} does not exist")]
    Unknown(RewardId),
    /// There is no such redemption.
    #[error("{0} does not exist")]
    UnknownRedemption(String),
    /// None is left.
    #[error("none of {0} is left")]
    OutOfStock(RewardId),
    /// The member is of another program.
    #[error("{reward} is for members of {program}")]
    NotEligible {
        /// The reward.
        reward: RewardId,
        /// Its program.
        program: ProgramId,
    },
    /// The member has none of the tiers, or is in none of the segments, for which it is.
    #[error("{reward} is for some of the members of {program}: by tier, by segment, or both")]
    NotAdmitted {
        /// The reward.
        reward: RewardId,
        /// Its program.
        program: ProgramId,
    },
    /// It was handed over, or cancelled.
    #[error("the redemption is {}", .0.as_str())]
    Ended(State),
    /// More was redeemed than there would be.
    #[error("{redeemed} are redeemed, {stock} would be there in all")]
    StockTooLow {
        /// What was redeemed.
        redeemed: i64,
        /// What would be there.
        stock: i64,
    },
    /// The points are not there, or the member is not.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Refusal for RewardError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Unknown(reward) => Refused::not_found("reward", reward),
            Self::UnknownRedemption(name) => Refused::not_found("redemption", name),
            Self::OutOfStock(reward) => {
                Refused::precondition("REWARD_OUT_OF_STOCK", self.to_string()).with("reward", reward)
            }
            Self::NotEligible { program, .. } | Self::NotAdmitted { program, .. } => {
                Refused::precondition("REWARD_NOT_ELIGIBLE", self.to_string()).with("program", program)
            }
            Self::Ended(state) => {
                Refused::precondition("REWARD_REDEMPTION_ENDED", self.to_string()).with("state", state.as_str())
            }
            Self::StockTooLow { redeemed, .. } => {
                Refused::precondition("REWARD_STOCK_TOO_LOW", self.to_string()).with("redeemed", redeemed)
            }
            Self::Ledger(error) => error.refusal(),
        }
    }
}

/// The name of a redemption.
pub fn redemption_name(reward: &RewardId, id: Uuid) -> String {
    format!("{reward}/redemptions/{id}")
}

/// The source of the names under which rewards take points.
pub const SOURCE: &str = "reward";

/// What the points of a redemption are called in the ledger.
pub fn order(id: Uuid) -> OrderName {
    OrderName::new(SOURCE, &id.to_string()).expect("a UUID is a good number")
}

impl Reward {
    /// The reward under other terms.
    ///
    /// # Errors
    /// [`RewardError::StockTooLow`].
    pub fn update(&self, terms: Terms) -> Result<Self, RewardError> {
        match terms.stock_total {
            Some(stock) if stock < self.redeemed => Err(RewardError::StockTooLow { redeemed: self.redeemed, stock }),
            _ => Ok(Self { terms, version: self.version + 1, ..self.clone() }),
        }
    }

    /// What the ledger is asked for.
    pub fn command(&self, act: &Act, now: Timestamp) -> Command {
        match act {
            Act::Redeem(id) => Command::Spend(Spend {
                points: self.terms.points,
                order: Some(order(*id)),
                clamp: false,
                order_amount: None,
            }),
            Act::Cancel(id) => Command::Return(Return {
                order: order(*id),
                return_id: "cancelled".to_owned(),
                lines: Vec::new(),
                effective_time: now,
                source: Source::Asked,
            }),
        }
    }

    /// Takes one of the stock and the points, or neither.
    ///
    /// # Errors
    /// [`RewardError`].
    pub fn redeem(
        &mut self,
        book: &mut Book,
        member: MemberId,
        id: Uuid,
        now: Timestamp,
    ) -> Result<(Redemption, Outcome), RewardError> {
        let account = book.accounts.get(&member).filter(|account| account.organization == self.organization);
        let account = account.ok_or(LedgerError::UnknownMember(member))?;
        if account.program != self.program {
            return Err(RewardError::NotEligible { reward: self.id.clone(), program: self.program.clone() });
        }
        if self.terms.stock_total.is_some_and(|stock| self.redeemed >= stock) {
            return Err(RewardError::OutOfStock(self.id.clone()));
        }
        let program = book.programs.get(&account.program).ok_or(LedgerError::UnknownMember(member))?;
        let tier = if self.terms.eligibility.tiers.is_empty() { None } else { account.tier_at(program, now, now) };
        if !self.terms.eligibility.admits(tier.as_deref(), &account.told) {
            return Err(RewardError::NotAdmitted { reward: self.id.clone(), program: self.program.clone() });
        }
        // A program that clamps would take what there is: a reward costs what it costs.
        let available = account.spendable(program, now);
        if available < self.terms.points {
            return Err(LedgerError::Insufficient(Insufficient { asked: self.terms.points, available }).into());
        }
        let outcome = book.decide(member, &self.command(&Act::Redeem(id), now), now)?;
        self.redeemed += 1;
        let redemption = Redemption {
            id,
            reward: self.id.clone(),
            member,
            state: State::Pending,
            points: self.terms.points,
            price_minor: self.terms.price_minor,
            create_time: now,
            update_time: now,
        };
        Ok((redemption, outcome))
    }

    /// Gives points and stock back.
    ///
    /// # Errors
    /// [`RewardError`].
    pub fn cancel(
        &mut self,
        book: &mut Book,
        redemption: &mut Redemption,
        now: Timestamp,
    ) -> Result<Outcome, RewardError> {
        if redemption.state.has_ended() {
            return Err(RewardError::Ended(redemption.state));
        }
        let outcome = book.decide(redemption.member, &self.command(&Act::Cancel(redemption.id), now), now)?;
        self.redeemed -= 1;
        (redemption.state, redemption.update_time) = (State::Cancelled, now);
        Ok(outcome)
    }
}

impl Redemption {
    /// Moves on; where it stands already it stays.
    ///
    /// # Errors
    /// [`RewardError::Ended`].
    pub fn proceed(&mut self, to: State, now: Timestamp) -> Result<(), RewardError> {
        if self.state.has_ended() || to < self.state {
            return Err(RewardError::Ended(self.state));
        }
        (self.state, self.update_time) = (to, now);
        Ok(())
    }
}
