//! The tracks and shipments that some reports are about, in memory: decided on one by one, saved in sets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use guanxi_kernel::name::{PackageId, ShipmentId};
use guanxi_kernel::{Call, Refused, Timestamp, Uuid};
use guanxi_store::{Result, Tx};

use super::found::{Found, Place};
use super::prepared::{Prepared, Reported, distinct, read_tracks};
use super::{Answer, Intake, Taken, Target, What, gaps, rows};
use crate::domain::{CodeMap, Event, EventName, Outcome, PackageReference, Report, Shipment, Track};
use crate::events::outgoing;
use crate::store::entities::{quarantine, retractions, tracking_events};
use crate::store::{quarantine as kept, shipments, tracks};

/// Everything that a batch is about.
pub struct Book {
    now: Timestamp,
    items: Vec<Prepared>,
    tracks: HashMap<Uuid, Track>,
    shipments: BTreeMap<ShipmentId, Shipment>,
    /// Of each shipment that something new was stored of: whether that was history alone, and on whose behalf.
    touched: BTreeMap<ShipmentId, (bool, Option<Arc<str>>)>,
    revisions: Vec<tracking_events::Model>,
    retracted: Vec<retractions::Model>,
    quarantined: Vec<quarantine::Model>,
}

impl Book {
    /// Finds and locks what the items are about, and reads the tracks of it.
    ///
    /// # Errors
    /// The database's.
    pub async fn open(tx: &Tx, calls: &[(&Call, &Intake)]) -> Result<Self> {
        let found = Found::find(tx, calls).await?;
        let items: Vec<_> = calls.iter().map(|(call, intake)| Prepared::new(&found, call, intake, tx.now())).collect();
        let known = distinct(&items, |place| place.known.map(|(_, shipment)| shipment.uuid()));
        let shipments = shipments::lock(tx, &known).await?;
        let tracks = read_tracks(tx, &items, &shipments).await?;
        Ok(Self {
            now: tx.now(),
            items,
            tracks,
            shipments,
            touched: BTreeMap::new(),
            revisions: Vec::new(),
            retracted: Vec::new(),
            quarantined: Vec::new(),
        })
    }

    /// Decides on the item in its place.
    ///
    /// # Errors
    /// Where it cannot be taken; nothing changed then.
    pub fn decide(&mut self, at: usize, call: &Call, intake: &Intake) -> Result<Answer, Refused> {
        let Prepared { place, reported } = self.items[at].clone();
        let place = place?;
        match (&intake.what, reported) {
            (What::Report(report), Some(reported)) => {
                Ok(Answer::Taken(self.report(call, &intake.reference, &place, report, reported)))
            }
            (What::Retraction { target, reason }, _) => self.retract(call, &place, target, reason),
            (What::Report(_), None) => Err(Refused::internal("a report was not prepared")),
        }
    }

    fn report(
        &mut self,
        call: &Call,
        reference: &PackageReference,
        place: &Place,
        report: &Report,
        reported: Reported,
    ) -> Taken {
        let mapped = CodeMap::built_in().map(report);
        let dated = match &reported.dated {
            Ok(dated) => dated,
            Err(why) => {
                self.quarantined.push(rows::held_back(place, reference, report, &reported, *why, self.now));
                return Taken { outcome: None, event: None, status: mapped.status };
            }
        };
        let event = Event {
            key: Arc::clone(&reported.key),
            digest: reported.digest,
            revision_time: report.revision_time,
            source_kind: report.source_kind,
            effective_time: dated.effective,
            status: mapped.status,
            sub_status: mapped.sub_status,
            create_time: self.now,
        };
        let outcome = self.tracks.entry(place.root).or_default().receive(event.clone());
        if outcome != Outcome::Duplicate {
            if mapped.is_gap() {
                gaps::count(&report.carrier);
            }
            self.revisions.push(rows::revision(place, &event, report, dated));
            self.touch(place, report.historical, call);
        }
        let name = place.known.map(|(package, _)| EventName { package, event: reported.key.uuid() });
        Taken { outcome: Some(outcome), event: name, status: mapped.status }
    }

    fn retract(&mut self, call: &Call, place: &Place, target: &Target, reason: &str) -> Result<Answer, Refused> {
        let track = self.tracks.entry(place.root).or_default();
        let key = match target {
            Target::Key(key) => key.clone(),
            Target::Name(name) => {
                let unknown = || Refused::not_found("event", name);
                place.known.ok_or_else(unknown)?;
                track.key(name.event).cloned().ok_or_else(unknown)?
            }
        };
        if track.retract(key.clone(), self.now) {
            self.retracted.push(rows::retraction(place, key, reason, call, self.now));
            self.touch(place, false, call);
        }
        let standing = Box::new(self.tracks[&place.root].standing().clone());
        Ok(Answer::Retracted(place.known.map(|(package, shipment)| (package, shipment, standing))))
    }

    fn touch(&mut self, place: &Place, historical: bool, call: &Call) {
        let Some((_, shipment)) = place.known else { return };
        let touched = self.touched.entry(shipment).or_insert((true, None));
        touched.0 &= historical;
        touched.1 = call.traceparent.clone();
    }

    /// Writes what changed, and tells what follows from it.
    ///
    /// # Errors
    /// The database's.
    pub async fn save(mut self, tx: &Tx) -> Result<()> {
        tracks::insert(tx, std::mem::take(&mut self.revisions)).await?;
        tracks::insert_retractions(tx, std::mem::take(&mut self.retracted)).await?;
        kept::insert(tx, std::mem::take(&mut self.quarantined)).await?;
        let (mut changes, mut stood, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for (id, (historical, traceparent)) in std::mem::take(&mut self.touched) {
            let Some(shipment) = self.shipments.get_mut(&id) else { continue };
            let mut moved: Vec<PackageId> = Vec::new();
            for package in &mut shipment.packages {
                let Some(track) = self.tracks.get(&package.id.uuid()) else { continue };
                let standing = track.standing();
                if !standing.shows_the_same(&package.standing) {
                    moved.push(package.id);
                }
                package.standing = standing.clone();
                stood.push((id, package.id));
            }
            let (more, facts) = shipment.settle(&moved, self.now);
            if !more.is_empty() {
                changed.push(id);
            }
            changes.extend(more);
            outgoing::tell(tx, shipment, &facts, historical, traceparent.as_ref());
        }
        let book = &self.shipments;
        shipments::save_packages(tx, stood.iter().map(|(id, package)| (&book[id], *package))).await?;
        shipments::save(tx, changed.iter().map(|id| &book[id])).await?;
        shipments::log(tx, changes).await
    }
}
