//! Money: whole minor units of one currency. There is no float and no decimal near it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An ISO 4217 currency code: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// The code, such as `CNY`.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency code is ASCII")
    }

    /// How many decimal digits its minor unit stands for (ISO 4217): 2, except where the standard says otherwise.
    pub fn exponent(&self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }

    /// How many minor units make one major unit: 100 for CNY, 1 for JPY.
    pub fn minor_per_major(&self) -> i64 {
        10_i64.pow(self.exponent())
    }
}

/// A text that is not a currency code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a currency code: three capital letters, such as CNY")]
pub struct CurrencyError(String);

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(CurrencyError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;

    fn try_from(text: String) -> Result<Self, CurrencyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in whole minor units (fen, cents) of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The amount in minor units; negative where money goes back.
    pub minor_units: i64,
    /// Its currency.
    pub currency: Currency,
}

/// Sums that cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The amounts are of different currencies.
    #[error("{0} and {1} cannot be added")]
    Mixed(Currency, Currency),
    /// The sum does not fit 64 bits.
    #[error("the sum is out of range")]
    OutOfRange,
}

impl Money {
    /// An amount of `minor_units` of `currency`.
    pub fn new(minor_units: i64, currency: Currency) -> Self {
        Self { minor_units, currency }
    }

    /// The sum of two amounts of one currency.
    ///
    /// # Errors
    /// [`MoneyError`] where the currencies differ or the sum is out of range.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let minor_units = self.minor_units.checked_add(other.minor_units).ok_or(MoneyError::OutOfRange)?;
        Ok(Self { minor_units, currency: self.currency })
    }
}

impl fmt::Display for Money {
    /// `12.90 BRL`, with as many digits as the currency has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_major = self.currency.minor_per_major().unsigned_abs();
        let (whole, part) = (self.minor_units.unsigned_abs() / per_major, self.minor_units.unsigned_abs() % per_major);
        let sign = if self.minor_units < 0 { "-" } else { "" };
        match self.currency.exponent() {
            0 => write!(f, "{sign}{whole} {}", self.currency),
            digits => write!(f, "{sign}{whole}.{part:0width$} {}", self.currency, width = digits as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_shown_with_the_digits_of_its_currency() {
        let shown = |minor, code: &str| Money::new(minor, code.parse().expect("a code")).to_string();
        assert_eq!(shown(-1290, "BRL"), "-12.90 BRL");
        assert_eq!(shown(5, "CNY"), "0.05 CNY");
        assert_eq!(shown(5, "JPY"), "5 JPY");
        assert_eq!(shown(1005, "KWD"), "1.005 KWD");
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        for wrong in ["", "cny", "CNYX", "C1Y", "元"] {
            assert!(wrong.parse::<Currency>().is_err(), "{wrong} was taken");
        }
    }
}
