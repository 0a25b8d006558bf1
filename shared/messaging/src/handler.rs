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

    /// Handles events in their order, each run of one type at once; types without a handler are done.
    pub(crate) async fn dispatch(&self, tx: &Tx, events: &[&StoredEvent]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(events.len());
        for run in events.chunk_by(|a, b| a.event_type == b.event_type) {
            match self.handlers.get(&run[0].event_type) {
                Some(handler) => {
                    // A bug in a handler must not end the consumer: its event becomes a dead letter, the next goes on.
                    let handled = AssertUnwindSafe(handler.handle(tx, run)).catch_unwind().await;
                    let panicked = |_| Err(StoreError::Row(format!("the handler of {} panicked", run[0].event_type)));
                    outcomes.extend(handled.unwrap_or_else(panicked)?);
                }
                None => outcomes.extend(run.iter().map(|_| Outcome::Done)),
            }
        }
        Ok(outcomes)
    }
}

#[async_trait]
impl Unpark for Consumers {
    async fn handle(&self, tx: &Tx, envelopes: Vec<Vec<u8>>) -> Result<Vec<Outcome>, StoreError> {
        let events = envelopes.iter().map(|body| StoredEvent::from_bytes(body)).collect::<Result<Vec<_>, _>>()?;
        self.dispatch(tx, &events.iter().collect::<Vec<_>>()).await
    }
}
