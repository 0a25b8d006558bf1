//! SegmentEntered → the customer is in the segment, for conditions and rewards that ask; the rules give what they say for
//! that, once for each time that he enters.
//! Projection: an older version than is known changes nothing; what the rules give is an effect, applied once, in any order.
//! Never parks.

use std::collections::BTreeMap;

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::SegmentEntered;
use guanxi_contracts::time;
use guanxi_kernel::Timestamp;
use guanxi_kernel::name::CustomerId;
use guanxi_messaging::{Delivered, Handler, Meta, Outcome};
use guanxi_store::{Result, Tx};

use super::hearing::{self, Happened, hear};
use crate::domain::source::Happening;
use crate::store::customers::{self, Place};
use crate::store::programs::Programs;

/// Handles SegmentEntered.
#[derive(Debug)]
pub struct EnterSegments {
    programs: Programs,
}

impl EnterSegments {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for EnterSegments {
    type Event = SegmentEntered;

    async fn handle(&self, tx: &Tx, events: &[Delivered<SegmentEntered>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events
            .iter()
            .map(|Delivered { event, meta }| {
                let since = event.enter_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
                moved(&event.customer, &event.segment, since, meta)
            })
            .collect();
        keep(tx, &read, true).await?;
        let mut happened = Vec::new();
        for moved in read.iter().flatten() {
            let name = format!("{}/segments/{}@{}", moved.customer, moved.segment, moved.since);
            let Ok(name) = hearing::name(name) else { continue };
            let happening = Happening::SegmentEntered { segment: moved.segment.clone() };
            happened.push(Happened { customer: moved.customer, name, happening, meta: moved.meta });
        }
        hear(tx, &self.programs, happened).await?;
        Ok(read.into_iter().map(|read| read.err().unwrap_or(Outcome::Done)).collect())
    }
}

/// A customer who entered or left a segment.
pub(super) struct Moved<'a> {
    customer: CustomerId,
    segment: String,
    since: Timestamp,
    meta: &'a Meta,
}

pub(super) fn moved<'a>(customer: &str, segment: &str, since: Timestamp, meta: &'a Meta) -> Result<Moved<'a>, Outcome> {
    let customer = customer.parse().map_err(|error| Outcome::Dead(format!("customer: {error}")))?;
    let slug = segment.strip_prefix("segments/").filter(|slug| (1..=63).contains(&slug.len()));
    let slug = slug.filter(|slug| slug.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')));
    let segment =
        slug.ok_or_else(|| Outcome::Dead(format!("segment: {segment:?} is no segments/{{slug}}")))?.to_owned();
    Ok(Moved { customer, segment, since, meta })
}

/// Keeps where customers are now, the newest of each.
pub(super) async fn keep(tx: &Tx, read: &[Result<Moved<'_>, Outcome>], inside: bool) -> Result<()> {
    let mut places = BTreeMap::new();
    for moved in read.iter().flatten() {
        let place = Place { version: moved.meta.version, inside, since: moved.since };
        let key = (moved.customer, moved.segment.clone());
        let (_, newest) = places.entry(key).or_insert_with(|| (moved.meta.organization.clone(), place.clone()));
        if newest.version < place.version {
            *newest = place;
        }
    }
    customers::keep_places(tx, &places).await
}
