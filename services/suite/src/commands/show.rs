//! `guanxi show customer`: the view of a customer over all services, as a person would want to read it.

use clap::{Args, Subcommand};
use guanxi_client::contracts::customer::v1::{
    Customer360, GetCustomer360Request, Identifier, IdentifierType, ListOrganizationsRequest, LookupCustomerRequest,
};
use guanxi_client::{Client, Error};
use tonic::Code;

use crate::connection::Connection;
use crate::failed::{Done, Failed};
use crate::shown::say;

mod customer;

/// Show a customer as all services know it
#[derive(Debug, Args)]
pub struct Show {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A customer as all services know it
    Customer(ShowCustomer),
}

#[derive(Debug, Args)]
struct ShowCustomer {
    /// customers/{uuid}, or what a source calls it: SOURCE:EXTERNAL_ID, such as olist:8d50f5eadf50201ccdcedfb9e2ac8455
    #[arg(value_name = "NAME|SOURCE:EXTERNAL_ID")]
    customer: String,
    /// The organisation to look in, by its slug [default: every one that the token covers]
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Show {
    /// Prints it.
    ///
    /// # Errors
    /// There is no such customer, or nobody to ask.
    pub async fn run(self) -> Done {
        let What::Customer(asked) = self.what;
        let client = asked.connection.client()?;
        let name = named(&client, &asked.customer, asked.organization.as_deref()).await?;
        say!("{}", customer::page(&get(&client, &name).await?).trim_end());
        Ok(())
    }
}

async fn get(client: &Client, name: &str) -> Done<Customer360> {
    let asked = || {
        let mut customers = client.customer().customers();
        let request = GetCustomer360Request { name: name.to_owned() };
        async move { customers.get_customer360(request).await }
    };
    let answer = client.retry(asked).await.map_err(|error| Failed::call("customer GetCustomer360", &error))?;
    answer.customer_360.ok_or_else(|| Failed::new("customer GetCustomer360: the answer is empty"))
}

/// The customer that is meant by its name or by what a source calls it, in one organisation or in any.
///
/// # Errors
/// It is neither, or nobody is called so.
pub(super) async fn named(client: &Client, given: &str, organization: Option<&str>) -> Done<String> {
    match given.split_once(':') {
        _ if given.starts_with("customers/") => Ok(given.to_owned()),
        Some((source, external_id)) => find(client, source, external_id, organization).await,
        None => Err(Failed::usage(format!("{given:?} is neither customers/{{uuid}} nor SOURCE:EXTERNAL_ID"))),
    }
}

/// The name of the customer that a source calls so, in one organisation or in any.
async fn find(client: &Client, source: &str, external_id: &str, organization: Option<&str>) -> Done<String> {
    let organizations = match organization {
        Some(slug) => vec![format!("organizations/{slug}")],
        None => organizations(client).await?,
    };
    for organization in organizations {
        let request = LookupCustomerRequest {
            identifier: Some(Identifier {
                r#type: IdentifierType::ExternalId.into(),
                value: external_id.to_owned(),
                source: source.to_owned(),
            }),
            organization,
            ..LookupCustomerRequest::default()
        };
        let asked = || {
            let (mut customers, request) = (client.customer().customers(), request.clone());
            async move { customers.lookup_customer(request).await }
        };
        match client.retry(asked).await {
            Ok(answer) => return Ok(answer.customer.map(|found| found.name).unwrap_or_default()),
            Err(Error { code: Code::NotFound, .. }) => {}
            Err(error) => return Err(Failed::call("customer LookupCustomer", &error)),
        }
    }
    Err(Failed::new(format!("nobody is called {external_id:?} by {source:?}; is it loaded? see guanxi import")))
}

async fn organizations(client: &Client) -> Done<Vec<String>> {
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListOrganizationsRequest { page_size: 1_000, page_token };
        let asked = || {
            let (mut organizations, request) = (client.customer().organizations(), request.clone());
            async move { organizations.list_organizations(request).await }
        };
        let page = client.retry(asked).await.map_err(|error| Failed::call("customer ListOrganizations", &error))?;
        names.extend(page.organizations.into_iter().map(|organization| organization.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(names);
        }
    }
}
