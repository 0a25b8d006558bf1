//! How values are written for people: thousands, times, cut identifiers.

use std::fmt::Arguments;
use std::io::Write;
use std::time::Duration;

use guanxi_client::contracts::common::v1::Money as MoneyMessage;
use guanxi_client::contracts::time::from_proto;
use guanxi_kernel::{Currency, Money};

/// A line on standard output, as `println!` writes it, but one who closed the pipe (`guanxi … | head`) wants no more of it,
/// which is no failure.
macro_rules! say {
    ($($written:tt)*) => { $crate::shown::line(format_args!($($written)*)) };
}
pub(crate) use say;

/// What [`say!`] does.
pub fn line(written: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _closed = writeln!(out, "{written}").and_then(|()| out.flush());
}

/// An integer with thousands separators: `1,204,310`.
pub fn integer(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let grouped = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
    if value < 0 { format!("-{grouped}") } else { grouped }
}

/// A count and its noun: `1 order`, `2 orders`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", integer(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// Seconds with one digit: `4.9 s`.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// An amount with its currency; nothing where that is none.
pub fn money(amount: &MoneyMessage) -> String {
    let currency = amount.currency_code.parse::<Currency>();
    currency.map_or_else(|_| String::new(), |currency| Money::new(amount.minor_units, currency).to_string())
}

/// The day of an instant, by UTC.
pub fn day(at: Option<&prost_types::Timestamp>) -> Option<String> {
    let at = from_proto(at?)?;
    Some(at.strftime("%Y-%m-%d").to_string())
}

/// Thousandths as per cent: `12.3 %`.
pub fn permille(value: i64) -> String {
    format!("{}.{} %", value / 10, value % 10)
}

/// A bar as long as `value` is beside `most`, in `width` columns at the most, by eighths of a column. Whatever is not nothing
/// can be seen.
pub fn bar(value: i64, most: i64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if value <= 0 || most <= 0 {
        return String::new();
    }
    let whole = i128::try_from(width * 8).unwrap_or(i128::MAX);
    let eighths = (whole * i128::from(value.min(most)) / i128::from(most)).max(1);
    let eighths = usize::try_from(eighths).unwrap_or(0);
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_by_thousands() {
        let shown = [0, 7, 999, 1_000, 1_204_310, -48_100, i64::MIN].map(integer);
        assert_eq!(shown, ["0", "7", "999", "1,000", "1,204,310", "-48,100", "-9,223,372,036,854,775,808"]);
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            [counted(0, "order"), counted(1, "order"), counted(5_680, "order")],
            ["0 orders", "1 order", "5,680 orders"]
        );
    }

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_nothing_for_something() {
        let bars = [0, 1, 50, 75, 100, 200].map(|value| bar(value, 100, 4));
        assert_eq!(bars, ["", "▏", "██", "███", "████", "████"]);
        assert_eq!([bar(1, 100_000, 4), bar(5, 0, 4), bar(-5, 100, 4)], ["▏", "", ""]);
        assert_eq!(permille(123), "12.3 %");
    }
}
