//! All changes of points by calls: those that waited while the last batch committed, decided together and written in
//! sets. Each account is locked once, in the order of ids.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Refuse, Refused};
use guanxi_store::{BatchCall, Decide, GroupCommit, Result, Tx};

use super::book::{self, Why};
use super::programs::Programs;
use crate::domain::ledger::{Book, Command, LedgerError, Outcome};

/// The queue before the accounts.
pub type Queue = GroupCommit<Ledger>;

/// A command with how its outcome is answered.
#[derive(Debug)]
pub struct Post {
    /// Whose points.
    pub member: MemberId,
    /// What to do to them.
    pub command: Command,
    /// The encoded reply.
    pub reply: fn(MemberId, &Command, Outcome) -> Vec<u8>,
}

/// Decides commands.
#[derive(Debug, Clone)]
pub struct Ledger {
    programs: Programs,
}

impl Ledger {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Decide for Ledger {
    type Command = Post;

    async fn decide(&self, tx: &Tx, calls: &[BatchCall<Post>]) -> Result<Vec<Result<Vec<u8>, Refused>>> {
        let wanted: Vec<_> = calls.iter().map(|call| (call.command.member, &call.command.command)).collect();
        let mut book = book::load(tx, &self.programs, &wanted).await?;
        let mut why = BTreeMap::new();
        let mut answers = Vec::with_capacity(calls.len());
        for BatchCall { call, command: Post { member, command, reply }, .. } in calls {
            let decided = may_write(&book, *member, call)
                .and_then(|()| command.receiver().map_or(Ok(()), |receiver| may_write(&book, receiver, call)))
                .and_then(|()| book.decide(*member, command, tx.now()).refuse())
                .map(|outcome| reply(*member, command, outcome));
            for member in [Some(*member), command.receiver()].into_iter().flatten() {
                why.entry(member).or_insert_with(|| Why { historical: false, traceparent: call.traceparent.clone() });
            }
            answers.push(decided);
        }
        tx.write_last(book::changes(tx, &mut book, &BTreeSet::new(), &why)?);
        Ok(answers)
    }
}

/// Whether the caller may change the points of a member; to one who may not read them, there is none.
pub(super) fn may_write(book: &Book, member: MemberId, call: &Call) -> Result<(), Refused> {
    let readable = |organization: &_| call.caller.organizations.may_read(organization);
    match book.accounts.get(&member).filter(|account| !account.erased && readable(&account.organization)) {
        Some(account) => call.may_write(&account.organization),
        None => Err(LedgerError::UnknownMember(member).into()),
    }
}
