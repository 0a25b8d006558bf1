//! What gives points besides orders, on its way to the ledger: by the rules of every program that has one for it and that
//! the customer is a member of; or, by hand, in one program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guanxi_kernel::OrganizationId;
use guanxi_kernel::name::CustomerId;
use guanxi_messaging::{Meta, Outcome};
use guanxi_store::{Result, Tx};

use super::{Caused, of, post};
use crate::domain::adjusting::{Adjust, Direction};
use crate::domain::ledger::Command;
use crate::domain::points::Points;
use crate::domain::program::{Program, ProgramId};
use crate::domain::source::{Gives, Happening, Source, SourceName, Trigger};
use crate::store::programs::Programs;
use crate::store::{accounts, sources};

/// Something that happened to a customer.
pub(super) struct Happened<'a> {
    pub customer: CustomerId,
    /// Its natural name.
    pub name: SourceName,
    pub happening: Happening,
    pub meta: &'a Meta,
}

/// The programs of the organisations of these events.
pub(super) async fn programs_of_events<'a>(
    tx: &Tx,
    programs: &Programs,
    metas: impl Iterator<Item = &'a Meta>,
) -> Result<BTreeMap<ProgramId, Arc<Program>>> {
    let organizations: BTreeSet<&OrganizationId> = metas.map(|meta| &meta.organization).collect();
    if organizations.is_empty() {
        return Ok(BTreeMap::new());
    }
    let organizations: Vec<OrganizationId> = organizations.into_iter().cloned().collect();
    programs.of_organizations(tx.conn(), &organizations).await
}

/// Whether a program of the organisation has a rule for it.
pub(super) fn is_heard(programs: &BTreeMap<ProgramId, Arc<Program>>, meta: &Meta, trigger: Trigger) -> bool {
    of(programs, &meta.organization).any(|program| program.listens(trigger))
}

/// Credits what the rules give for what happened, to those who are members.
pub(super) async fn hear(tx: &Tx, programs: &Programs, happened: Vec<Happened<'_>>) -> Result<()> {
    let of_events = programs_of_events(tx, programs, happened.iter().map(|happened| happened.meta)).await?;
    let mut caused = Vec::new();
    for Happened { customer, name, happening, meta } in happened {
        let listening = of(&of_events, &meta.organization).filter(|program| program.listens(happening.trigger()));
        caused.extend(listening.map(|program| {
            let source = Source { name: name.clone(), at: meta.occurred, gives: Gives::ByRules(happening.clone()) };
            Caused { member: program.id.member(customer), command: Command::Hear(source), meta }
        }));
    }
    post(tx, programs, caused).await
}

/// Points that somebody promised a customer to make good for something.
pub(super) struct Goodwill<'a> {
    pub customer: CustomerId,
    /// Of which program; `None`: the first, by name, that he is a member of.
    pub program: Option<ProgramId>,
    /// The natural name of the promise.
    pub name: SourceName,
    pub points: Points,
    pub reason: String,
    pub subject: String,
    pub meta: &'a Meta,
}

/// Credits them, and says of each whether there was a member to credit them to.
pub(super) async fn make_good(tx: &Tx, programs: &Programs, goodwill: Vec<Goodwill<'_>>) -> Result<Vec<bool>> {
    let of_events = programs_of_events(tx, programs, goodwill.iter().map(|goodwill| goodwill.meta)).await?;
    let candidates = |goodwill: &Goodwill<'_>| {
        let (customer, named) = (goodwill.customer, goodwill.program.clone());
        let fits = move |program: &&Program| named.as_ref().is_none_or(|named| *named == program.id);
        let programs = of(&of_events, &goodwill.meta.organization).filter(fits);
        programs.map(|program| program.id.member(customer)).collect::<Vec<_>>()
    };
    let ids: BTreeSet<_> = goodwill.iter().flat_map(candidates).map(|member| member.uuid()).collect();
    let locked = accounts::lock(tx, &ids.into_iter().collect::<Vec<_>>()).await?;
    let members: BTreeSet<_> = locked.into_iter().map(|account| account.member).collect();
    // Who has become a member of another program since is not given it again there.
    let keys = goodwill.iter().flat_map(|goodwill| {
        let key = goodwill.name.key();
        candidates(goodwill).into_iter().map(move |member| (member.uuid(), key))
    });
    let given = sources::known(tx.conn(), keys.collect()).await?;
    let (mut found, mut caused) = (Vec::with_capacity(goodwill.len()), Vec::new());
    for goodwill in goodwill {
        let candidates = candidates(&goodwill);
        let before = candidates.iter().any(|member| given.contains(&(*member, goodwill.name.key())));
        let member = candidates.into_iter().find(|member| members.contains(member));
        found.push(member.is_some());
        let Some(member) = member.filter(|_| !before) else { continue };
        let Goodwill { name, points, reason, subject, meta, .. } = goodwill;
        let direction = Direction::Credit { goodwill: true, expires_at: None };
        let gives = Gives::ByHand(Adjust { points, direction, reason, subject });
        let command = Command::Hear(Source { name, at: meta.occurred, gives });
        caused.push(Caused { member, command, meta });
    }
    post(tx, programs, caused).await?;
    Ok(found)
}

/// The points that an event promises: none where it promises none.
pub(super) fn promised(points: i64) -> Result<Option<Points>, Outcome> {
    match points {
        ..=0 => Ok(None),
        points if points > Points::MAX_POSTING.get() => Err(Outcome::Dead(format!("points: {points} are too many"))),
        points => Ok(Some(Points::new(points))),
    }
}

/// The program that an event names.
pub(super) fn program(name: &str) -> Result<Option<ProgramId>, Outcome> {
    let named = (!name.is_empty()).then(|| name.parse()).transpose();
    named.map_err(|error| Outcome::Dead(format!("program: {error}")))
}

/// The customer that an event names; `None` where it names none.
pub(super) fn customer(name: &str) -> Result<Option<CustomerId>, Outcome> {
    let named = (!name.is_empty()).then(|| name.parse()).transpose();
    named.map_err(|error| Outcome::Dead(format!("customer: {error}")))
}

/// The name of a source.
pub(super) fn name(name: impl Into<String>) -> Result<SourceName, Outcome> {
    SourceName::new(name).map_err(|error| Outcome::Dead(error.to_string()))
}

/// At most so many characters of a text, or what stands for it where it is empty.
pub(super) fn words(text: &str, most: usize, otherwise: &str) -> String {
    let text = if text.trim().is_empty() { otherwise } else { text };
    text.chars().take(most).collect()
}
