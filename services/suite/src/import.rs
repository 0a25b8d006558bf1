//! Imports of shop systems' exports: read by a mapping, sent through the services' streams, settled, and what was left
//! out told.

mod elements;
mod export;
mod mapping;
mod record;
mod rejects;
mod reviews;
mod table;
mod value;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::stream::{self, StreamExt};
use guanxi_client::{Client, Error};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use self::elements::Elements;
use self::export::Export;
pub use self::mapping::Mapping;
use self::rejects::{Place, Reject, Rejects};
use self::reviews::Reviews;
use crate::failed::{Done, Failed};
use crate::load::progress::Progress;
use crate::load::settle::{Settled, settle};
use crate::load::{Item, Refusal, setup, streams};
use crate::shown;
use crate::shown::say;

/// How many rejects are told at once; the file has them all.
const TOLD: usize = 10;

/// An import to be done.
#[derive(Debug)]
pub struct Import<'a> {
    /// The directory of the files.
    pub dir: &'a Path,
    /// What they mean.
    pub mapping: &'a Mapping,
    /// Where to write what was left out.
    pub rejects: &'a Path,
    /// Whether to wait until all has settled.
    pub wait: bool,
}

impl Import<'_> {
    /// Does it.
    ///
    /// # Errors
    /// A file that cannot be read, or a service that does not answer. Done again, it goes on where it ended.
    pub async fn run(&self, client: &Client) -> Done {
        let mut rejects = Rejects::default();
        let export = export::read(self.dir, self.mapping, &mut rejects)?;
        let left_out = export.left_out;
        self.set_up(client).await?;
        let rejects = self.send(client, export, rejects).await?;
        let settled = if self.wait { Some(wait(client).await?) } else { None };
        self.tell(settled, left_out, rejects)
    }

    async fn set_up(&self, client: &Client) -> Done {
        let retailer = self.mapping.retailer();
        let organization = setup::organization(client, &retailer).await;
        organization.map_err(|error| Failed::call("customer CreateOrganization", &error))?;
        if let Some(program) = self.mapping.program() {
            let made = setup::program(client, &retailer, &program).await;
            made.map_err(|error| Failed::call("loyalty CreateProgram", &error))?;
        }
        if let Some(survey) = self.mapping.survey() {
            let made = setup::survey(client, &retailer, &survey).await;
            made.map_err(|error| Failed::call("feedback CreateSurvey", &error))?;
        }
        Ok(())
    }

    /// Sends all of it: customers, then orders, and behind each order what was said of its packages; reviews beside.
    async fn send(&self, client: &Client, export: Export, rejects: Rejects) -> Done<Rejects> {
        let Export { customers, orders, numbers, left_out } = export;
        let (elements, progress, rejects) = (Elements::new(self.mapping), Progress::new(), RefCell::new(rejects));
        let refused = |place: &Place, fate: Result<(), Refusal>| match fate {
            Ok(()) => true,
            Err(refusal) => {
                rejects.borrow_mut().refused(place, refusal);
                false
            }
        };

        let facts = async {
            let mut bar = progress.bar("customers", customers.len());
            let records = stream::iter(customers)
                .map(|customer| Item { origin: customer.place.clone(), element: elements.record(customer) });
            let fate = |place, fate| {
                if refused(&place, fate) {
                    bar.inc();
                }
            };
            streams::records(client, records, fate).await.map_err(called("customer IngestSourceRecords"))?;
            bar.finish();

            let mut bar = progress.bar("orders", orders.len() + left_out);
            let mut parcels =
                progress.bar("tracking", orders.iter().map(|order| elements.tracking(order).count()).sum());
            let (recorded, behind) = mpsc::unbounded_channel();
            let requests = stream::iter(orders).map(|order| Item { element: elements.order(&order), origin: order });
            let recording = async {
                let fate = |order: export::Order, fate| {
                    if refused(&order.place, fate) {
                        bar.inc();
                        // Whoever would receive it has failed, and says so.
                        let _received = recorded.send(order);
                    }
                };
                let done = streams::orders(client, requests, fate).await.map_err(called("customer RecordOrders"));
                drop(recorded);
                done
            };
            let events = UnboundedReceiverStream::new(behind).flat_map(|order| {
                let origin = |element| Item { origin: order.place.clone(), element };
                stream::iter(elements.tracking(&order).map(origin).collect::<Vec<_>>())
            });
            let tracking = async {
                let fate = |place: Place, fate| {
                    if refused(&place, fate) {
                        parcels.inc();
                    }
                };
                streams::tracking(client, events, fate).await.map_err(called("logistics IngestEvents"))
            };
            tokio::try_join!(recording, tracking)?;
            bar.finish();
            parcels.finish();
            Ok(())
        };

        let opened = Reviews::open(self.dir, self.mapping, &numbers, &mut rejects.borrow_mut())?;
        let opinions = async {
            let Some(reviews) = opened else { return Ok(()) };
            let mut bar = progress.bar("reviews", Reviews::count(self.dir, self.mapping)?);
            let failed = RefCell::new(None);
            let rows = stream::unfold(reviews, |mut reviews| {
                let read = reviews.read(&mut rejects.borrow_mut());
                let item = read.unwrap_or_else(|error| {
                    failed.replace(Some(error));
                    None
                });
                async move { item.map(|item| (item, reviews)) }
            });
            let fate = |place: Place, fate| {
                if refused(&place, fate) {
                    bar.inc();
                }
            };
            streams::reviews(client, rows, fate).await.map_err(called("feedback SubmitReview"))?;
            bar.finish();
            failed.into_inner().map_or(Ok(()), Err)
        };

        tokio::try_join!(facts, opinions)?;
        Ok(rejects.into_inner())
    }

    /// Says how it ended.
    fn tell(&self, settled: Option<(Settled, std::time::Duration)>, left_out: usize, rejects: Rejects) -> Done {
        let rejects = rejects.sorted();
        let default = PathBuf::from(crate::commands::import::REJECTS);
        if !rejects.is_empty() || self.rejects != default || default.exists() {
            rejects::write(&rejects, self.rejects)?;
        }
        let mut line = match settled {
            Some((_, time)) => format!("settled in {}", shown::seconds(time)),
            None => "sent; not settled yet".to_owned(),
        };
        if left_out > 0 {
            line += &format!("; {} left out", shown::counted(left_out, "order"));
        }
        if !rejects.is_empty() {
            line += &format!("; {} rejected: see {}", shown::counted(rejects.len(), "record"), self.rejects.display());
        }
        say!("{line}");
        for Reject { file, line, field, reason } in rejects.iter().take(TOLD) {
            say!("  {file}:{line}  {field}  {reason}");
        }
        if rejects.len() > TOLD {
            say!("  and {} more", rejects.len() - TOLD);
        }
        match settled {
            Some((settled, _)) if !settled.is_clean() => {
                let Settled { stuck, parked, dead_letters } = settled;
                say!(
                    "  {stuck} events are on their way and do not move, {parked} wait for something that nobody has told \
                     of, {dead_letters} could not be handled: see guanxi verify and the services' logs"
                );
                if stuck + dead_letters > 0 { Err(Failed::told()) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}

/// Names the call that failed.
fn called(what: &'static str) -> impl Fn(Error) -> Failed {
    move |error| Failed::call(what, &error)
}

/// Waits until all has settled.
async fn wait(client: &Client) -> Done<(Settled, std::time::Duration)> {
    let since = Instant::now();
    let bar = Progress::new().waiting("settling");
    let settled = settle(client).await.map_err(|error| Failed::call("GetFlowLag", &error))?;
    bar.clear();
    Ok((settled, since.elapsed()))
}
