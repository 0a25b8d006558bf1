//! ShipmentService.

use guanxi_contracts::Message as _;
use guanxi_contracts::logistics::v1::*;
use guanxi_contracts::server::logistics_v1::shipment_service_server::ShipmentService;
use guanxi_kernel::name::{CustomerId, PackageId, ShipmentId};
use guanxi_kernel::{OrderName, OrganizationId, PageRequest, Refuse, Refused, natural_id};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::{Database, Session};
use tonic::{Request, Response, Status};

use super::{reply, wire};
use crate::domain::{Fact, Promise, TrackingNumber};
use crate::events::outgoing;
use crate::store::opening::{self, NewShipment, Opened};
use crate::store::{listing, promises, shipments};

/// Serves shipments.
#[derive(Debug, Clone)]
pub struct Shipments {
    db: Database,
}

impl Shipments {
    /// Over this database.
    pub fn new(db: &Database) -> Self {
        Self { db: db.clone() }
    }
}

/// A shipment to record, as a request asks for it.
fn asked(message: &CreateShipmentRequest) -> Result<Asked, Refused> {
    let (organization, order, customer, promise) = convert::all((
        convert::organization(&message.organization, "organization"),
        convert::optional_name::<OrderName>(&message.order, "order"),
        convert::optional_name::<CustomerId>(&message.customer, "customer"),
        message.promise.as_ref().map(wire::promise_given).transpose(),
    ))?;
    let seller = Some(message.seller.clone()).filter(|seller| !seller.is_empty());
    let numbers = message.packages.iter().map(|p| p.tracking_number.as_ref().map(wire::number_given)).collect();
    Ok(Asked { organization, order, seller, customer, promise, numbers })
}

struct Asked {
    organization: Option<OrganizationId>,
    order: Option<OrderName>,
    seller: Option<String>,
    customer: Option<CustomerId>,
    promise: Option<Promise>,
    numbers: Vec<Option<TrackingNumber>>,
}

impl Asked {
    /// What it is recorded as: named by order and seller where both are given, else by the request.
    fn new_shipment(self, organization: OrganizationId, request_id: &str) -> NewShipment {
        let natural = self.order.as_ref().zip(self.seller.as_deref());
        let made = natural_id("shipment-created", [organization.slug(), request_id]);
        let id = natural.map_or(ShipmentId(made), |(order, seller)| order.shipment(seller));
        let package = |index: u32| match natural {
            Some((order, seller)) => order.package(seller, index),
            None => PackageId(natural_id("package-created", [id.to_string().as_str(), &index.to_string()])),
        };
        let packages = (0_u32..).zip(self.numbers).map(|(index, number)| (package(index), number)).collect();
        NewShipment {
            id,
            organization,
            packages,
            order: self.order,
            seller: self.seller,
            customer: self.customer,
            promise: self.promise,
            historical: false,
            traceparent: None,
        }
    }
}

#[tonic::async_trait]
impl ShipmentService for Shipments {
    async fn create_shipment(
        &self,
        request: Request<CreateShipmentRequest>,
    ) -> Result<Response<CreateShipmentResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = asked(&message)?;
            let organization = call.organization(asked.organization.clone())?;
            let new = asked.new_shipment(organization, &message.request_id);
            let new = NewShipment { traceparent: call.traceparent.clone(), ..new };
            let write = write("ShipmentService/CreateShipment", new.id.uuid(), &message)?;
            let new = &new;
            let written = self.db.command(&call, &write, |tx| async move {
                match opening::open(&tx, vec![new.clone()]).await?.pop() {
                    Some(Opened::New(shipment)) => {
                        let shipment = Some(wire::shipment(&shipment, &[]));
                        Ok(CreateShipmentResponse { shipment }.encode_to_vec())
                    }
                    _ => Err(Refused::exists("shipment", new.id).into()),
                }
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_shipment(
        &self,
        request: Request<GetShipmentRequest>,
    ) -> Result<Response<GetShipmentResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id = convert::name(&message.name, "name")?;
            let (shipment, revised) = shipments::get(&self.db.reader(&call), id).await?;
            Ok(GetShipmentResponse { shipment: Some(wire::shipment(&shipment, &revised)) })
        })
        .await
    }

    async fn list_shipments(
        &self,
        request: Request<ListShipmentsRequest>,
    ) -> Result<Response<ListShipmentsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (page, ()) = convert::all((
                PageRequest::parse(message.page_size, &message.page_token, &["ListShipments", &message.filter]),
                listing::check(&message.filter),
            ))?;
            let (listed, next) = listing::list(&self.db.reader(&call), &message.filter, &page).await?;
            let shipments = listed.iter().map(|(shipment, revised)| wire::shipment(shipment, revised)).collect();
            let next_page_token = next.map(|key| page.next(key)).unwrap_or_default();
            Ok(ListShipmentsResponse { shipments, next_page_token })
        })
        .await
    }

    async fn revise_promise(
        &self,
        request: Request<RevisePromiseRequest>,
    ) -> Result<Response<RevisePromiseResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (id, promise) = convert::all((
                convert::name::<ShipmentId>(&message.name, "name"),
                convert::required(message.promise.as_ref(), "promise").and_then(wire::promise_given),
            ))?;
            let write = write("ShipmentService/RevisePromise", id.uuid(), &message)?;
            let (message, promise) = (&message, &promise);
            let written = self.db.command(&call, &write, |tx| async move {
                let not_found = || Refused::not_found("shipment", id);
                let mut shipment = shipments::lock(&tx, &[id.uuid()]).await?.remove(&id).ok_or_else(not_found)?;
                tx.may_write(shipment.organization.slug())
                    .map_err(|refused| if refused.reason() == "NOT_FOUND" { not_found() } else { refused })?;
                if !message.etag.is_empty() && message.etag != wire::etag(&shipment) {
                    return Err(Refused::stale_etag(id).into());
                }
                let (cause, actor) = (message.cause.clone(), message.actor.clone());
                let (change, revision) = shipment.revise_promise(promise.clone(), cause, actor, tx.now()).refuse()?;
                shipments::save(&tx, std::iter::once(&shipment)).await?;
                shipments::log(&tx, vec![change]).await?;
                promises::save(&tx, &shipment, &revision).await?;
                let facts = [Fact::PromiseRevised(Box::new(revision))];
                outgoing::tell(&tx, &shipment, &facts, false, tx.call().traceparent.as_ref());
                let (shipment, revised) = shipments::get(&*tx, id).await?;
                let shipment = Some(wire::shipment(&shipment, &revised));
                Ok(RevisePromiseResponse { shipment }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }
}
