//! ReviewSubmitted → what the rules give for a review, once for each.
//! Effect: applied once, in any order. Parks until the order that it reviews is known, where a rule listens: the customer may
//! become a member with it.

use async_trait::async_trait;
use guanxi_contracts::feedback::events::v1::ReviewSubmitted;
use guanxi_kernel::OrderName;
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use super::hearing::{self, Happened, hear, is_heard, programs_of_events};
use crate::domain::source::Happening;
use crate::store::orders;
use crate::store::programs::Programs;

/// Handles ReviewSubmitted.
#[derive(Debug)]
pub struct HearReviews {
    programs: Programs,
}

impl HearReviews {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for HearReviews {
    type Event = ReviewSubmitted;

    async fn handle(&self, tx: &Tx, events: &[Delivered<ReviewSubmitted>]) -> Result<Vec<Outcome>> {
        hear_about(tx, &self.programs, events.iter().map(review).collect()).await
    }
}

fn review(delivered: &Delivered<ReviewSubmitted>) -> Result<Option<About<'_>>, Outcome> {
    let Delivered { event, meta } = delivered;
    let Some(customer) = hearing::customer(&event.customer)? else { return Ok(None) };
    let order = event.subject.starts_with("orders/").then(|| super::order(&event.subject)).transpose()?;
    let name = hearing::name(event.review.as_str())?;
    let happening = Happening::ReviewSubmitted { subject: event.subject.clone(), rating: event.rating.into() };
    Ok(Some(About { order, happened: Happened { customer, name, happening, meta } }))
}

/// Something that happened to a customer, and the order that it is about.
pub(super) struct About<'a> {
    pub order: Option<OrderName>,
    pub happened: Happened<'a>,
}

/// Credits what the rules give; what is about an order that is not known here waits for it. What names nobody is done.
pub(super) async fn hear_about(
    tx: &Tx,
    programs: &Programs,
    read: Vec<Result<Option<About<'_>>, Outcome>>,
) -> Result<Vec<Outcome>> {
    let metas = read.iter().flatten().flatten().map(|about| about.happened.meta);
    let of_events = programs_of_events(tx, programs, metas).await?;
    let heard = |about: &About<'_>| is_heard(&of_events, about.happened.meta, about.happened.happening.trigger());
    let named = read.iter().flatten().flatten().filter(|about| heard(about)).filter_map(|about| about.order.as_ref());
    let known = orders::lock(tx, &super::keys(named)).await?;
    let (mut outcomes, mut happened) = (Vec::with_capacity(read.len()), Vec::new());
    for read in read {
        outcomes.push(match read {
            Err(outcome) => outcome,
            Ok(Some(about)) if heard(&about) => {
                let missing = about.order.filter(|order| !known.contains_key(&order.uuid()));
                match missing {
                    Some(order) => Outcome::Park(order.to_string()),
                    None => {
                        happened.push(about.happened);
                        Outcome::Done
                    }
                }
            }
            Ok(_) => Outcome::Done,
        });
    }
    hear(tx, programs, happened).await?;
    Ok(outcomes)
}
