//! A purchase, as far as it earns and as far as conditions ask about it.

use std::collections::BTreeSet;

use guanxi_kernel::{Currency, Refusal, Refused, Violation};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::points::share;

/// What was bought, as far as it earns. Tenders (gift cards, e-wallets) do not appear: they lower nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    currency: Currency,
    lines: Vec<PurchaseLine>,
    #[serde(default, skip_serializing_if = "is_zero")]
    discount_minor: i64,
    #[serde(default, skip_serializing_if = "Setting::is_empty")]
    setting: Setting,
}

/// Where and how it was bought: nothing of it earns by itself, conditions ask about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Setting {
    /// The way it was sold, such as `store` or `online`; empty where it is not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// The store; empty where there was none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub store: String,
    /// The codes of coupons that were used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<String>,
    /// The segments that the customer is in, as the caller knows them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<String>,
}

impl Setting {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One line of a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PurchaseLine {
    /// Its number within the order.
    pub line: i32,
    /// Its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The product's brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// What else is said of the product.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// How many, at least 1.
    pub quantity: i64,
    /// The price of the whole line after its own discounts, in minor units.
    pub price_minor: i64,
    /// What its delivery costs, in minor units.
    #[serde(skip_serializing_if = "is_zero")]
    pub delivery_minor: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// A purchase that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PurchaseError {
    /// Two lines have one number.
    #[error("line {line} occurs twice")]
    LineRepeated {
        /// Where in the list the second one stands, from 0.
        index: usize,
        /// The number.
        line: i32,
    },
    /// More is taken off than there is.
    #[error("the discount {discount_minor} is above the lines' sum {sum_minor}")]
    DiscountTooHigh {
        /// What is taken off, in minor units.
        discount_minor: i64,
        /// What the lines add up to, in minor units.
        sum_minor: i64,
    },
}

/// Everything in which a purchase contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct PurchaseErrors(pub Vec<PurchaseError>);

impl Refusal for PurchaseErrors {
    fn refusal(&self) -> Refused {
        let violation = |error: &PurchaseError| {
            let (field, rule) = match error {
                PurchaseError::LineRepeated { index, .. } => (format!("purchase.lines[{index}].line"), "LINE_REPEATED"),
                PurchaseError::DiscountTooHigh { .. } => ("purchase.discount_minor".to_owned(), "DISCOUNT_TOO_HIGH"),
            };
            Violation { field, rule: rule.to_owned(), description: error.to_string() }
        };
        Refused::violations(self.0.iter().map(violation).collect())
    }
}

impl Purchase {
    /// A purchase; `discount_minor` was taken off the order as a whole.
    ///
    /// # Errors
    /// [`PurchaseErrors`], everything in which it contradicts itself.
    pub fn new(currency: Currency, lines: Vec<PurchaseLine>, discount_minor: i64) -> Result<Self, PurchaseErrors> {
        let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
        for (index, line) in lines.iter().enumerate() {
            if !seen.insert(line.line) {
                wrong.push(PurchaseError::LineRepeated { index, line: line.line });
            }
        }
        let sum_minor = lines.iter().map(|line| line.price_minor).sum();
        if discount_minor > sum_minor {
            wrong.push(PurchaseError::DiscountTooHigh { discount_minor, sum_minor });
        }
        let setting = Setting::default();
        if wrong.is_empty() {
            Ok(Self { currency, lines, discount_minor, setting })
        } else {
            Err(PurchaseErrors(wrong))
        }
    }

    /// What is there where something earns that is no order: one line of nothing.
    pub(super) fn nothing(currency: Currency) -> Self {
        let (lines, setting) = (vec![PurchaseLine::default()], Setting::default());
        Self { currency, lines, discount_minor: 0, setting }
    }

    /// The same, bought there and so.
    #[must_use]
    pub fn at(self, setting: Setting) -> Self {
        Self { setting, ..self }
    }

    /// The currency of its amounts.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Its lines.
    pub fn lines(&self) -> &[PurchaseLine] {
        &self.lines
    }

    /// Where and how it was bought.
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// What was taken off the order as a whole, in minor units.
    pub fn discount_minor(&self) -> i64 {
        self.discount_minor
    }

    /// What the goods cost before that, in minor units.
    pub fn goods_minor(&self) -> i64 {
        self.lines.iter().map(|line| line.price_minor).sum()
    }

    /// What the goods cost in the end, in minor units.
    pub fn value_minor(&self) -> i64 {
        self.goods_minor() - self.discount_minor
    }

    /// What can earn: each line's goods less their share of the discount, and each line's delivery where it earns.
    pub(super) fn parts(&self, delivery_earns: bool) -> Vec<Part<'_>> {
        let prices: Vec<i64> = self.lines.iter().map(|line| line.price_minor).collect();
        let discounts = share(self.discount_minor, &prices);
        let goods = self.lines.iter().zip(discounts).enumerate().map(|(index, (line, discount))| Part {
            index,
            goods: Some(line),
            base_minor: line.price_minor - discount,
        });
        let delivery = self.lines.iter().enumerate().filter(|_| delivery_earns).map(|(index, line)| Part {
            index,
            goods: None,
            base_minor: line.delivery_minor,
        });
        goods.chain(delivery).filter(|part| part.base_minor > 0).collect()
    }
}

/// What can earn: the goods of a line, or its delivery.
pub(super) struct Part<'a> {
    /// Where its line stands.
    pub index: usize,
    /// The line; `None` for its delivery.
    pub goods: Option<&'a PurchaseLine>,
    /// What counts, in minor units; at least 1.
    pub base_minor: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: i32, price_minor: i64) -> PurchaseLine {
        PurchaseLine { line, quantity: 1, price_minor, ..PurchaseLine::default() }
    }

    #[test]
    fn a_purchase_that_contradicts_itself_is_refused() {
        let currency: Currency = "CNY".parse().expect("a currency");
        let twice = Purchase::new(currency, vec![line(1, 1), line(1, 1)], 0);
        assert_eq!(twice, Err(PurchaseErrors(vec![PurchaseError::LineRepeated { index: 1, line: 1 }])));
        let both = Purchase::new(currency, vec![line(1, 3), line(1, 2)], 6).expect_err("two faults");
        let fields: Vec<_> =
            both.refusal().field_violations().iter().map(|violation| violation.field.clone()).collect();
        assert_eq!(fields, ["purchase.lines[1].line", "purchase.discount_minor"]);
        assert_eq!(both.to_string(), "line 1 occurs twice; the discount 6 is above the lines' sum 5");
    }

    #[test]
    fn a_purchase_survives_the_way_to_the_store_and_back() {
        let setting = Setting { store: "s1".into(), coupons: vec!["SPRING".into()], ..Setting::default() };
        let line = PurchaseLine { brand: Some("haier".into()), labels: vec!["new".into()], ..line(1, 500) };
        let bought = Purchase::new("CNY".parse().expect("a currency"), vec![line], 20).expect("good").at(setting);
        let json = serde_json::to_string(&bought).expect("it is written");
        assert_eq!(serde_json::from_str::<Purchase>(&json).expect("it is read"), bought);
        assert_eq!(bought.value_minor(), 480);
    }
}
