//! OrganizationService: organisations and their stores.

use guanxi_contracts::customer::v1::{
    self as pb, CreateOrganizationRequest, CreateOrganizationResponse, CreateStoreRequest, CreateStoreResponse,
    GetOrganizationRequest, GetOrganizationResponse, GetStoreRequest, GetStoreResponse, ListOrganizationsRequest,
    ListOrganizationsResponse, ListStoresRequest, ListStoresResponse,
};
use guanxi_contracts::server::customer_v1::organization_service_server::OrganizationService;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Call, OrganizationId, PageRequest, Refused};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::Database;
use prost::Message;
use tonic::{Request, Response, Status};

use crate::domain::organization::{Organization, Store, StoreName, check_zone, root};
use crate::store::organizations;

/// The service.
#[derive(Debug, Clone)]
pub struct Organizations {
    db: Database,
}

impl Organizations {
    /// The service over its database.
    pub fn new(db: &Database) -> Self {
        Self { db: db.clone() }
    }

    async fn create(
        &self,
        call: &Call,
        message: CreateOrganizationRequest,
    ) -> Result<CreateOrganizationResponse, Refused> {
        let stated = convert::required(message.organization.as_ref(), "organization")?;
        let (id, currency, ()) = convert::all((
            convert::name::<OrganizationId>(
                &format!("{}/{}", OrganizationId::COLLECTION, message.organization_id),
                "organization_id",
            ),
            convert::currency(&stated.currency_code, "organization.currency_code"),
            check_zone(&stated.time_zone, "organization.time_zone"),
        ))?;
        call.may_write(&id)?;
        let write = write("OrganizationService/CreateOrganization", root(&id), &message)?;
        let made = |create_time| Organization {
            id: id.clone(),
            display_name: stated.display_name.clone(),
            time_zone: stated.time_zone.clone(),
            currency,
            create_time,
        };
        let made = &made;
        let written = self
            .db
            .command(call, &write, |tx| async move {
                let made = made(tx.now());
                organizations::create(&tx, &made).await?;
                Ok(CreateOrganizationResponse { organization: Some(organization(&made)) }.encode_to_vec())
            })
            .await?;
        reply(&written.reply)
    }

    async fn create_store(&self, call: &Call, message: CreateStoreRequest) -> Result<CreateStoreResponse, Refused> {
        let stated = convert::required(message.store.as_ref(), "store")?;
        let zone = match stated.time_zone.as_str() {
            "" => Ok(()),
            zone => check_zone(zone, "store.time_zone"),
        };
        let (name, ()) = convert::all((
            convert::name::<StoreName>(&format!("{}/stores/{}", message.parent, message.store_id), "store_id"),
            zone,
        ))?;
        call.may_write(&name.organization)?;
        let write = write("OrganizationService/CreateStore", root(&name.organization), &message)?;
        let made = |create_time| Store {
            name: name.clone(),
            display_name: stated.display_name.clone(),
            locality: stated.locality.clone(),
            time_zone: stated.time_zone.clone(),
            create_time,
        };
        let made = &made;
        let written = self
            .db
            .command(call, &write, |tx| async move {
                let made = made(tx.now());
                organizations::get(&*tx, &made.name.organization).await?;
                organizations::create_store(&tx, &made).await?;
                Ok(CreateStoreResponse { store: Some(store(&made)) }.encode_to_vec())
            })
            .await?;
        reply(&written.reply)
    }

    async fn list(&self, call: &Call, message: ListOrganizationsRequest) -> Result<ListOrganizationsResponse, Refused> {
        let page = PageRequest::parse(message.page_size, &message.page_token, &["ListOrganizations"])?;
        let limit = u64::from(page.size) + 1;
        let found = organizations::list(&self.db.reader(call), after(&page)?, limit).await?;
        let (shown, next) = cut(&page, &found, |organization| organization.id.slug().to_owned());
        Ok(ListOrganizationsResponse { organizations: shown.iter().map(organization).collect(), next_page_token: next })
    }

    async fn list_stores(&self, call: &Call, message: ListStoresRequest) -> Result<ListStoresResponse, Refused> {
        let of: OrganizationId = convert::name(&message.parent, "parent")?;
        let page = PageRequest::parse(message.page_size, &message.page_token, &["ListStores", &message.parent])?;
        let reader = self.db.reader(call);
        organizations::get(&reader, &of).await?;
        let limit = u64::from(page.size) + 1;
        let found = organizations::list_stores(&reader, &of, after(&page)?, limit).await?;
        let (shown, next) = cut(&page, &found, |store| store.name.id.clone());
        Ok(ListStoresResponse { stores: shown.iter().map(store).collect(), next_page_token: next })
    }
}

#[tonic::async_trait]
impl OrganizationService for Organizations {
    async fn create_organization(
        &self,
        request: Request<CreateOrganizationRequest>,
    ) -> Result<Response<CreateOrganizationResponse>, Status> {
        let (call, message) = open(request);
        answer(self.create(&call, message)).await
    }

    async fn get_organization(
        &self,
        request: Request<GetOrganizationRequest>,
    ) -> Result<Response<GetOrganizationResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: OrganizationId = convert::name(&message.name, "name")?;
            let found = organizations::get(&self.db.reader(&call), &id).await?;
            Ok(GetOrganizationResponse { organization: Some(organization(&found)) })
        })
        .await
    }

    async fn list_organizations(
        &self,
        request: Request<ListOrganizationsRequest>,
    ) -> Result<Response<ListOrganizationsResponse>, Status> {
        let (call, message) = open(request);
        answer(self.list(&call, message)).await
    }

    async fn create_store(
        &self,
        request: Request<CreateStoreRequest>,
    ) -> Result<Response<CreateStoreResponse>, Status> {
        let (call, message) = open(request);
        answer(Self::create_store(self, &call, message)).await
    }

    async fn get_store(&self, request: Request<GetStoreRequest>) -> Result<Response<GetStoreResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let name: StoreName = convert::name(&message.name, "name")?;
            let found = organizations::get_store(&self.db.reader(&call), &name).await?;
            Ok(GetStoreResponse { store: Some(store(&found)) })
        })
        .await
    }

    async fn list_stores(&self, request: Request<ListStoresRequest>) -> Result<Response<ListStoresResponse>, Status> {
        let (call, message) = open(request);
        answer(Self::list_stores(self, &call, message)).await
    }
}

fn reply<M: Message + Default>(reply: &[u8]) -> Result<M, Refused> {
    M::decode(reply).map_err(|_| Refused::internal("an answer could not be read back"))
}

/// The last part of the name after which a page begins.
fn after(page: &PageRequest) -> Result<Option<&str>, Refused> {
    match page.after.as_deref() {
        None => Ok(None),
        Some([id]) => Ok(Some(id)),
        Some(_) => Err(Refused::invalid("page_token", "PAGE_TOKEN_MALFORMED", "is not a token that a page returned")),
    }
}

/// The items of a page, of which one more was read, and the token of the next.
fn cut<'a, T>(page: &PageRequest, found: &'a [T], key: impl Fn(&T) -> String) -> (&'a [T], String) {
    match found.get(..page.size as usize) {
        Some(shown) if found.len() > shown.len() => {
            (shown, shown.last().map_or_else(String::new, |last| page.next(vec![key(last)])))
        }
        _ => (found, String::new()),
    }
}

fn organization(organization: &Organization) -> pb::Organization {
    pb::Organization {
        name: organization.id.to_string(),
        display_name: organization.display_name.clone(),
        time_zone: organization.time_zone.clone(),
        currency_code: organization.currency.code().to_owned(),
        create_time: Some(to_proto(organization.create_time)),
    }
}

fn store(store: &Store) -> pb::Store {
    pb::Store {
        name: store.name.to_string(),
        display_name: store.display_name.clone(),
        locality: store.locality.clone(),
        time_zone: store.time_zone.clone(),
        create_time: Some(to_proto(store.create_time)),
    }
}
