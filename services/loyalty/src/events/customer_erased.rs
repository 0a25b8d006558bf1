//! CustomerErased → what loyalty knows of the person goes: birthday, cards, reasons, answers to calls. Points and coupons that
//! are left are taken, the ledger's facts stay of nobody, and no later event makes him a member again. Answered with
//! CustomerErasureCompleted, once, whether he was a member or not.
//! Effect: applied once, in any order; never parks.

use std::collections::BTreeSet;

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::CustomerErased;
use guanxi_contracts::time;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrganizationId, Timestamp};
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use crate::domain::person::persons;
use crate::store::programs::Programs;
use crate::store::{erasing, merges};

/// Handles CustomerErased.
#[derive(Debug)]
pub struct EraseCustomers {
    programs: Programs,
}

impl EraseCustomers {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

/// Who is to be forgotten.
struct Erased {
    customer: CustomerId,
    absorbed: BTreeSet<CustomerId>,
    organization: OrganizationId,
    at: Timestamp,
}

#[async_trait]
impl Handler for EraseCustomers {
    type Event = CustomerErased;

    async fn handle(&self, tx: &Tx, events: &[Delivered<CustomerErased>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events.iter().map(erased).collect();
        let of: BTreeSet<OrganizationId> = read.iter().flatten().map(|one| one.organization.clone()).collect();
        merges::lock(tx, &of).await?;
        for one in read.iter().flatten() {
            let mut customers = one.absorbed.clone();
            customers.insert(one.customer);
            // Whoever is one person with him is forgotten with him.
            let around = merges::around(tx.conn(), customers.iter().copied()).await?;
            let circles = persons(&around);
            let same = circles.iter().filter(|circle| circle.customers.contains(&one.customer));
            customers.extend(same.flat_map(|circle| circle.customers.iter().copied()));
            let told: Vec<_> = customers.iter().map(|customer| (*customer, one.organization.clone(), one.at)).collect();
            let new = merges::erase(tx, &told).await?;
            erasing::forget(tx, &self.programs, &one.organization, &customers).await?;
            if new.contains(&one.customer) {
                tx.emit(erasing::completed(tx, one.customer, &one.organization));
            }
        }
        Ok(read.into_iter().map(|read| read.err().unwrap_or(Outcome::Done)).collect())
    }
}

fn erased(delivered: &Delivered<CustomerErased>) -> Result<Erased, Outcome> {
    let Delivered { event, meta } = delivered;
    let customer = |name: &String| name.parse().map_err(|error| Outcome::Dead(format!("customer: {error}")));
    let at = event.erase_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
    let absorbed = event.absorbed.iter().map(customer).collect::<Result<_, _>>()?;
    Ok(Erased { customer: customer(&event.customer)?, absorbed, organization: meta.organization.clone(), at })
}
