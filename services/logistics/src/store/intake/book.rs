//! The tracks and shipments that some reports are about, in memory: decided on one by one, saved in sets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use guanxi_kernel::name::{PackageId, ShipmentId};
use guanxi_kernel::{Call, OrganizationId, Refused, Timestamp, Uuid};
use guanxi_store::time::to_column;
use guanxi_store::{Result, Tx};

use super::found::{Found, Place};
use super::{Answer, Intake, Taken, Target, What};
use crate::domain::redact::redact;
use crate::domain::{
    CodeMap, Event, EventName, Occurred, Outcome, PackageReference, Placed, Report, Shipment, SourceId, Standing,
    Track, Unplaced, instant,
};
use crate::events::outgoing;
use crate::store::entities::{quarantine, retractions, tracking_events};
use crate::store::{quarantine as kept, shipments, tracks};

type InTime = Result<Placed, Unplaced>;

/// When an item happened, and where it belongs.
type Item = (InTime, Result<Place, Refused>);

/// Everything that a batch is about.
pub struct Book {
    now: Timestamp,
    items: Vec<Item>,
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
        let items: Vec<_> = calls
            .iter()
            .map(|(call, intake)| {
                let in_time = in_time(intake);
                let place = found.place(call, intake, in_time.as_ref().ok().map(|placed| placed.occurred));
                (in_time, place)
            })
            .collect();
        let known = distinct(&items, |place| place.known.map(|(_, shipment)| shipment.uuid()));
        let shipments = shipments::lock(tx, &known).await?;
        let tracks = read_tracks(tx, calls, &items, &shipments).await?;
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
        let (in_time, place) = self.items[at].clone();
        let place = place?;
        match &intake.what {
            What::Report(report) => Ok(Answer::Taken(self.report(call, &intake.reference, &place, report, in_time))),
            What::Retraction { target, reason } => self.retract(call, &place, target, reason),
        }
    }

    fn report(
        &mut self,
        call: &Call,
        reference: &PackageReference,
        place: &Place,
        report: &Report,
        in_time: InTime,
    ) -> Taken {
        let digest = report.digest();
        let key = Arc::new(report.key(digest));
        let mapped = CodeMap::built_in().map(report);
        let event = place.known.map(|(package, _)| EventName { package, event: key.uuid() });
        let placed = match in_time {
            Ok(placed) => placed,
            Err(why) => {
                let (root, id) = (place.root, key.uuid());
                let names = (root, id, digest.0);
                self.quarantined.push(held_back(names, place, reference, report, why, self.now));
                return Taken { outcome: None, event: None, status: mapped.status };
            }
        };
        let (effective_time, clamped) = instant::effective(placed.occurred, self.now);
        let received = Event {
            key,
            digest,
            revision_time: report.revision_time,
            source_kind: report.source_kind,
            effective_time,
            status: mapped.status,
            sub_status: mapped.sub_status,
            create_time: self.now,
        };
        let outcome = self.tracks.entry(place.root).or_default().receive(received.clone());
        if outcome != Outcome::Duplicate {
            if mapped.is_gap() {
                tracing::debug!(carrier = %report.carrier, "the code map does not know a code");
                super::gaps::count(&report.carrier);
            }
            self.revisions.push(revision(place, &received, report, &placed, clamped));
            self.touch(place, report.historical, call);
        }
        Taken { outcome: Some(outcome), event, status: mapped.status }
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
            self.retracted.push(retractions::Model {
                root_id: place.root,
                event_id: key.uuid(),
                organization: slug(place.organization.as_ref()),
                source_event_id: key.given().map(str::to_owned),
                digest: match key.id {
                    SourceId::Raw(digest) => Some(digest.0),
                    SourceId::Given(_) => None,
                },
                source: key.source,
                reason: redact(reason),
                actor: call.caller.subject.chars().take(128).collect(),
                create_time: to_column(self.now),
            });
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
                let standing: &Standing = track.standing();
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

/// The tracks of everything that the items are about. One that only gets events that are stored already, or are new and
/// happened after all that count, goes on from where its package stands; the events of the others are read.
async fn read_tracks(
    tx: &Tx,
    calls: &[(&Call, &Intake)],
    items: &[Item],
    shipments: &BTreeMap<ShipmentId, Shipment>,
) -> Result<HashMap<Uuid, Track>> {
    let standings: HashMap<Uuid, &Standing> = shipments
        .values()
        .flat_map(|shipment| shipment.packages.iter().map(|package| (package.id.uuid(), &package.standing)))
        .collect();
    let reported = || {
        calls.iter().zip(items).filter_map(|((_, intake), (in_time, place))| {
            let place = place.as_ref().ok()?;
            let What::Report(report) = &intake.what else { return Some((place.root, None)) };
            let placed = in_time.as_ref().ok()?;
            let digest = report.digest();
            let (effective_time, _) = instant::effective(placed.occurred, tx.now());
            Some((place.root, Some((Arc::new(report.key(digest)), digest, effective_time))))
        })
    };
    let news: Vec<_> = reported().collect();
    let keys: Vec<(Uuid, Uuid)> = news
        .iter()
        .filter(|(root, _)| standings.contains_key(root))
        .filter_map(|(root, event)| event.as_ref().map(|(key, ..)| (*root, key.uuid())))
        .collect();
    let stored = tracks::stored(tx, &keys).await?;
    let roots = distinct(items, |place| Some(place.root));
    let mut whole = tracks::retracted(tx, &roots).await?;
    let mut resumed: HashMap<Uuid, Vec<_>> = HashMap::new();
    for (root, event) in news {
        let (Some(standing), Some((key, digest, effective_time))) = (standings.get(&root), event) else {
            whole.insert(root);
            continue;
        };
        match stored.get(&(root, key.uuid())) {
            Some(digests) if digests.contains(&digest) => resumed.entry(root).or_default().push((key, digest)),
            None if standing.last_time.is_none_or(|last| effective_time > last) => {
                resumed.entry(root).or_default();
            }
            _ => {
                whole.insert(root);
            }
        }
    }
    let mut found = tracks::load(tx.conn(), &whole.iter().copied().collect::<Vec<_>>()).await?;
    for (root, stored) in resumed.into_iter().filter(|(root, _)| !whole.contains(root)) {
        found.insert(root, Track::resume(standings[&root].clone(), stored));
    }
    Ok(found)
}

/// Identifiers of the places of items, each once, in order.
fn distinct(items: &[Item], id: impl Fn(&Place) -> Option<Uuid>) -> Vec<Uuid> {
    let ids = items.iter().filter_map(|(_, place)| id(place.as_ref().ok()?));
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

/// When a report says that it happened; a retraction is about no time.
fn in_time(intake: &Intake) -> InTime {
    let What::Report(report) = &intake.what else { return Err(Unplaced::Undated) };
    let zone = instant::zone(&report.zone);
    instant::place(&report.occurred, zone.as_ref(), CodeMap::built_in().zone(&report.carrier))
}

fn slug(organization: Option<&OrganizationId>) -> String {
    organization.map_or_else(String::new, |organization| organization.slug().to_owned())
}

fn occurred_text(report: &Report) -> String {
    match &report.occurred {
        Occurred::Text(text) => text.clone(),
        Occurred::Instant(_) | Occurred::Missing => String::new(),
    }
}

fn revision(place: &Place, event: &Event, report: &Report, placed: &Placed, clamped: bool) -> tracking_events::Model {
    tracking_events::Model {
        root_id: place.root,
        event_id: event.key.uuid(),
        digest: event.digest.0,
        organization: slug(place.organization.as_ref()),
        source: report.source.clone(),
        source_event_id: report.source_event_id.clone(),
        source_kind: report.source_kind.priority().into(),
        carrier: report.carrier.clone(),
        feed_version: report.feed_version.clone(),
        status_name: report.status_name.clone(),
        code: report.code.clone(),
        description: redact(&report.description),
        location: redact(&report.location),
        occurred_text: occurred_text(report),
        zone: report.zone.clone(),
        revision_time: event.revision_time.map(to_column),
        occurred_time: to_column(placed.occurred),
        offset_seconds: placed.offset_seconds.map(i64::from),
        time_basis: placed.basis.as_str().to_owned(),
        effective_time: to_column(event.effective_time),
        clamped,
        status: event.status.as_str().to_owned(),
        sub_status: event.sub_status.map(|sub| sub.as_str().to_owned()),
        code_map: CodeMap::built_in().version().to_owned(),
        historical: report.historical,
        receive_time: to_column(event.create_time),
        create_time: to_column(event.create_time),
    }
}

fn held_back(
    (root_id, event_id, digest): (Uuid, Uuid, Uuid),
    place: &Place,
    reference: &PackageReference,
    report: &Report,
    why: Unplaced,
    now: Timestamp,
) -> quarantine::Model {
    let number = match reference {
        PackageReference::Number(number) => Some(number),
        PackageReference::Package(_) => None,
    };
    let package_id = match reference {
        PackageReference::Package(id) => Some(id.uuid()),
        PackageReference::Number(_) => place.known.map(|(id, _)| id.uuid()),
    };
    quarantine::Model {
        root_id,
        event_id,
        digest,
        id: kept::id(root_id, event_id, digest),
        organization: slug(place.organization.as_ref()),
        package_id,
        reference_carrier: number.map(|number| number.carrier.clone()),
        reference_number: number.map(|number| number.number.clone()),
        reason: why.as_str().to_owned(),
        source: report.source.clone(),
        source_event_id: report.source_event_id.clone(),
        source_kind: report.source_kind.priority().into(),
        carrier: report.carrier.clone(),
        feed_version: report.feed_version.clone(),
        status_name: report.status_name.clone(),
        code: report.code.clone(),
        description: redact(&report.description),
        location: redact(&report.location),
        occurred_text: occurred_text(report),
        zone: report.zone.clone(),
        historical: report.historical,
        receive_time: to_column(now),
    }
}
