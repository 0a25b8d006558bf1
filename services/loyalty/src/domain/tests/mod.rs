//! The ledger's known answers, its laws, and the slow second implementation that they are checked against.

mod always;
mod awards;
mod cases;
mod conditions;
mod joint;
mod laws;
mod liability;
mod moves;
mod reference;
mod rewards;
mod rules;
mod sources;
mod terms;
mod tiers;

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{OrderName, OrganizationId, Uuid};
use jiff::{SignedDuration, Timestamp};

use super::account::Account;
use super::adjusting::{Adjust, AdjustError, Asked};
use super::balance::verify;
use super::earning::Budgets;
use super::earning::tests::{line, purchase};
use super::entry::{Entry, HoldId};
use super::expiry::{ExpiryPolicy, Period, PeriodUnit};
use super::hold::{DEFAULT_TTL, HoldError, PlaceHold};
use super::pending::{PendingPolicy, TimedOut};
use super::points::Points;
use super::program::tests::{program, terms};
use super::program::{OverdraftPolicy, Program, ProgramId, Terms};
use super::purchase::{Purchase, PurchaseLine};
use super::returns::{Extent, Return, ReturnError, Returned, ReturnedLine, Source};
use super::spending::{Earn, Earned, Insufficient, Spend};
use super::transfer::{TransferError, Transferred, transfer};

/// One member with one account, a clock, and everything that was ever written.
#[derive(Debug, Clone)]
struct Till {
    program: Program,
    account: Account,
    now: Timestamp,
    entries: Vec<Entry>,
    budgets: Budgets,
    /// Points that returns gave back to campaigns.
    given_back: i64,
}

fn order(number: &str) -> OrderName {
    OrderName::new("test", number).expect("a name")
}

fn points(points: i64) -> Points {
    Points::new(points)
}

fn hold_id(number: u128) -> HoldId {
    HoldId(Uuid::from_u128(number))
}

fn expiring_after(days: i32) -> ExpiryPolicy {
    ExpiryPolicy::Period { period: Period { count: days, unit: PeriodUnit::Day }, extend_to: None }
}

fn allow(floor: i64) -> OverdraftPolicy {
    OverdraftPolicy::Allow { floor: points(floor) }
}

impl Till {
    /// Noon of 1 January 2026, under these terms: a point for each whole 1.00.
    fn new(terms: Terms) -> Self {
        let program_id = ProgramId::from_slug("test").expect("a slug");
        let organization = OrganizationId::default_organization();
        let (member, customer) = (MemberId(Uuid::from_u128(1)), CustomerId(Uuid::from_u128(2)));
        Self {
            program: program(terms),
            account: Account::open(member, customer, program_id, organization),
            now: "2026-01-01T04:00:00Z".parse().expect("an instant"),
            entries: Vec::new(),
            budgets: Budgets::new(),
            given_back: 0,
        }
    }

    fn with(expiry: ExpiryPolicy, overdraft: OverdraftPolicy) -> Self {
        Self::new(Terms { expiry, overdraft, ..terms() })
    }

    fn plain() -> Self {
        Self::new(terms())
    }

    fn waits_for_delivery(self) -> Self {
        self.waits(PendingPolicy::UntilDelivered)
    }

    fn waits(mut self, pending: PendingPolicy) -> Self {
        self.program.terms.pending = pending;
        self
    }

    fn after_days(&mut self, days: i64) -> &mut Self {
        self.now = self.now.checked_add(SignedDuration::from_hours(24 * days)).expect("in range");
        self
    }

    /// Every change goes through here: the ledger must verify after each.
    fn keep<T>(&mut self, done: T) -> T {
        let changes = self.account.take_changes();
        self.entries.extend(changes.entries);
        self.given_back += changes.given_back.iter().map(|given| given.points.get()).sum::<i64>();
        assert_eq!(verify(&self.account, &self.entries), []);
        done
    }

    fn earn_lines(&mut self, number: &str, lines: Vec<PurchaseLine>) -> Earned {
        self.earn_purchase(number, purchase(lines))
    }

    fn earn_purchase(&mut self, number: &str, purchase: Purchase) -> Earned {
        let earn = Earn { order: order(number), purchase, effective_time: self.now };
        let earned = self.account.earn(&self.program, &earn, None, &mut self.budgets, self.now).expect("it earns");
        self.keep(earned)
    }

    /// One line whose price earns so many points.
    fn earn(&mut self, number: &str, amount: i64) {
        let earned = self.earn_lines(number, vec![line(1, "", 1, amount * 100)]);
        assert_eq!(earned.earning.points, points(amount));
    }

    /// The same, with an expiry of its own.
    fn earn_until(&mut self, number: &str, amount: i64, expires: Option<&str>) {
        self.program.terms.expiry = match expires {
            None => ExpiryPolicy::Never,
            Some(at) => {
                let expires: Timestamp = at.parse().expect("an instant");
                let hours = expires.duration_since(self.now).as_hours();
                expiring_after(i32::try_from(hours / 24).expect("a few days"))
            }
        };
        self.earn(number, amount);
    }

    fn spend(&mut self, amount: i64) -> Result<Points, Insufficient> {
        self.spend_on(None, amount, false)
    }

    fn spend_on(&mut self, number: Option<&str>, amount: i64, clamp: bool) -> Result<Points, Insufficient> {
        let spend = Spend { points: points(amount), order: number.map(order), clamp, order_amount: None };
        let spent = self.account.spend(&self.program, &spend, self.now);
        self.keep(spent)
    }

    fn hold(&mut self, number: u128, amount: i64) -> Result<(), Insufficient> {
        let hold = PlaceHold { id: hold_id(number), points: points(amount), order: None, ttl: DEFAULT_TTL };
        let held = self.account.place_hold(&self.program, &hold, self.now);
        self.keep(held)
    }

    fn capture(&mut self, number: u128, amount: Option<i64>) -> Result<(), HoldError> {
        let captured = self.account.capture_hold(&self.program, hold_id(number), amount.map(points), self.now);
        self.keep(captured)
    }

    fn void(&mut self, number: u128) -> Result<(), HoldError> {
        let voided = self.account.void_hold(hold_id(number), self.now);
        self.keep(voided)
    }

    fn give(&mut self, number: &str, return_id: &str, lines: Vec<(i32, Extent)>) -> Result<Returned, ReturnError> {
        let lines = lines.into_iter().map(|(line, extent)| ReturnedLine { line, extent }).collect();
        let given = Return {
            order: order(number),
            return_id: return_id.into(),
            lines,
            effective_time: self.now,
            source: Source::Asked,
        };
        let returned = self.account.return_order(&self.program, &given, &[], self.now);
        self.keep(returned)
    }

    fn give_all(&mut self, number: &str) -> Returned {
        self.give(number, "all", vec![]).expect("it is returned")
    }

    /// Credits by hand, or takes where it is negative; a credit may have an expiry of its own, in days.
    fn adjust(&mut self, amount: i64, days: Option<i64>, clamp: bool) -> Result<Points, AdjustError> {
        let days = days.filter(|_| amount > 0).map(|days| SignedDuration::from_hours(24 * days));
        let expires_at = days.map(|days| self.now.checked_add(days).expect("in range"));
        let asked = Asked { points: amount, goodwill: false, expires_at, clamp: clamp && amount < 0 };
        let adjust = Adjust::new(asked, "why".into(), "who".into(), self.now).expect("it fits together");
        let adjusted = self.account.adjust(&self.program, &adjust, self.now);
        self.keep(adjusted.map(|(points, _)| points))
    }

    /// Gives points to somebody who had none.
    fn give_away(&mut self, amount: i64) -> Result<Transferred, TransferError> {
        let (program, organization) = (self.account.program.clone(), self.account.organization.clone());
        let (friend, customer) = (MemberId(Uuid::from_u128(9)), CustomerId(Uuid::from_u128(10)));
        let mut friend = Account::open(friend, customer, program, organization);
        let given = transfer(&mut self.account, &mut friend, points(amount), self.now);
        self.keep(given)
    }

    fn deliver(&mut self, number: &str) -> Points {
        self.deliver_at(number, self.now)
    }

    /// Delivered at a moment that may be over.
    fn deliver_at(&mut self, number: &str, at: Timestamp) -> Points {
        let activated = self.account.activate(&self.program, (&order(number)).into(), at, self.now);
        self.keep(activated)
    }

    fn expire(&mut self) -> Points {
        let expired = self.account.expire(self.now);
        self.keep(expired)
    }

    fn balance(&self) -> i64 {
        self.account.balance(self.now).balance.get()
    }

    fn deficit(&self) -> i64 {
        self.account.totals.deficit.get()
    }

    /// What is open in lots that are not empty, oldest first.
    fn open(&self) -> Vec<i64> {
        self.account.lots.values().map(|lot| lot.open.get()).filter(|open| *open != 0).collect()
    }
}
