//! `guanxi generate`: loads a made-up retailer, the product's own sample.

use std::time::Instant;

use clap::Args;
use guanxi_client::Client;
use guanxi_client::contracts::customer::v1::{Identifier, IdentifierType, LookupCustomerRequest};
use guanxi_kernel::civil::Date;
use guanxi_kernel::{Clock, SystemClock, tz};

use super::report;
use crate::connection::Connection;
use crate::failed::{Done, Failed};
use crate::generate::{FIRST_UNTIL, Load, Loaded, MOST_CUSTOMERS, Refused, Sample};
use crate::load::progress::Progress;
use crate::load::settle::{Settled, settle};
use crate::shown;
use crate::shown::say;

/// Load a made-up retailer: the same seed makes the same one
///
/// It sells electronics in China, Hong Kong and Japan, goes through the same streams as an import, and has settled when
/// this returns. Done again, it adds what is new and changes nothing else.
#[derive(Debug, Args)]
pub struct Generate {
    /// How many customers
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=MOST_CUSTOMERS))]
    customers: u64,
    /// Which retailer
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The day up to which it is known: the two years before it are loaded [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Date>,
    /// Return when all is sent, before it has settled: without later promises and answers to surveys
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Generate {
    /// Loads it.
    ///
    /// # Errors
    /// A service that does not answer, or one that refuses a part of the sample.
    pub async fn run(self) -> Done {
        let since = Instant::now();
        let client = self.connection.client()?;
        let sample = Sample::new(self.seed, self.customers, self.until()?);
        let progress = Progress::new();
        let load = Load::new(&sample, &client, &progress);
        let loaded = load.send().await?;
        let settled = if self.no_wait { None } else { Some(self.settle_twice(&client, &load, &progress).await?) };
        let refused = load.finish();
        say!(
            "sample retailer  {}, {}   {}",
            shown::counted(loaded.customers, "customer"),
            shown::counted(loaded.orders, "order"),
            shown::seconds(since.elapsed())
        );
        if settled.is_some() {
            say!("\n{}", report::as_line(&report::figures(&client).await?));
        }
        self.suggest(&client, &loaded).await;
        unless_all_is_well(settled, refused)
    }

    /// Today unless it is said.
    fn until(&self) -> Done<Date> {
        let today = tz::TimeZone::UTC.to_datetime(SystemClock.now()).date();
        match self.until {
            Some(until) if until < FIRST_UNTIL || until > today => Err(Failed::usage(format!(
                "--until {until}: the sample is there from {FIRST_UNTIL} up to today, {today}"
            ))),
            until => Ok(until.unwrap_or(today)),
        }
    }

    /// Waits until what was sent has settled, sends what builds on it, and waits again.
    async fn settle_twice(&self, client: &Client, load: &Load<'_>, progress: &Progress) -> Done<Settled> {
        let rest = async || settle(client).await.map_err(|error| Failed::call("GetFlowLag", &error));
        let bar = progress.waiting("settling");
        rest().await?;
        load.send_late().await?;
        let settled = rest().await;
        bar.clear();
        settled
    }

    /// Three calls to try.
    async fn suggest(&self, client: &Client, loaded: &Loaded) {
        let Some((organization, number)) = loaded.example else { return };
        let request = LookupCustomerRequest {
            identifier: Some(Identifier {
                r#type: IdentifierType::ExternalId.into(),
                value: number.to_string(),
                source: "pos".to_owned(),
            }),
            organization: organization.name(),
            ..LookupCustomerRequest::default()
        };
        let found = client.customer().customers().lookup_customer(request).await;
        let name = found.ok().and_then(|found| found.into_inner().customer).map(|customer| customer.name);
        let options = self.connection.options();
        // As it was called, which need not be on the PATH.
        let guanxi = std::env::args().next().unwrap_or_else(|| "guanxi".to_owned());
        say!("\nTry:\n  {guanxi} show customer pos:{number}{options}\n  {guanxi} report summary{options}");
        say!(
            "  grpcurl -plaintext -d '{{\"name\":\"{}\"}}' {} guanxi.customer.v1.CustomerService/GetCustomer360",
            name.unwrap_or_else(|| "customers/…".to_owned()),
            self.connection.address("customer"),
        );
    }
}

/// Says what did not go in or does not move.
fn unless_all_is_well(settled: Option<Settled>, refused: Refused) -> Done {
    if let Refused { count, first: Some(first) } = refused {
        return Err(Failed::new(format!("{} refused, the first: {first}", shown::counted(count, "element"))));
    }
    match settled {
        Some(settled) if !settled.is_clean() => {
            let Settled { stuck, parked, dead_letters } = settled;
            Err(Failed::new(format!(
                "not settled: {stuck} events do not move, {parked} wait for something that nobody has told of, \
                 {dead_letters} could not be handled; see guanxi verify and the services' logs"
            )))
        }
        _ => Ok(()),
    }
}
