//! OrderPromiseBroken → where the order is void with it, points and coupons that it used come back and what it earned is
//! taken back, exactly as an OrderCancelled does, whichever is told first; and the points with which the broken promise is
//! made good are credited, once for each promise, to one who is a member.
//! Effect: applied once, in any order. Parks until the order is known.

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::OrderPromiseBroken;
use guanxi_contracts::time;
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use super::hearing::{self, Goodwill, make_good};
use super::order_cancelled::CANCELLED;
use super::order_returned::{Told, take_back};
use crate::store::orders;
use crate::store::programs::Programs;

/// Handles OrderPromiseBroken.
#[derive(Debug)]
pub struct HonourPromises {
    programs: Programs,
}

impl HonourPromises {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for HonourPromises {
    type Event = OrderPromiseBroken;

    async fn handle(&self, tx: &Tx, events: &[Delivered<OrderPromiseBroken>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events.iter().map(broken).collect();
        let named = read.iter().flatten().map(|broken| &broken.order);
        let known = orders::lock(tx, &super::keys(named)).await?;
        let (mut outcomes, mut void, mut goodwill) = (Vec::with_capacity(events.len()), Vec::new(), Vec::new());
        for (read, Delivered { event, meta }) in read.into_iter().zip(events) {
            outcomes.push(match read {
                Err(outcome) => outcome,
                Ok(broken) if !known.contains_key(&broken.order.uuid()) => Outcome::Park(broken.order.to_string()),
                Ok(Broken { order, goodwill: made_good }) => {
                    if event.voided {
                        let at = event.break_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
                        void.push(Ok(Told { order, return_id: CANCELLED.to_owned(), lines: Vec::new(), at, meta }));
                    }
                    goodwill.extend(made_good);
                    Outcome::Done
                }
            });
        }
        take_back(tx, &self.programs, void).await?;
        make_good(tx, &self.programs, goodwill).await?;
        Ok(outcomes)
    }
}

/// A broken promise, and the points with which it is made good.
struct Broken<'a> {
    order: guanxi_kernel::OrderName,
    goodwill: Option<Goodwill<'a>>,
}

fn broken(delivered: &Delivered<OrderPromiseBroken>) -> Result<Broken<'_>, Outcome> {
    let Delivered { event, meta } = delivered;
    let order = super::order(&event.order)?;
    let promised = hearing::promised(event.compensation_points)?.zip(hearing::customer(&event.customer)?);
    let goodwill = promised.map(|(points, customer)| {
        Ok(Goodwill {
            customer,
            program: hearing::program(&event.program)?,
            name: hearing::name(format!("{order}/promises/{}", event.promise))?,
            points,
            reason: hearing::words(&event.reason, 500, "a promise was broken"),
            subject: "customer".to_owned(),
            meta,
        })
    });
    Ok(Broken { goodwill: goodwill.transpose()?, order })
}
