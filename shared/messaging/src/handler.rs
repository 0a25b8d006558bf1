//! Handlers: what a service does with an event, and the registry that finds the one for it.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use guanxi_contracts::{Event, Message};
use guanxi_store::inbox::{Outcome, Unpark};
use guanxi_store::outbox::StoredEvent;
use guanxi_store::{StoreError, Tx};

use crate::event::{Delivered, meta};

/// Handles one type of event. The header of its file says which kind it is: a *projection* (ignores an older version
/// than it has), an *effect* (applies each event once, in any order) or *ordered* (parks until the gap is filled).
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The message.
    type Event: Event;

    /// Handles a run of events of this type in one transaction, in their order; an outcome for each. One that it parks
    /// must have had no effect.
    ///
    /// # Errors
    /// Where the transaction cannot go on. It is then tried event by event; one that fails by itself, and not because
    /// the database is away, becomes a dead letter.
    async fn handle(&self, tx: &Tx, events: &[Delivered<Self::Event>]) -> Result<Vec<Outcome>, StoreError>;
}

#[async_trait]
trait AnyHandler: Send + Sync {
    async fn handle(&self, tx: &Tx, events: &[&StoredEvent]) -> Result<Vec<Outcome>, StoreError>;
}

struct Typed<H, E>(H, PhantomData<fn() -> E>);

#[async_trait]
impl<H: Handler> AnyHandler for Typed<H, H::Event> {
    async fn handle(&self, tx: &Tx, events: &[&StoredEvent]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(events.len());
        let mut readable = Vec::with_capacity(events.len());
        for stored in events {
            let delivered = H::Event::decode(stored.payload.as_slice())
                .ok()
                .and_then(|event| Some(Delivered { event, meta: meta(stored)? }));
            match delivered {
                Some(delivered) => {
                    readable.push(delivered);
                    outcomes.push(None);
                }
                None => outcomes.push(Some(Outcome::Dead(format!("{} does not decode", stored.event_type)))),
            }
        }
        let handled = if readable.is_empty() { Vec::new() } else { self.0.handle(tx, &readable).await? };
        if handled.len() != readable.len() {
            return Err(StoreError::Row(format!("{} outcomes for {} events", handled.len(), readable.len())));
        }
        let mut handled = handled.into_iter();
        Ok(outcomes.into_iter().map(|o| o.or_else(|| handled.next()).expect("one outcome for each")).collect())
    }
}

/// A service's handlers, by producer and type.
#[derive(Clone, Default)]
pub struct Consumers {
    handlers: Arc<HashMap<String, Arc<dyn AnyHandler>>>,
    producers: Arc<Vec<&'static str>>,
}

impl fmt::Debug for Consumers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumers").field("types", &self.handlers.keys()).finish()
    }
}

impl Consumers {
    /// No handlers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the handler of a type that `producer` emits.
    #[must_use]
    pub fn on<H: Handler>(mut self, producer: &'static str, handler: H) -> Self {
        let typed: Arc<dyn AnyHandler> = Arc::new(Typed::<H, H::Event>(handler, PhantomData));
        Arc::make_mut(&mut self.handlers).insert(H::Event::TYPE.to_owned(), typed);
        let producers = Arc::make_mut(&mut self.producers);
        if !producers.contains(&producer) {
            producers.push(producer);
        }
        self
    }

    /// The services whose events are handled here.
    pub fn producers(&self) -> &[&'static str] {
        &self.producers
    }

    /// Handles events, those of one type together as far as the order of each key's events allows; types without a
    /// handler are done.
    pub(crate) async fn dispatch(&self, tx: &Tx, events: &[&StoredEvent]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = vec![Outcome::Done; events.len()];
        for round in rounds(events) {
            let Some(handler) = self.handlers.get(&events[round[0]].event_type) else { continue };
            let run: Vec<&StoredEvent> = round.iter().map(|&at| events[at]).collect();
            // A bug in a handler must not end the consumer: its event becomes a dead letter, the next goes on.
            let handled = AssertUnwindSafe(handler.handle(tx, &run)).catch_unwind().await;
            let panicked = |_| Err(StoreError::Row(format!("the handler of {} panicked", run[0].event_type)));
            for (at, outcome) in round.into_iter().zip(handled.unwrap_or_else(panicked)?) {
                outcomes[at] = outcome;
            }
        }
        Ok(outcomes)
    }
}

/// Events (by their place) in rounds of one type each. An event never comes in a round before that of an earlier event of
/// its key: orders that are recorded and cancelled by turns make two rounds, not one for each.
fn rounds(events: &[&StoredEvent]) -> Vec<Vec<usize>> {
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    let mut reached: HashMap<&str, usize> = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        let from = reached.get(event.key.as_str()).copied().unwrap_or(0);
        let of_type = |round: &Vec<usize>| events[round[0]].event_type == event.event_type;
        let round = (from..rounds.len()).find(|&round| of_type(&rounds[round])).unwrap_or(rounds.len());
        if round == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[round].push(at);
        reached.insert(&event.key, round);
    }
    rounds
}

#[async_trait]
impl Unpark for Consumers {
    async fn handle(&self, tx: &Tx, envelopes: Vec<Vec<u8>>) -> Result<Vec<Outcome>, StoreError> {
        let events = envelopes.iter().map(|body| StoredEvent::from_bytes(body)).collect::<Result<Vec<_>, _>>()?;
        self.dispatch(tx, &events.iter().collect::<Vec<_>>()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event_type: &str, key: &str) -> StoredEvent {
        StoredEvent {
            id: guanxi_kernel::Uuid::nil(),
            event_type: event_type.into(),
            key: key.into(),
            version: 1,
            organization: "default".into(),
            occurred_micros: 0,
            record_micros: 0,
            historical: false,
            traceparent: None,
            payload: Vec::new(),
        }
    }

    #[test]
    fn events_of_one_type_come_together_and_those_of_one_key_in_their_order() {
        let told = [("R", "1"), ("C", "1"), ("R", "2"), ("R", "3"), ("C", "3"), ("R", "1"), ("C", "2")];
        let told: Vec<_> = told.iter().map(|(event_type, key)| event(event_type, key)).collect();
        let told: Vec<_> = told.iter().collect();
        assert_eq!(rounds(&told), [vec![0, 2, 3], vec![1, 4, 6], vec![5]]);
        assert_eq!(rounds(&[]), Vec::<Vec<usize>>::new());
    }
}
