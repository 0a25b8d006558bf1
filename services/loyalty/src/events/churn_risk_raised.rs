//! ChurnRiskRaised → the risk is kept, for conditions that ask; the rules give what they say for it, once for each
//! assessment.
//! Projection: an older version than is known changes nothing; what the rules give is an effect, applied once, in any order.
//! Never parks.

use std::collections::BTreeMap;

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::ChurnRiskRaised;
use guanxi_contracts::time;
use guanxi_kernel::name::CustomerId;
use guanxi_messaging::{Delivered, Handler, Meta, Outcome};
use guanxi_store::{Result, Tx};

use super::hearing::{self, Happened, hear};
use crate::domain::source::{Happening, SourceName};
use crate::store::customers::{self, Risk};
use crate::store::programs::Programs;

/// Handles ChurnRiskRaised.
#[derive(Debug)]
pub struct HearRisks {
    programs: Programs,
}

impl HearRisks {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

struct Assessed<'a> {
    customer: CustomerId,
    name: SourceName,
    risk: Risk,
    meta: &'a Meta,
}

#[async_trait]
impl Handler for HearRisks {
    type Event = ChurnRiskRaised;

    async fn handle(&self, tx: &Tx, events: &[Delivered<ChurnRiskRaised>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events.iter().map(assessed).collect();
        let mut risks = BTreeMap::new();
        for Assessed { customer, risk, meta, .. } in read.iter().flatten() {
            let (_, newest) = risks.entry(*customer).or_insert_with(|| (meta.organization.clone(), risk.clone()));
            if newest.version < risk.version {
                *newest = risk.clone();
            }
        }
        customers::keep_risks(tx, &risks).await?;
        // That a risk is over sets nothing off.
        let raised =
            read.iter().flatten().filter(|assessed| assessed.risk.risk_permille > 0).map(|assessed| Happened {
                customer: assessed.customer,
                name: assessed.name.clone(),
                happening: Happening::ChurnRiskRaised { risk_permille: assessed.risk.risk_permille },
                meta: assessed.meta,
            });
        hear(tx, &self.programs, raised.collect()).await?;
        Ok(read.into_iter().map(|read| read.err().unwrap_or(Outcome::Done)).collect())
    }
}

fn assessed(delivered: &Delivered<ChurnRiskRaised>) -> Result<Assessed<'_>, Outcome> {
    let Delivered { event, meta } = delivered;
    let customer: CustomerId = event.customer.parse().map_err(|error| Outcome::Dead(format!("customer: {error}")))?;
    if !(0..=1_000).contains(&event.risk_permille) {
        return Err(Outcome::Dead(format!("risk_permille: {} is not 0 to 1000", event.risk_permille)));
    }
    let at = event.assess_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
    let name = hearing::name(format!("{customer}/churnRisk@{at}"))?;
    let risk = Risk { version: meta.version, risk_permille: event.risk_permille.into(), at };
    Ok(Assessed { customer, name, risk, meta })
}
