//! Batches of commands that a caller sends as one: each with an answer of its own, those of a chain all or none, everything
//! in one commit. A batch is a commit by itself, so that a large one delays only others of its kind; accounts are locked in
//! the order of their ids here too.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Refusal, Refused};
use guanxi_store::{BatchCall, Decide, GroupCommit, Result, Tx};

use super::book::{self, Why};
use super::ledger::may_write;
use super::programs::Programs;
use crate::domain::ledger::{Book, Command, Outcome};
use crate::domain::linking::LinkedFailed;

/// The queue of batches.
pub type Queue = GroupCommit<Batches>;

/// A command of a batch.
#[derive(Debug, Clone)]
pub struct Item {
    /// What the caller calls it.
    pub key: String,
    /// Whose points.
    pub member: MemberId,
    /// What to do to them.
    pub command: Command,
}

/// What one command came to.
pub type Answer = Result<Outcome, Refused>;

/// A batch with how its outcomes are answered.
#[derive(Debug)]
pub struct PostAll {
    /// Its commands.
    pub items: Vec<Item>,
    /// Which of them stand or fall together: the places of each chain.
    pub chains: Vec<Vec<usize>>,
    /// The encoded reply, of one outcome for each command.
    pub reply: fn(&[Item], Vec<Answer>) -> Vec<u8>,
}

/// Decides batches.
#[derive(Debug, Clone)]
pub struct Batches {
    programs: Programs,
}

impl Batches {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Decide for Batches {
    type Command = PostAll;

    async fn decide(&self, tx: &Tx, calls: &[BatchCall<PostAll>]) -> Result<Vec<Result<Vec<u8>, Refused>>> {
        let items = calls.iter().flat_map(|call| &call.command.items);
        let wanted: Vec<_> = items.map(|item| (item.member, &item.command)).collect();
        let mut book = book::load(tx, &self.programs, &wanted).await?;
        let mut why = BTreeMap::new();
        for BatchCall { call, command, .. } in calls {
            let members = command.items.iter().flat_map(|item| [Some(item.member), item.command.receiver()]);
            for member in members.flatten() {
                why.entry(member).or_insert_with(|| Why { historical: false, traceparent: call.traceparent.clone() });
            }
        }
        let answers = calls.iter().map(|BatchCall { call, command, .. }| {
            let outcomes = outcomes(tx, &mut book, call, command);
            Ok((command.reply)(&command.items, outcomes))
        });
        let answers = answers.collect();
        tx.write_last(book::changes(tx, &mut book, &BTreeSet::new(), &why)?);
        Ok(answers)
    }
}

/// What each command of a batch comes to, in the order of the batch.
fn outcomes(tx: &Tx, book: &mut Book, call: &Call, batch: &PostAll) -> Vec<Answer> {
    let mut outcomes: Vec<Option<Answer>> = batch.items.iter().map(|_| None).collect();
    for chain in &batch.chains {
        match decide(tx, book, call, &batch.items, chain) {
            Ok(decided) => chain.iter().zip(decided).for_each(|(at, outcome)| outcomes[*at] = Some(Ok(outcome))),
            Err((culprit, refused)) => {
                let failed = LinkedFailed { culprit: batch.items[culprit].key.clone(), reason: refused.reason() };
                for at in chain {
                    outcomes[*at] = Some(Err(if *at == culprit { refused.clone() } else { failed.refusal() }));
                }
            }
        }
    }
    let missing = || Err(Refused::internal("a command of a batch is in no chain"));
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
}

/// What the commands of a chain come to; or the place of the one that is refused, and why.
fn decide(
    tx: &Tx,
    book: &mut Book,
    call: &Call,
    items: &[Item],
    chain: &[usize],
) -> Result<Vec<Outcome>, (usize, Refused)> {
    let commands: Vec<_> = chain.iter().map(|at| (items[*at].member, &items[*at].command)).collect();
    for (at, (member, command)) in chain.iter().zip(&commands) {
        let touched = [Some(*member), command.receiver()];
        for member in touched.into_iter().flatten() {
            may_write(book, member, call).map_err(|refused| (*at, refused))?;
        }
    }
    book.decide_chain(&commands, tx.now()).map_err(|(at, error)| (chain[at], error.refusal()))
}
