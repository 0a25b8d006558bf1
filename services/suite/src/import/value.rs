//! Values as files write them: exact amounts, times of a zone, whole numbers. No float comes near.

use guanxi_kernel::Currency;
use guanxi_kernel::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

/// How the values of an export are written.
#[derive(Debug, Clone)]
pub struct Format {
    /// strftime of times.
    pub timestamp: String,
    /// The zone of times without an offset.
    pub zone: TimeZone,
    /// Between whole and fraction of an amount.
    pub decimal: char,
    /// The currency of every amount.
    pub currency: Currency,
}

/// A time, and how its source's clock showed it where that had no offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The instant.
    pub at: Timestamp,
    /// The local time.
    pub local: Option<DateTime>,
    /// The date that was written.
    pub date: Date,
}

impl Format {
    /// An amount in minor units: `99.9` of BRL is 9,990. Zeros beyond the currency's digits are taken.
    pub fn amount(&self, text: &str) -> Result<i64, String> {
        let wrong = || format!("{text:?} is not a decimal number");
        let (whole, fraction) = text.split_once(self.decimal).unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = whole.strip_prefix('-').unwrap_or(whole);
        if !digits(unsigned) || !digits(fraction) {
            return Err(wrong());
        }
        let exponent = self.currency.exponent() as usize;
        let (kept, beyond) = fraction.split_at(fraction.len().min(exponent));
        if beyond.bytes().any(|byte| byte != b'0') {
            return Err(format!("{text:?} has more than the {exponent} decimals of {}", self.currency));
        }
        let minor = format!("{unsigned}{kept:0<exponent$}").parse::<i64>();
        let minor = minor.map_err(|_| format!("{text:?} is out of range"))?;
        if whole.starts_with('-') { Err(format!("{text:?} is negative")) } else { Ok(minor) }
    }

    /// A time. A local hour that comes twice is the first, one that is skipped moves forward by the gap.
    pub fn moment(&self, text: &str) -> Result<Moment, String> {
        let wrong = || format!("{text:?} is not a time of the form {}", self.timestamp);
        let parsed = BrokenDownTime::parse(&self.timestamp, text).map_err(|_| wrong())?;
        if parsed.offset().is_some() {
            let at = parsed.to_timestamp().map_err(|_| wrong())?;
            return Ok(Moment { at, local: None, date: parsed.to_date().map_err(|_| wrong())? });
        }
        let local = parsed.to_datetime().or_else(|_| parsed.to_date().map(DateTime::from)).map_err(|_| wrong())?;
        let at = self.zone.to_timestamp(local).map_err(|_| wrong())?;
        Ok(Moment { at, local: Some(local), date: local.date() })
    }
}

/// A whole number from `least` to `most`.
pub fn whole(text: &str, least: i64, most: i64) -> Result<i64, String> {
    let value = text.parse::<i64>().map_err(|_| format!("{text:?} is not a whole number"))?;
    if (least..=most).contains(&value) { Ok(value) } else { Err(format!("{text:?} is not from {least} to {most}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format() -> Format {
        Format {
            timestamp: "%Y-%m-%d %H:%M:%S".into(),
            zone: TimeZone::get("America/Sao_Paulo").expect("a zone"),
            decimal: '.',
            currency: "BRL".parse().expect("a currency"),
        }
    }

    #[test]
    fn amounts_are_exact() {
        let amounts = ["99.9", "144.0", "144", "0.05", "12.900", "1234567.89", "0"].map(|text| format().amount(text));
        assert_eq!(amounts, [9_990, 14_400, 14_400, 5, 1_290, 123_456_789, 0].map(Ok));
        let yen = Format { currency: "JPY".parse().expect("a currency"), ..format() };
        assert_eq!([yen.amount("300"), yen.amount("300.0")], [Ok(300), Ok(300)]);
        let comma = Format { decimal: ',', ..format() };
        assert_eq!(comma.amount("12,9"), Ok(1_290));
    }

    #[test]
    fn what_is_no_amount_is_told() {
        assert_eq!(format().amount("12,90"), Err("\"12,90\" is not a decimal number".into()));
        for wrong in ["", ".", "1.", ".5", "+1", "1e3", "1 000", "NaN", "0x1", "١"] {
            assert!(format().amount(wrong).expect_err("it is none").ends_with("is not a decimal number"), "{wrong}");
        }
        assert_eq!(format().amount("1.005"), Err("\"1.005\" has more than the 2 decimals of BRL".into()));
        assert_eq!(format().amount("-1.00"), Err("\"-1.00\" is negative".into()));
        assert_eq!(format().amount("99999999999999999999"), Err("\"99999999999999999999\" is out of range".into()));
    }

    #[test]
    fn times_are_of_their_zone() {
        let at = |text: &str| format().moment(text).expect("a time").at.to_string();
        assert_eq!(at("2018-07-01 12:00:00"), "2018-07-01T15:00:00Z");
        assert_eq!(at("2018-01-01 12:00:00"), "2018-01-01T14:00:00Z", "summer time");
        assert_eq!(at("2017-10-15 00:30:00"), "2017-10-15T03:30:00Z", "skipped: 00:30 was 01:30");
        assert_eq!(at("2018-02-17 23:30:00"), "2018-02-18T01:30:00Z", "twice: the first, still summer");
        let offset = Format { timestamp: "%Y-%m-%dT%H:%M:%S%z".into(), ..format() };
        let moment = offset.moment("2018-07-01T12:00:00+0800").expect("a time");
        assert_eq!((moment.at.to_string().as_str(), moment.local), ("2018-07-01T04:00:00Z", None));
        let day = Format { timestamp: "%d.%m.%Y".into(), ..format() };
        assert_eq!(day.moment("31.12.2017").expect("a day").date.to_string(), "2017-12-31");
    }

    #[test]
    fn what_is_no_time_is_told() {
        for wrong in [
            "",
            "2018-02-30 00:00:00",
            "2018-13-01 00:00:00",
            "2018-01-01",
            "01/02/2018",
            "2018-01-01 25:00:00",
            "2018-01-01 10:00:00 x",
        ] {
            let told = format().moment(wrong).expect_err("it is none");
            assert!(told.contains("is not a time of the form"), "{wrong}: {told}");
        }
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(whole("5", 1, 5), Ok(5));
        assert_eq!(whole("6", 1, 5), Err("\"6\" is not from 1 to 5".into()));
        assert_eq!(whole("4.0", 1, 5), Err("\"4.0\" is not a whole number".into()));
    }
}
