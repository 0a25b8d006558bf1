//! Loads the sample through the same streams as an import: organisations, stores and customers; then orders, and behind
//! each order what was reported and thought of it; and, once that has settled, later promises and answers to the survey.

use std::cell::RefCell;
use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use guanxi_client::contracts::feedback::v1::{Answer, InviteRequest, SubmitResponseRequest};
use guanxi_client::contracts::logistics::v1::RevisePromiseRequest;
use guanxi_client::contracts::time::to_proto;
use guanxi_client::{Client, Error};
use guanxi_kernel::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Code;

use super::orders::Purchase;
use super::people::Person;
use super::places::{ORGANIZATIONS, Organization, STORES};
use super::{Sample, elements};
use crate::failed::{Done, Failed};
use crate::load::flow::PATIENCE;
use crate::load::progress::{Bar, Progress};
use crate::load::setup::{self, DeliverySurvey, PointsProgram, Retailer};
use crate::load::{Item, Refusal, streams};

/// Unary calls in flight.
const CALLS: usize = 32;

/// A sample on its way in.
pub struct Load<'a> {
    sample: &'a Sample,
    client: &'a Client,
    bar: RefCell<Bar>,
    refused: RefCell<Refused>,
}

/// What was not taken.
#[derive(Debug, Default)]
pub struct Refused {
    /// How many elements.
    pub count: usize,
    /// The first of them, and why.
    pub first: Option<String>,
}

/// What was loaded.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Customers.
    pub customers: usize,
    /// Orders.
    pub orders: usize,
    /// Somebody of whom there is much to see, by organisation and number at the tills.
    pub example: Option<(&'static Organization, u64)>,
}

impl<'a> Load<'a> {
    /// A load of `sample`, not begun.
    pub fn new(sample: &'a Sample, client: &'a Client, progress: &Progress) -> Self {
        let total = STORES.len()
            + sample.people().map(|person| elements::records(&person).count()).sum::<usize>()
            + sample.purchases().count();
        let bar = RefCell::new(progress.bar("sample", total));
        Self { sample, client, bar, refused: RefCell::default() }
    }

    /// Sends everything but what needs it to have settled.
    ///
    /// # Errors
    /// A service that does not answer.
    pub async fn send(&self) -> Done<Loaded> {
        for organization in &ORGANIZATIONS {
            self.set_up(organization).await?;
        }
        tokio::try_join!(self.stores(), self.customers())?;
        self.orders().await
    }

    /// Sends what needs the rest to have settled: later promises for what is late and on its way, and answers.
    ///
    /// # Errors
    /// A service that does not answer.
    pub async fn send_late(&self) -> Done {
        let until = self.sample.until;
        let postponed = self.sample.purchases().flat_map(|(person, purchase)| purchase.postponements(&person, until));
        self.each(postponed, |promise| self.postpone(promise)).await?;
        let answered = self.sample.purchases().filter(|(_, purchase)| purchase.answer(until).is_some());
        self.each(answered, |(person, purchase)| self.answer(person, purchase)).await
    }

    /// Ends it: the bar, and what was not taken.
    pub fn finish(self) -> Refused {
        self.bar.into_inner().clear();
        self.refused.into_inner()
    }

    async fn set_up(&self, organization: &Organization) -> Done {
        let Organization { slug, display_name, points, .. } = organization;
        let retailer = Retailer {
            organization: (*slug).to_owned(),
            display_name: (*display_name).to_owned(),
            time_zone: organization.time_zone.to_owned(),
            currency_code: organization.currency_code.to_owned(),
        };
        let program = PointsProgram {
            id: format!("points-{slug}"),
            display_name: format!("{display_name} {points}"),
            points: (*points).to_owned(),
            points_per_step: 1,
            step_minor: organization.point_step_minor,
            expiry_months: Some(12),
        };
        let survey = DeliverySurvey {
            id: format!("delivery-{slug}"),
            display_name: format!("{display_name} NPS"),
            question: organization.question.to_owned(),
        };
        let made = setup::organization(self.client, &retailer).await;
        made.map_err(called("customer CreateOrganization"))?;
        let program = setup::program(self.client, &retailer, &program);
        let survey = setup::survey(self.client, &retailer, &survey);
        let (program, survey) = tokio::join!(program, survey);
        program.map_err(called("loyalty CreateProgram"))?;
        survey.map_err(called("feedback CreateSurvey"))
    }

    async fn stores(&self) -> Done {
        self.each(STORES.iter(), |store| async move {
            let request = elements::store(store);
            let create = || {
                let (mut organizations, request) = (self.client.customer().organizations(), request.clone());
                async move { organizations.create_store(request).await }
            };
            match self.client.retry_for(PATIENCE, create).await {
                Err(error) if error.code != Code::AlreadyExists => Err(called("customer CreateStore")(error)),
                _ => {
                    self.bar.borrow_mut().inc();
                    Ok(())
                }
            }
        })
        .await
    }

    async fn customers(&self) -> Done {
        let records = self.sample.people().flat_map(|person| elements::records(&person).collect::<Vec<_>>());
        let records = records.map(|element| {
            let record = element.record.as_ref();
            let origin = record.map(|record| format!("{}:{}", record.source, record.external_id)).unwrap_or_default();
            Item { origin, element }
        });
        let fate = |name: String, fate| {
            if self.note(fate, || name) {
                self.bar.borrow_mut().inc();
            }
        };
        streams::records(self.client, stream::iter(records), fate).await.map_err(called("customer IngestSourceRecords"))
    }

    /// Sends the orders, and once an order is recorded what was reported and thought of it.
    async fn orders(&self) -> Done<Loaded> {
        let until = self.sample.until;
        let loaded = RefCell::new(Loaded { customers: self.sample.customers as usize, ..Loaded::default() });
        let mut liveliest = Liveliest::default();
        let (recorded, parcels) = mpsc::unbounded_channel();
        let (finished, opinions) = mpsc::unbounded_channel();
        let orders = stream::iter(self.sample.purchases()).map(|(person, purchase)| Item {
            element: purchase.order(&person, until),
            origin: Arc::new((person, purchase)),
        });
        let recording = async {
            let fate = |origin: Arc<(Person, Purchase)>, fate| {
                let (person, purchase) = origin.as_ref();
                if !self.note(fate, || purchase.name().to_string()) {
                    return;
                }
                self.bar.borrow_mut().inc();
                let mut loaded = loaded.borrow_mut();
                loaded.orders += 1;
                if let Some(number) = liveliest.count(person, purchase, until) {
                    loaded.example = Some((person.organization, number));
                }
                // Whoever would receive it has failed, and says so.
                let _received = (recorded.send(Arc::clone(&origin)), finished.send(origin));
            };
            let done = streams::orders(self.client, orders, fate).await.map_err(called("customer RecordOrders"));
            drop((recorded, finished));
            done
        };
        let events = behind(parcels, |person, purchase| purchase.events(person, until));
        let tracking = async {
            let fate = |name: String, fate| {
                self.note(fate, || name);
            };
            streams::tracking(self.client, events, fate).await.map_err(called("logistics IngestEvents"))
        };
        let reviews = behind(opinions, |person, purchase| purchase.review(person, until).into_iter().collect());
        let reviewing = async {
            let fate = |name: String, fate| {
                self.note(fate, || name);
            };
            streams::reviews(self.client, reviews, fate).await.map_err(called("feedback SubmitReview"))
        };
        tokio::try_join!(recording, tracking, reviewing)?;
        Ok(loaded.into_inner())
    }

    /// Promises a later day. That it was promised already, or the parcel has arrived since, is as good.
    async fn postpone(&self, request: RevisePromiseRequest) -> Done {
        let revise = || {
            let (mut shipments, request) = (self.client.logistics().shipments(), request.clone());
            async move { shipments.revise_promise(request).await }
        };
        match self.client.retry_for(PATIENCE, revise).await {
            Err(error) if error.code != Code::FailedPrecondition => Err(called("logistics RevisePromise")(error)),
            _ => Ok(()),
        }
    }

    /// Answers the survey about an order.
    async fn answer(&self, person: Person, purchase: Purchase) -> Done {
        let Some((time, score)) = purchase.answer(self.sample.until) else { return Ok(()) };
        let order = purchase.name().to_string();
        let request = InviteRequest {
            request_id: elements::request_id("Invite", &order),
            survey: format!("surveys/delivery-{}", person.organization.slug),
            customer: String::new(),
            order: order.clone(),
        };
        let invite = || {
            let (mut surveys, request) = (self.client.feedback().surveys(), request.clone());
            async move { surveys.invite(request).await }
        };
        let invited = match self.client.retry_for(PATIENCE, invite).await {
            Ok(invited) => invited.invitation.unwrap_or_default(),
            Err(error) => return self.refuse_or_fail("feedback Invite", order, error),
        };
        let request = SubmitResponseRequest {
            request_id: elements::request_id("SubmitResponse", &order),
            invitation: invited.name,
            answers: vec![Answer { question: setup::QUESTION.to_owned(), number: Some(score), text: String::new() }],
            answer_time: Some(to_proto(time)),
        };
        let submit = || {
            let (mut surveys, request) = (self.client.feedback().surveys(), request.clone());
            async move { surveys.submit_response(request).await }
        };
        match self.client.retry_for(PATIENCE, submit).await {
            Ok(_) => Ok(()),
            Err(error) => self.refuse_or_fail("feedback SubmitResponse", order, error),
        }
    }

    /// Makes a call for each, several at a time.
    async fn each<T, F: Future<Output = Done>>(&self, those: impl Iterator<Item = T>, call: impl Fn(T) -> F) -> Done {
        stream::iter(those).map(call).buffer_unordered(CALLS).try_collect().await
    }

    fn refuse_or_fail(&self, what: &'static str, name: String, error: Error) -> Done {
        if error.code != Code::FailedPrecondition {
            return Err(called(what)(error));
        }
        self.note(Err(Refusal { field: String::new(), reason: error.to_string() }), || name);
        Ok(())
    }

    /// Whether it was taken; remembers what was not.
    fn note(&self, fate: Result<(), Refusal>, name: impl FnOnce() -> String) -> bool {
        let Err(Refusal { field, reason }) = fate else { return true };
        let mut refused = self.refused.borrow_mut();
        refused.count += 1;
        refused.first.get_or_insert_with(|| format!("{} {field} {reason}", name()));
        false
    }
}

/// Whom to show: of those who come by customer, the one with most parcels on their way, then with most orders.
#[derive(Debug, Default)]
struct Liveliest {
    current: (u64, usize),
    most: usize,
}

impl Liveliest {
    /// The person's number at the tills, where this order makes him the liveliest so far.
    fn count(&mut self, person: &Person, purchase: &Purchase, until: Timestamp) -> Option<u64> {
        let (index, so_far) = self.current;
        let before = if index == person.index { so_far } else { 0 };
        let score = before + 1 + 100 * purchase.on_their_way(until).count();
        self.current = (person.index, score);
        let number = person.till.filter(|_| score > self.most)?;
        self.most = score;
        Some(number)
    }
}

/// What follows from each recorded order, named by it.
fn behind<E>(
    orders: mpsc::UnboundedReceiver<Arc<(Person, Purchase)>>,
    follows: impl Fn(&Person, &Purchase) -> Vec<E>,
) -> impl Stream<Item = Item<String, E>> {
    UnboundedReceiverStream::new(orders).flat_map(move |origin| {
        let (person, purchase) = origin.as_ref();
        let name = purchase.name().to_string();
        let item = |element| Item { origin: name.clone(), element };
        stream::iter(follows(person, purchase).into_iter().map(item).collect::<Vec<_>>())
    })
}

/// Names the call that failed.
fn called(what: &'static str) -> impl Fn(Error) -> Failed {
    move |error| Failed::call(what, &error)
}
