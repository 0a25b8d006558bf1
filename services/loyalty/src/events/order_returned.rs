//! OrderReturned → what was spent on the returned goods comes back, what they earned is taken back.
//! Effect: applied once, in any order. Parks until the order is known.

use std::collections::BTreeMap;

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::OrderReturned;
use guanxi_contracts::time;
use guanxi_kernel::{OrderName, Timestamp};
use guanxi_messaging::{Delivered, Handler, Meta, Outcome};
use guanxi_store::{Result, Tx};

use super::{Caused, of, post, programs_of};
use crate::domain::ledger::Command;
use crate::domain::returns::{Extent, Return, ReturnedLine, Source};
use crate::store::coupons::returns::{self, CameBack};
use crate::store::orders;
use crate::store::programs::Programs;

/// Handles OrderReturned.
#[derive(Debug)]
pub struct ReturnOrders {
    programs: Programs,
}

impl ReturnOrders {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for ReturnOrders {
    type Event = OrderReturned;

    async fn handle(&self, tx: &Tx, events: &[Delivered<OrderReturned>]) -> Result<Vec<Outcome>> {
        let read = events.iter().map(|Delivered { event, meta }| {
            let line = |line: &guanxi_contracts::customer::events::v1::ReturnedLine| ReturnedLine {
                line: line.line,
                extent: Extent::Quantity(line.quantity.max(0)),
            };
            let lines: Vec<_> = event.lines.iter().map(line).collect();
            if lines.is_empty() {
                return Err(Outcome::Dead("a return without lines".to_owned()));
            }
            let at = event.return_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
            Ok(Told { order: super::order(&event.order)?, return_id: event.return_id.clone(), lines, at, meta })
        });
        take_back(tx, &self.programs, read.collect()).await
    }
}

/// A return or cancellation as it was told. No lines: all of the order.
pub(super) struct Told<'a> {
    pub(super) order: OrderName,
    pub(super) return_id: String,
    pub(super) lines: Vec<ReturnedLine>,
    pub(super) at: Timestamp,
    pub(super) meta: &'a Meta,
}

/// Takes returns back, in every program that the customer belongs to.
pub(super) async fn take_back(
    tx: &Tx,
    programs: &Programs,
    told: Vec<Result<Told<'_>, Outcome>>,
) -> Result<Vec<Outcome>> {
    coupons(tx, &told).await?;
    let known = orders::lock(tx, &super::keys(told.iter().flatten().map(|told| &told.order))).await?;
    let of_orders = programs_of(tx, programs, known.values()).await?;
    let (mut outcomes, mut caused) = (Vec::with_capacity(told.len()), Vec::new());
    for told in told {
        outcomes.push(match told {
            Err(outcome) => outcome,
            Ok(told) => match known.get(&told.order.uuid()) {
                None => Outcome::Park(told.order.to_string()),
                Some(order) => {
                    let given = Return {
                        order: told.order,
                        return_id: told.return_id,
                        lines: told.lines,
                        effective_time: told.at,
                        source: Source::Told,
                    };
                    caused.extend(of(&of_orders, &order.organization).map(|program| Caused {
                        member: program.id.member(order.customer),
                        command: Command::Return(given.clone()),
                        meta: told.meta,
                    }));
                    Outcome::Done
                }
            },
        });
    }
    post(tx, programs, caused).await?;
    Ok(outcomes)
}

/// Gives back the coupons of orders of which nothing is left. An order that is not known here may have redeemed all the same.
async fn coupons(tx: &Tx, told: &[Result<Told<'_>, Outcome>]) -> Result<()> {
    let pieces = |told: &Told<'_>| {
        let piece = |line: &ReturnedLine| match line.extent {
            Extent::Quantity(pieces) => Some((line.line, pieces)),
            Extent::Amount(_) => None,
        };
        (!told.lines.is_empty()).then(|| told.lines.iter().filter_map(piece).collect::<BTreeMap<i32, i64>>())
    };
    let read: Vec<_> = told.iter().flatten().map(|told| (told, pieces(told))).collect();
    let came_back = read.iter().map(|(told, lines)| CameBack {
        organization: &told.meta.organization,
        order: &told.order,
        return_id: &told.return_id,
        lines: lines.as_ref(),
    });
    returns::take_back(tx, &came_back.collect::<Vec<_>>()).await
}
