//! CustomerCreated → what is told of the customer is kept, since he may become a member.
//! Projection: an older version than is known changes nothing. Never parks.

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::{CustomerCreated, CustomerFacts};
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use super::customer_updated::{self, Stated, keep};
use crate::store::programs::Programs;

/// Handles CustomerCreated.
#[derive(Debug)]
pub struct MeetCustomers {
    programs: Programs,
}

impl MeetCustomers {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for MeetCustomers {
    type Event = CustomerCreated;

    async fn handle(&self, tx: &Tx, events: &[Delivered<CustomerCreated>]) -> Result<Vec<Outcome>> {
        // Of one who is new, nothing is known that would have to go.
        let said = |facts: &Option<CustomerFacts>| facts.clone().filter(|facts| *facts != CustomerFacts::default());
        let read = events.iter().map(|Delivered { event, meta }| -> Result<Option<Stated<'_>>, Outcome> {
            said(&event.facts).map(|facts| customer_updated::stated(&event.customer, &facts, meta)).transpose()
        });
        keep(tx, &self.programs, read.collect()).await
    }
}
