//! The figures as a table, with the ratios that count.

use std::fmt;

use crate::drive::Run;
use crate::loyalty::Codes;
use crate::machine::Pgbench;

pub struct Row {
    name: String,
    loop_: Loop,
    run: Run,
}

enum Loop {
    Closed(usize),
    Open(u32),
}

impl Row {
    pub fn closed(name: &str, callers: usize, run: Run) -> Self {
        Self { name: name.to_owned(), loop_: Loop::Closed(callers), run }
    }

    pub fn open(name: &str, share: u32, run: Run) -> Self {
        Self { name: name.to_owned(), loop_: Loop::Open(share), run }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = match self.loop_ {
            Loop::Closed(callers) => format!("{callers} callers"),
            Loop::Open(share) => format!("{share} % of peak"),
        };
        let run = &self.run;
        write!(
            f,
            "{:<24} {load:>14} {:>9.0}/s  p50 {:>8.2} p99 {:>8.2} p99.9 {:>8.2} ms  CPU {:>6.0} µs ({:.0} of servers)",
            self.name,
            run.per_second(),
            run.quantile_ms(0.5),
            run.quantile_ms(0.99),
            run.quantile_ms(0.999),
            run.cpu_all(),
            run.cpu_servers(),
        )?;
        match run.failed() {
            0 => Ok(()),
            failed => write!(f, "  {failed} FAILED: {}", run.error().unwrap_or_default()),
        }
    }
}

/// What is no call.
#[derive(Default)]
pub struct Facts {
    pub bytes_for_each_earning: Option<f64>,
    pub codes: Option<Codes>,
}

pub fn table(rows: &[Row], pgbench: &Pgbench, facts: &Facts) -> String {
    let closed = |name: &str, callers: usize| {
        let of = |row: &&Row| row.name == name && matches!(row.loop_, Loop::Closed(n) if n == callers);
        rows.iter().find(of).map(|row| &row.run)
    };
    let mut text = String::from("ratios\n");
    let mut line = |what: &str, value: Option<f64>, wanted: &str| {
        let value = value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        text.push_str(&format!("  {what:<66} {value:>7}  ({wanted})\n"));
    };
    let ratio = |a: Option<&Run>, b: Option<&Run>| Some(a?.per_second() / b?.per_second());
    for (callers, wanted) in [(64, "loyalty's goal ≥ 0.30"), (256, "goal ≥ 0.30")] {
        let what = format!("EarnPoints ÷ echo, {callers} callers");
        line(&what, ratio(closed("EarnPoints", callers), closed("echo", callers)), wanted);
    }
    let singly = closed("EarnPoints, one by one", 256);
    line("EarnPoints ÷ one by one, 256 callers", ratio(closed("EarnPoints", 256), singly), "goal ≥ 4");
    let cpu = closed("EarnPoints", 256).map(Run::cpu_all);
    line("CPU: EarnPoints at 256 ÷ pgbench -N plain", cpu.map(|cpu| cpu / pgbench.plain.cpu), "goal ≤ 0.60");
    line("CPU: EarnPoints at 256 ÷ pgbench -N prepared", cpu.map(|cpu| cpu / pgbench.prepared.cpu), "for comparison");
    for name in ["GetCustomer", "IngestEvents"] {
        line(&format!("{name} ÷ echo, 256 callers"), ratio(closed(name, 256), closed("echo", 256)), "for comparison");
    }
    let p99 = |name: &str, callers: usize| closed(name, callers).map(|run| run.quantile_ms(0.99));
    line("EarnPoints, p99 in ms at 1,500 callers", p99("EarnPoints", 1_500), "goal < 150");
    let cost = |a: &str, b: &str| Some(closed(a, 64)?.cpu_all() / closed(b, 64)?.cpu_all());
    for name in ["SpendPoints", "PlaceHold", "RedeemCoupons"] {
        line(&format!("CPU: {name} ÷ EarnPoints, 64 callers"), cost(name, "EarnPoints"), "goal ≤ 1.30");
    }
    for (hot, cold) in [("EarnPoints, one member", "EarnPoints"), ("RedeemCoupons, one code", "RedeemCoupons")] {
        line(&format!("{hot} ÷ spread, 64 callers"), ratio(closed(hot, 64), closed(cold, 64)), "goal ≥ 0.50");
    }
    for (long, short) in [("SpendPoints, long", "SpendPoints"), ("GetBalance, long", "GetBalance")] {
        line(&format!("CPU: {short}, long history ÷ short, 64 callers"), cost(long, short), "goal ≤ 1.20");
    }
    line("GetBalance, p99 in ms at 64 callers", p99("GetBalance", 64), "goal < 5");
    line("bytes for each earning, all tables and indexes", facts.bytes_for_each_earning, "for comparison");
    let codes = facts.codes.as_ref();
    line("a million codes made, in s", codes.map(|codes| codes.made.as_secs_f64()), "goal < 20");
    line("a million codes exported, in s", codes.map(|codes| codes.exported.as_secs_f64()), "goal < 10");
    text
}
