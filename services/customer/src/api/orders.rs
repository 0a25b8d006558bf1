//! OrderService: order facts in and out.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering as Atomic};

use guanxi_contracts::customer::v1::{
    GetOrderRequest, GetOrderResponse, ListOrdersRequest, ListOrdersResponse, RecordOrdersRequest,
    RecordOrdersResponse, RecordOutcome,
};
use guanxi_contracts::server::customer_v1::order_service_server::OrderService;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{Call, OrderName, PageRequest, Refused};
use guanxi_rpc::{Answers, answer, answer_each, check, convert, open};
use guanxi_store::{Database, GroupCommit};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::recording::{Record, Recording};
use super::{order_wire, wire};
use crate::domain::identifier::Reader;
use crate::domain::ingest::Policy;
use crate::domain::recording::{Placed, Placer};
use crate::store::pages::Asked;
use crate::store::{customers, orders};

/// How many orders of one stream are worked on at once: what group commit can group.
const AT_ONCE: usize = 256;

/// The service.
#[derive(Debug, Clone)]
pub struct Orders {
    db: Database,
    policy: Arc<Policy>,
    reports: GroupCommit<Recording>,
}

impl Orders {
    /// The service over its database and the queue of its reports.
    pub fn new(db: &Database, policy: &Arc<Policy>, reports: &GroupCommit<Recording>) -> Self {
        Self { db: db.clone(), policy: Arc::clone(policy), reports: reports.clone() }
    }

    async fn take(
        &self,
        call: &Call,
        element: RecordOrdersRequest,
        index: i64,
    ) -> Result<RecordOrdersResponse, Refused> {
        let order = element.order.as_ref().map_or_else(String::new, |order| order.name.clone());
        let answer = match self.record(call, element).await {
            Ok(answer) => answer,
            Err(refused) => RecordOrdersResponse {
                outcome: RecordOutcome::Rejected.into(),
                rejection: Some(wire::rejection(refused)?),
                ..RecordOrdersResponse::default()
            },
        };
        Ok(RecordOrdersResponse { index, order, ..answer })
    }

    async fn record(&self, call: &Call, element: RecordOrdersRequest) -> Result<RecordOrdersResponse, Refused> {
        check(&element)?;
        let historical = element.historical;
        let placer = placer(&element, &self.policy.reader);
        let message = convert::required(element.order, "order")?;
        let organization = call.organization(convert::organization(&message.organization, "order.organization")?)?;
        let (placer, report) = convert::all((placer, order_wire::report(message, organization)))?;
        let root = report.name.uuid();
        let command = Record { placed: Placed { report, placer }, historical };
        let written = self.reports.submit(call, root, None, command).await?;
        RecordOrdersResponse::decode(written.reply.as_slice())
            .map_err(|_| Refused::internal("an answer could not be read back"))
    }

    async fn list(&self, call: &Call, message: ListOrdersRequest) -> Result<ListOrdersResponse, Refused> {
        let order_by = if message.order_by.is_empty() { "order_time desc" } else { &message.order_by };
        let asked = ["ListOrders", &message.customer, &message.organization, &message.filter, order_by];
        let (customer, organization, page, ()) = convert::all((
            convert::optional_name::<CustomerId>(&message.customer, "customer"),
            convert::organization(&message.organization, "organization"),
            PageRequest::parse(message.page_size, &message.page_token, &asked),
            orders::LIST.check(&message.filter, order_by),
        ))?;
        let asked = Asked { filter: &message.filter, order_by, page: &page };
        let reader = self.db.reader(call);
        if let Some(customer) = customer {
            customers::get(&reader, customer).await?;
        }
        let (found, next_page_token) = orders::list(&reader, customer, organization.as_ref(), asked).await?;
        Ok(ListOrdersResponse { orders: found.iter().map(whole).collect(), next_page_token })
    }
}

#[tonic::async_trait]
impl OrderService for Orders {
    type RecordOrdersStream = Answers<RecordOrdersResponse>;

    async fn record_orders(
        &self,
        request: Request<Streaming<RecordOrdersRequest>>,
    ) -> Result<Response<Self::RecordOrdersStream>, Status> {
        let (this, next) = (self.clone(), AtomicI64::new(0));
        answer_each(request, AT_ONCE, move |call, element| {
            let (this, index) = (this.clone(), next.fetch_add(1, Atomic::Relaxed));
            async move { this.take(&call, element, index).await }
        })
    }

    async fn get_order(&self, request: Request<GetOrderRequest>) -> Result<Response<GetOrderResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let name: OrderName = convert::name(&message.name, "name")?;
            let order = orders::get(&self.db.reader(&call), &name).await?;
            Ok(GetOrderResponse { order: Some(whole(&order)) })
        })
        .await
    }

    async fn list_orders(&self, request: Request<ListOrdersRequest>) -> Result<Response<ListOrdersResponse>, Status> {
        let (call, message) = open(request);
        answer(self.list(&call, message)).await
    }
}

fn whole(order: &crate::domain::order::Order) -> guanxi_contracts::customer::v1::Order {
    order_wire::order(order, order.facts.total_minor(), order.facts.state())
}

/// Whom the element names: its order's customer, or whoever its identifier belongs to.
fn placer(element: &RecordOrdersRequest, reader: &Reader) -> Result<Placer, Refused> {
    let named = element.order.as_ref().map_or("", |order| order.customer.as_str());
    match (named, &element.identifier) {
        ("", None) => {
            let description = "name the customer here, or by identifier";
            Err(Refused::invalid("order.customer", "CUSTOMER_REQUIRED", description))
        }
        (_, None) => Ok(Placer::Customer(convert::name(named, "order.customer")?)),
        ("", Some(identifier)) => {
            let raw = wire::raw_identifier(identifier, "identifier")?;
            Ok(Placer::Holder(wire::recognised(reader, &raw, None, "identifier")?))
        }
        (_, Some(_)) => {
            let description = "the order names its customer already";
            Err(Refused::invalid("identifier", "CUSTOMER_TWICE", description))
        }
    }
}
