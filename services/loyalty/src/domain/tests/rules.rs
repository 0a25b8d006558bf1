//! Rules: who fires, who is silenced, what caps and budgets cut, and the laws of all of it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::campaign::tests::campaign;
use super::super::campaign::{Budget, Campaign};
use super::super::cap::{Cap, CapPeriod, Standing};
use super::super::condition::{Condition, Fault};
use super::super::earning::tests::line;
use super::super::earning::{Earning, Occasion, earning};
use super::super::entry::Totals;
use super::super::explanation::{CampaignOutcome, RuleOutcome};
use super::super::facts::MemberFacts;
use super::super::program::Rounding;
use super::super::program::tests::rule;
use super::super::rule::{EarningRule, Effect};
use super::*;

fn per_amount(points: i64, step_minor: i64) -> Effect {
    Effect::PerAmount { points, step_minor, carry: false }
}

fn times(factor_milli: i64) -> Effect {
    Effect::Multiplier { factor_milli }
}

fn when(condition: &str) -> Option<Condition> {
    Some(Condition::compile(condition).expect(condition))
}

fn cap(points: i64, period: CapPeriod) -> Cap {
    Cap { points: Points::new(points), period }
}

fn scheme(rules: Vec<EarningRule>, campaigns: Vec<Campaign>) -> Program {
    let mut program = program(Terms { rules, ..terms() });
    program.campaigns = campaigns;
    program
}

fn member(number: u128) -> MemberFacts {
    let (member, customer) = (MemberId(Uuid::from_u128(number)), CustomerId(Uuid::from_u128(number)));
    MemberFacts::new(member, customer, &Totals::default())
}

fn at(time: &str) -> Timestamp {
    time.parse().expect("an instant")
}

fn earned_at(program: &Program, bought: &Purchase, time: Timestamp, standing: &Standing, budgets: &Budgets) -> Earning {
    let occasion = Occasion { purchase: bought, source: "test", effective_time: time, member: Some(member(1)) };
    earning(program, &occasion, standing, budgets).expect("it earns")
}

fn earned(program: &Program, bought: &Purchase) -> Earning {
    earned_at(program, bought, at("2026-01-01T04:00:00Z"), &Standing::default(), &Budgets::new())
}

/// What each rule came to: its id, what became of it.
fn outcomes(earning: &Earning) -> Vec<(&str, RuleOutcome)> {
    earning.explanation.rules.iter().map(|rule| (rule.rule.as_str(), rule.outcome)).collect()
}

fn cart() -> Purchase {
    purchase(vec![line(1, "tv", 1, 10_000), line(2, "food", 3, 5_000)])
}

#[test]
fn l25_points_by_product_and_points_in_general_return_by_line() {
    let of =
        |number, product: &str, price| PurchaseLine { product: Some(product.into()), ..line(number, "", 1, price) };
    let by_product = |id, product: &str, points| {
        let mut rule = rule(id, Effect::Fixed { points });
        rule.filters.products.only.insert(product.into());
        rule
    };
    let rules = vec![by_product("a", "a", 10), by_product("b", "b", 20), rule("general", per_amount(1, 100))];
    let mut till = Till::new(Terms { rules, ..terms() });
    let lines = vec![of(1, "a", 1_000), of(2, "b", 1_000), of(3, "c", 2_000)];
    let got = till.earn_lines("1", lines);
    assert_eq!(got.earning.points, points(70), "10 + 20 + 0 by product and 40 in general");
    let lines: Vec<_> = got.earning.explanation.lines.iter().map(|line| line.points.get()).collect();
    assert_eq!(lines, [20, 30, 20]);
    let back = till.give("1", "r", vec![(3, Extent::Quantity(1))]).expect("it comes back");
    assert_eq!((back.reversed, till.balance()), (points(20), 50));
}

#[test]
fn effects_are_fixed_by_quantity_by_amount_and_by_factor() {
    let rules = vec![
        rule("fixed", Effect::Fixed { points: 7 }),
        rule("pieces", Effect::PerQuantity { points: 5, units: 2 }),
        rule("amount", per_amount(1, 1_000)),
        rule("double", times(2_000)),
    ];
    assert_eq!(earned(&scheme(rules, vec![]), &cart()).points, points(2 * (7 + 2 * 5 + 15)));
}

#[test]
fn filters_let_in_products_brands_and_labels_and_keep_others_out() {
    let of = |number, brand: &str, labels: &[&str]| PurchaseLine {
        brand: Some(brand.into()),
        labels: labels.iter().map(|label| (*label).into()).collect(),
        ..line(number, "", 1, 1_000)
    };
    let bought = purchase(vec![of(1, "haier", &["new", "big"]), of(2, "haier", &["old"]), of(3, "midea", &[])]);
    let by = |change: fn(&mut EarningRule)| {
        let mut rule = rule("r", per_amount(1, 100));
        change(&mut rule);
        earned(&scheme(vec![rule], vec![]), &bought).points.get()
    };
    assert_eq!(by(|rule| rule.filters.brands.only.extend(["haier".to_owned()])), 20);
    assert_eq!(by(|rule| rule.filters.brands.except.extend(["haier".to_owned()])), 10);
    assert_eq!(by(|rule| rule.filters.labels.only.extend(["big".to_owned()])), 10);
    assert_eq!(by(|rule| rule.filters.labels.except.extend(["old".to_owned()])), 20);
    assert_eq!(by(|rule| rule.condition = when("line.brand == 'haier' && 'new' in line.labels")), 10);
    assert_eq!(by(|rule| rule.condition = when("'midea' in order.brands")), 30, "it decides for the whole order");
}

#[test]
fn an_exclusive_rule_stands_alone_among_its_kind() {
    let mut alone = rule("alone", per_amount(2, 100));
    (alone.exclusive, alone.priority) = (true, 5);
    let mut first = rule("first", per_amount(9, 100));
    first.priority = 10;
    let rules = vec![rule("last", per_amount(1, 100)), alone.clone(), first, rule("double", times(2_000))];
    let got = earned(&scheme(rules.clone(), vec![]), &cart());
    assert_eq!(got.points, points(2 * 300), "others of its kind are silent, multipliers are not");
    let silenced = RuleOutcome::Silenced;
    let said = [("first", silenced), ("alone", RuleOutcome::Fired), ("double", RuleOutcome::Fired), ("last", silenced)];
    assert_eq!(outcomes(&got), said);
    let mut unfired = rules;
    unfired[1].condition = when("order.quantity > 99");
    assert_eq!(earned(&scheme(unfired, vec![]), &cart()).points, points(2 * 10 * 150));
}

#[test]
fn a_stop_counts_only_when_its_rule_fired() {
    let mut stop = rule("stop", per_amount(1, 100));
    (stop.stop, stop.priority) = (true, 1);
    let got = earned(&scheme(vec![rule("after", per_amount(1, 100)), stop.clone()], vec![]), &cart());
    assert_eq!((got.points, got.explanation.stopped_by.as_deref()), (points(150), Some("stop")));
    stop.condition = when("order.store == 'elsewhere'");
    let got = earned(&scheme(vec![rule("after", per_amount(1, 100)), stop.clone()], vec![]), &cart());
    assert_eq!((got.points, got.explanation.stopped_by), (points(150), None));
    stop.condition = None;
    let mut alone = rule("alone", per_amount(3, 100));
    (alone.exclusive, alone.priority) = (true, 2);
    let got = earned(&scheme(vec![rule("double", times(2_000)), stop, alone], vec![]), &cart());
    assert_eq!(got.points, points(900), "a rule that is silenced does not stop");
}

#[test]
fn a_rule_whose_condition_comes_to_nothing_does_not_fire_and_says_so() {
    let mut faulty = rule("faulty", per_amount(5, 100));
    faulty.condition = when("order.goods_minor / order.delivery_minor > 1");
    (faulty.stop, faulty.exclusive) = (true, true);
    let got = earned(&scheme(vec![faulty, rule("base", per_amount(1, 100))], vec![]), &cart());
    assert_eq!(got.points, points(150));
    assert_eq!(outcomes(&got), [("base", RuleOutcome::Fired), ("faulty", RuleOutcome::Faulted)]);
    assert_eq!(got.explanation.rules[1].fault, Some(Fault::DivisionByZero));
}

#[test]
fn a_rule_is_valid_from_its_start_until_before_its_end() {
    let mut dated = rule("dated", per_amount(1, 100));
    (dated.start_time, dated.end_time) = (Some(at("2026-01-01T00:00:00Z")), Some(at("2026-01-02T00:00:00Z")));
    let program = scheme(vec![dated], vec![]);
    let by = |time: &str| earned_at(&program, &cart(), at(time), &Standing::default(), &Budgets::new()).points.get();
    let times = ["2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-01-01T23:59:59Z", "2026-01-02T00:00:00Z"];
    assert_eq!(times.map(by), [0, 150, 150, 0]);
}

#[test]
fn at_a_cap_what_still_fits_is_granted_and_the_explanation_says_so() {
    let mut capped = rule("capped", per_amount(1, 100));
    capped.caps = vec![cap(200, CapPeriod::Month)];
    let mut till = Till::new(Terms { rules: vec![capped, rule("open", Effect::Fixed { points: 1 })], ..terms() });
    assert_eq!(till.earn_purchase("1", cart()).earning.points, points(151));
    let second = till.earn_purchase("2", cart()).earning;
    assert_eq!(second.points, points(51));
    let said = &second.explanation.rules[0];
    assert_eq!((said.outcome, said.asked, said.granted), (RuleOutcome::Capped, Some(points(150)), Some(points(50))));
    let third = till.earn_purchase("3", cart()).earning;
    assert_eq!((third.points, outcomes(&third)[1]), (points(1), ("capped", RuleOutcome::Capped)));
    till.after_days(31);
    assert_eq!(till.earn_purchase("4", cart()).earning.points, points(151), "another month");
}

#[test]
fn the_cap_of_a_multiplier_limits_what_it_adds() {
    let mut double = rule("double", times(2_000));
    double.caps = vec![cap(100, CapPeriod::Ever)];
    let mut till = Till::new(Terms { rules: vec![rule("base", per_amount(1, 100)), double], ..terms() });
    let first = till.earn_purchase("1", cart()).earning;
    assert_eq!(first.points, points(250));
    assert_eq!(first.explanation.lines.iter().map(|line| line.points).sum::<Points>(), points(250));
    assert_eq!(till.earn_purchase("2", cart()).earning.points, points(150));
}

#[test]
fn what_is_left_of_a_step_counts_with_the_next_order_where_the_rule_says_so() {
    let mut carry = rule("carry", Effect::PerAmount { points: 1, step_minor: 1_000, carry: true });
    let till = |rule: &EarningRule| {
        let mut till = Till::new(Terms { rules: vec![rule.clone()], ..terms() });
        let mut order = |number: &str| {
            let got = till.earn_lines(number, vec![line(1, "", 1, 700)]).earning;
            (got.points.get(), got.explanation.rules[0].carried_minor)
        };
        [order("1"), order("2"), order("3"), order("4")]
    };
    assert_eq!(till(&carry), [(0, None), (1, Some(700)), (1, Some(400)), (0, Some(100))]);
    carry.effect = per_amount(1, 1_000);
    assert_eq!(till(&carry), [(0, None); 4]);
}

#[test]
fn a_campaign_gives_until_its_budget_ends_and_what_came_back_is_its_again() {
    let bonus = campaign("bonus", vec![rule("double", times(2_000))]);
    let mut till = Till::new(terms());
    till.program.campaigns = vec![bonus.clone()];
    till.budgets.insert(bonus.id.clone(), Budget { points_limit: Some(points(200)), ..Budget::default() });
    assert_eq!(till.earn_purchase("1", cart()).earning.points, points(300));
    let second = till.earn_purchase("2", cart()).earning;
    assert_eq!(second.points, points(200));
    let said = &second.explanation.campaigns[0];
    assert_eq!((said.outcome, said.asked, said.granted), (CampaignOutcome::BudgetUsedUp, points(150), points(50)));
    let third = till.earn_purchase("3", cart()).earning;
    assert_eq!((third.points, third.explanation.campaigns[0].outcome), (points(150), CampaignOutcome::BudgetUsedUp));
    till.give("1", "a", vec![(1, Extent::Quantity(1))]).expect("it comes back");
    assert_eq!(till.given_back, 100, "of 150 that the campaign gave, the share of 200 of 300");
    till.give("1", "b", vec![(2, Extent::Quantity(3))]).expect("it comes back");
    assert_eq!(till.given_back, 150);
    till.give_all("2");
    assert_eq!(till.given_back, 200);
}

#[test]
fn who_is_held_out_earns_nothing_by_a_campaign_and_is_noted() {
    let mut bonus = campaign("bonus", vec![rule("gift", Effect::Fixed { points: 5 })]);
    bonus.terms.rules[0].condition = when("order.value_minor > 1");
    bonus.terms.rules[0].stop = true;
    bonus.terms.rules[0].priority = 9;
    bonus.terms.holdout_permille = 500;
    let program = scheme(vec![rule("base", per_amount(1, 100))], vec![bonus.clone()]);
    let by = |number| {
        let bought = cart();
        let effective_time = Timestamp::UNIX_EPOCH;
        let occasion = Occasion { purchase: &bought, source: "", effective_time, member: Some(member(number)) };
        earning(&program, &occasion, &Standing::default(), &Budgets::new()).expect("it earns")
    };
    let held = (0..100).find(|number| bonus.holds_out(member(*number).member)).expect("one is");
    let reached = (0..100).find(|number| !bonus.holds_out(member(*number).member)).expect("one is not");
    let got = by(held);
    assert_eq!((got.points, got.shares[0].held_out, got.shares[0].qualified), (points(150), true, true));
    assert_eq!(got.explanation.campaigns[0].outcome, CampaignOutcome::HeldOut);
    let got = by(reached);
    assert_eq!((got.points, got.shares[0].held_out, got.shares[0].points), (points(5), false, points(5)));
}

/// A rule out of some numbers.
fn any_rule() -> impl Strategy<Value = EarningRule> {
    let effect = prop_oneof![
        (1..7_i64, 1..300_i64, any::<bool>()).prop_map(|(points, step_minor, carry)| Effect::PerAmount {
            points,
            step_minor,
            carry
        }),
        (1_000..2_500_i64).prop_map(times),
        (1..50_i64).prop_map(|points| Effect::Fixed { points }),
        (1..50_i64, 1..4_i64).prop_map(|(points, units)| Effect::PerQuantity { points, units }),
    ];
    let condition = prop::sample::select(vec![
        "",
        "",
        "order.quantity > 3",
        "line.category == 'red'",
        "order.goods_minor / order.discount_minor > 9",
        "time.day < 15",
    ]);
    let caps =
        prop::option::of((1..400_i64, prop::sample::select(vec![CapPeriod::Day, CapPeriod::Week, CapPeriod::Ever])));
    let flags = (-2..3_i32, prop::bool::weighted(0.2), prop::bool::weighted(0.1));
    (effect, condition, caps, flags).prop_map(|(effect, condition, caps, (priority, exclusive, stop))| EarningRule {
        condition: (!condition.is_empty()).then(|| Condition::compile(condition).expect("it compiles")),
        caps: caps.map(|(points, period)| cap(points, period)).into_iter().collect(),
        priority,
        exclusive,
        stop,
        ..rule("r", effect)
    })
}

fn any_rules(most: usize) -> impl Strategy<Value = Vec<EarningRule>> {
    prop::collection::vec(any_rule(), 0..most).prop_map(|rules| {
        let named = rules.into_iter().enumerate().map(|(i, rule)| EarningRule { id: format!("r{i}"), ..rule });
        named.collect()
    })
}

fn any_purchase() -> impl Strategy<Value = Purchase> {
    let lines = prop::collection::vec((0..3_usize, 1..5_i64, 0..100_000_i64, 0..3_000_i64), 0..6);
    (lines, 0..50_000_i64).prop_map(|(lines, discount)| {
        let lines: Vec<_> = lines
            .into_iter()
            .zip(1..)
            .map(|((category, quantity, price, delivery_minor), number)| PurchaseLine {
                delivery_minor,
                ..line(number, ["", "red", "blue"][category], quantity, price)
            })
            .collect();
        let discount = discount.min(lines.iter().map(|line| line.price_minor).sum());
        Purchase::new("CNY".parse().expect("a currency"), lines, discount).expect("good")
    })
}

proptest! {
    /// The line points add up; an estimate is what is then earned; no cap and no budget is ever exceeded; all of it in
    /// whatever order and on whatever days the orders come.
    #[test]
    fn whatever_the_rules_lines_add_up_and_caps_and_budgets_hold(
        rules in any_rules(6),
        campaigns in prop::collection::vec((any_rules(3), 0..300_i64, prop::option::of(0..4_i64)), 0..3),
        orders in prop::collection::vec((any_purchase(), 0..20_i64), 1..8),
        rounding in prop::sample::select(vec![Rounding::Floor, Rounding::HalfUp, Rounding::Ceiling]),
    ) {
        let mut till = Till::new(Terms { rules: rules.clone(), rounding, delivery_earns: true, ..terms() });
        for (i, (rules, limit, orders)) in campaigns.into_iter().enumerate() {
            let campaign = campaign(&format!("c{i}"), rules);
            let budget = Budget { points_limit: Some(points(limit)), orders_limit: orders, ..Budget::default() };
            till.budgets.insert(campaign.id.clone(), budget);
            till.program.campaigns.push(campaign);
        }
        let mut given = BTreeMap::<(String, CapPeriod, i64), i64>::new();
        let start = till.now;
        for (number, (bought, day)) in orders.into_iter().enumerate() {
            till.now = start;
            till.after_days(day);
            let occasion = Occasion {
                purchase: &bought,
                source: "test",
                effective_time: till.now,
                member: Some(till.account.facts()),
            };
            let estimate = earning(&till.program, &occasion, &till.account.standing, &till.budgets).expect("it earns");
            let got = till.earn_purchase(&number.to_string(), bought).earning;
            prop_assert_eq!(&estimate, &got);
            prop_assert_eq!(got.explanation.lines.iter().map(|line| line.points).sum::<Points>(), got.points);
            prop_assert!(got.explanation.lines.iter().all(|line| line.points >= Points::ZERO));
            prop_assert!(got.grants.iter().all(|grant| grant.points >= Points::ZERO));
            for grant in &got.grants {
                // 1 January 2026 is a Thursday: weeks from Monday begin four days after it.
                for (period, at) in [(CapPeriod::Day, day), (CapPeriod::Week, (day + 3) / 7), (CapPeriod::Ever, 0)] {
                    *given.entry((grant.rule.clone(), period, at)).or_default() += grant.points.get();
                }
            }
        }
        let campaigns = till.program.campaigns.iter().flat_map(|campaign| {
            campaign.terms.rules.iter().map(|rule| (campaign.rule_key(rule), &rule.caps))
        });
        for (key, caps) in rules.iter().map(|rule| (rule.id.clone(), &rule.caps)).chain(campaigns) {
            for cap in caps {
                let most = given.iter().filter(|((rule, period, _), _)| *rule == key && *period == cap.period);
                let most = most.map(|(_, points)| *points).max().unwrap_or(0);
                prop_assert!(most <= cap.points.get(), "{key} gave {most} within {:?}", cap.period);
            }
        }
        for (campaign, budget) in &till.budgets {
            prop_assert!(budget.points_limit.is_none_or(|limit| budget.points <= limit), "{campaign}: {budget:?}");
            prop_assert!(budget.orders_limit.is_none_or(|limit| budget.orders <= limit), "{campaign}: {budget:?}");
        }
    }
}
