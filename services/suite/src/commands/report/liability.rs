//! `guanxi report liability`: what programs owe their members in points, as a person would want to read it.

use std::fmt::Write;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use guanxi_client::Client;
use guanxi_client::contracts::loyalty::v1::{
    BreakageCohort, CohortPeriod, GetLiabilityRequest, GetLiabilityResponse, LiabilityBucket, LiabilitySum,
    LiabilityTerm, ListProgramsRequest,
};
use guanxi_client::contracts::time::{from_proto, to_proto};
use guanxi_kernel::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::failed::{Done, Failed};
use crate::shown::{self, say};

/// Columns of the longest bar.
const WIDTH: usize = 40;

#[derive(Debug, Args)]
pub struct Liability {
    /// The program, programs/{slug} or its slug [default: every one that the token covers]
    #[arg(long, value_name = "PROGRAM")]
    program: Option<String>,
    /// When, by the business: an instant such as 2026-11-30T16:00:00Z, or a day, which is its first instant by UTC [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    as_of: Option<Timestamp>,
    /// What was known then, likewise [default: all that is recorded]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    known_at: Option<Timestamp>,
    /// Cohorts of a quarter, not of a month
    #[arg(long)]
    quarters: bool,
    /// A JSON list of the programs, for programs: whole numbers, null where there is no data
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    let at = text.parse::<Timestamp>().ok().or_else(|| day().map(|day| day.timestamp()));
    at.ok_or_else(|| "write an instant such as 2026-11-30T16:00:00Z, or a day".to_owned())
}

impl Liability {
    /// Prints the report.
    ///
    /// # Errors
    /// No such program, or nobody to ask.
    pub async fn run(self) -> Done {
        let client = self.connection.client()?;
        let programs = match &self.program {
            Some(program) if program.starts_with("programs/") => vec![program.clone()],
            Some(slug) => vec![format!("programs/{slug}")],
            None => programs(&client).await?,
        };
        let mut reports = Vec::new();
        for program in programs {
            let period = if self.quarters { CohortPeriod::Quarter } else { CohortPeriod::Month };
            let request = GetLiabilityRequest {
                program,
                as_of: self.as_of.map(to_proto),
                known_at: self.known_at.map(to_proto),
                cohort_period: period.into(),
            };
            let asked = || {
                let (mut ledger, request) = (client.loyalty().ledger(), request.clone());
                async move { ledger.get_liability(request).await }
            };
            let answer = client.retry(asked).await;
            reports.push(answer.map_err(|error| Failed::call("loyalty GetLiability", &error))?);
        }
        if self.json {
            let all: Vec<Value> = reports.iter().map(as_json).collect();
            say!("{}", serde_json::to_string_pretty(&all).expect("plain values encode"));
        } else if reports.is_empty() {
            say!("there is no program");
        } else {
            let pages: Vec<String> = reports.iter().map(|report| page(report, self.quarters)).collect();
            say!("{}", pages.join("\n").trim_end());
        }
        Ok(())
    }
}

/// The names of all programs that the token covers.
async fn programs(client: &Client) -> Done<Vec<String>> {
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListProgramsRequest { page_size: 1_000, page_token };
        let asked = || {
            let (mut programs, request) = (client.loyalty().programs(), request.clone());
            async move { programs.list_programs(request).await }
        };
        let page = client.retry(asked).await.map_err(|error| Failed::call("loyalty ListPrograms", &error))?;
        names.extend(page.programs.into_iter().map(|program| program.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(names);
        }
    }
}

fn points(sum: Option<&LiabilitySum>) -> i64 {
    sum.map_or(0, |sum| sum.points)
}

/// Points, with what they are worth.
fn worth(sum: Option<&LiabilitySum>) -> String {
    let value = sum.and_then(|sum| sum.value.as_ref()).map(|value| format!("   {}", shown::money(value)));
    format!("{:>14}{}", shown::integer(points(sum)), value.unwrap_or_default())
}

/// A report for people.
fn page(report: &GetLiabilityResponse, quarters: bool) -> String {
    let mut page = String::new();
    let mut line = |text: String| writeln!(page, "{}", text.trim_end()).expect("a string can be written to");
    let at = |at: Option<&prost_types::Timestamp>| {
        at.and_then(from_proto).map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default()
    };
    line(format!("{}   {}", report.program, at(report.as_of.as_ref())));
    if let Some(found) = &report.liability {
        let (members, lots) = (shown::integer(found.members), shown::integer(found.lots));
        line(format!("owed      {}   to {members} members in {lots} lots", worth(found.owed.as_ref())));
        line(format!("  active  {}", worth(found.active.as_ref())));
        line(format!("  pending {}", worth(found.pending.as_ref())));
        line(format!("  held    {}", worth(found.held.as_ref())));
        line(format!("deficit   {}", worth(found.deficit.as_ref())));
    }
    let owed = report.liability.as_ref().map_or(0, |found| points(found.owed.as_ref()));
    line(format!(
        "\nby age\n{}",
        plot(
            &report.by_age,
            owed,
            ["within 1 month", "1 to 3 months", "3 to 6 months", "6 to 12 months", "1 to 2 years", "older", "", ""]
        )
    ));
    line(format!(
        "\nby expiry\n{}",
        plot(
            &report.by_expiry,
            owed,
            [
                "within 1 month",
                "in 1 to 3 months",
                "in 3 to 6 months",
                "in 6 to 12 months",
                "in 1 to 2 years",
                "later",
                "never",
                "not before delivery"
            ]
        )
    ));
    line(format!(
        "\nbreakage by {} of earning\n{}",
        if quarters { "quarter" } else { "month" },
        cohorts(report, quarters)
    ));
    page
}

/// A bar for each bucket, beside the largest.
fn plot(buckets: &[LiabilityBucket], owed: i64, labels: [&str; 8]) -> String {
    let most = buckets.iter().map(|bucket| points(bucket.owed.as_ref())).max().unwrap_or(0);
    let mut table = table();
    for (bucket, label) in buckets.iter().zip(labels) {
        let (here, sum) = (points(bucket.owed.as_ref()), bucket.owed.as_ref());
        let value = sum.and_then(|sum| sum.value.as_ref()).map(shown::money).unwrap_or_default();
        let share = share(here, owed);
        table.add_row([label.to_owned(), shown::integer(here), value, share, shown::bar(here, most, WIDTH)]);
    }
    right(&mut table, 1..4)
}

fn share(part: i64, of: i64) -> String {
    if of <= 0 {
        return String::new();
    }
    shown::permille(i64::try_from(i128::from(part) * 1_000 / i128::from(of)).unwrap_or(0))
}

/// A column of the table of cohorts: its head, whether it is shown, and what it shows.
type Column = (&'static str, bool, fn(&BreakageCohort) -> i64);

fn cohorts(report: &GetLiabilityResponse, quarters: bool) -> String {
    let mut table = table();
    let all = report.all.iter();
    // What nothing ever was of says nothing.
    let used = |amount: fn(&BreakageCohort) -> i64| all.clone().any(|all| amount(all) != 0);
    let columns: [Column; 9] = [
        ("issued", true, |of| of.issued),
        ("received", used(|of| of.received), |of| of.received),
        ("redeemed", true, |of| of.redeemed),
        ("expired", true, |of| of.expired),
        ("reversed", used(|of| of.reversed), |of| of.reversed),
        ("taken", used(|of| of.taken), |of| of.taken),
        ("sent", used(|of| of.sent), |of| of.sent),
        ("paid debts", used(|of| of.covered), |of| of.covered),
        ("open", true, |of| of.open),
    ];
    let columns: Vec<_> = columns.into_iter().filter(|(_, used, _)| *used).collect();
    let head = std::iter::once("").chain(columns.iter().map(|(name, ..)| *name));
    table.add_row(head.chain(["matured", "broke", "expected to break", ""]).collect::<Vec<_>>());
    for of in report.cohorts.iter().chain(all.clone()) {
        let mut row = vec![label(&of.start_date, quarters)];
        row.extend(columns.iter().map(|(.., amount)| shown::integer(amount(of))));
        row.push(shown::integer(of.matured));
        row.push(of.breakage_permille.map(|permille| shown::permille(permille.into())).unwrap_or_default());
        row.push(of.expected_breakage.map(shown::integer).unwrap_or_default());
        row.push(shown::bar(of.breakage_permille.unwrap_or(0).into(), 1_000, WIDTH / 2));
        table.add_row(row);
    }
    let last = columns.len() + 4;
    right(&mut table, 1..last)
}

/// `2026-04-01` as the month or quarter that it begins.
fn label(first: &str, quarters: bool) -> String {
    let month = first.get(5..7).and_then(|month| month.parse::<u32>().ok());
    match (first.get(..7), month) {
        (Some(_), Some(month)) if quarters => format!("{} Q{}", first.get(..4).unwrap_or_default(), month.div_ceil(3)),
        (Some(year_month), _) => year_month.to_owned(),
        (None, _) => "all".to_owned(),
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// The table with these columns to the right.
fn right(table: &mut Table, columns: std::ops::Range<usize>) -> String {
    for column in columns {
        if let Some(values) = table.column_mut(column) {
            values.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A report for programs. Times are RFC 3339.
fn as_json(report: &GetLiabilityResponse) -> Value {
    let time = |at: Option<&prost_types::Timestamp>| at.and_then(from_proto).map(|at| at.to_string());
    let sum = |sum: Option<&LiabilitySum>| {
        let value = sum.and_then(|sum| sum.value.as_ref());
        json!({
            "points": points(sum),
            "value_minor": value.map(|value| value.minor_units),
            "currency": value.map(|value| value.currency_code.as_str()),
        })
    };
    let bucket = |bucket: &LiabilityBucket| {
        let term = match bucket.term() {
            LiabilityTerm::Never => Some("never"),
            LiabilityTerm::Waiting => Some("waiting"),
            LiabilityTerm::Dated | LiabilityTerm::Unspecified => None,
        };
        json!({
            "start_time": time(bucket.start_time.as_ref()),
            "end_time": time(bucket.end_time.as_ref()),
            "term": term,
            "owed": sum(bucket.owed.as_ref()),
        })
    };
    let cohort = |of: &BreakageCohort| {
        json!({
            "start_date": if of.start_date.is_empty() { Value::Null } else { of.start_date.as_str().into() },
            "issued": of.issued,
            "received": of.received,
            "redeemed": of.redeemed,
            "expired": of.expired,
            "reversed": of.reversed,
            "taken": of.taken,
            "sent": of.sent,
            "covered": of.covered,
            "open": of.open,
            "matured": of.matured,
            "breakage_permille": of.breakage_permille,
            "expected_breakage": of.expected_breakage,
        })
    };
    let found = report.liability.as_ref();
    json!({
        "program": report.program,
        "as_of": time(report.as_of.as_ref()),
        "known_at": time(report.known_at.as_ref()),
        "owed": sum(found.and_then(|found| found.owed.as_ref())),
        "pending": sum(found.and_then(|found| found.pending.as_ref())),
        "active": sum(found.and_then(|found| found.active.as_ref())),
        "held": sum(found.and_then(|found| found.held.as_ref())),
        "deficit": sum(found.and_then(|found| found.deficit.as_ref())),
        "members": found.map(|found| found.members),
        "lots": found.map(|found| found.lots),
        "by_age": report.by_age.iter().map(bucket).collect::<Vec<_>>(),
        "by_expiry": report.by_expiry.iter().map(bucket).collect::<Vec<_>>(),
        "cohorts": report.cohorts.iter().map(cohort).collect::<Vec<_>>(),
        "all": report.all.as_ref().map(cohort),
    })
}

#[cfg(test)]
mod tests {
    use guanxi_client::contracts::common::v1::Money;
    use guanxi_client::contracts::loyalty::v1 as proto;

    use super::*;

    fn sum(points: i64) -> Option<LiabilitySum> {
        Some(LiabilitySum { points, value: Some(Money { currency_code: "CNY".into(), minor_units: points }) })
    }

    fn report() -> GetLiabilityResponse {
        let bucket = |points, term: LiabilityTerm| LiabilityBucket {
            owed: sum(points),
            term: term.into(),
            ..LiabilityBucket::default()
        };
        let aged = [800, 200, 0, 0, 0, 0].map(|points| bucket(points, LiabilityTerm::Unspecified));
        let dated = [0, 0, 0, 0, 0, 0].map(|points| bucket(points, LiabilityTerm::Dated));
        let undated = [bucket(990, LiabilityTerm::Never), bucket(10, LiabilityTerm::Waiting)];
        let cohort = BreakageCohort {
            start_date: "2026-04-01".into(),
            issued: 1_500,
            redeemed: 380,
            expired: 120,
            open: 1_000,
            matured: 500,
            breakage_permille: Some(240),
            expected_breakage: Some(0),
            ..BreakageCohort::default()
        };
        GetLiabilityResponse {
            program: "programs/test".into(),
            as_of: Some(to_proto("2026-11-30T16:00:00Z".parse().expect("an instant"))),
            known_at: None,
            liability: Some(proto::Liability {
                owed: sum(1_000),
                active: sum(990),
                pending: sum(10),
                held: sum(0),
                deficit: sum(0),
                members: 3,
                lots: 4,
            }),
            by_age: aged.to_vec(),
            by_expiry: dated.into_iter().chain(undated).collect(),
            cohorts: vec![cohort.clone()],
            all: Some(BreakageCohort { start_date: String::new(), ..cohort }),
        }
    }

    #[test]
    fn a_person_sees_what_is_owed_with_bars() {
        let page = page(&report(), false);
        for part in [
            "programs/test   2026-11-30 16:00 UTC",
            "1,000   10.00 CNY   to 3 members in 4 lots",
            "within 1 month",
            "80.0 %  ████████████████████████████████████████",
            "20.0 %  ██████████\n",
            "not before delivery",
            "2026-04",
            "24.0 %",
        ] {
            assert!(page.contains(part), "no {part:?} in\n{page}");
        }
        assert!(!page.contains("received"), "nobody received anything:\n{page}");
        assert_eq!(
            [label("2026-04-01", true), label("2026-10-01", true), label("", true)],
            ["2026 Q2", "2026 Q4", "all"]
        );
    }

    #[test]
    fn a_program_reads_the_same_figures() {
        let read = as_json(&report());
        assert_eq!(read["owed"], json!({"points": 1_000, "value_minor": 1_000, "currency": "CNY"}));
        assert_eq!((&read["by_expiry"][6]["term"], &read["by_expiry"][0]["term"]), (&json!("never"), &Value::Null));
        assert_eq!((&read["cohorts"][0]["breakage_permille"], &read["all"]["start_date"]), (&json!(240), &Value::Null));
        assert_eq!(read["as_of"], json!("2026-11-30T16:00:00Z"));
    }

    #[test]
    fn a_time_is_an_instant_or_a_day() {
        assert_eq!(instant("2026-11-30"), instant("2026-11-30T00:00:00Z"));
        assert!(instant("yesterday").is_err());
    }
}
