//! CustomerUnmerged → who became one person by that merge is parted: each has what is recorded under his own name, and what he
//! spent is what was taken from his own lots.
//! Effect: applied once, in any order. Parks until the merge is known.

use std::collections::BTreeSet;

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::CustomerUnmerged;
use guanxi_kernel::OrganizationId;
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use super::customer_merged::{key, merge, regroup};
use crate::store::merges;
use crate::store::programs::Programs;

/// Handles CustomerUnmerged.
#[derive(Debug)]
pub struct UnmergeCustomers {
    programs: Programs,
}

impl UnmergeCustomers {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for UnmergeCustomers {
    type Event = CustomerUnmerged;

    async fn handle(&self, tx: &Tx, events: &[Delivered<CustomerUnmerged>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events
            .iter()
            .map(|Delivered { event, .. }| merge(&event.merge, &event.survivor, &event.absorbed))
            .collect();
        let of: BTreeSet<OrganizationId> = events.iter().map(|event| event.meta.organization.clone()).collect();
        merges::lock(tx, &of).await?;
        let survivors = read.iter().flatten().map(|merge| merge.survivor);
        let known: BTreeSet<_> = merges::around(tx.conn(), survivors).await?.iter().map(|merge| merge.id).collect();
        let (mut outcomes, mut about) = (Vec::with_capacity(events.len()), Vec::new());
        for (read, event) in read.into_iter().zip(events) {
            outcomes.push(match read {
                Err(outcome) => outcome,
                Ok(merge) if !known.contains(&merge.id) => Outcome::Park(key(merge.id)),
                Ok(merge) => {
                    about.push((event.meta.organization.clone(), merge));
                    Outcome::Done
                }
            });
        }
        merges::undo(tx, &about.iter().map(|(_, merge)| *merge).collect::<Vec<_>>()).await?;
        regroup(tx, &self.programs, &about).await?;
        Ok(outcomes)
    }
}
