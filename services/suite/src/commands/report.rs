//! `guanxi report`: figures, each from the service whose they are.

use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets};
use guanxi_client::contracts::common::v1::{Figure, GetSummaryRequest, figure::Value};
use guanxi_client::{Client, Error};

use crate::connection::Connection;
use crate::failed::{Done, Failed};
use crate::shown::say;
use crate::{services, shown};

mod liability;
mod member;

/// The figures of a report of every service, in the order in which they are told; others follow.
const ORDER: [&str; 18] = [
    "customers",
    "members",
    "orders",
    "order_value_minor",
    "shipments",
    "packages",
    "delivered",
    "on_time",
    "late",
    "points_earned",
    "points_active",
    "points_pending",
    "points_reversed",
    "invitations",
    "reviews",
    "rating_mean",
    "cases",
    "nps",
];

/// Report figures, each from the service whose they are
#[derive(Debug, Args)]
pub struct Report {
    #[command(subcommand)]
    report: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// What all services hold, of the organisations that the token covers
    Summary(Summary),
    /// What programs owe their members in points, by age, by expiry, and what of it is never spent
    Liability(liability::Liability),
    /// A member of a program: tier, points, holds, coupons, and what happened last
    Member(member::Member),
}

#[derive(Debug, Args)]
struct Summary {
    /// One JSON object, for programs: whole numbers, decimals, null where there is no data
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Report {
    /// Prints the report.
    ///
    /// # Errors
    /// A service that does not answer: a report of a part would be wrong.
    pub async fn run(self) -> Done {
        let Summary { json, connection } = match self.report {
            Kind::Summary(summary) => summary,
            Kind::Liability(liability) => return liability.run().await,
            Kind::Member(member) => return member.run().await,
        };
        let figures = figures(&connection.client()?).await?;
        say!("{}", if json { as_json(&figures) } else { as_table(&figures) });
        Ok(())
    }
}

/// The figures of every service.
///
/// # Errors
/// A service that does not answer.
pub async fn figures(client: &Client) -> Done<Vec<Figure>> {
    let mut figures = Vec::new();
    for service in services::names() {
        let asked = || {
            let mut admin = client.admin(service);
            async move { admin.get_summary(GetSummaryRequest { service: service.to_owned() }).await }
        };
        let answer = client.retry(asked).await;
        let answer = answer.map_err(|error: Error| Failed::call(&format!("{service} GetSummary"), &error))?;
        figures.extend(answer.services.into_iter().flat_map(|summary| summary.figures));
    }
    // `order_value_minor` has its currency behind it where there are several.
    let place = |figure: &Figure| {
        let exact = ORDER.iter().position(|name| *name == figure.name);
        exact.or_else(|| ORDER.iter().position(|name| figure.name.starts_with(name))).unwrap_or(ORDER.len())
    };
    figures.sort_by_key(place);
    Ok(figures)
}

/// A flat object, one figure a line.
fn as_json(figures: &[Figure]) -> String {
    let value = |figure: &Figure| match &figure.value {
        Some(Value::Integer(whole)) => whole.to_string(),
        Some(Value::Decimal(decimal)) => decimal.clone(),
        None => "null".to_owned(),
    };
    let lines = figures.iter().map(|figure| format!("  {:?}: {}", figure.name, value(figure)));
    format!("{{\n{}\n}}", lines.collect::<Vec<_>>().join(",\n"))
}

fn as_table(figures: &[Figure]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for figure in figures {
        let value = match &figure.value {
            Some(Value::Integer(whole)) => shown::integer(*whole),
            Some(Value::Decimal(decimal)) => decimal.clone(),
            None => "no data".to_owned(),
        };
        table.add_row([figure.name.replace('_', " "), value]);
    }
    if let Some(values) = table.column_mut(1) {
        values.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// The figures that matter most, in one line.
pub fn as_line(figures: &[Figure]) -> String {
    let whole = |name: &str| {
        figures.iter().find(|figure| figure.name == name).and_then(|figure| match &figure.value {
            Some(Value::Integer(whole)) => Some(*whole),
            _ => None,
        })
    };
    let mut parts = Vec::new();
    for name in ["customers", "members", "orders", "points_active"] {
        parts.extend(whole(name).map(|value| format!("{} {}", name.replace('_', " "), shown::integer(value))));
    }
    if let (Some(delivered), Some(on_time)) = (whole("delivered").filter(|count| *count > 0), whole("on_time")) {
        let permille = on_time.saturating_mul(1_000) / delivered;
        parts.push(format!("delivered {}.{} % on time", permille / 10, permille % 10));
    }
    let rating = figures.iter().find(|figure| figure.name == "rating_mean").and_then(|figure| figure.value.as_ref());
    if let Some(Value::Decimal(mean)) = rating {
        parts.push(format!("rating {}", mean.get(..4).unwrap_or(mean)));
    }
    parts.extend(whole("cases").map(|cases| format!("cases {}", shown::integer(cases))));
    parts.join("   ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Vec<Figure> {
        let figure = |name: &str, value| Figure { name: name.to_owned(), value };
        vec![
            figure("customers", Some(Value::Integer(5_608))),
            figure("delivered", Some(Value::Integer(3_654))),
            figure("on_time", Some(Value::Integer(3_420))),
            figure("rating_mean", Some(Value::Decimal("3.280014".into()))),
            figure("nps", None),
        ]
    }

    #[test]
    fn a_program_reads_numbers_and_null() {
        let read: serde_json::Value = serde_json::from_str(&as_json(&figures())).expect("it is JSON");
        let expected = serde_json::json!({"customers": 5608, "delivered": 3654, "on_time": 3420, "rating_mean": 3.280014, "nps": null});
        assert_eq!(read, expected);
    }

    #[test]
    fn a_person_reads_one_line() {
        assert_eq!(as_line(&figures()), "customers 5,608   delivered 93.5 % on time   rating 3.28");
    }
}
