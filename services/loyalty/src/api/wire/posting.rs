//! Batches of commands as messages.

use guanxi_contracts::Message;
use guanxi_contracts::loyalty::v1 as proto;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Refuse, Refused, Timestamp, Violation, new_id};
use guanxi_rpc::convert;
use jiff::SignedDuration;

use super::{outcome, purchase};
use crate::api::past;
use crate::api::points::{hold_name, optional_order, order};
use crate::domain::adjusting::{Adjust, Asked};
use crate::domain::entry::HoldId;
use crate::domain::hold::{DEFAULT_TTL, PlaceHold};
use crate::domain::ledger::Command;
use crate::domain::points::Points;
use crate::domain::spending::{Earn, Spend};
use crate::domain::transfer::Transfer;
use crate::store::batches::{Answer, Item};

/// How many characters of a token's subject are kept; identity providers make no longer ones.
const LONGEST_SUBJECT: usize = 255;

/// Who answers for what a call does by hand.
pub fn subject(call: &Call) -> String {
    call.caller.subject.chars().take(LONGEST_SUBJECT).collect()
}

/// The commands of a batch.
///
/// # Errors
/// INVALID_ARGUMENT with all that is wrong in any of them. PERMISSION_DENIED where there is an adjustment and the token does
/// not cover it: which scopes a batch needs depends on what is in it, so the method cannot declare them all.
pub fn items(commands: &[proto::PostCommand], call: &Call, now: Timestamp) -> Result<Vec<Item>, Refused> {
    const ADJUST: &str = "loyalty.adjustments.write";
    if commands.iter().any(|command| command.adjust.is_some()) && !call.caller.has_scope(ADJUST) {
        let message = format!("the token of {:?} does not cover the scope {ADJUST}", call.caller.subject);
        return Err(Refused::denied("SCOPE_MISSING", message).with("scope", ADJUST));
    }
    convert::each(commands.iter().enumerate().map(|(at, command)| {
        let (member, wanted) = within(&format!("commands[{at}]"), decoded(command, call, now))?;
        Ok(Item { key: command.key.clone(), member, command: wanted })
    }))
}

/// The violations of a part of a message, with where that part is.
fn within<T>(path: &str, part: Result<T, Refused>) -> Result<T, Refused> {
    part.map_err(|refused| match refused.field_violations() {
        [] => refused,
        wrong => Refused::violations(
            wrong.iter().map(|wrong| Violation { field: joined(path, &wrong.field), ..wrong.clone() }).collect(),
        ),
    })
}

/// A field within a part of a message; the part itself where the field is empty.
fn joined(path: &str, field: &str) -> String {
    if field.is_empty() { path.to_owned() } else { format!("{path}.{field}") }
}

/// The one command that is given.
fn decoded(command: &proto::PostCommand, call: &Call, now: Timestamp) -> Result<(MemberId, Command), Refused> {
    let proto::PostCommand { earn, spend, adjust, transfer, place_hold, capture_hold, void_hold, .. } = command;
    let capture = |given: &proto::PostCaptureHold| {
        let (member, hold) = hold_name(&given.name)?;
        Ok((member, Command::CaptureHold(hold, given.points.map(Points::new))))
    };
    let void = |given: &proto::PostVoidHold| {
        let (member, hold) = hold_name(&given.name)?;
        Ok((member, Command::VoidHold(hold)))
    };
    let given = [
        earn.as_ref().map(|given| within("earn", to_earn(given, now))),
        spend.as_ref().map(|given| within("spend", to_spend(given))),
        adjust.as_ref().map(|given| within("adjust", to_adjust(given, call, now))),
        transfer.as_ref().map(|given| within("transfer", to_transfer(given))),
        place_hold.as_ref().map(|given| within("place_hold", to_place_hold(given))),
        capture_hold.as_ref().map(|given| within("capture_hold", capture(given))),
        void_hold.as_ref().map(|given| within("void_hold", void(given))),
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(one), None) => one,
        _ => {
            let choice =
                "exactly one of earn, spend, adjust, transfer, place_hold, capture_hold, void_hold must be given";
            Err(Refused::invalid("", "EXACTLY_ONE", choice))
        }
    }
}

fn to_earn(given: &proto::PostEarn, now: Timestamp) -> Result<(MemberId, Command), Refused> {
    let (member, order, purchase, effective_time) = convert::all((
        convert::name(&given.member, "member"),
        order(&given.order),
        purchase::purchase(given.purchase.as_ref()),
        past(given.effective_time.as_ref(), "effective_time", now),
    ))?;
    Ok((member, Command::Earn(Earn { order, purchase, effective_time })))
}

fn to_spend(given: &proto::PostSpend) -> Result<(MemberId, Command), Refused> {
    let (member, order, order_amount) = convert::all((
        convert::name(&given.member, "member"),
        optional_order(&given.order),
        convert::money(given.order_amount.as_ref(), "order_amount"),
    ))?;
    let points = Points::new(given.points);
    Ok((member, Command::Spend(Spend { points, order, clamp: given.clamp, order_amount })))
}

fn to_adjust(given: &proto::PostAdjust, call: &Call, now: Timestamp) -> Result<(MemberId, Command), Refused> {
    let (member, expires_at) = convert::all((
        convert::name(&given.member, "member"),
        convert::instant(given.expire_time.as_ref(), "expire_time"),
    ))?;
    let asked = Asked { points: given.points, goodwill: given.goodwill, expires_at, clamp: given.clamp };
    Ok((member, Command::Adjust(Adjust::new(asked, given.reason.clone(), subject(call), now).refuse()?)))
}

fn to_transfer(given: &proto::PostTransfer) -> Result<(MemberId, Command), Refused> {
    let (member, to) =
        convert::all((convert::name(&given.member, "member"), convert::name(&given.to_member, "to_member")))?;
    Ok((member, Command::Transfer(Transfer { to, points: Points::new(given.points) })))
}

fn to_place_hold(given: &proto::PostPlaceHold) -> Result<(MemberId, Command), Refused> {
    let (member, order) = convert::all((convert::name(&given.member, "member"), optional_order(&given.order)))?;
    let ttl = given.ttl.as_ref().map_or(DEFAULT_TTL, |ttl| SignedDuration::new(ttl.seconds, ttl.nanos));
    Ok((member, Command::PlaceHold(PlaceHold { id: HoldId(new_id()), points: Points::new(given.points), order, ttl })))
}

/// The answer to a batch: a result for each command, in their order.
pub fn reply(items: &[Item], outcomes: Vec<Answer>) -> Vec<u8> {
    let results = items.iter().zip(outcomes).map(|(item, outcome)| {
        let result = match outcome {
            Ok(outcome) => outcome::granted(item.member, &item.command, outcome),
            Err(refused) => proto::PostResult { refused: Some(refusal(&refused)), ..proto::PostResult::default() },
        };
        proto::PostResult { key: item.key.clone(), ..result }
    });
    proto::BatchPostResponse { results: results.collect() }.encode_to_vec()
}

fn refusal(refused: &Refused) -> proto::PostRefusal {
    proto::PostRefusal {
        reason: refused.reason().to_owned(),
        message: refused.message().to_owned(),
        metadata: refused.metadata().iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
    }
}
