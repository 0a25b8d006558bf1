//! Redemptions, rollbacks and imported codes: those that waited while the last batch committed, decided together and
//! written in sets.

use std::collections::BTreeMap;

use async_trait::async_trait;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Refuse, Refused, Timestamp, Uuid};
use guanxi_store::{BatchCall, Decide, GroupCommit, Result, Tx};

use super::book::{self, Needs};
use crate::domain::coupon::batch::BatchId;
use crate::domain::coupon::book::{Book, Evaluation};
use crate::domain::coupon::code::{CodeText, CouponId};
use crate::domain::coupon::redemption::{Cause, Redeem, Redemption};
use crate::domain::coupon::refused::RedemptionError;
use crate::domain::coupon::{Owner, order_key};

/// The queue before the batches of coupons.
pub type Queue = GroupCommit<Coupons>;

/// Something to do with coupons.
#[derive(Debug)]
pub enum Command {
    /// Redeem for an order.
    Redeem(Redeem),
    /// Take a redemption back, by its root and number.
    RollBack(Uuid, i64),
    /// Issue a code that somebody else made.
    Import(Import),
}

/// A code that somebody else made.
#[derive(Debug)]
pub struct Import {
    /// Its batch.
    pub batch: BatchId,
    /// The code.
    pub text: CodeText,
    /// Whose it is to be.
    pub member: Option<MemberId>,
    /// When its time is over; `None` means with the batch.
    pub expire_time: Option<Timestamp>,
}

/// What a command did.
#[derive(Debug)]
pub enum Outcome {
    /// What the codes came to, and the redemption's root and number.
    Redeemed(Evaluation, Uuid, i64),
    /// What was taken back.
    RolledBack(Redemption),
    /// The coupon.
    Issued(CouponId, i64),
}

/// A command with how its outcome is answered.
#[derive(Debug)]
pub struct Ask {
    /// What to do.
    pub command: Command,
    /// The encoded reply.
    pub reply: fn(&Book, &Command, Outcome, Timestamp) -> Vec<u8>,
}

/// Decides commands.
#[derive(Debug, Clone, Copy)]
pub struct Coupons;

#[async_trait]
impl Decide for Coupons {
    type Command = Ask;

    async fn decide(&self, tx: &Tx, calls: &[BatchCall<Ask>]) -> Result<Vec<Result<Vec<u8>, Refused>>> {
        let mut needs = Needs::default();
        // A code's id needs its batch's organisation: batches to import into are read first.
        let into: Vec<Uuid> = calls.iter().filter_map(|call| imported(&call.command)).map(BatchId::uuid).collect();
        let into = super::batches::load(tx.conn(), &into).await?;
        for call in calls {
            match &call.command.command {
                Command::Redeem(redeem) => {
                    needs.carts.push(&redeem.cart);
                    needs.orders.insert(order_key(&redeem.cart.organization, &redeem.order));
                }
                Command::RollBack(root, _) => {
                    needs.orders.insert(*root);
                }
                Command::Import(import) => {
                    if let Some(batch) = into.get(&import.batch.uuid()) {
                        needs.codes.insert(import.text.id(&batch.organization));
                        needs.batches.insert(import.batch.clone());
                        needs.members.extend(import.member);
                    }
                }
            }
        }
        let mut book = book::lock(tx, &needs).await?;
        let mut traces = BTreeMap::new();
        let mut answers = Vec::with_capacity(calls.len());
        for BatchCall { call, command: Ask { command, reply }, .. } in calls {
            let decided = decide(&mut book, call, command, tx.now());
            if let Ok(Outcome::Issued(id, generation)) = &decided {
                traces.insert((*id, *generation), call.traceparent.clone());
            }
            answers.push(decided.map(|outcome| reply(&book, command, outcome, tx.now())));
        }
        tx.write_last(book::changes(tx, &mut book, &traces)?);
        Ok(answers)
    }
}

fn imported(ask: &Ask) -> Option<&BatchId> {
    match &ask.command {
        Command::Import(import) => Some(&import.batch),
        Command::Redeem(_) | Command::RollBack(..) => None,
    }
}

fn decide(book: &mut Book, call: &Call, command: &Command, now: Timestamp) -> Result<Outcome, Refused> {
    match command {
        Command::Redeem(redeem) => {
            call.may_write(&redeem.cart.organization)?;
            let (evaluation, number) = book.redeem(redeem, now).refuse()?;
            Ok(Outcome::Redeemed(evaluation, order_key(&redeem.cart.organization, &redeem.order), number))
        }
        Command::RollBack(root, number) => {
            let all = book.redemptions.get(root).map(Vec::as_slice).unwrap_or_default();
            let found = all.iter().find(|one| one.number == *number);
            let found = found.filter(|one| call.caller.organizations.may_read(&one.organization));
            let unknown =
                || RedemptionError::UnknownRedemption(crate::domain::coupon::redemption::name(*root, *number));
            call.may_write(&found.ok_or_else(unknown)?.organization)?;
            Ok(Outcome::RolledBack(book.roll_back(*root, *number, Cause::Asked, now).refuse()?))
        }
        Command::Import(import) => {
            let unknown = || Refused::not_found("coupon_batch", &import.batch);
            let batch = book.batches.get(&import.batch.uuid());
            let batch = batch.filter(|batch| call.caller.organizations.may_read(&batch.organization));
            let organization = batch.ok_or_else(unknown)?.organization.clone();
            call.may_write(&organization)?;
            let owner = import.member.map(|member| {
                let holder = book.holders.get(&member).filter(|holder| holder.organization == organization);
                let holder = holder.ok_or_else(|| Refused::not_found("member", member))?;
                Ok::<_, Refused>(Owner { member, customer: holder.customer })
            });
            let key = import.batch.uuid();
            let issued = book.issue(key, &import.text, owner.transpose()?, import.expire_time, now).refuse()?;
            let issued = issued.ok_or_else(unknown)?;
            Ok(Outcome::Issued(issued.id, issued.generation))
        }
    }
}
