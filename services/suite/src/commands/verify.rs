//! `guanxi verify`: every invariant of every service, on live data.

use std::io::Write;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use guanxi_client::Client;
use guanxi_client::contracts::common::v1::verify_response::Item;
use guanxi_client::contracts::common::v1::{InvariantResult, InvariantViolation, VerifyRequest};

use crate::connection::Connection;
use crate::failed::{Done, Failed};
use crate::shown::say;
use crate::{services, shown};

/// Check every invariant of every service on live data
///
/// Prints the rows that break one, and ends with 1 where there are any.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    connection: Connection,
}

impl Verify {
    /// Checks, and prints what was found.
    ///
    /// # Errors
    /// A service that does not answer, or an invariant that is broken.
    pub async fn run(self) -> Done {
        let client = self.connection.client()?;
        let mut results = Vec::new();
        for service in services::names() {
            results.extend(check(&client, service).await?);
        }
        say!("{}", table(&results));
        let broken: i64 = results.iter().map(|result| result.violations).sum();
        if broken == 0 {
            say!("every invariant holds");
            return Ok(());
        }
        let rows = if broken == 1 { "row breaks" } else { "rows break" };
        Err(Failed::new(format!("{} {rows} an invariant: see above", shown::integer(broken))))
    }
}

/// Checks one service; prints rows that break an invariant as they come.
async fn check(client: &Client, service: &str) -> Done<Vec<InvariantResult>> {
    let failed = |status: tonic::Status| Failed::call(&format!("{service} Verify"), &status.into());
    let request = VerifyRequest { service: service.to_owned() };
    let mut items = client.admin(service).verify(request).await.map_err(failed)?.into_inner();
    let mut results = Vec::new();
    while let Some(answer) = items.message().await.map_err(failed)? {
        match answer.item {
            Some(Item::Violation(violation)) => tell(&violation),
            Some(Item::Result(result)) => results.push(result),
            None => {}
        }
    }
    Ok(results)
}

fn tell(violation: &InvariantViolation) {
    let InvariantViolation { service, invariant, subject, description } = violation;
    // Who closed the pipe has seen enough; the exit code still says what was found.
    let _seen = writeln!(std::io::stdout(), "{service} {invariant}: {subject}: {description}");
}

fn table(results: &[InvariantResult]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["service", "invariant", "checked", "broken"]);
    for result in results {
        let InvariantResult { service, invariant, checked, violations } = result;
        table.add_row([service.clone(), invariant.clone(), shown::integer(*checked), shown::integer(*violations)]);
    }
    for column in [2, 3] {
        if let Some(values) = table.column_mut(column) {
            values.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
