//! CustomerMerged → the members that both are, in each program, are one person: their points, tiers, occasions, caps and coupons
//! count together, and the absorbed one's name leads to the survivor's.
//! Effect: applied once, in any order; never parks: whoever is no member yet is joined when he becomes one. What waited for the
//! merge is handled.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::CustomerMerged;
use guanxi_contracts::time;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use crate::domain::person::Merge;
use crate::store::kin;
use crate::store::merges::{self, Told};
use crate::store::programs::Programs;

/// Handles CustomerMerged.
#[derive(Debug)]
pub struct MergeCustomers {
    programs: Programs,
}

impl MergeCustomers {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for MergeCustomers {
    type Event = CustomerMerged;

    async fn handle(&self, tx: &Tx, events: &[Delivered<CustomerMerged>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events.iter().map(told).collect();
        let told: Vec<Told> = read.iter().flatten().cloned().collect();
        let of: BTreeSet<OrganizationId> = told.iter().map(|told| told.organization.clone()).collect();
        merges::lock(tx, &of).await?;
        merges::insert(tx, &told).await?;
        regroup(
            tx,
            &self.programs,
            &told.iter().map(|told| (told.organization.clone(), told.merge)).collect::<Vec<_>>(),
        )
        .await?;
        told.iter().for_each(|told| tx.known(key(told.merge.id)));
        Ok(read.into_iter().map(|read| read.err().unwrap_or(Outcome::Done)).collect())
    }
}

/// What a merge is called, and what waits for it waits for.
pub(super) fn key(merge: Uuid) -> String {
    format!("customerMerges/{merge}")
}

/// The parts of a name `customerMerges/{uuid}` and of two customers, or what becomes of an event that has no such.
pub(super) fn merge(merge: &str, survivor: &str, absorbed: &str) -> Result<Merge, Outcome> {
    let dead = |what: &str, value: &str| Outcome::Dead(format!("{what}: {value:?} is no name of one"));
    let id = merge.strip_prefix("customerMerges/").and_then(|id| Uuid::try_parse(id).ok());
    let id = id.ok_or_else(|| dead("merge", merge))?;
    let customer = |what, value: &str| value.parse::<CustomerId>().map_err(|_| dead(what, value));
    let (survivor, absorbed) = (customer("survivor", survivor)?, customer("absorbed", absorbed)?);
    if survivor == absorbed {
        return Err(Outcome::Dead(format!("{survivor} was merged with himself")));
    }
    Ok(Merge { id, survivor, absorbed, undone: false })
}

fn told(delivered: &Delivered<CustomerMerged>) -> Result<Told, Outcome> {
    let Delivered { event, meta } = delivered;
    let merge = merge(&event.merge, &event.survivor, &event.absorbed)?;
    let time = event.merge_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
    Ok(Told { merge, organization: meta.organization.clone(), time })
}

/// Works out who is who around these merges.
pub(super) async fn regroup(tx: &Tx, programs: &Programs, about: &[(OrganizationId, Merge)]) -> Result<()> {
    let mut customers = BTreeMap::<&OrganizationId, BTreeSet<CustomerId>>::new();
    for (organization, merge) in about {
        customers.entry(organization).or_default().extend([merge.survivor, merge.absorbed]);
    }
    for (organization, customers) in customers {
        let all = merges::around(tx.conn(), customers).await?;
        kin::regroup(tx, programs, organization, &all).await?;
    }
    Ok(())
}
