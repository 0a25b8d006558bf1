//! The mapping from an export's files and columns to contracts: a TOML file without expressions. `olist.toml` is one,
//! and the documentation of all its keys.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use guanxi_client::contracts::customer::v1::PaymentMethod;
use guanxi_client::contracts::logistics::v1::TrackingStatus;
use guanxi_kernel::OrganizationId;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::value;
use crate::failed::{Done, Failed};
use crate::load::setup::{DeliverySurvey, PointsProgram, Retailer};

/// The mapping of Olist's export.
const OLIST: &str = include_str!("olist.toml");

/// Which file and column feeds what.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    pub source: String,
    pub organization: Organization,
    pub program: Option<Program>,
    pub survey: Option<Survey>,
    pub format: Format,
    pub line_start: Option<LineStart>,
    pub customers: Customers,
    pub orders: Orders,
    pub items: Items,
    pub payments: Option<Payments>,
    pub products: Option<Products>,
    pub categories: Option<Categories>,
    pub reviews: Option<Reviews>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    pub id: String,
    pub display_name: String,
    pub time_zone: String,
    pub currency_code: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    id: String,
    display_name: String,
    points: String,
    points_per_step: i64,
    step_minor: i64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    id: String,
    display_name: String,
    question: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Format {
    #[serde(default = "comma")]
    pub delimiter: char,
    pub timestamp: String,
    #[serde(default = "point")]
    pub decimal: char,
}

fn comma() -> char {
    ','
}

fn point() -> char {
    '.'
}

/// What the first field of a record looks like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineStart {
    pub characters: String,
    pub length: usize,
}

impl LineStart {
    /// Whether a first field looks so.
    pub fn fits(&self, field: &[u8]) -> bool {
        field.len() == self.length && field.iter().all(|byte| self.characters.as_bytes().contains(byte))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customers {
    pub file: String,
    pub key: String,
    pub external_id: String,
    pub display_name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub birth_date: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub card: Option<String>,
    pub language_code: Option<String>,
    pub address: Option<Address>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    #[serde(default)]
    pub region_code: String,
    pub postal_code: Option<String>,
    pub locality: Option<String>,
    pub administrative_area: Option<String>,
    #[serde(default)]
    pub lines: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    pub file: String,
    pub number: String,
    pub customer: String,
    pub order_time: String,
    pub promised_date: Option<String>,
    pub cancelled: Option<Cancelled>,
    #[serde(default)]
    pub tracking: Vec<Tracking>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancelled {
    pub column: String,
    pub values: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracking {
    pub column: String,
    pub status: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Items {
    pub file: String,
    pub order: String,
    pub line: String,
    pub product: String,
    pub seller: String,
    pub quantity: Option<String>,
    pub price: String,
    pub delivery: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payments {
    pub file: String,
    pub order: String,
    pub number: String,
    pub method: String,
    pub amount: String,
    pub instalments: Option<String>,
    pub methods: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Products {
    pub file: String,
    pub key: String,
    pub category: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Categories {
    pub file: String,
    pub key: String,
    pub name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviews {
    pub file: String,
    pub id: String,
    pub order: String,
    pub rating: String,
    pub title: Option<String>,
    pub text: Option<String>,
    pub review_time: String,
}

impl Mapping {
    /// The one of Olist's export.
    ///
    /// # Errors
    /// Never, as long as its test passes.
    pub fn olist() -> Done<Self> {
        Self::parse(OLIST).map_err(|wrong| Failed::usage(format!("olist.toml: {wrong}")))
    }

    /// The one in a file of the user's.
    ///
    /// # Errors
    /// A file that cannot be read, or the first place in it that is wrong.
    pub fn read(file: &Path) -> Done<Self> {
        let shown = file.display();
        let text = fs::read_to_string(file)
            .map_err(|error| Failed::usage(format!("the mapping {shown} cannot be read: {error}")))?;
        Self::parse(&text).map_err(|wrong| {
            Failed::usage(format!("the mapping {shown}: {wrong}; olist.toml in the sources explains every key"))
        })
    }

    /// Reads a mapping and checks what the services would refuse of every row.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mapping: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            format!("line {line}: {}", error.message())
        })?;
        mapping.check().map(|()| mapping)
    }

    fn check(&self) -> Result<(), String> {
        let organization = &self.organization;
        OrganizationId::from_slug(&organization.id).map_err(|error| format!("organization.id: {error}"))?;
        self.value_format()?;
        if !self.format.delimiter.is_ascii() || matches!(self.format.delimiter, '"' | '\n' | '\r') {
            return Err(format!("format.delimiter: {:?} cannot separate fields", self.format.delimiter));
        }
        if !matches!(self.format.decimal, '.' | ',') {
            return Err(format!("format.decimal: {:?} is neither \".\" nor \",\"", self.format.decimal));
        }
        for tracking in &self.orders.tracking {
            let status = &tracking.status;
            TrackingStatus::from_str_name(&format!("TRACKING_STATUS_{status}"))
                .filter(|known| !matches!(known, TrackingStatus::Unspecified | TrackingStatus::Unknown))
                .ok_or_else(|| format!("orders.tracking: {status:?} is no status"))?;
        }
        for (word, method) in self.payments.iter().flat_map(|payments| &payments.methods) {
            payment_method(method).ok_or_else(|| format!("payments.methods.{word}: {method:?} is no method"))?;
        }
        Ok(())
    }

    /// How the values of the export are written.
    pub fn value_format(&self) -> Result<value::Format, String> {
        let Organization { time_zone, currency_code, .. } = &self.organization;
        let zone = TimeZone::get(time_zone);
        Ok(value::Format {
            timestamp: self.format.timestamp.clone(),
            zone: zone.map_err(|_| format!("organization.time_zone: {time_zone:?} is no zone of the IANA database"))?,
            decimal: self.format.decimal,
            currency: currency_code.parse().map_err(|error| format!("organization.currency_code: {error}"))?,
        })
    }

    /// The organisation to be there.
    pub fn retailer(&self) -> Retailer {
        let Organization { id, display_name, time_zone, currency_code } = self.organization.clone();
        Retailer { organization: id, display_name, time_zone, currency_code }
    }

    /// The program to be there.
    pub fn program(&self) -> Option<PointsProgram> {
        let Program { id, display_name, points, points_per_step, step_minor } = self.program.clone()?;
        Some(PointsProgram { id, display_name, points, points_per_step, step_minor, expiry_months: None })
    }

    /// The survey to be there.
    pub fn survey(&self) -> Option<DeliverySurvey> {
        let Survey { id, display_name, question } = self.survey.clone()?;
        Some(DeliverySurvey { id, display_name, question })
    }
}

/// The method of payment of this name, such as `CREDIT_CARD`.
pub fn payment_method(name: &str) -> Option<PaymentMethod> {
    PaymentMethod::from_str_name(&format!("PAYMENT_METHOD_{name}"))
        .filter(|method| *method != PaymentMethod::Unspecified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn olists_mapping_is_good() {
        let mapping = Mapping::olist().expect("it is checked here");
        assert_eq!((mapping.source.as_str(), mapping.orders.tracking.len()), ("olist", 4));
    }

    fn with(what: &str, instead: &str) -> String {
        assert!(OLIST.contains(what), "{what} is in the mapping");
        Mapping::parse(&OLIST.replace(what, instead)).expect_err("it is wrong")
    }

    #[test]
    fn a_wrong_mapping_is_told_by_its_place() {
        assert!(with("number = \"order_id\"", "nummer = \"order_id\"").contains("nummer"));
        assert!(with("America/Sao_Paulo", "Mars/Olympus").contains("organization.time_zone: \"Mars/Olympus\""));
        assert!(with("\"BRL\"", "\"real\"").contains("organization.currency_code"));
        assert!(with("\"PICKED_UP\"", "\"PICKED\"").contains("orders.tracking: \"PICKED\""));
        assert!(with("\"VOUCHER\"", "\"PAPER\"").contains("payments.methods.voucher: \"PAPER\""));
        assert!(with("decimal = \".\"", "decimal = \";\"").contains("format.decimal"));
        assert!(with("delimiter = \",\"", "delimiter = \"\"").starts_with("line "));
    }
}
