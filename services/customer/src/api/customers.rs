//! CustomerService: customers made, found, changed, deleted and brought back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guanxi_contracts::customer::v1::{
    self as pb, BatchGetCustomersRequest, BatchGetCustomersResponse, CreateCustomerRequest, CreateCustomerResponse,
    DeleteCustomerRequest, DeleteCustomerResponse, GetCustomer360Request, GetCustomer360Response, GetCustomerRequest,
    GetCustomerResponse, ListCustomersRequest, ListCustomersResponse, LookupCustomerRequest, LookupCustomerResponse,
    UndeleteCustomerRequest, UndeleteCustomerResponse, UpdateCustomerRequest, UpdateCustomerResponse,
};
use guanxi_contracts::server::customer_v1::customer_service_server::CustomerService;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{Call, FieldMask, PageRequest, Refuse, Refused, Timestamp, Uuid, Write};
use guanxi_rpc::{Peers, answer, convert, open, write};
use guanxi_store::{Database, Session, StoreError, Tx};
use prost::Message;
use tonic::{Request, Response, Status};

use super::wire;
use crate::domain::customer::{CHANGEABLE, Customer, CustomerError, check_declared, first_record};
use crate::domain::ingest::{Known, Policy, readings};
use crate::domain::phone::Region;
use crate::events::outgoing;
use crate::store::pages::Asked;
use crate::store::{customers, identity, organizations};

/// The service.
#[derive(Debug, Clone)]
pub struct Customers {
    pub(super) db: Database,
    policy: Arc<Policy>,
    pub(super) peers: Peers,
    pub(super) patience: Duration,
}

impl Customers {
    /// The service over its database and the ways to the other services, each of which it waits `patience` for.
    pub fn new(db: &Database, policy: &Arc<Policy>, peers: Peers, patience: Duration) -> Self {
        Self { db: db.clone(), policy: Arc::clone(policy), peers, patience }
    }

    async fn create(&self, call: &Call, message: CreateCustomerRequest) -> Result<CreateCustomerResponse, Refused> {
        let stated = convert::required(message.customer.as_ref(), "customer")?;
        let raw = message.identifiers.iter().enumerate();
        let (profile, named, identifiers) = convert::all((
            wire::profile(stated),
            convert::organization(&stated.organization, "customer.organization"),
            convert::each::<_, Vec<_>>(raw.map(|(at, raw)| wire::raw_identifier(raw, &format!("identifiers[{at}]")))),
        ))?;
        let organization = call.organization(named)?;
        let region = Region::from_code(&profile.address.region);
        let (read, ()) = convert::all((
            readings(&identifiers, &self.policy.reader, region).refuse(),
            check_declared(&profile, self.db.clock().now()).refuse(),
        ))?;
        let ids: BTreeMap<Uuid, _> = read.into_iter().map(|read| (read.id(&organization), read)).collect();
        let request = convert::uuid(&message.request_id, "request_id")?;
        let write = write("CustomerService/CreateCustomer", request, &message)?;
        let (ids, profile, identifiers, organization) = (&ids, &profile, &identifiers, &organization);
        let reply = self
            .write(call, &write, |tx| async move {
                organizations::get(&*tx, organization).await?;
                let id = CustomerId::new();
                let record = first_record(id, profile.clone(), tx.now()).refuse()?;
                let made = Customer::new(id, organization.clone(), Default::default(), tx.now());
                let mut known = identity::known(&tx, ids).await?;
                known.declare(made, record, identifiers, &self.policy, tx.now()).refuse()?;
                identity::save(&tx, &known, |_| false).await?;
                let made = known.customer(id).ok_or_else(|| StoreError::row("a customer was made and is not there"))?;
                tx.emit(outgoing::customer_created(made, false));
                shown(&*tx, made).await
            })
            .await?;
        Ok(CreateCustomerResponse { customer: Some(reply) })
    }

    async fn update(&self, call: &Call, message: UpdateCustomerRequest) -> Result<UpdateCustomerResponse, Refused> {
        let stated = convert::required(message.customer.as_ref(), "customer")?;
        let paths = message.update_mask.as_ref().map_or(&[][..], |mask| &mask.paths);
        let (id, profile, mask) = convert::all((
            convert::name::<CustomerId>(&stated.name, "customer.name"),
            wire::profile(stated),
            FieldMask::parse(paths, &CHANGEABLE),
        ))?;
        let write = write("CustomerService/UpdateCustomer", id.uuid(), &message)?;
        let (profile, mask) = (&profile, &mask);
        let reply = self
            .write(call, &write, |tx| async move {
                let mut known = lock(&tx, id).await?;
                let customer = known.customer(id).ok_or_else(|| Refused::not_found("customer", id))?;
                let record = customer.declare(profile, mask, &stated.etag, tx.now()).refuse()?;
                known.add_record(id, record, Vec::new(), &self.policy, tx.now());
                identity::save(&tx, &known, |_| false).await?;
                for (customer, paths) in known.changed() {
                    tx.emit(outgoing::customer_updated(customer, paths, false));
                }
                let customer = known.customer(id).ok_or_else(|| Refused::not_found("customer", id))?;
                shown(&*tx, customer).await
            })
            .await?;
        Ok(UpdateCustomerResponse { customer: Some(reply) })
    }

    /// A change of a customer that touches none of its records: deletion and its undoing.
    async fn change(
        &self,
        call: &Call,
        write: &Write,
        id: CustomerId,
        decide: impl Fn(&mut Customer, Timestamp) -> Result<(), CustomerError>,
    ) -> Result<pb::Customer, Refused> {
        let decide = &decide;
        self.write(call, write, |tx| async move {
            let known = lock(&tx, id).await?;
            let customer = known.customer(id).ok_or_else(|| Refused::not_found("customer", id))?;
            let mut customer = customer.clone();
            decide(&mut customer, tx.now()).refuse()?;
            customers::update(&tx, [&customer]).await?;
            tx.emit(outgoing::customer_updated(&customer, &["delete_time", "state"], false));
            shown(&*tx, &customer).await
        })
        .await
    }

    async fn write<F, Fut>(&self, call: &Call, write: &Write, decide: F) -> Result<pb::Customer, Refused>
    where
        F: Fn(Arc<Tx>) -> Fut,
        Fut: Future<Output = Result<pb::Customer, StoreError>>,
    {
        let decide = &decide;
        let written = self.db.command(call, write, |tx| async move { Ok(decide(tx).await?.encode_to_vec()) }).await?;
        pb::Customer::decode(written.reply.as_slice())
            .map_err(|_| Refused::internal("an answer could not be read back"))
    }

    pub(super) async fn get(&self, call: &Call, name: &str) -> Result<pb::Customer, Refused> {
        let id: CustomerId = convert::name(name, "name")?;
        let reader = self.db.reader(call);
        let customer = customers::get(&reader, id).await?;
        Ok(shown(&reader, &customer).await?)
    }

    async fn batch_get(
        &self,
        call: &Call,
        message: BatchGetCustomersRequest,
    ) -> Result<BatchGetCustomersResponse, Refused> {
        let names = message.names.iter().enumerate();
        let names = names.map(|(at, name)| convert::name::<CustomerId>(name, &format!("names[{at}]")));
        let names: Vec<CustomerId> = convert::each(names)?;
        let ids: Vec<Uuid> = names.iter().map(|id| id.uuid()).collect();
        let reader = self.db.reader(call);
        let found: BTreeMap<CustomerId, Customer> =
            customers::get_all(&reader, &ids).await?.into_iter().map(|customer| (customer.id, customer)).collect();
        let open = identity::open(&reader, &ids).await?;
        let one = |id: &CustomerId| {
            let customer = found.get(id).ok_or_else(|| Refused::not_found("customer", id))?;
            Ok(wire::customer(customer, open.get(id).map_or(&[][..], Vec::as_slice)))
        };
        Ok(BatchGetCustomersResponse { customers: names.iter().map(one).collect::<Result<_, Refused>>()? })
    }

    async fn list(&self, call: &Call, message: ListCustomersRequest) -> Result<ListCustomersResponse, Refused> {
        let order_by = if message.order_by.is_empty() { "create_time" } else { &message.order_by };
        let deleted = if message.show_deleted { "deleted too" } else { "" };
        let asked = ["ListCustomers", &message.organization, &message.filter, order_by, deleted];
        let (organization, page, ()) = convert::all((
            convert::organization(&message.organization, "organization"),
            PageRequest::parse(message.page_size, &message.page_token, &asked),
            customers::LIST.check(&message.filter, order_by),
        ))?;
        let asked = Asked { filter: &message.filter, order_by, page: &page };
        let reader = self.db.reader(call);
        let (found, next_page_token) =
            customers::list(&reader, organization.as_ref(), message.show_deleted, asked).await?;
        let customers = found.iter().map(|customer| wire::customer(customer, &[])).collect();
        Ok(ListCustomersResponse { customers, next_page_token })
    }

    async fn lookup(&self, call: &Call, message: LookupCustomerRequest) -> Result<LookupCustomerResponse, Refused> {
        let raw = convert::required(message.identifier.as_ref(), "identifier")?;
        let (raw, as_of) = convert::all((
            wire::raw_identifier(raw, "identifier"),
            convert::instant(message.as_of_time.as_ref(), "as_of_time"),
        ))?;
        let organization = wire::readable_organization(call, &message.organization)?;
        let region = match message.region_code.as_str() {
            "" => None,
            code => Some(Region::from_code(code).ok_or_else(|| {
                Refused::invalid("region_code", "REGION_UNKNOWN", format!("{code:?} is not a region"))
            })?),
        };
        let identifier = wire::recognised(&self.policy.reader, &raw, region, "identifier")?;
        let nobody = || Refused::not_found("customer", format!("with this {}", identifier.kind));
        let reader = self.db.reader(call);
        let ids = BTreeMap::from([(identifier.id(&organization), identifier.clone())]);
        let timelines = identity::timelines(&reader, &ids, "").await?;
        let owner = timelines.first().and_then(|(_, timeline)| timeline.owner(as_of.unwrap_or(reader.now())));
        let customer = customers::get(&reader, owner.ok_or_else(nobody)?).await?;
        if customer.delete_time.is_some() {
            return Err(nobody());
        }
        Ok(LookupCustomerResponse { customer: Some(shown(&reader, &customer).await?) })
    }
}

/// A customer with its records, locked, that the caller may write.
async fn lock(tx: &Tx, id: CustomerId) -> Result<Known, StoreError> {
    let mut known = Known::default();
    for (customer, versions) in customers::lock(tx, &[id.uuid()]).await? {
        tx.may_write(customer.organization.slug())
            .map_err(|refused| if tx.may_read(customer.organization.slug()) { refused } else { not_found(id) })?;
        known.add_customer(customer, versions);
    }
    if known.customer(id).is_none() {
        return Err(not_found(id).into());
    }
    Ok(known)
}

fn not_found(id: CustomerId) -> Refused {
    Refused::not_found("customer", id)
}

/// A customer with what it is recognised by now.
pub(super) async fn shown(session: &impl Session, customer: &Customer) -> Result<pb::Customer, StoreError> {
    let open = identity::open(session, &[customer.id.uuid()]).await?;
    Ok(wire::customer(customer, open.get(&customer.id).map_or(&[][..], Vec::as_slice)))
}

#[tonic::async_trait]
impl CustomerService for Customers {
    async fn create_customer(
        &self,
        request: Request<CreateCustomerRequest>,
    ) -> Result<Response<CreateCustomerResponse>, Status> {
        let (call, message) = open(request);
        answer(self.create(&call, message)).await
    }

    async fn get_customer(
        &self,
        request: Request<GetCustomerRequest>,
    ) -> Result<Response<GetCustomerResponse>, Status> {
        let (call, message) = open(request);
        answer(async { Ok(GetCustomerResponse { customer: Some(self.get(&call, &message.name).await?) }) }).await
    }

    async fn batch_get_customers(
        &self,
        request: Request<BatchGetCustomersRequest>,
    ) -> Result<Response<BatchGetCustomersResponse>, Status> {
        let (call, message) = open(request);
        answer(self.batch_get(&call, message)).await
    }

    async fn update_customer(
        &self,
        request: Request<UpdateCustomerRequest>,
    ) -> Result<Response<UpdateCustomerResponse>, Status> {
        let (call, message) = open(request);
        answer(self.update(&call, message)).await
    }

    async fn list_customers(
        &self,
        request: Request<ListCustomersRequest>,
    ) -> Result<Response<ListCustomersResponse>, Status> {
        let (call, message) = open(request);
        answer(self.list(&call, message)).await
    }

    async fn lookup_customer(
        &self,
        request: Request<LookupCustomerRequest>,
    ) -> Result<Response<LookupCustomerResponse>, Status> {
        let (call, message) = open(request);
        answer(self.lookup(&call, message)).await
    }

    async fn delete_customer(
        &self,
        request: Request<DeleteCustomerRequest>,
    ) -> Result<Response<DeleteCustomerResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: CustomerId = convert::name(&message.name, "name")?;
            let write = write("CustomerService/DeleteCustomer", id.uuid(), &message)?;
            let deleted = self.change(&call, &write, id, |customer, now| customer.delete(&message.etag, now)).await?;
            Ok(DeleteCustomerResponse { customer: Some(deleted) })
        })
        .await
    }

    async fn undelete_customer(
        &self,
        request: Request<UndeleteCustomerRequest>,
    ) -> Result<Response<UndeleteCustomerResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: CustomerId = convert::name(&message.name, "name")?;
            let write = write("CustomerService/UndeleteCustomer", id.uuid(), &message)?;
            let back = self.change(&call, &write, id, |customer, now| customer.undelete(&message.etag, now)).await?;
            Ok(UndeleteCustomerResponse { customer: Some(back) })
        })
        .await
    }

    async fn get_customer360(
        &self,
        request: Request<GetCustomer360Request>,
    ) -> Result<Response<GetCustomer360Response>, Status> {
        let (call, message) = open(request);
        answer(self.view(&call, message)).await
    }
}
