//! What commands came to, as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_kernel::Money;
use guanxi_kernel::name::MemberId;
use guanxi_rpc::convert;

use super::{ledger, purchase};
use crate::domain::ledger::{Command, Outcome};

/// What a command of a batch came to, where it was granted.
pub fn granted(member: MemberId, command: &Command, outcome: Outcome) -> proto::PostResult {
    let mut result = proto::PostResult::default();
    match command {
        Command::Earn(_) => result.earned = Some(earned(member, command, outcome)),
        Command::Spend(_) => result.spent = Some(spent(member, command, outcome)),
        Command::Adjust(_) => result.adjusted = Some(adjusted(member, command, outcome)),
        Command::Transfer(_) => result.transferred = Some(transferred(member, command, outcome)),
        Command::PlaceHold(_) => result.placed = Some(placed(member, command, outcome)),
        Command::CaptureHold(..) => result.captured = Some(captured(member, command, outcome)),
        Command::VoidHold(_) => result.voided = Some(voided(member, command, outcome)),
        Command::Return(_) | Command::Hear(_) | Command::Activate(..) | Command::Sweep => {
            unreachable!("no batch has it")
        }
    }
    result
}

/// What `EarnPoints` answers.
pub fn earned(member: MemberId, command: &Command, outcome: Outcome) -> proto::EarnPointsResponse {
    let (Outcome::Earned(earned, lot), Command::Earn(earn)) = (outcome, command) else {
        unreachable!("an order comes to what it earned")
    };
    proto::EarnPointsResponse {
        points: earned.earning.points.get(),
        lot: lot.map(|lot| ledger::lot(member, &lot, Some(&earn.order))),
        explanation: Some(purchase::explanation(&earned.earning.explanation)),
    }
}

/// What `SpendPoints` answers.
pub fn spent(_: MemberId, command: &Command, outcome: Outcome) -> proto::SpendPointsResponse {
    let (Outcome::Spent(spent, left), Command::Spend(spend)) = (outcome, command) else {
        unreachable!("a spend comes to what was spent")
    };
    let paid = spend.order_amount.zip(spent.paid_minor);
    proto::SpendPointsResponse {
        points: spent.points.get(),
        balance: Some(ledger::balance(&left)),
        paid: paid.map(|(order, minor_units)| convert::to_money(Money { minor_units, currency: order.currency })),
    }
}

/// What `PlaceHold` answers.
pub fn placed(member: MemberId, _: &Command, outcome: Outcome) -> proto::PlaceHoldResponse {
    let Outcome::Held(hold, left) = outcome else { unreachable!("a hold comes to the hold as it is") };
    let (hold, balance) = (Some(ledger::hold(member, &hold)), Some(ledger::balance(&left)));
    proto::PlaceHoldResponse { hold, balance }
}

/// What `CaptureHold` answers.
pub fn captured(member: MemberId, _: &Command, outcome: Outcome) -> proto::CaptureHoldResponse {
    let Outcome::Held(hold, left) = outcome else { unreachable!("a hold comes to the hold as it is") };
    let (hold, balance) = (Some(ledger::hold(member, &hold)), Some(ledger::balance(&left)));
    proto::CaptureHoldResponse { hold, balance }
}

/// What `VoidHold` answers.
pub fn voided(member: MemberId, _: &Command, outcome: Outcome) -> proto::VoidHoldResponse {
    let Outcome::Held(hold, left) = outcome else { unreachable!("a hold comes to the hold as it is") };
    let (hold, balance) = (Some(ledger::hold(member, &hold)), Some(ledger::balance(&left)));
    proto::VoidHoldResponse { hold, balance }
}

/// What `AdjustPoints` answers.
pub fn adjusted(member: MemberId, _: &Command, outcome: Outcome) -> proto::AdjustPointsResponse {
    let Outcome::Adjusted(points, lot, left) = outcome else { unreachable!("an adjustment comes to what it moved") };
    let lot = lot.map(|lot| ledger::lot(member, &lot, None));
    proto::AdjustPointsResponse { points: points.get(), lot, balance: Some(ledger::balance(&left)) }
}

/// What `TransferPoints` answers.
pub fn transferred(_: MemberId, command: &Command, outcome: Outcome) -> proto::TransferPointsResponse {
    let (Outcome::Transferred(done, left), Command::Transfer(given)) = (outcome, command) else {
        unreachable!("a transfer comes to what was given")
    };
    let lots = done.lots.iter().map(|lot| ledger::lot(given.to, lot, None)).collect();
    proto::TransferPointsResponse { points: given.points.get(), lots, balance: Some(ledger::balance(&left)) }
}

/// What `ReturnOrder` answers.
pub fn returned(_: MemberId, _: &Command, outcome: Outcome) -> proto::ReturnOrderResponse {
    let Outcome::Returned(returned, left) = outcome else { unreachable!("a return comes to what it did") };
    proto::ReturnOrderResponse {
        refunded_points: returned.refunded.get(),
        reversed_points: returned.reversed.get(),
        waived_points: returned.waived.get(),
        balance: Some(ledger::balance(&left)),
    }
}
