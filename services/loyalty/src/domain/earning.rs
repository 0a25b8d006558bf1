//! Earning: what a purchase earns under a program's rules, line by line, with the explanation. A pure function, so that
//! an estimate and the real thing cannot differ.
//!
//! Each per-amount rule counts whole steps of its lines' sum and shares the points over those lines by the largest
//! remainder; multipliers act on their own lines, several as a product; the program's rounding is applied once, to the
//! sum over the whole purchase.

use std::collections::BTreeSet;

use guanxi_kernel::{Currency, Refusal, Refused, Violation};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::points::{Points, largest_remainder, share};
use super::program::{EarningRule, Effect, Program, Rounding};

/// What was bought, as far as it earns. Tenders (gift cards, e-wallets) do not appear: they lower nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    currency: Currency,
    lines: Vec<PurchaseLine>,
    discount_minor: i64,
}

/// One line of a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseLine {
    /// Its number within the order.
    pub line: i32,
    /// Its category.
    pub category: Option<String>,
    /// How many, at least 1.
    pub quantity: i64,
    /// The price of the whole line after its own discounts, in minor units.
    pub price_minor: i64,
    /// What its delivery costs, in minor units.
    pub delivery_minor: i64,
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
        if wrong.is_empty() { Ok(Self { currency, lines, discount_minor }) } else { Err(PurchaseErrors(wrong)) }
    }

    /// Its lines.
    pub fn lines(&self) -> &[PurchaseLine] {
        &self.lines
    }

    /// What can earn: each line's goods less their share of the discount, and each line's delivery where it earns.
    fn parts(&self, delivery_earns: bool) -> Vec<Part<'_>> {
        let prices: Vec<i64> = self.lines.iter().map(|line| line.price_minor).collect();
        let discounts = share(self.discount_minor, &prices);
        let goods = self.lines.iter().zip(discounts).enumerate().map(|(index, (line, discount))| Part {
            index,
            delivery: false,
            category: Some(line.category.as_deref().unwrap_or_default()),
            base_minor: line.price_minor - discount,
        });
        let delivery = self.lines.iter().enumerate().filter(|_| delivery_earns).map(|(index, line)| Part {
            index,
            delivery: true,
            category: None,
            base_minor: line.delivery_minor,
        });
        goods.chain(delivery).filter(|part| part.base_minor > 0).collect()
    }
}

/// What can earn: the goods of a line, or its delivery.
struct Part<'a> {
    index: usize,
    delivery: bool,
    /// `None` for delivery, empty for goods without a category.
    category: Option<&'a str>,
    base_minor: i64,
}

/// What a purchase earns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earning {
    /// In all.
    pub points: Points,
    /// How it was found.
    pub explanation: Explanation,
}

/// How the points of a purchase were found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// What each rule gave, in the program's order; rules that fitted no line are left out.
    pub rules: Vec<RuleExplanation>,
    /// What each line earned in the end; adds up to the whole.
    pub lines: Vec<LinePoints>,
}

/// What one rule gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleExplanation {
    /// The rule's id.
    pub rule: String,
    /// Line by line.
    pub lines: Vec<RuleLine>,
    /// The factor in thousandths, of a multiplier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_milli: Option<i64>,
}

/// What one rule gave for one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleLine {
    /// The line's number.
    pub line: i32,
    /// Whether it is its delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delivery: bool,
    /// What counted, in minor units.
    pub base_minor: i64,
    /// Points before multipliers; none for a multiplier.
    pub points: Points,
}

/// What one line earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinePoints {
    /// The line's number.
    pub line: i32,
    /// Points.
    pub points: Points,
}

/// Why a purchase earns nothing at all, not even zero.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EarningError {
    /// The program counts other money.
    #[error("the purchase is in {given}, the program counts {program}")]
    Currency {
        /// The purchase's.
        given: Currency,
        /// The program's.
        program: Currency,
    },
    /// The rules give more than one posting may move.
    #[error("the purchase would earn more than {} points", Points::MAX_POSTING)]
    TooMany,
}

impl Refusal for EarningError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Currency { .. } => {
                Refused::invalid("purchase.currency_code", "CURRENCY_NOT_PROGRAMS", self.to_string())
            }
            Self::TooMany => {
                Refused::precondition("POINTS_OUT_OF_RANGE", self.to_string()).with("maximum", Points::MAX_POSTING)
            }
        }
    }
}

/// What `purchase` earns under the program's terms of now.
///
/// # Errors
/// [`EarningError`] where it is in other money, or earns beyond all bounds.
pub fn earning(program: &Program, purchase: &Purchase) -> Result<Earning, EarningError> {
    if purchase.currency != program.currency {
        return Err(EarningError::Currency { given: purchase.currency, program: program.currency });
    }
    let terms = &program.terms;
    let parts = purchase.parts(terms.delivery_earns);
    let mut points = vec![0_i64; parts.len()];
    let mut factors = vec![1_i128; parts.len()];
    let mut denominator = 1_i128;
    let mut rules = Vec::new();
    for rule in &terms.rules {
        let hits: Vec<usize> = (0..parts.len()).filter(|&i| rule.counts(parts[i].category)).collect();
        let given = match rule.effect {
            Effect::PerAmount { points: per_step, step_minor } => {
                let bases: Vec<i64> = hits.iter().map(|&i| parts[i].base_minor).collect();
                let steps = bases.iter().sum::<i64>() / step_minor;
                let whole = bounded(i128::from(steps) * i128::from(per_step))?;
                let shares = share(whole, &bases);
                hits.iter().zip(&shares).for_each(|(&i, share)| points[i] += share);
                shares
            }
            Effect::Multiplier { factor_milli } => {
                denominator *= 1_000;
                for (i, factor) in factors.iter_mut().enumerate() {
                    *factor *= if hits.contains(&i) { i128::from(factor_milli) } else { 1_000 };
                }
                vec![0; hits.len()]
            }
        };
        bounded(points.iter().copied().map(i128::from).sum())?;
        if !hits.is_empty() {
            rules.push(explain(rule, &hits, &given, &parts, &purchase.lines));
        }
    }
    let mut exact = vec![0_i128; purchase.lines.len()];
    for (i, part) in parts.iter().enumerate() {
        exact[part.index] += i128::from(points[i]) * factors[i];
    }
    let whole = bounded(rounded(exact.iter().sum(), denominator, terms.rounding))?;
    let quotients = exact.iter().map(|sum| Ok((bounded(sum / denominator)?, sum % denominator)));
    let shares = largest_remainder(whole, quotients.collect::<Result<_, EarningError>>()?);
    let lines = purchase.lines.iter().zip(shares);
    let lines = lines.map(|(line, points)| LinePoints { line: line.line, points: Points::new(points) });
    Ok(Earning { points: Points::new(whole), explanation: Explanation { rules, lines: lines.collect() } })
}

fn rounded(sum: i128, denominator: i128, rounding: Rounding) -> i128 {
    match rounding {
        Rounding::Floor => sum / denominator,
        Rounding::HalfUp => (2 * sum + denominator) / (2 * denominator),
        Rounding::Ceiling => (sum + denominator - 1) / denominator,
    }
}

fn bounded(points: i128) -> Result<i64, EarningError> {
    i64::try_from(points).ok().filter(|&points| points <= Points::MAX_POSTING.get()).ok_or(EarningError::TooMany)
}

fn explain(
    rule: &EarningRule,
    hits: &[usize],
    given: &[i64],
    parts: &[Part<'_>],
    lines: &[PurchaseLine],
) -> RuleExplanation {
    let line = |(&i, &points): (&usize, &i64)| RuleLine {
        line: lines[parts[i].index].line,
        delivery: parts[i].delivery,
        base_minor: parts[i].base_minor,
        points: Points::new(points),
    };
    RuleExplanation {
        rule: rule.id.clone(),
        lines: hits.iter().zip(given).map(line).collect(),
        factor_milli: match rule.effect {
            Effect::Multiplier { factor_milli } => Some(factor_milli),
            Effect::PerAmount { .. } => None,
        },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::super::program::Terms;
    use super::super::program::tests::{program, rule, terms};
    use super::*;

    fn per_amount(points: i64, step_minor: i64) -> Effect {
        Effect::PerAmount { points, step_minor }
    }

    pub(crate) fn line(number: i32, category: &str, quantity: i64, price_minor: i64) -> PurchaseLine {
        let category = (!category.is_empty()).then(|| category.to_owned());
        PurchaseLine { line: number, category, quantity, price_minor, delivery_minor: 0 }
    }

    pub(crate) fn purchase(lines: Vec<PurchaseLine>) -> Purchase {
        Purchase::new("CNY".parse().expect("a currency"), lines, 0).expect("a good purchase")
    }

    fn with_rules(rules: Vec<EarningRule>) -> Terms {
        Terms { rules, ..terms() }
    }

    fn earned(terms: Terms, purchase: &Purchase) -> i64 {
        earning(&program(terms), purchase).expect("it earns").points.get()
    }

    /// Red 12, blue 100 and delivery 40, in whole units of money.
    fn cart() -> Purchase {
        let red = PurchaseLine { delivery_minor: 4_000, ..line(1, "red", 1, 1_200) };
        purchase(vec![red, line(2, "blue", 1, 10_000)])
    }

    fn four_per_unit() -> EarningRule {
        rule("base", per_amount(4, 100))
    }

    #[test]
    fn l13_a_cart_earns_by_category_with_delivery_and_by_multiplier() {
        let with = |rules| Terms { delivery_earns: true, ..with_rules(rules) };
        assert_eq!(earned(with(vec![four_per_unit()]), &cart()), 608);
        let mut without_blue = four_per_unit();
        without_blue.excluded_categories.insert("blue".into());
        assert_eq!(earned(with(vec![without_blue]), &cart()), 208);
        let mut only_red = four_per_unit();
        only_red.categories.insert("red".into());
        assert_eq!(earned(with(vec![only_red]), &cart()), 48);
        let mut triple_red = rule("triple", Effect::Multiplier { factor_milli: 3_000 });
        triple_red.categories.insert("red".into());
        assert_eq!(earned(with(vec![four_per_unit(), triple_red]), &cart()), 704);
    }

    #[test]
    fn l14_a_discount_lowers_what_earns_and_a_gift_card_does_not() {
        let currency: Currency = "CNY".parse().expect("a currency");
        let coupon = Purchase::new(currency, vec![line(1, "", 1, 10_000)], 1_000).expect("good");
        assert_eq!(earned(terms(), &coupon), 90);
        let by_gift_card = purchase(vec![line(1, "", 1, 10_000)]);
        assert_eq!(earned(terms(), &by_gift_card), 100, "a tender is not part of a purchase");
    }

    #[test]
    fn whole_steps_are_counted_on_the_sum_of_a_rules_lines() {
        let one = purchase(vec![line(1, "", 1, 19_99)]);
        assert_eq!(earned(with_rules(vec![rule("three", per_amount(3, 100))]), &one), 57);
        let two = vec![rule("a", per_amount(1, 100)), rule("b", per_amount(1, 200))];
        assert_eq!(earned(with_rules(two), &one), 28);
        let halves = purchase(vec![line(1, "", 1, 50), line(2, "", 1, 50)]);
        assert_eq!(earned(terms(), &halves), 1);
    }

    #[test]
    fn rounding_is_applied_once_to_the_whole() {
        let rules = vec![rule("a", per_amount(1, 100)), rule("b", Effect::Multiplier { factor_milli: 1_500 })];
        let by = |rounding| Terms { rounding, ..with_rules(rules.clone()) };
        let one = purchase(vec![line(1, "", 1, 19_99)]);
        let earned_by = [Rounding::Floor, Rounding::HalfUp, Rounding::Ceiling].map(|r| earned(by(r), &one));
        assert_eq!(earned_by, [28, 29, 29]);
    }

    #[test]
    fn several_multipliers_act_as_a_product() {
        let twice = |id| rule(id, Effect::Multiplier { factor_milli: 2_000 });
        let rules = vec![rule("a", per_amount(1, 100)), twice("b"), twice("c")];
        assert_eq!(earned(with_rules(rules), &purchase(vec![line(1, "", 1, 1_000)])), 40);
    }

    #[test]
    fn the_explanation_names_rules_lines_bases_and_points() {
        let terms = Terms { delivery_earns: true, ..with_rules(vec![four_per_unit()]) };
        let earning = earning(&program(terms), &cart()).expect("it earns");
        let rule = &earning.explanation.rules[0];
        let lines: Vec<_> = rule.lines.iter().map(|l| (l.line, l.delivery, l.base_minor, l.points.get())).collect();
        assert_eq!(rule.rule, "base");
        assert_eq!(lines, [(1, false, 1_200, 48), (2, false, 10_000, 400), (1, true, 4_000, 160)]);
        let lines: Vec<_> = earning.explanation.lines.iter().map(|l| (l.line, l.points.get())).collect();
        assert_eq!(lines, [(1, 208), (2, 400)]);
    }

    #[test]
    fn other_money_and_absurd_sums_are_refused() {
        let brl = Purchase::new("BRL".parse().expect("a currency"), vec![], 0).expect("good");
        assert!(matches!(earning(&program(terms()), &brl), Err(EarningError::Currency { .. })));
        let absurd = purchase((0..1_000).map(|i| line(i, "", 1, 1_000_000_000_000)).collect());
        let rules = vec![rule("all", per_amount(1_000_000, 1))];
        assert_eq!(earning(&program(with_rules(rules)), &absurd), Err(EarningError::TooMany));
    }

    #[test]
    fn a_purchase_that_contradicts_itself_is_refused() {
        let currency: Currency = "CNY".parse().expect("a currency");
        let twice = Purchase::new(currency, vec![line(1, "", 1, 1), line(1, "", 1, 1)], 0);
        assert_eq!(twice, Err(PurchaseErrors(vec![PurchaseError::LineRepeated { index: 1, line: 1 }])));
        let both = Purchase::new(currency, vec![line(1, "", 1, 3), line(1, "", 1, 2)], 6).expect_err("two faults");
        let fields: Vec<_> =
            both.refusal().field_violations().iter().map(|violation| violation.field.clone()).collect();
        assert_eq!(fields, ["purchase.lines[1].line", "purchase.discount_minor"]);
        assert_eq!(both.to_string(), "line 1 occurs twice; the discount 6 is above the lines' sum 5");
    }

    proptest! {
        #[test]
        fn the_lines_add_up_to_the_whole(
            lines in prop::collection::vec((0..3_u8, 1..5_i64, 0..100_000_i64, 0..3_000_i64), 0..8),
            rules in prop::collection::vec((0..3_u8, 1..7_i64, 1..300_i64, 0..2_500_i64, any::<bool>()), 0..5),
            rounding in prop::sample::select(vec![Rounding::Floor, Rounding::HalfUp, Rounding::Ceiling]),
            discount in 0..50_000_i64,
        ) {
            let lines: Vec<_> = lines.into_iter().zip(1..).map(|((category, quantity, price, delivery), number)| {
                PurchaseLine {
                    delivery_minor: delivery,
                    ..line(number, ["", "red", "blue"][usize::from(category)], quantity, price)
                }
            }).collect();
            let discount = discount.min(lines.iter().map(|line| line.price_minor).sum());
            let rules = rules.into_iter().enumerate().map(|(i, (category, points, step, factor, multiplies))| {
                let effect =
                    if multiplies { Effect::Multiplier { factor_milli: factor } } else { per_amount(points, step) };
                let mut rule = rule(&format!("r{i}"), effect);
                if category > 0 {
                    rule.categories.insert(["", "red", "blue"][usize::from(category)].into());
                }
                rule
            }).collect();
            let terms = Terms { delivery_earns: true, rounding, ..with_rules(rules) };
            let bought = Purchase::new("CNY".parse().expect("a currency"), lines, discount).expect("good");
            let earning = earning(&program(terms), &bought).expect("it earns");
            prop_assert_eq!(earning.explanation.lines.iter().map(|line| line.points).sum::<Points>(), earning.points);
            prop_assert!(earning.explanation.lines.iter().all(|line| line.points >= Points::ZERO));
        }
    }
}
