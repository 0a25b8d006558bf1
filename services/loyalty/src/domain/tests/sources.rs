//! What something else than an order gives: by the rules of orders, once for each name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::account::Changes;
use super::super::campaign::tests::campaign;
use super::super::campaign::{Budget, Campaign};
use super::super::cap::{Cap, CapPeriod};
use super::super::condition::Condition;
use super::super::entry::EntryKind;
use super::super::facts::Told;
use super::super::ledger::{Book, Command, Outcome};
use super::super::program::tests::rule;
use super::super::rule::{EarningRule, Effect};
use super::super::source::{Gives, Happening, Source as Heard, SourceName, Trigger};
use super::*;

fn heard(id: &str, trigger: Trigger, points: i64, condition: &str) -> EarningRule {
    let condition = (!condition.is_empty()).then(|| Condition::compile(condition).expect("it compiles"));
    EarningRule { trigger, condition, ..rule(id, Effect::Fixed { points }) }
}

fn review(name: &str, rating: i64, at: Timestamp) -> Command {
    let happening = Happening::ReviewSubmitted { subject: "products/kettle".into(), rating };
    Command::Hear(Heard { name: SourceName::new(name).expect("a name"), at, gives: Gives::ByRules(happening) })
}

/// A book of one member.
struct Shop {
    book: Book,
    member: MemberId,
    now: Timestamp,
}

impl Shop {
    fn of(rules: Vec<EarningRule>, campaigns: Vec<Campaign>) -> Self {
        let till = Till::new(Terms { rules, ..terms() });
        let member = till.account.member;
        let budgets = campaigns.iter().map(|campaign| {
            let budget = Budget {
                points_limit: campaign.terms.points_limit,
                orders_limit: campaign.terms.orders_limit,
                ..Budget::default()
            };
            (campaign.id.clone(), budget)
        });
        let budgets = budgets.collect();
        let program = Program { campaigns, ..till.program };
        let programs = BTreeMap::from([(till.account.program.clone(), Arc::new(program))]);
        let accounts = BTreeMap::from([(member, till.account)]);
        Self { book: Book { accounts, programs, budgets, ..Book::default() }, member, now: till.now }
    }

    fn hear(&mut self, command: &Command) -> i64 {
        match self.book.decide(self.member, command, self.now) {
            Ok(Outcome::Heard(points)) => points.get(),
            other => panic!("it is heard, not {other:?}"),
        }
    }

    fn changes(&mut self) -> Changes {
        self.book.accounts.get_mut(&self.member).expect("he is there").take_changes()
    }
}

#[test]
fn each_name_gives_once_and_only_what_its_trigger_says() {
    let rules = vec![
        rule("base", Effect::Fixed { points: 1_000 }),
        heard("review", Trigger::ReviewSubmitted, 30, "event.rating >= 4 && event.type == 'review_submitted'"),
        heard("answer", Trigger::SurveyAnswered, 500, ""),
    ];
    let mut shop = Shop::of(rules, vec![]);
    let then = shop.now - SignedDuration::from_hours(5);
    assert_eq!(shop.hear(&review("reviews/1", 5, then)), 30);
    assert_eq!(shop.hear(&review("reviews/1", 5, then)), 0, "once");
    assert_eq!(shop.hear(&review("reviews/2", 3, then)), 0, "no rule fits");
    let changes = shop.changes();
    let entry = &changes.entries[0];
    assert_eq!(
        (changes.entries.len(), entry.kind, entry.order, entry.effective_time),
        (1, EntryKind::Earn, None, then)
    );
    assert_eq!(entry.active_from, Some(then), "they can be spent at once");
    let kept: Vec<_> = changes.sourced.iter().map(|heard| (heard.name.as_str(), heard.points.get())).collect();
    assert_eq!(kept, [("reviews/1", 30), ("reviews/2", 0)]);
    let why = changes.sourced[0].explanation.as_ref().expect("rules gave it");
    assert_eq!(why.rules.iter().map(|rule| rule.rule.as_str()).collect::<Vec<_>>(), ["review"]);
}

#[test]
fn a_program_that_does_not_listen_keeps_nothing() {
    let mut shop = Shop::of(vec![rule("base", Effect::Fixed { points: 1_000 })], vec![]);
    assert_eq!(shop.hear(&review("reviews/1", 5, shop.now)), 0);
    assert_eq!(shop.changes(), Changes::default());
}

#[test]
fn priorities_exclusive_rules_caps_and_budgets_act_as_on_orders() {
    let cap = Cap { points: points(25), period: CapPeriod::Day };
    let rules = vec![
        EarningRule { caps: vec![cap], ..heard("capped", Trigger::ReviewSubmitted, 20, "") },
        EarningRule {
            exclusive: true,
            priority: 5,
            ..heard("best", Trigger::ReviewSubmitted, 50, "event.rating == 5")
        },
    ];
    let mut double = campaign("double", vec![heard("more", Trigger::ReviewSubmitted, 8, "event.rating < 5")]);
    double.terms.points_limit = Some(points(10));
    let of_orders = campaign("orders", vec![rule("order", Effect::Fixed { points: 9 })]);
    let mut shop = Shop::of(rules, vec![double.clone(), of_orders]);
    let given: Vec<i64> = [(1, 4), (2, 5), (3, 4), (4, 4)]
        .map(|(n, rating)| {
            let now = shop.now;
            shop.hear(&review(&format!("reviews/{n}"), rating, now))
        })
        .into();
    assert_eq!(given, [20 + 8, 50, 5 + 2, 0]);
    assert_eq!(shop.book.budgets[&double.id].points, points(10), "to the point");
    let shares: Vec<_> = shop.changes().sourced.iter().map(|heard| heard.shares.len()).collect();
    assert_eq!(shares, [1, 1, 1, 1], "the campaign of orders is no part of it");
}

#[test]
fn what_was_told_of_the_customer_can_be_asked_with_what_the_caller_says() {
    let vip = heard("vip", Trigger::ReviewSubmitted, 10, "customer.segments.exists(s, s == 'vip')");
    let risky = heard("risky", Trigger::ReviewSubmitted, 5, "customer.churn_risk_permille > 500");
    assert!(Shop::of(vec![vip.clone()], vec![]).book.programs.values().all(|program| program.asks_of_customers()));
    let mut shop = Shop::of(vec![vip, risky], vec![]);
    assert_eq!(shop.hear(&review("reviews/1", 5, shop.now)), 0);
    let account = shop.book.accounts.get_mut(&shop.member).expect("he is there");
    account.told = Told { segments: vec!["new".into(), "vip".into()], churn_risk_permille: 501 };
    assert_eq!(shop.hear(&review("reviews/2", 5, shop.now)), 15);
}

#[test]
fn goodwill_is_given_once_with_why_and_by_whom() {
    let mut shop = Shop::of(vec![], vec![]);
    let asked = Asked { points: 40, goodwill: true, ..Asked::default() };
    let adjust = Adjust::new(asked, "late".into(), "lead".into(), shop.now).expect("it fits");
    let name = SourceName::new("cases/1/remedies/1").expect("a name");
    let remedy = Command::Hear(Heard { name, at: shop.now, gives: Gives::ByHand(adjust) });
    assert_eq!((shop.hear(&remedy), shop.hear(&remedy)), (40, 0));
    let changes = shop.changes();
    assert_eq!((changes.entries[0].kind, changes.adjusted[0].reason.as_str()), (EntryKind::Goodwill, "late"));
    assert_eq!((changes.sourced.len(), changes.sourced[0].lot), (1, changes.entries[0].lot));
}

#[test]
fn a_name_has_its_bounds() {
    assert!(SourceName::new("x".repeat(SourceName::MAX)).is_ok());
    assert_eq!(
        SourceName::new("x".repeat(SourceName::MAX + 1)).expect_err("it is too long").to_string(),
        "the name has 256 bytes; it has at most 255"
    );
}
