//! Facts: what a condition may ask about, field by field. The list is the contract's: `EarningRule.condition` in the protos
//! and `docs/rules.md` name the same fields.

use std::sync::OnceLock;

use guanxi_kernel::name::{CustomerId, MemberId};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::entry::Totals;
use super::purchase::{Purchase, PurchaseLine};
use super::source::{Happening, Trigger};

/// What sort of value a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A text; empty where there is none.
    Text,
    /// A list of texts, of which there are few: at most twenty or so.
    Texts,
    /// A list of texts, of which there may be one for each line.
    LineTexts,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(&'a str),
    /// A text that is made for the question.
    Made(String),
    /// A list of texts.
    Texts(Vec<&'a str>),
}

/// The roots of all fields.
pub const ROOTS: &[&str] = &["order", "line", "member", "customer", "time", "event"];

/// Every field that there is.
pub const FIELDS: &[(&str, Sort)] = &[
    ("order.value_minor", Sort::Int),
    ("order.goods_minor", Sort::Int),
    ("order.discount_minor", Sort::Int),
    ("order.delivery_minor", Sort::Int),
    ("order.quantity", Sort::Int),
    ("order.line_count", Sort::Int),
    ("order.channel", Sort::Text),
    ("order.store", Sort::Text),
    ("order.coupons", Sort::Texts),
    ("order.products", Sort::LineTexts),
    ("order.categories", Sort::LineTexts),
    ("order.brands", Sort::LineTexts),
    ("order.labels", Sort::LineTexts),
    ("line.number", Sort::Int),
    ("line.product", Sort::Text),
    ("line.category", Sort::Text),
    ("line.brand", Sort::Text),
    ("line.labels", Sort::Texts),
    ("line.quantity", Sort::Int),
    ("line.price_minor", Sort::Int),
    ("line.value_minor", Sort::Int),
    ("line.delivery_minor", Sort::Int),
    ("member.known", Sort::Bool),
    ("member.name", Sort::Text),
    ("member.earned_points", Sort::Int),
    ("member.open_points", Sort::Int),
    ("member.held_points", Sort::Int),
    ("member.spent_points", Sort::Int),
    ("member.tier", Sort::Text),
    ("member.tenure_days", Sort::Int),
    ("member.order_count", Sort::Int),
    ("customer.name", Sort::Text),
    ("customer.segments", Sort::Texts),
    ("customer.churn_risk_permille", Sort::Int),
    ("time.date", Sort::Text),
    ("time.year", Sort::Int),
    ("time.month", Sort::Int),
    ("time.day", Sort::Int),
    ("time.weekday", Sort::Int),
    ("time.hour", Sort::Int),
    ("time.minute", Sort::Int),
    ("event.type", Sort::Text),
    ("event.source", Sort::Text),
    ("event.survey", Sort::Text),
    ("event.survey_version", Sort::Int),
    ("event.subject", Sort::Text),
    ("event.rating", Sort::Int),
    ("event.segment", Sort::Text),
    ("event.risk_permille", Sort::Int),
];

/// The sort of a field; `None` where there is no such field.
pub fn sort(field: &str) -> Option<Sort> {
    FIELDS.iter().find(|(name, _)| *name == field).map(|(_, sort)| *sort)
}

/// Names are kept as their text.
mod named {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(name: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(name)
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The member who earns, as he was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFacts {
    /// Whose.
    #[serde(with = "named")]
    pub member: MemberId,
    /// The customer that the member is.
    #[serde(with = "named")]
    pub customer: CustomerId,
    /// Points ever earned.
    pub earned: i64,
    /// Points in lots, pending or active, and not held.
    pub open: i64,
    /// Points set aside.
    pub held: i64,
    /// Points spent, less what came back.
    pub spent: i64,
    /// The id of his tier; `None` below the lowest, and where the program has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// What was told of the customer.
    #[serde(default, skip_serializing_if = "Told::is_nothing")]
    pub told: Told,
    /// Local days since he joined; 0 where no rule asked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tenure_days: i64,
    /// Orders that earned before; 0 where no rule asked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub orders: i64,
}

/// What the customer service told of a customer, as far as conditions ask about it: loaded where the program asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The segments that he is in, by slug.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<String>,
    /// How likely it is that he does not come back, in thousandths, when that was last assessed; 0 where it never was.
    pub churn_risk_permille: i64,
}

impl Told {
    /// What was told of another customer who is the same person: he is in the segments of both, and as likely to leave as the
    /// likelier of them.
    pub(crate) fn join(&mut self, other: &Self) {
        self.segments.extend(
            other.segments.iter().filter(|segment| !self.segments.contains(segment)).cloned().collect::<Vec<_>>(),
        );
        self.churn_risk_permille = self.churn_risk_permille.max(other.churn_risk_permille);
    }

    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's shape")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl MemberFacts {
    /// Of a member with these totals.
    pub fn new(member: MemberId, customer: CustomerId, totals: &Totals) -> Self {
        let Totals { earned, open, held, spent, .. } = totals;
        Self {
            member,
            customer,
            earned: earned.get(),
            open: open.get(),
            held: held.get(),
            spent: spent.get(),
            tier: None,
            told: Told::default(),
            tenure_days: 0,
            orders: 0,
        }
    }
}

/// Everything that a condition may ask about. `line` is the line that is asked about, with what it costs in the end.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What was bought.
    pub purchase: &'a Purchase,
    /// Where the order came from: the first part of its name; empty where it has no name yet.
    pub source: &'a str,
    /// When, by the business.
    pub effective_time: Timestamp,
    /// The program's zone.
    pub zone: &'a TimeZone,
    /// The member; `None` where an estimate names none.
    pub member: Option<MemberFacts>,
    /// What happened, where it is no order.
    happening: Option<&'a Happening>,
    local: OnceLock<Zoned>,
}

impl<'a> Facts<'a> {
    /// What can be asked of this purchase.
    pub fn new(
        purchase: &'a Purchase,
        source: &'a str,
        effective_time: Timestamp,
        zone: &'a TimeZone,
        member: Option<MemberFacts>,
    ) -> Self {
        Self { purchase, source, effective_time, zone, member, happening: None, local: OnceLock::new() }
    }

    /// The same of something that is no order.
    #[must_use]
    pub fn about(self, happening: &'a Happening) -> Self {
        Self { happening: Some(happening), ..self }
    }

    /// The moment, in the program's zone.
    pub fn local(&self) -> &Zoned {
        self.local.get_or_init(|| self.effective_time.to_zoned(self.zone.clone()))
    }

    /// The value of a field of anything but a line; `None` where there is no such field.
    pub fn read(&self, field: &str) -> Option<Fact<'_>> {
        let (root, name) = field.split_once('.')?;
        match root {
            "order" => order(self.purchase, name),
            "member" => self.member_fact(name),
            "customer" => match name {
                "name" => {
                    Some(Fact::Made(self.member.as_ref().map(|member| member.customer.to_string()).unwrap_or_default()))
                }
                "segments" => {
                    let told = self.member.iter().flat_map(|member| &member.told.segments);
                    let mut all: Vec<&str> =
                        self.purchase.setting().segments.iter().chain(told).map(String::as_str).collect();
                    all.sort_unstable();
                    all.dedup();
                    Some(Fact::Texts(all))
                }
                "churn_risk_permille" => {
                    Some(Fact::Int(self.member.as_ref().map_or(0, |member| member.told.churn_risk_permille)))
                }
                _ => None,
            },
            "time" => self.time(name),
            "event" => self.event(field, name),
            _ => None,
        }
    }

    fn event(&self, field: &str, name: &str) -> Option<Fact<'_>> {
        match name {
            "type" => Some(Fact::Text(self.happening.map_or(Trigger::Order, Happening::trigger).as_str())),
            "source" => Some(Fact::Text(self.source)),
            _ => self.happening.and_then(|happening| happening.read(name)).or_else(|| absent(field)),
        }
    }

    fn member_fact(&self, name: &str) -> Option<Fact<'a>> {
        let number = |of: fn(&MemberFacts) -> i64| Some(Fact::Int(self.member.as_ref().map_or(0, of)));
        match name {
            "known" => Some(Fact::Bool(self.member.is_some())),
            "name" => {
                Some(Fact::Made(self.member.as_ref().map(|member| member.member.to_string()).unwrap_or_default()))
            }
            "earned_points" => number(|member| member.earned),
            "open_points" => number(|member| member.open),
            "held_points" => number(|member| member.held),
            "spent_points" => number(|member| member.spent),
            "tenure_days" => number(|member| member.tenure_days),
            "order_count" => number(|member| member.orders),
            "tier" => {
                let tier = self.member.as_ref().and_then(|member| member.tier.clone());
                Some(Fact::Made(tier.unwrap_or_default()))
            }
            _ => None,
        }
    }

    fn time(&self, name: &str) -> Option<Fact<'a>> {
        let local = self.local();
        let number: i64 = match name {
            "date" => return Some(Fact::Made(local.date().to_string())),
            "year" => local.year().into(),
            "month" => local.month().into(),
            "day" => local.day().into(),
            "weekday" => local.weekday().to_monday_one_offset().into(),
            "hour" => local.hour().into(),
            "minute" => local.minute().into(),
            _ => return None,
        };
        Some(Fact::Int(number))
    }
}

/// The value of a field of which there is nothing here.
fn absent<'a>(field: &str) -> Option<Fact<'a>> {
    Some(match sort(field)? {
        Sort::Bool => Fact::Bool(false),
        Sort::Int => Fact::Int(0),
        Sort::Text => Fact::Text(""),
        Sort::Texts | Sort::LineTexts => Fact::Texts(Vec::new()),
    })
}

fn order<'a>(purchase: &'a Purchase, name: &str) -> Option<Fact<'a>> {
    let lines = purchase.lines();
    let distinct = |of: fn(&'a PurchaseLine) -> Option<&'a String>| {
        let mut found: Vec<&str> = lines.iter().filter_map(of).map(String::as_str).collect();
        found.sort_unstable();
        found.dedup();
        Fact::Texts(found)
    };
    Some(match name {
        "value_minor" => Fact::Int(purchase.value_minor()),
        "goods_minor" => Fact::Int(purchase.goods_minor()),
        "discount_minor" => Fact::Int(purchase.discount_minor()),
        "delivery_minor" => Fact::Int(lines.iter().map(|line| line.delivery_minor).sum()),
        "quantity" => Fact::Int(lines.iter().map(|line| line.quantity).sum()),
        "line_count" => Fact::Int(i64::try_from(lines.len()).unwrap_or(i64::MAX)),
        "channel" => Fact::Text(&purchase.setting().channel),
        "store" => Fact::Text(&purchase.setting().store),
        "coupons" => texts(&purchase.setting().coupons),
        "products" => distinct(|line| line.product.as_ref()),
        "categories" => distinct(|line| line.category.as_ref()),
        "brands" => distinct(|line| line.brand.as_ref()),
        "labels" => {
            let mut found: Vec<&str> = lines.iter().flat_map(|line| &line.labels).map(String::as_str).collect();
            found.sort_unstable();
            found.dedup();
            Fact::Texts(found)
        }
        _ => return None,
    })
}

/// The value of a field of a line whose goods cost `value_minor` in the end; `None` where there is no such field.
pub fn of_line<'a>(line: &'a PurchaseLine, value_minor: i64, field: &str) -> Option<Fact<'a>> {
    let text = |text: &'a Option<String>| Fact::Text(text.as_deref().unwrap_or_default());
    Some(match field.strip_prefix("line.")? {
        "number" => Fact::Int(line.line.into()),
        "product" => text(&line.product),
        "category" => text(&line.category),
        "brand" => text(&line.brand),
        "labels" => texts(&line.labels),
        "quantity" => Fact::Int(line.quantity),
        "price_minor" => Fact::Int(line.price_minor),
        "value_minor" => Fact::Int(value_minor),
        "delivery_minor" => Fact::Int(line.delivery_minor),
        _ => return None,
    })
}

fn texts(texts: &[String]) -> Fact<'_> {
    Fact::Texts(texts.iter().map(String::as_str).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_is_declared_can_be_read_and_is_of_its_sort() {
        let line = PurchaseLine { line: 1, quantity: 2, price_minor: 300, ..PurchaseLine::default() };
        let purchase = Purchase::new("CNY".parse().expect("a currency"), vec![line], 100).expect("good");
        let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
        let at: Timestamp = "2026-11-22T16:30:00Z".parse().expect("an instant");
        let facts = Facts::new(&purchase, "pos", at, &zone, None);
        for (field, sort) in FIELDS {
            let fact = facts.read(field).or_else(|| of_line(&purchase.lines()[0], 200, field));
            let fits = match fact.unwrap_or_else(|| panic!("{field} cannot be read")) {
                Fact::Bool(_) => *sort == Sort::Bool,
                Fact::Int(_) => *sort == Sort::Int,
                Fact::Text(_) | Fact::Made(_) => *sort == Sort::Text,
                Fact::Texts(_) => matches!(sort, Sort::Texts | Sort::LineTexts),
            };
            assert!(fits, "{field}");
            assert!(ROOTS.contains(&field.split('.').next().unwrap_or_default()), "{field}");
        }
        assert_eq!(
            facts.read("time.date"),
            Some(Fact::Made("2026-11-23".into())),
            "the program's day, not that of UTC"
        );
        assert_eq!((facts.read("time.weekday"), facts.read("time.hour")), (Some(Fact::Int(1)), Some(Fact::Int(0))));
        assert_eq!(facts.read("order.value_minor"), Some(Fact::Int(200)));
        assert_eq!(facts.read("order.nothing"), None);
    }
}
