//! How values are written for people: thousands, times, cut identifiers.

use std::fmt::Arguments;
use std::io::Write;
use std::time::Duration;

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
}
