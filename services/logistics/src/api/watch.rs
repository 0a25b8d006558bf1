//! WatchShipments: shipments as they are, then each numbered change, from wherever the watcher stood before.
//!
//! A resume token says how far the watcher has come with each shipment, so it holds on any replica and after a restart.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::stream::{self, Stream};
use guanxi_contracts::logistics::v1::{WatchHeartbeat, WatchShipmentsRequest, WatchShipmentsResponse};
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::{CustomerId, PackageId, ShipmentId};
use guanxi_kernel::{Call, Refused, Uuid, natural_id};
use guanxi_rpc::convert;
use guanxi_store::{Database, Reader, Session};

use super::wire;
use crate::domain::Shipment;
use crate::store::{promises, shipments, watch};

/// How many shipments one watch can follow.
const WIDEST: u64 = 1_000;

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// One shipment.
    Shipment(ShipmentId),
    /// One package.
    Package(PackageId),
    /// Every shipment of a customer.
    Customer(CustomerId),
}

impl Watched {
    /// What a request asks for.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where it names nothing or several things.
    pub fn read(message: &WatchShipmentsRequest) -> Result<Self, Refused> {
        match (message.shipment.as_str(), message.package.as_str(), message.customer.as_str()) {
            (name, "", "") if !name.is_empty() => Ok(Self::Shipment(convert::name(name, "shipment")?)),
            ("", name, "") if !name.is_empty() => Ok(Self::Package(convert::name(name, "package")?)),
            ("", "", name) if !name.is_empty() => Ok(Self::Customer(convert::name(name, "customer")?)),
            _ => {
                let description = "exactly one of shipment, package and customer is required";
                Err(Refused::invalid("shipment", "TARGET_AMBIGUOUS", description))
            }
        }
    }

    /// What a token of this watch begins with.
    fn mark(self) -> Uuid {
        let name = match self {
            Self::Shipment(id) => id.to_string(),
            Self::Package(id) => id.to_string(),
            Self::Customer(id) => id.to_string(),
        };
        natural_id("watch", [name.as_str()])
    }
}

/// How far a watcher has come with each shipment.
type Positions = BTreeMap<ShipmentId, i64>;

fn token(watched: Watched, positions: &Positions) -> String {
    let mut bytes = watched.mark().as_bytes().to_vec();
    for (id, number) in positions {
        bytes.extend_from_slice(id.uuid().as_bytes());
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

fn positions(watched: Watched, token: &str) -> Result<Positions, Refused> {
    if token.is_empty() {
        return Ok(Positions::new());
    }
    let malformed = || Refused::invalid("resume_token", "RESUME_TOKEN_MALFORMED", "is not a token of this watch");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| malformed())?;
    let (mark, places) = bytes.split_at_checked(16).ok_or_else(malformed)?;
    if mark != watched.mark().as_bytes() || places.len() % 24 != 0 {
        return Err(malformed());
    }
    let place = |place: &[u8]| {
        let (id, number) = place.split_at_checked(16)?;
        let number = i64::from_be_bytes(number.try_into().ok()?);
        Some((Uuid::from_slice(id).ok()?.into(), number))
    };
    places.chunks(24).map(|bytes| place(bytes).ok_or_else(malformed)).collect()
}

/// One watch on its way.
pub struct Watcher {
    db: Database,
    call: Call,
    watched: Watched,
    /// The shipment of a watched package.
    within: Option<ShipmentId>,
    positions: Positions,
    waiting: VecDeque<WatchShipmentsResponse>,
    told: Arc<Mutex<String>>,
    poll: Duration,
    failed: bool,
}

impl Watcher {
    /// Begins where `resume_token` says.
    ///
    /// # Errors
    /// NOT_FOUND where the caller may read no such shipment or package; INVALID_ARGUMENT for another watch's token.
    pub async fn start(
        db: &Database,
        call: Call,
        watched: Watched,
        resume_token: &str,
        poll: Duration,
    ) -> Result<Self, Refused> {
        let positions = positions(watched, resume_token)?;
        let reader = db.reader(&call);
        let within = match watched {
            Watched::Package(id) => {
                let shipment = watch::shipment_of(&reader, id).await?;
                Some(shipment.ok_or_else(|| Refused::not_found("package", id))?)
            }
            Watched::Shipment(id) => {
                watch::head(&reader, id).await?.ok_or_else(|| Refused::not_found("shipment", id))?;
                Some(id)
            }
            Watched::Customer(_) => None,
        };
        let told = Arc::new(Mutex::new(token(watched, &positions)));
        let (db, waiting) = (db.clone(), VecDeque::new());
        Ok(Self { db, call, watched, within, positions, waiting, told, poll, failed: false })
    }

    /// What says that the watch lives: everything up to its token was sent.
    pub fn heartbeat(&self) -> impl Fn() -> WatchShipmentsResponse + Send + 'static {
        let (told, clock) = (Arc::clone(&self.told), Arc::clone(self.db.clock()));
        move || WatchShipmentsResponse {
            heartbeat: Some(WatchHeartbeat { server_time: Some(to_proto(clock.now())) }),
            resume_token: told.lock().expect("nobody panics while holding it").clone(),
            ..Default::default()
        }
    }

    /// What there is to say, as it comes.
    pub fn items(self) -> impl Stream<Item = Result<WatchShipmentsResponse, Refused>> + Send + 'static {
        stream::unfold(self, |mut watcher| async move {
            let item = watcher.next().await?;
            watcher.failed = item.is_err();
            Some((item, watcher))
        })
    }

    async fn next(&mut self) -> Option<Result<WatchShipmentsResponse, Refused>> {
        while !self.failed {
            if let Some(item) = self.waiting.pop_front() {
                item.resume_token.clone_into(&mut self.told.lock().expect("nobody panics while holding it"));
                return Some(Ok(item));
            }
            let db = self.db.clone();
            let committed = db.committed();
            if let Err(refused) = self.look().await {
                return Some(Err(refused));
            }
            if self.waiting.is_empty() {
                // Another replica's commit is not heard of here: look again after a while all the same.
                let _ = tokio::time::timeout(self.poll, committed).await;
            }
        }
        None
    }

    /// Looks for what is new, and puts it into the queue.
    async fn look(&mut self) -> Result<(), Refused> {
        let (db, call) = (self.db.clone(), self.call.clone());
        let reader = db.reader(&call);
        let heads = self.heads(&reader).await?;
        let behind: Positions = heads
            .into_iter()
            .map(|(id, head)| (id, self.positions.get(&id).copied().unwrap_or_default(), head))
            .filter(|(_, position, head)| position < head)
            .map(|(id, position, _)| (id, position))
            .collect();
        let (known, new): (Positions, Positions) =
            behind.into_iter().partition(|(id, _)| self.positions.contains_key(id));
        let mut anew: Vec<Uuid> = new.keys().map(|id| id.uuid()).collect();
        if !known.is_empty() {
            for (id, changes) in watch::changes(reader.connection(), &known).await? {
                if changes.is_empty() {
                    anew.push(id.uuid());
                }
                for stored in changes {
                    self.tell_change(stored);
                }
            }
        }
        if !anew.is_empty() {
            let revisions = promises::revisions(reader.connection(), &anew).await?;
            for (id, shipment) in shipments::load(reader.connection(), &anew).await? {
                self.tell_snapshot(&shipment, revisions.get(&id).map_or(&[][..], Vec::as_slice));
            }
        }
        Ok(())
    }

    async fn heads(&self, reader: &Reader<'_>) -> Result<Vec<(ShipmentId, i64)>, Refused> {
        if let Some(id) = self.within {
            return Ok(watch::head(reader, id).await?.map(|head| (id, head)).into_iter().collect());
        }
        let Watched::Customer(customer) = self.watched else { return Ok(Vec::new()) };
        let heads = watch::heads_of(reader, customer, WIDEST + 1).await?;
        if heads.len() as u64 > WIDEST {
            let message = format!("{customer} has more than {WIDEST} shipments: watch them one by one");
            return Err(Refused::precondition("WATCH_TOO_WIDE", message).with("most", WIDEST));
        }
        Ok(heads)
    }

    fn tell_change(&mut self, (change, stored): watch::Stored) {
        self.positions.insert(change.shipment, change.number);
        let concerns = match self.watched {
            Watched::Package(id) => change.package.is_none_or(|(package, ..)| package == id),
            Watched::Shipment(_) | Watched::Customer(_) => true,
        };
        if concerns {
            self.waiting.push_back(WatchShipmentsResponse {
                change: Some(wire::change(&change, stored)),
                resume_token: token(self.watched, &self.positions),
                ..Default::default()
            });
        }
    }

    fn tell_snapshot(&mut self, shipment: &Shipment, revisions: &[crate::domain::Revision]) {
        self.positions.insert(shipment.id, shipment.version);
        self.waiting.push_back(WatchShipmentsResponse {
            snapshot: Some(wire::shipment(shipment, revisions)),
            resume_token: token(self.watched, &self.positions),
            ..Default::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_as_where_the_watcher_stood() {
        let watched = Watched::Customer(CustomerId::new());
        let stood = Positions::from([(ShipmentId::new(), 7), (ShipmentId::new(), i64::MAX)]);
        assert_eq!(positions(watched, &token(watched, &stood)), Ok(stood));
        assert_eq!(positions(watched, ""), Ok(Positions::new()));
    }

    #[test]
    fn a_token_of_another_watch_is_refused() {
        let (one, other) = (Watched::Shipment(ShipmentId::new()), Watched::Shipment(ShipmentId::new()));
        let token = token(one, &Positions::new());
        for wrong in [token.as_str(), "rubbish!", "AAAA"] {
            assert!(positions(other, wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn exactly_one_thing_is_watched() {
        let shipment = ShipmentId::new().to_string();
        let read = |shipment: &str, package: &str| {
            let message = WatchShipmentsRequest {
                shipment: shipment.into(),
                package: package.into(),
                ..WatchShipmentsRequest::default()
            };
            Watched::read(&message).is_ok()
        };
        assert!(read(&shipment, "") && !read("", "") && !read(&shipment, &PackageId::new().to_string()));
    }
}
