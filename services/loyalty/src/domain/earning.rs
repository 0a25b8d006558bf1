//! Earning: what a purchase earns under a program's rules and campaigns, line by line, with the explanation. A pure
//! function, so that an estimate and the real thing cannot differ.
//!
//! Rules are looked at by priority, the program's before the campaigns' where that is equal. Each per-amount rule counts
//! whole steps of its lines' sum and shares the points over those lines by the largest remainder; multipliers act on their
//! own lines, several as a product; the program's rounding is applied once, to the sum over the whole purchase.
//!
//! Points of rules with an expiry of their own are kept apart, with what multipliers add to them: each line's points are
//! shared over its expiries by the largest remainder too, so that a rule's expiry changes nobody's points.
//!
//! What has a limit of its own beyond that (a campaign's budget, a multiplier's cap) is a layer: what the whole comes to
//! with it, less what it comes to without it, is what it asks; what is left of the limit is what it gets.

use std::collections::BTreeMap;

use guanxi_kernel::{Currency, Refusal, Refused};
use jiff::Timestamp;
use thiserror::Error;

use super::campaign::{Budget, Campaign, CampaignId, CampaignShare};
use super::cap::{Grant, Standing};
use super::explanation::{
    CampaignExplanation, CampaignOutcome, Explanation, LinePoints, RuleExplanation, RuleLine, RuleOutcome,
};
use super::facts::{Facts, MemberFacts};
use super::firing::{Fired, Offer, fire, hits};
use super::own_expiry::{OwnPart, grouped};
use super::points::Points;
use super::program::Program;
use super::purchase::{Part, Purchase};
use super::rule::{EarningRule, Effect};
use super::source::{Happening, Trigger};
use super::summing::{Open, Sum};

/// Something that earns: what was bought, when and by whom.
#[derive(Debug, Clone)]
pub struct Occasion<'a> {
    /// What was bought.
    pub purchase: &'a Purchase,
    /// The first part of the order's name; empty where it has none yet.
    pub source: &'a str,
    /// When, by the business.
    pub effective_time: Timestamp,
    /// The member as he was before; `None` where an estimate names none.
    pub member: Option<MemberFacts>,
}

/// Something else that earns: what happened, when and to whom.
#[derive(Debug, Clone)]
pub struct Heard<'a> {
    /// What happened.
    pub happening: &'a Happening,
    /// When, by the business.
    pub effective_time: Timestamp,
    /// The member as he was before.
    pub member: MemberFacts,
}

/// What the campaigns of a program may still give.
pub type Budgets = BTreeMap<CampaignId, Budget>;

/// What a purchase earns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earning {
    /// In all.
    pub points: Points,
    /// What of it expires otherwise than tier or program say: one part for each other expiry.
    pub own: Vec<OwnPart>,
    /// How it was found.
    pub explanation: Explanation,
    /// What has to be remembered of rules that are capped or carry.
    pub grants: Vec<Grant>,
    /// What it came to in every campaign of its time.
    pub shares: Vec<CampaignShare>,
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

/// What `occasion` earns under the program's terms of now. `standing` is what the member's rules gave before.
///
/// # Errors
/// [`EarningError`] where it is in other money, or earns beyond all bounds.
pub fn earning(
    program: &Program,
    occasion: &Occasion<'_>,
    standing: &Standing,
    budgets: &Budgets,
) -> Result<Earning, EarningError> {
    let Occasion { purchase, source, effective_time, ref member } = *occasion;
    if purchase.currency() != program.currency {
        return Err(EarningError::Currency { given: purchase.currency(), program: program.currency });
    }
    let parts = purchase.parts(program.terms.delivery_earns, program.terms.tax_earns);
    let facts = Facts::new(purchase, source, effective_time, &program.zone, member.clone());
    work_out(program, Trigger::Order, &facts, &parts, standing, budgets)
}

/// What something that is no order earns under the program's terms of now, as [`earning`] finds it: its one line is number
/// 0 in the explanation. Campaigns without a rule for it are no part of it.
///
/// # Errors
/// [`EarningError`] where it earns beyond all bounds.
pub fn hearing(
    program: &Program,
    heard: &Heard<'_>,
    standing: &Standing,
    budgets: &Budgets,
) -> Result<Earning, EarningError> {
    let purchase = Purchase::nothing(program.currency);
    let parts = [Part { index: 0, goods: purchase.lines().first(), value_minor: 0, base_minor: 0 }];
    let facts = Facts::new(&purchase, "", heard.effective_time, &program.zone, Some(heard.member.clone()));
    work_out(program, heard.happening.trigger(), &facts.about(heard.happening), &parts, standing, budgets)
}

/// What the rules that `trigger` sets off come to.
fn work_out(
    program: &Program,
    trigger: Trigger,
    facts: &Facts<'_>,
    parts: &[Part<'_>],
    standing: &Standing,
    budgets: &Budgets,
) -> Result<Earning, EarningError> {
    let purchase = facts.purchase;
    let mut open = open_campaigns(program, trigger, facts, budgets);
    let own = set_off(&program.terms.rules, trigger).map(|rule| Offer { rule, campaign: None });
    let theirs = open.iter().enumerate().filter(|(_, open)| !open.is_barred()).flat_map(|(at, open)| {
        set_off(&open.campaign.terms.rules, trigger)
            .map(move |rule| Offer { rule, campaign: Some((at, open.campaign)) })
    });
    let mut firing = fire(own.chain(theirs).collect(), facts, parts, standing)?;
    for open in open.iter_mut().filter(|open| open.is_barred()) {
        open.qualified = set_off(&open.campaign.terms.rules, trigger)
            .any(|rule| hits(rule, facts, parts).is_ok_and(|hits| !hits.is_empty()));
    }
    let expiries = grouped(&mut firing.fired);
    let (groups, count) = (expiries.len() + 1, purchase.lines().len());
    let mut sum = Sum { program, parts, lines: count, groups, fired: firing.fired };
    let (points, cells) = sum.layered(&mut open)?;
    let shares = cells.chunks(groups).map(|cells| cells.iter().sum());
    let lines = purchase.lines().iter().zip(shares);
    let lines = lines.map(|(line, points)| LinePoints { line: line.line, points: Points::new(points) }).collect();
    let own = expiries.into_iter().zip(1..).map(|(expiry, group)| OwnPart {
        expiry,
        lines: cells.chunks(groups).map(|cells| Points::new(cells[group])).collect(),
    });
    let own = own.filter(|part| part.points().is_positive()).collect();
    let grants = sum.fired.iter().filter(|fired| !fired.silenced && fired.rule.remembers());
    let grants = grants.map(|fired| Grant {
        rule: fired.key.clone(),
        day: facts.local().date(),
        points: Points::new(fired.granted),
        carried_minor: fired.carried_change,
    });
    let grants = grants.collect();
    let Sum { fired, .. } = sum;
    let explanation = Explanation {
        rules: explain(&fired, firing.unfired, parts, purchase),
        lines,
        campaigns: open.iter().filter(|open| open.qualified).map(explain_campaign).collect(),
        stopped_by: firing.stopped_by,
    };
    let share = |open: &Open<'_>| CampaignShare {
        campaign: open.campaign.id.slug().to_owned(),
        held_out: open.held_out,
        qualified: open.qualified,
        points: Points::new(open.granted),
    };
    Ok(Earning { points: Points::new(points), own, explanation, grants, shares: open.iter().map(share).collect() })
}

/// The rules that `trigger` sets off.
fn set_off(rules: &[EarningRule], trigger: Trigger) -> impl Iterator<Item = &EarningRule> {
    rules.iter().filter(move |rule| rule.trigger == trigger)
}

/// The campaigns of the moment: of an order all, of something else those that have a rule for it.
fn open_campaigns<'a>(program: &'a Program, trigger: Trigger, facts: &Facts<'_>, budgets: &Budgets) -> Vec<Open<'a>> {
    let has = |campaign: &&Campaign| {
        trigger == Trigger::Order || campaign.terms.rules.iter().any(|rule| rule.trigger == trigger)
    };
    let covering = program.campaigns.iter().filter(|campaign| campaign.covers(facts.effective_time)).filter(has);
    let open = covering.map(|campaign| {
        let terms = &campaign.terms;
        let none = Budget { points_limit: terms.points_limit, orders_limit: terms.orders_limit, ..Budget::default() };
        Open {
            campaign,
            held_out: facts.member.as_ref().is_some_and(|member| campaign.holds_out(member.member)),
            room: budgets.get(&campaign.id).copied().unwrap_or(none).room(),
            qualified: false,
            asked: 0,
            granted: 0,
        }
    });
    open.collect()
}

/// A number of points that one posting may move.
pub(super) fn bounded(points: i128) -> Result<i64, EarningError> {
    i64::try_from(points).ok().filter(|&points| points <= Points::MAX_POSTING.get()).ok_or(EarningError::TooMany)
}

fn explain(
    fired: &[Fired<'_>],
    unfired: Vec<RuleExplanation>,
    parts: &[Part<'_>],
    purchase: &Purchase,
) -> Vec<RuleExplanation> {
    let explain = |fired: &Fired<'_>| {
        let line = |(&i, &points): (&usize, &i64)| RuleLine {
            line: purchase.lines()[parts[i].index].line,
            delivery: parts[i].goods.is_none(),
            base_minor: parts[i].base_minor,
            points: Points::new(points),
        };
        let cut = fired.granted < fired.asked;
        RuleExplanation {
            rule: fired.rule.id.clone(),
            campaign: fired.campaign.map(|(_, campaign)| campaign.id.slug().to_owned()),
            outcome: match (fired.silenced, cut) {
                (true, _) => RuleOutcome::Silenced,
                (false, true) => RuleOutcome::Capped,
                (false, false) => RuleOutcome::Fired,
            },
            lines: if fired.silenced { Vec::new() } else { fired.hits.iter().zip(&fired.shares).map(line).collect() },
            factor_milli: match fired.rule.effect {
                Effect::Multiplier { factor_milli } if !fired.silenced => Some(factor_milli),
                _ => None,
            },
            asked: (cut && !fired.silenced).then(|| Points::new(fired.asked)),
            granted: (cut && !fired.silenced).then(|| Points::new(fired.granted)),
            carried_minor: (fired.carried_minor > 0 && !fired.silenced).then_some(fired.carried_minor),
            fault: None,
        }
    };
    fired.iter().map(explain).chain(unfired).collect()
}

fn explain_campaign(open: &Open<'_>) -> CampaignExplanation {
    let outcome = match (open.held_out, open.is_barred() || open.granted < open.asked) {
        (true, _) => CampaignOutcome::HeldOut,
        (false, true) => CampaignOutcome::BudgetUsedUp,
        (false, false) => CampaignOutcome::Granted,
    };
    CampaignExplanation {
        campaign: open.campaign.id.slug().to_owned(),
        outcome,
        asked: Points::new(open.asked),
        granted: Points::new(open.granted),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::program::Rounding;
    use super::super::program::Terms;
    use super::super::program::tests::{program, rule, terms};
    use super::super::purchase::PurchaseLine;
    use super::super::rule::{EarningRule, Effect};
    use super::*;

    fn per_amount(points: i64, step_minor: i64) -> Effect {
        Effect::PerAmount { points, step_minor, carry: false }
    }

    pub(crate) fn line(number: i32, category: &str, quantity: i64, price_minor: i64) -> PurchaseLine {
        let category = (!category.is_empty()).then(|| category.to_owned());
        PurchaseLine { line: number, category, quantity, price_minor, ..PurchaseLine::default() }
    }

    pub(crate) fn purchase(lines: Vec<PurchaseLine>) -> Purchase {
        Purchase::new("CNY".parse().expect("a currency"), lines, 0).expect("a good purchase")
    }

    fn with_rules(rules: Vec<EarningRule>) -> Terms {
        Terms { rules, ..terms() }
    }

    /// What nobody in particular earns.
    fn earning(program: &Program, purchase: &Purchase) -> Result<Earning, EarningError> {
        let at = Timestamp::UNIX_EPOCH;
        let occasion = Occasion { purchase, source: "test", effective_time: at, member: None };
        super::earning(program, &occasion, &Standing::default(), &Budgets::new())
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
}
