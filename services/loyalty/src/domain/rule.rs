//! Earning rules: what must be so for a rule to fire, and what it does then.

use std::collections::BTreeSet;

use guanxi_kernel::Violation;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cap::Cap;
use super::condition::Condition;
use super::expiry::ExpiryPolicy;
use super::purchase::PurchaseLine;
use super::source::Trigger;

/// What earns points: one effect on the lines that its filters and its condition let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarningRule {
    /// Its stable id within the program or campaign.
    pub id: String,
    /// What people call it.
    pub display_name: String,
    /// What sets it off.
    #[serde(default, skip_serializing_if = "Trigger::is_order")]
    pub trigger: Trigger,
    /// Only lines of these categories; none means any. Delivery has no category.
    pub categories: BTreeSet<String>,
    /// Not lines of these.
    pub excluded_categories: BTreeSet<String>,
    /// The same of products, brands and labels.
    #[serde(default, skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
    /// What must hold besides: of a line where it asks about lines, otherwise of the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// A higher one goes first.
    #[serde(default)]
    pub priority: i32,
    /// Whether it stands alone among its kind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
    /// Whether no rule after it is looked at once it fired.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop: bool,
    /// From when it is valid, this instant included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// Until when, this instant excluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    /// The most that it gives one member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Cap>,
    /// When the points that it gives expire, where that is not as tier or program say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<ExpiryPolicy>,
    /// What it does.
    pub effect: Effect,
}

/// Which products, brands and labels count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filters {
    /// Of products.
    pub products: Filter,
    /// Of brands.
    pub brands: Filter,
    /// Of labels, of which a line may have several.
    pub labels: Filter,
}

impl Filters {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is let in, and what is not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filter {
    /// Only these; none means any.
    pub only: BTreeSet<String>,
    /// Not these.
    pub except: BTreeSet<String>,
}

impl Filter {
    fn admits<'a>(&self, values: impl Iterator<Item = &'a String> + Clone) -> bool {
        (self.only.is_empty() || values.clone().any(|value| self.only.contains(value)))
            && !values.clone().any(|value| self.except.contains(value))
    }
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Points for each whole step of its lines' sum.
    PerAmount {
        /// Points for each step.
        points: i64,
        /// The step in minor units.
        step_minor: i64,
        /// Whether what is left of a step counts with the member's next order.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        carry: bool,
    },
    /// Multiplies what its lines earned.
    Multiplier {
        /// The factor in thousandths.
        factor_milli: i64,
    },
    /// Points for the order, once.
    Fixed {
        /// Points.
        points: i64,
    },
    /// Points for each whole number of units of its lines together.
    PerQuantity {
        /// Points for each.
        points: i64,
        /// Of so many units.
        units: i64,
    },
}

/// The two kinds of rules: exclusive ones stand alone among their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Gives points.
    Base = 0,
    /// Multiplies them.
    Multiplier = 1,
}

impl EarningRule {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        if matches!(self.effect, Effect::Multiplier { .. }) { Kind::Multiplier } else { Kind::Base }
    }

    /// Whether it is valid for an order of this moment.
    pub fn is_valid(&self, at: Timestamp) -> bool {
        self.start_time.is_none_or(|start| start <= at) && self.end_time.is_none_or(|end| at < end)
    }

    /// Whether something is kept of the member for it.
    pub fn remembers(&self) -> bool {
        !self.caps.is_empty() || self.carries()
    }

    /// Whether its condition asks for the member's tenure or orders.
    pub fn asks_tenure(&self) -> bool {
        self.condition.as_ref().is_some_and(Condition::is_of_tenure)
    }

    /// Whether it keeps what is left of a step.
    pub fn carries(&self) -> bool {
        matches!(self.effect, Effect::PerAmount { carry: true, .. })
    }

    /// Whether its filters let a line in, or the delivery of one. Delivery is of no category, product, brand or label, so
    /// it counts only where nothing is asked of lines.
    pub fn admits(&self, line: Option<&PurchaseLine>) -> bool {
        let Filters { products, brands, labels } = &self.filters;
        let Some(line) = line else {
            let asked = self.condition.as_ref().is_some_and(Condition::is_of_lines);
            let filters = [&self.categories, &products.only, &brands.only, &labels.only];
            let counted = matches!(self.effect, Effect::PerQuantity { .. });
            return !asked && !counted && filters.iter().all(|only| only.is_empty());
        };
        let category = line.category.as_deref().unwrap_or_default();
        (self.categories.is_empty() || self.categories.contains(category))
            && !self.excluded_categories.contains(category)
            && products.admits(line.product.iter())
            && brands.admits(line.brand.iter())
            && labels.admits(line.labels.iter())
    }

    /// Notes everything in which the rule contradicts itself, under `field`. In a campaign no rule may take points away.
    pub fn check(&self, field: &str, wrong: &mut Vec<Violation>) {
        let mut violate = |part: &str, rule: &str, description: String| {
            wrong.push(Violation { field: format!("{field}.{part}"), rule: rule.to_owned(), description });
        };
        let Filters { products, brands, labels } = &self.filters;
        let both = [
            ("excluded_categories", "CATEGORY_CONTRADICTS", &self.categories, &self.excluded_categories),
            ("excluded_products", "FILTER_CONTRADICTS", &products.only, &products.except),
            ("excluded_brands", "FILTER_CONTRADICTS", &brands.only, &brands.except),
            ("excluded_labels", "FILTER_CONTRADICTS", &labels.only, &labels.except),
        ];
        for (part, rule, only, except) in both {
            if let Some(both) = only.intersection(except).next() {
                violate(part, rule, format!("{both:?} is included too"));
            }
        }
        if let (Some(start), Some(end)) = (self.start_time, self.end_time)
            && end <= start
        {
            violate("end_time", "WINDOW_EMPTY", format!("{end} is not after the start, {start}"));
        }
        if let Some(expiry) = &self.expiry {
            if expiry.is_sliding() {
                violate("expiry", "RULE_EXPIRY_SLIDES", "a rule's expiry cannot slide".into());
            }
            if self.kind() == Kind::Multiplier {
                violate("expiry", "EXPIRY_WITHOUT_POINTS", "a multiplier gives no points of its own".into());
            }
        }
        let mut periods = BTreeSet::new();
        for (i, cap) in self.caps.iter().enumerate() {
            if !periods.insert(cap.period) {
                violate(&format!("caps[{i}].period"), "PERIOD_REPEATED", "an earlier cap has this period".into());
            }
        }
        if self.trigger != Trigger::Order {
            let filters = self.filters.is_empty();
            if !matches!(self.effect, Effect::Fixed { .. }) {
                violate("trigger", "TRIGGER_CONTRADICTS", "what no order sets off gives fixed points".into());
            } else if !(filters && self.categories.is_empty() && self.excluded_categories.is_empty()) {
                violate("trigger", "TRIGGER_CONTRADICTS", "what no order sets off has no lines to filter".into());
            }
            if self.condition.as_ref().is_some_and(Condition::is_of_orders) {
                violate("condition", "TRIGGER_CONTRADICTS", "it asks about an order, and there is none".into());
            }
        }
        if let Effect::Multiplier { factor_milli: ..1_000 } = self.effect
            && !self.caps.is_empty()
        {
            violate("caps", "CAP_WITHOUT_GAIN", "a multiplier below 1000 adds nothing that could be capped".into());
        }
        let dates = self.expiry.iter().flat_map(|expiry| expiry.faults(&format!("{field}.expiry")));
        wrong.extend(dates.map(|(field, rule, description)| Violation { field, rule: rule.to_owned(), description }));
    }
}

/// Notes what is wrong with a list of rules together, under `field`.
pub fn check_all(rules: &[EarningRule], field: &str, wrong: &mut Vec<Violation>) {
    let mut seen = BTreeSet::new();
    let mut multipliers = 0;
    let mut nodes = 0;
    for (i, rule) in rules.iter().enumerate() {
        let at = format!("{field}[{i}]");
        let mut violate = |part: &str, rule: &str, description: String| {
            wrong.push(Violation { field: format!("{at}.{part}"), rule: rule.to_owned(), description });
        };
        if !seen.insert(&rule.id) {
            violate("id", "RULE_ID_REPEATED", format!("{:?} is the id of an earlier rule", rule.id));
        }
        if rule.kind() == Kind::Multiplier {
            multipliers += 1;
            if multipliers > MAX_MULTIPLIERS {
                let description = format!("there are at most {MAX_MULTIPLIERS} multipliers");
                violate("multiplier", "MULTIPLIERS_TOO_MANY", description);
            }
        }
        let of_lines = rule.condition.as_ref().filter(|condition| condition.is_of_lines());
        nodes += of_lines.map_or(0, Condition::nodes);
        if of_lines.is_some() && nodes > MAX_LINE_NODES {
            let description =
                format!("the conditions that ask about lines have more than {MAX_LINE_NODES} parts together");
            violate("condition", "RULE_TOO_COSTLY", description);
        }
        rule.check(&at, wrong);
    }
}

/// The most multipliers that act on one order, so that their product stays exact.
pub const MAX_MULTIPLIERS: usize = 5;
/// The most parts that conditions asked once for each line have together: with the 1,000 lines that an order has at the
/// most, an earning asks no more than half a million.
pub const MAX_LINE_NODES: usize = 500;
