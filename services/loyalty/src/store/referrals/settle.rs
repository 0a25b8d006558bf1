//! Pays referrals, and takes back what was paid. Both accounts are locked: so a limit is counted exactly.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_contracts::loyalty::events::v1::{ReferralConverted, ReferralReversed};
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{OrderName, Timestamp, Uuid};
use guanxi_messaging::event;
use guanxi_store::{Change, Result, StoreError, Tx, dialect};
use jiff::civil::Date;
use sea_orm::FromQueryResult;

use crate::domain::award::{Award, withdrawal};
use crate::domain::entry::OrderId;
use crate::domain::goal::Dated;
use crate::domain::ledger::{Book, Command};
use crate::domain::points::Points;
use crate::domain::program::Program;
use crate::domain::referral::{Referral, ReferralTerms, State, Step};
use crate::store::goals::Pair;
use crate::store::{member_orders, orders, rows};

#[derive(FromQueryResult)]
struct Paid {
    referrer: Uuid,
    limit_from: String,
    paid: i64,
}

/// Referrals with what is to be done about each.
#[derive(Default)]
pub struct Payments {
    steps: Vec<(Referral, Step)>,
    /// The orders that convert, by their names.
    names: BTreeMap<OrderId, OrderName>,
    /// When those of them that are there were delivered.
    delivered: BTreeMap<OrderId, Timestamp>,
    /// For how many others each was paid, by the first day of the period.
    paid: BTreeMap<(MemberId, Date), i64>,
}

/// What is to be done about the referrals among these goals of members, whose accounts are locked.
///
/// # Errors
/// The database's.
pub async fn plan(tx: &Tx, book: &Book, pairs: &[Pair], counted: &BTreeMap<Pair, Vec<Dated>>) -> Result<Payments> {
    let none = Vec::new();
    let of_referrals = |pair: &&Pair| {
        let account = book.accounts.get(&MemberId(pair.0));
        account.is_some_and(|account| account.program.referral_goal() == pair.1)
    };
    let due: BTreeMap<Uuid, &Pair> = pairs.iter().filter(of_referrals).map(|pair| (pair.0, pair)).collect();
    let mut payments = Payments::default();
    for (member, referral) in super::of(tx.conn(), &due.keys().copied().collect::<Vec<_>>()).await? {
        let Some(pair) = due.get(&member.uuid()) else { continue };
        let step = referral.step(counted.get(*pair).unwrap_or(&none));
        payments.steps.push((referral, step));
    }
    // Who bought first is paid first, where not all can be.
    payments.steps.sort_by_key(|(referral, step)| match step {
        Step::Convert(first) => (1, first.at, referral.referee),
        _ => (0, Timestamp::MIN, referral.referee),
    });
    let (mut of_members, mut all) = (Vec::new(), Vec::new());
    for (referral, step) in &payments.steps {
        let order = match step {
            Step::Convert(first) | Step::Move(first) => Some(first.order),
            Step::Stand | Step::Reverse => referral.order.as_ref().map(|(order, ..)| *order),
        };
        of_members.extend(order.map(|order| (referral.referee.uuid(), order.0)));
        all.extend(order.map(|order| order.0));
    }
    let records = member_orders::load(tx.conn(), &of_members).await?;
    payments.names = records.into_iter().map(|(_, id, record)| (id, record.order)).collect();
    let delivered = orders::completed(tx.conn(), &all).await?;
    payments.delivered = delivered.into_iter().map(|(order, at)| (OrderId(order), at)).collect();
    let referrers: BTreeSet<Uuid> = payments.steps.iter().map(|(referral, _)| referral.referrer.uuid()).collect();
    payments.paid = paid(tx, &referrers.into_iter().collect::<Vec<_>>()).await?;
    Ok(payments)
}

/// For how many others these members were paid, by the first day of the period of the limit.
async fn paid(tx: &Tx, referrers: &[Uuid]) -> Result<BTreeMap<(MemberId, Date), i64>> {
    if referrers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (condition, value) = dialect::any_uuid(tx.backend(), "referrer", 1, referrers);
    let sql = format!(
        "SELECT referrer, limit_from, COUNT(*) AS paid FROM referrals WHERE {condition} AND state = 'CONVERTED' \
         AND NOT limited AND limit_from IS NOT NULL GROUP BY referrer, limit_from"
    );
    let found = rows::<Paid>(tx.conn(), sql, vec![value]).await?;
    found
        .into_iter()
        .map(|row| Ok(((MemberId(row.referrer), row.limit_from.parse().map_err(StoreError::row)?), row.paid)))
        .collect()
}

impl Payments {
    /// What the ledger is asked for besides the payments: to take back what was paid, and to let what waited for delivery be
    /// spent.
    pub fn commands(&self, now: Timestamp) -> Vec<(MemberId, Command)> {
        let mut commands = Vec::new();
        for (referral, step) in &self.steps {
            let order = match step {
                Step::Reverse => {
                    commands.extend(referral.awards().map(|(member, order, _)| (member, withdrawal(&order, now))));
                    continue;
                }
                Step::Convert(_) => continue,
                Step::Move(first) => Some(first.order),
                Step::Stand if referral.state == State::Converted => referral.order.as_ref().map(|(order, ..)| *order),
                Step::Stand => None,
            };
            if let Some(at) = order.and_then(|order| self.delivered.get(&order)) {
                commands.extend(referral.awards().map(|(member, order, _)| (member, Command::Activate(order, *at))));
            }
        }
        commands
    }

    /// Pays what is to be paid, and notes all that was done.
    pub fn pay(&mut self, tx: &Tx, book: &mut Book) -> Vec<Change> {
        let mut changed = Vec::new();
        for (mut referral, step) in std::mem::take(&mut self.steps) {
            let Some(program) = book.programs.get(&referral.program).cloned() else { continue };
            match step {
                Step::Stand => continue,
                Step::Reverse => {
                    if let Some(from) = referral.limit_from.filter(|_| !referral.limited) {
                        *self.paid.entry((referral.referrer, from)).or_default() -= 1;
                    }
                    reverse(tx, &mut referral);
                }
                Step::Move(first) => {
                    let Some(name) = self.names.get(&first.order) else { continue };
                    referral.order = Some((first.order, name.clone(), first.at));
                }
                Step::Convert(first) => {
                    // What the program pays no more it does not pay for orders of before either.
                    let Some(terms) = &program.terms.referral else { continue };
                    if !self.convert(tx, book, &mut referral, &program, terms, first) {
                        continue;
                    }
                }
            }
            changed.push(referral);
        }
        vec![super::changed(&changed)]
    }

    fn convert(
        &mut self,
        tx: &Tx,
        book: &mut Book,
        referral: &mut Referral,
        program: &Program,
        terms: &ReferralTerms,
        first: Dated,
    ) -> bool {
        let Some(name) = self.names.get(&first.order) else { return false };
        let days = terms.limit_days(program, first.at);
        let used = days.map(|(from, _)| self.paid.entry((referral.referrer, from)).or_default());
        referral.limited = match (terms.limit, used) {
            (Some(limit), Some(used)) if *used >= limit => true,
            (_, Some(used)) => {
                *used += 1;
                false
            }
            _ => false,
        };
        referral.limit_from = days.map(|(from, _)| from);
        referral.state = State::Converted;
        referral.generation += 1;
        referral.order = Some((first.order, name.clone(), first.at));
        referral.referrer_points = if referral.limited { Points::ZERO } else { terms.referrer_points };
        referral.referee_points = terms.referee_points;
        let active_from = program.start(first.at, self.delivered.get(&first.order).copied()).active_from;
        let awards: Vec<_> = referral.awards().collect();
        for (member, order, points) in awards {
            let award = Award { order, points, at: first.at, active_from, valid_for: terms.valid_for };
            if let Some(account) = book.accounts.get_mut(&member) {
                account.award(program, &award, tx.now());
            }
        }
        let customer = |member: &MemberId| {
            book.accounts.get(member).map(|account| account.customer.to_string()).unwrap_or_default()
        };
        let message = ReferralConverted {
            referee: referral.referee.to_string(),
            referee_customer: customer(&referral.referee),
            referrer: referral.referrer.to_string(),
            referrer_customer: customer(&referral.referrer),
            program: program.id.to_string(),
            code: referral.code.clone(),
            order: name.to_string(),
            referrer_points: referral.referrer_points.get(),
            referee_points: referral.referee_points.get(),
        };
        let (key, version) = (key(referral), 2 * referral.generation - 1);
        tx.emit(event(key, version, &referral.organization, first.at, false, &message));
        true
    }
}

/// Notes that what was paid is taken back.
fn reverse(tx: &Tx, referral: &mut Referral) {
    let order = referral.order.take();
    referral.state = State::Reversed;
    let message = ReferralReversed {
        referee: referral.referee.to_string(),
        referrer: referral.referrer.to_string(),
        program: referral.program.to_string(),
        order: order.map(|(_, name, _)| name.to_string()).unwrap_or_default(),
    };
    let version = 2 * referral.generation;
    tx.emit(event(key(referral), version, &referral.organization, tx.now(), false, &message));
}

fn key(referral: &Referral) -> String {
    format!("{}/referral", referral.referee)
}
