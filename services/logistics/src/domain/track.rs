//! A package's track: every revision of every event and every retraction, and the status that they fold to.
//! In whatever order, batches and repetitions they come, the track ends the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use guanxi_kernel::Uuid;
use jiff::Timestamp;

use super::event::{Digest, Event, EventKey, Place};
use super::fold::{Effect, Standing};

/// What became of an event that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// New, and stored.
    Accepted,
    /// Stored already; nothing changed.
    Duplicate,
    /// Stored as another revision of an event that was known.
    Revised,
    /// New, stored, and contradicting what was known in that moment.
    Anomalous,
}

#[derive(Debug, Clone, Default)]
struct Known {
    /// Revisions that are stored, and were not read.
    stored: Vec<Digest>,
    revisions: Vec<Event>,
    retracted: Option<Timestamp>,
}

impl Known {
    /// The revision that counts: none where the event is retracted.
    fn effective(&self) -> Option<&Event> {
        if self.retracted.is_some() { None } else { self.revisions.iter().max_by_key(|event| event.rank()) }
    }
}

/// Which part of a track is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    /// Only what had happened by then.
    pub as_of: Option<Timestamp>,
    /// Only what was stored by then, retractions too.
    pub known_at: Option<Timestamp>,
}

/// One revision of one event as the history shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryItem {
    /// The revision.
    pub event: Event,
    /// Whether it counts.
    pub effective: bool,
    /// When the event was retracted.
    pub retracted: Option<Timestamp>,
    /// Whether it contradicts what is known by now.
    pub anomalous: bool,
}

/// Everything that was reported of one package, or what comes after a standing that is known.
#[derive(Debug, Clone, Default)]
pub struct Track {
    /// Where the package stood before the events that are in `effective`.
    base: Standing,
    known: HashMap<Arc<EventKey>, Known>,
    effective: BTreeMap<Place, Event>,
    standing: Standing,
}

impl Track {
    /// A track as it was stored: revisions, and retractions with when they were stored.
    pub fn load(
        events: impl IntoIterator<Item = Event>,
        retractions: impl IntoIterator<Item = (EventKey, Timestamp)>,
    ) -> Self {
        let mut track = Self::default();
        for event in events {
            track.known.entry(event.key.clone()).or_default().revisions.push(event);
        }
        for (key, time) in retractions {
            track.known.entry(Arc::new(key)).or_default().retracted = Some(time);
        }
        let effective = track.known.values().filter_map(Known::effective);
        track.effective = effective.map(|event| (event.place(), event.clone())).collect();
        track.standing = Standing::fold(track.effective.values());
        track
    }

    /// A track that goes on from where its package stands, without what led there. It may only receive events that were
    /// stored already (`stored`), and events of new keys that happened after all that count ([`Standing::last_time`]).
    pub fn resume(base: Standing, stored: impl IntoIterator<Item = (Arc<EventKey>, Digest)>) -> Self {
        let mut track = Self { standing: base.clone(), base, ..Self::default() };
        for (key, digest) in stored {
            track.known.entry(key).or_default().stored.push(digest);
        }
        track
    }

    /// Where the package stands.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Receives an event. All but a duplicate is to be stored.
    pub fn receive(&mut self, event: Event) -> Outcome {
        let known = self.known.entry(event.key.clone()).or_default();
        let stored = known.revisions.iter().map(|revision| revision.digest).chain(known.stored.iter().copied());
        if stored.into_iter().any(|digest| digest == event.digest) {
            return Outcome::Duplicate;
        }
        let first = known.revisions.is_empty();
        let before = known.effective().map(Event::place);
        let place = event.place();
        known.revisions.push(event.clone());
        let counts = known.effective().is_some_and(|effective| effective.digest == event.digest);
        let effect = match (counts, before) {
            (false, _) => Effect::Nothing,
            (true, replaced) => {
                if let Some(replaced) = &replaced {
                    self.effective.remove(replaced);
                }
                self.insert(place, event, replaced.is_some())
            }
        };
        match (first, effect) {
            (false, _) => Outcome::Revised,
            (true, Effect::Anomalous) => Outcome::Anomalous,
            (true, _) => Outcome::Accepted,
        }
    }

    /// Declares that an event did not occur, in all its revisions, those to come too. Says whether that is new.
    pub fn retract(&mut self, key: EventKey, now: Timestamp) -> bool {
        let known = self.known.entry(Arc::new(key)).or_default();
        if known.retracted.is_some() {
            return false;
        }
        let place = known.effective().map(Event::place);
        known.retracted = Some(now);
        if let Some(place) = place {
            self.effective.remove(&place);
            self.refold(None);
        }
        true
    }

    /// The key of the received event that this identifier names.
    pub fn key(&self, id: Uuid) -> Option<&EventKey> {
        self.known.iter().find(|(key, known)| !known.revisions.is_empty() && key.uuid() == id).map(|(key, _)| &**key)
    }

    /// Where the package stood, seen from another time.
    pub fn view(&self, view: View) -> Standing {
        let stored = |time: Timestamp| view.known_at.is_none_or(|at| time <= at);
        let mut events: Vec<&Event> = self
            .known
            .values()
            .filter(|known| !known.retracted.is_some_and(stored))
            .filter_map(|known| {
                known.revisions.iter().filter(|e| stored(e.create_time)).max_by_key(|event| event.rank())
            })
            .filter(|event| view.as_of.is_none_or(|at| event.effective_time <= at))
            .collect();
        events.sort_by_cached_key(|event| event.place());
        Standing::fold(events)
    }

    /// Every revision of every event, in the order of the fold.
    pub fn history(&self) -> Vec<HistoryItem> {
        let mut revisions: Vec<(Place, &Event, &Known)> = self
            .known
            .values()
            .flat_map(|known| known.revisions.iter().map(move |event| (event.place(), event, known)))
            .collect();
        revisions.sort_by(|a, b| a.0.cmp(&b.0));
        let mut standing = Standing::default();
        revisions
            .into_iter()
            .map(|(place, event, known)| {
                let effective = self.effective.contains_key(&place);
                let anomalous = effective && standing.step(event) == Effect::Anomalous;
                HistoryItem { event: event.clone(), effective, retracted: known.retracted, anomalous }
            })
            .collect()
    }

    /// Puts an effective event into its place. One that comes last costs one step, any other the whole fold.
    fn insert(&mut self, place: Place, event: Event, replaced: bool) -> Effect {
        let last = self.effective.last_key_value().is_none_or(|(last, _)| *last < place);
        if last && !replaced {
            let effect = self.standing.step(&event);
            self.effective.insert(place, event);
            return effect;
        }
        self.effective.insert(place.clone(), event);
        self.refold(Some(&place))
    }

    /// Folds from the beginning, and says what the event in this place did.
    fn refold(&mut self, place: Option<&Place>) -> Effect {
        let mut standing = self.base.clone();
        let mut effect = Effect::Nothing;
        for (at, event) in &self.effective {
            let step = standing.step(event);
            if Some(at) == place {
                effect = step;
            }
        }
        self.standing = standing;
        effect
    }
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
