//! What follows from what counts: awards are given and taken back, referrals paid and reversed. It compares what must be, by
//! everything that counts now, with what is, under the locks of the accounts: so it may be run at any time and as often as one
//! likes, and what came late or in disorder leads to what it would have led to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Timestamp, Uuid, new_id};
use guanxi_store::change::write_all;
use guanxi_store::{Change, Result, Tx};

use super::awards::{self, Given};
use super::{Pair, done, of};
use crate::domain::award::withdrawal;
use crate::domain::goal::Dated;
use crate::domain::ledger::{Book, Command};
use crate::domain::program::Program;
use crate::store::book::{self, Why};
use crate::store::programs::Programs;
use crate::store::{accounts, referrals};

/// Works out what follows for these goals of members, and writes it.
///
/// # Errors
/// The database's.
pub async fn settle(tx: &Tx, programs: &Programs, pairs: &[Pair]) -> Result<()> {
    let roots: BTreeSet<Uuid> = pairs.iter().map(|(root, _)| *root).collect();
    let referees: Vec<Uuid> = roots.iter().copied().collect();
    // Who brought somebody never changes, so it can be read before both are locked.
    let brought = referrals::of(tx.conn(), &referees).await?;
    let due = brought.values().filter(|one| pairs.contains(&(one.referee.uuid(), one.program.referral_goal())));
    let members: BTreeSet<Uuid> = roots.into_iter().chain(due.map(|one| one.referrer.uuid())).collect();
    let mut book = lock(tx, programs, members.into_iter().collect()).await?;
    let counted = of(tx.conn(), pairs).await?;
    let mut plan = Plan::new(&book, pairs, &counted, awards::of(tx.conn(), pairs).await?);
    let mut payments = referrals::settle::plan(tx, &book, pairs, &counted).await?;
    let now = tx.now();
    // What time did comes first: it is no part of what follows.
    let mut commands: Vec<(MemberId, Command)> = book.accounts.keys().map(|member| (*member, Command::Sweep)).collect();
    commands.extend(plan.withdrawn.iter().filter(|given| given.points.is_positive()).map(|given| {
        let withdrawal = withdrawal(&given.order(), now);
        (given.member, withdrawal)
    }));
    commands.extend(payments.commands(now));
    let wanted: Vec<_> = commands.iter().map(|(member, command)| (*member, command)).collect();
    book::complete(tx, &mut book, &wanted).await?;
    for (member, command) in &commands {
        if let Err(refused) = book.decide(*member, command, now) {
            tracing::warn!(%member, %refused, "what follows from a goal is refused");
        }
    }
    let mut changes = plan.give(tx, &mut book)?;
    changes.extend(payments.pay(tx, &mut book));
    write_all(tx, changes).await?;
    let why: BTreeMap<MemberId, Why> = BTreeMap::new();
    book::save(tx, &mut book, &BTreeSet::new(), &why).await?;
    done(tx, pairs).await
}

/// The accounts of these members, locked in the order of their ids, with nothing but their programs.
async fn lock(tx: &Tx, programs: &Programs, members: Vec<Uuid>) -> Result<Book> {
    let found = accounts::lock(tx, &members).await?;
    let of: BTreeSet<_> = found.iter().map(|account| account.program.clone()).collect();
    let programs = programs.load(tx.conn(), &of).await?;
    let accounts = found.into_iter().map(|account| (account.member, account)).collect();
    Ok(Book { accounts, programs, ..Book::default() })
}

/// What is to be done about awards.
#[derive(Default)]
struct Plan {
    new: Vec<New>,
    withdrawn: Vec<Given>,
    moved: Vec<Given>,
}

/// Something that was reached.
struct New {
    member: MemberId,
    program: Arc<Program>,
    goal: Uuid,
    key: String,
    generation: i64,
    at: Timestamp,
}

impl Plan {
    fn new(book: &Book, pairs: &[Pair], counted: &BTreeMap<Pair, Vec<Dated>>, given: Vec<Given>) -> Self {
        let mut plan = Self::default();
        let (mut live, mut generations) = (BTreeMap::new(), BTreeMap::<(Pair, String), i64>::new());
        for given in given {
            let thing = ((given.member.uuid(), given.goal), given.key.clone());
            let generation = generations.entry(thing.clone()).or_default();
            *generation = given.generation.max(*generation);
            if given.withdraw_time.is_none() {
                live.insert(thing, given);
            }
        }
        for pair in pairs {
            let member = MemberId(pair.0);
            let program = book.accounts.get(&member).and_then(|account| book.programs.get(&account.program));
            let Some(program) = program else { continue };
            let Some(challenge) = program.challenges.iter().find(|one| one.goal_id == pair.1) else { continue };
            let none = Vec::new();
            let reached = challenge.terms.goal.reached(counted.get(pair).unwrap_or(&none), &program.zone);
            for (key, at) in reached {
                let thing = (*pair, key);
                match live.remove(&thing) {
                    Some(given) if given.reach_time == at => {}
                    Some(given) => plan.moved.push(Given { reach_time: at, ..given }),
                    None => {
                        let generation = generations.get(&thing).copied().unwrap_or(0) + 1;
                        let (program, goal, key) = (Arc::clone(program), pair.1, thing.1);
                        plan.new.push(New { member, program, goal, key, generation, at });
                    }
                }
            }
            let gone: Vec<_> = live.keys().filter(|(of, _)| of == pair).cloned().collect();
            plan.withdrawn.extend(gone.iter().filter_map(|thing| live.remove(thing)));
        }
        plan
    }

    /// Gives what was reached, and notes what was withdrawn.
    fn give(&mut self, tx: &Tx, book: &mut Book) -> Result<Vec<Change>> {
        let now = tx.now();
        for given in &mut self.withdrawn {
            given.withdraw(now);
            if let Some(account) = book.accounts.get(&given.member) {
                tx.emit(given.told_withdrawn(account, now));
            }
        }
        for given in &self.moved {
            let Some(account) = book.accounts.get_mut(&given.member) else { continue };
            let Some(program) = book.programs.get(&account.program) else { continue };
            account.redate_award(program, &given.award(), now);
        }
        let mut new = Vec::new();
        for New { member, program, goal, key, generation, at } in self.new.drain(..) {
            let Some(account) = book.accounts.get_mut(&member) else { continue };
            let Some(challenge) = program.challenges.iter().find(|one| one.goal_id == goal) else { continue };
            let given = Given::new(member, new_id(), challenge, (key, generation), at, now);
            if given.points.is_positive() {
                account.award(&program, &given.award(), now);
            }
            tx.emit(given.told(account));
            new.push(given);
        }
        Ok(vec![awards::new(new.iter())?, awards::changed(self.withdrawn.iter().chain(&self.moved))])
    }
}
