//! `guanxi retry`: offers dead letters to their handlers again.

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use guanxi_client::contracts::common::v1::{RetriedDeadLetters, RetryDeadLettersRequest};

use crate::connection::Connection;
use crate::failed::{Done, Failed};
use crate::shown::say;
use crate::{services, shown};

/// Offer events that could not be handled to their services again
///
/// For after a release that mends why they could not. Ends with 1 where some still cannot be handled; `guanxi verify` names
/// them.
#[derive(Debug, Args)]
pub struct Retry {
    #[command(flatten)]
    connection: Connection,
}

impl Retry {
    /// Offers them, and prints what became of them.
    ///
    /// # Errors
    /// A service that does not answer, or events that fail again.
    pub async fn run(self) -> Done {
        let client = self.connection.client()?;
        let mut retried = Vec::new();
        for service in services::names() {
            let failed = |status: tonic::Status| Failed::call(&format!("{service} RetryDeadLetters"), &status.into());
            let request = RetryDeadLettersRequest { service: service.to_owned() };
            retried
                .extend(client.admin(service).retry_dead_letters(request).await.map_err(failed)?.into_inner().services);
        }
        say!("{}", table(&retried));
        match retried.iter().map(|one| one.remaining).sum() {
            0 => Ok(()),
            1 => Err(Failed::new("one event cannot be handled yet: guanxi verify names it")),
            more => Err(Failed::new(format!(
                "{} events cannot be handled yet: guanxi verify names them",
                shown::integer(more)
            ))),
        }
    }
}

fn table(retried: &[RetriedDeadLetters]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["service", "handled", "parked", "dead letters"]);
    for RetriedDeadLetters { service, handled, parked, remaining } in retried {
        let numbers = [handled, parked, remaining].map(|number| shown::integer(*number));
        table.add_row([vec![service.clone()], numbers.to_vec()].concat());
    }
    for column in 1..=3 {
        if let Some(values) = table.column_mut(column) {
            values.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
