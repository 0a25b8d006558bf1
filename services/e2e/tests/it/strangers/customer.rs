//! The calls of the customer service.

use guanxi_client::contracts::customer::v1::*;
use guanxi_client::request_id;

use super::{Fate, OWNERS, Row, mask, read, row};
use crate::things::{self, ORDER, Things};

/// A row for each.
pub fn rows(t: &Things) -> Vec<Row> {
    let name = t.customer.clone();
    let renamed = Customer { name: name.clone(), display_name: "x".into(), ..Customer::default() };
    let made = Customer { organization: OWNERS.into(), ..Customer::default() };
    let record = SourceRecord {
        organization: OWNERS.into(),
        source: "pos".into(),
        external_id: "7".into(),
        event_time: things::minute(0),
        ..SourceRecord::default()
    };
    let organization = Organization {
        display_name: "x".into(),
        time_zone: "Asia/Shanghai".into(),
        currency_code: "CNY".into(),
        ..Organization::default()
    };
    let store = Some(Store { display_name: "x".into(), ..Store::default() });
    let of = OWNERS.to_owned();
    use Fate::{Empty, Missing, Rejected};
    vec![
        row(
            "CustomerService/CreateCustomer",
            Missing,
            CreateCustomerRequest { customer: Some(made), identifiers: vec![], request_id: request_id() },
        ),
        row("CustomerService/GetCustomer", Missing, GetCustomerRequest { name: name.clone() }),
        row("CustomerService/BatchGetCustomers", Missing, BatchGetCustomersRequest { names: vec![name.clone()] }),
        row(
            "CustomerService/UpdateCustomer",
            Missing,
            UpdateCustomerRequest {
                customer: Some(renamed),
                update_mask: mask("display_name"),
                request_id: request_id(),
            },
        ),
        row("CustomerService/ListCustomers", Empty, ListCustomersRequest::default()),
        row(
            "CustomerService/LookupCustomer",
            Missing,
            LookupCustomerRequest { identifier: Some(things::phone()), ..LookupCustomerRequest::default() },
        ),
        row("CustomerService/GetCustomer360", Missing, GetCustomer360Request { name: name.clone() }),
        row(
            "CustomerService/DeleteCustomer",
            Missing,
            DeleteCustomerRequest { name: name.clone(), request_id: request_id(), ..DeleteCustomerRequest::default() },
        ),
        row(
            "CustomerService/UndeleteCustomer",
            Missing,
            UndeleteCustomerRequest {
                name: name.clone(),
                request_id: request_id(),
                ..UndeleteCustomerRequest::default()
            },
        ),
        row(
            "IdentityService/IngestSourceRecords",
            Rejected(|answer| rejection(read::<IngestSourceRecordsResponse>(answer).rejection)),
            IngestSourceRecordsRequest { record: Some(record), historical: false },
        ),
        row(
            "IdentityService/ListIdentityEdges",
            Missing,
            ListIdentityEdgesRequest { customer: name.clone(), ..ListIdentityEdgesRequest::default() },
        ),
        row(
            "OrderService/RecordOrders",
            Rejected(|answer| rejection(read::<RecordOrdersResponse>(answer).rejection)),
            things::order(ORDER, &name),
        ),
        row("OrderService/GetOrder", Missing, GetOrderRequest { name: ORDER.into() }),
        row("OrderService/ListOrders", Empty, ListOrdersRequest::default()),
        row(
            "OrganizationService/CreateOrganization",
            Missing,
            CreateOrganizationRequest {
                organization_id: "default".into(),
                organization: Some(organization),
                request_id: request_id(),
            },
        ),
        row("OrganizationService/GetOrganization", Missing, GetOrganizationRequest { name: of.clone() }),
        row("OrganizationService/ListOrganizations", Empty, ListOrganizationsRequest::default()),
        row(
            "OrganizationService/CreateStore",
            Missing,
            CreateStoreRequest { parent: of.clone(), store_id: "s2".into(), store, request_id: request_id() },
        ),
        row("OrganizationService/GetStore", Missing, GetStoreRequest { name: t.store.clone() }),
        row(
            "OrganizationService/ListStores",
            Missing,
            ListStoresRequest { parent: of, ..ListStoresRequest::default() },
        ),
    ]
}

fn rejection(rejection: Option<Rejection>) -> String {
    rejection.map(|rejection| rejection.reason).unwrap_or_default()
}
