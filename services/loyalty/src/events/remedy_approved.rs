//! RemedyApproved → the goodwill points that it gives, once for each remedy, with why and who approved it. No milestone and
//! no tier by purchases counts them.
//! Effect: applied once, in any order. Parks until the customer is a member: what was promised is not lost.

use async_trait::async_trait;
use guanxi_contracts::feedback::events::v1::RemedyApproved;
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use super::hearing::{self, Goodwill, make_good};
use crate::store::programs::Programs;

/// Handles RemedyApproved.
#[derive(Debug)]
pub struct HonourRemedies {
    programs: Programs,
}

impl HonourRemedies {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for HonourRemedies {
    type Event = RemedyApproved;

    async fn handle(&self, tx: &Tx, events: &[Delivered<RemedyApproved>]) -> Result<Vec<Outcome>> {
        let (mut outcomes, mut places, mut goodwill) = (Vec::with_capacity(events.len()), Vec::new(), Vec::new());
        for event in events {
            outcomes.push(match remedy(event) {
                Err(outcome) => outcome,
                Ok(None) => Outcome::Done,
                Ok(Some(given)) => {
                    places.push((outcomes.len(), given.customer));
                    goodwill.push(given);
                    Outcome::Done
                }
            });
        }
        for ((at, customer), found) in places.into_iter().zip(make_good(tx, &self.programs, goodwill).await?) {
            if !found {
                outcomes[at] = Outcome::Park(customer.to_string());
            }
        }
        Ok(outcomes)
    }
}

fn remedy(delivered: &Delivered<RemedyApproved>) -> Result<Option<Goodwill<'_>>, Outcome> {
    let Delivered { event, meta } = delivered;
    let (Some(points), Some(customer)) = (hearing::promised(event.points)?, hearing::customer(&event.customer)?) else {
        return Ok(None);
    };
    let (program, name) = (hearing::program(&event.program)?, hearing::name(event.remedy.as_str())?);
    let reason = hearing::words(&event.reason, 500, "a remedy was approved");
    let subject = hearing::words(&event.approver, 255, "feedback");
    Ok(Some(Goodwill { customer, program, name, points, reason, subject, meta }))
}
