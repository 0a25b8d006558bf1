//! What can be said of an item before it is decided: what it is called, when it happened, where it belongs; and which
//! tracks have to be read for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use guanxi_kernel::name::ShipmentId;
use guanxi_kernel::{Call, Refused, Timestamp, Uuid};
use guanxi_store::{Result, Tx};

use super::found::{Found, Place};
use super::{Intake, What};
use crate::domain::{CodeMap, Digest, EventKey, Placed, Report, Shipment, Standing, Track, Unplaced, instant};
use crate::store::tracks;

/// An item on its way to its decision.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Where it belongs.
    pub place: Result<Place, Refused>,
    /// What is reported; `None` for a retraction.
    pub reported: Option<Reported>,
}

/// What is known of a report from itself.
#[derive(Debug, Clone)]
pub struct Reported {
    /// What makes it the same event when it comes again.
    pub key: Arc<EventKey>,
    /// What makes it the same revision.
    pub digest: Digest,
    /// When it happened.
    pub dated: Result<Dated, Unplaced>,
}

/// When an event happened.
#[derive(Debug, Clone)]
pub struct Dated {
    /// As its source says.
    pub placed: Placed,
    /// For the fold.
    pub effective: Timestamp,
    /// Whether it was set back to its arrival.
    pub clamped: bool,
}

impl Prepared {
    /// Prepares one item that arrives `now`.
    pub fn new(found: &Found, call: &Call, intake: &Intake, now: Timestamp) -> Self {
        let reported = match &intake.what {
            What::Report(report) => Some(Reported::new(report, now)),
            What::Retraction { .. } => None,
        };
        let dated = reported.as_ref().and_then(|reported| reported.dated.as_ref().ok());
        let place = found.place(call, intake, dated.map(|dated| dated.placed.occurred));
        Self { place, reported }
    }
}

impl Reported {
    fn new(report: &Report, now: Timestamp) -> Self {
        let digest = report.digest();
        let zone = instant::zone(&report.zone);
        let carrier = CodeMap::built_in().zone(&report.carrier);
        let dated = instant::place(&report.occurred, zone.as_ref(), carrier).map(|placed| {
            let (effective, clamped) = instant::effective(placed.occurred, now);
            Dated { placed, effective, clamped }
        });
        Self { key: Arc::new(report.key(digest)), digest, dated }
    }
}

/// Identifiers of the places of items, each once, in order.
pub fn distinct(items: &[Prepared], id: impl Fn(&Place) -> Option<Uuid>) -> Vec<Uuid> {
    let ids = items.iter().filter_map(|item| id(item.place.as_ref().ok()?));
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The tracks of everything that the items are about. One that only gets events that are stored already, or are new and
/// happened after all that count, goes on from where its package stands; the events of the others are read.
///
/// # Errors
/// The database's.
pub async fn read_tracks(
    tx: &Tx,
    items: &[Prepared],
    shipments: &BTreeMap<ShipmentId, Shipment>,
) -> Result<HashMap<Uuid, Track>> {
    let packages = shipments.values().flat_map(|shipment| &shipment.packages);
    let standings: HashMap<Uuid, &Standing> = packages.map(|p| (p.id.uuid(), &p.standing)).collect();
    let of_known = items.iter().filter_map(|item| {
        let root = item.place.as_ref().ok().map(|place| place.root).filter(|root| standings.contains_key(root))?;
        Some((root, item.reported.as_ref()?.key.uuid()))
    });
    let stored = tracks::stored(tx, &of_known.collect::<Vec<_>>()).await?;
    let mut whole = tracks::retracted(tx, &distinct(items, |place| Some(place.root))).await?;
    let mut resumed: HashMap<Uuid, Vec<_>> = HashMap::new();
    for item in items {
        let Ok(Place { root, .. }) = item.place else { continue };
        let (Some(standing), Some(Reported { key, digest, dated })) = (standings.get(&root), &item.reported) else {
            whole.insert(root);
            continue;
        };
        let Ok(dated) = dated else { continue };
        let known = resumed.entry(root).or_default();
        match stored.get(&(root, key.uuid())) {
            Some(digests) if digests.contains(digest) => known.push((Arc::clone(key), *digest)),
            None if standing.last_time.is_none_or(|last| dated.effective > last) => {}
            _ => {
                whole.insert(root);
            }
        }
    }
    let mut found = tracks::load(tx.conn(), &whole.iter().copied().collect::<Vec<_>>()).await?;
    for (root, known) in resumed.into_iter().filter(|(root, _)| !whole.contains(root)) {
        found.insert(root, Track::resume(standings[&root].clone(), known));
    }
    Ok(found)
}
