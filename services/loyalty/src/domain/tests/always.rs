//! What is always true, over random commands of every kind: the till verifies the ledger after each.

use proptest::prelude::*;

use super::super::earning::tests::line;
use super::*;

#[derive(Debug, Clone)]
pub(super) enum Doing {
    Earn(u8, i64),
    Spend(Option<u8>, i64, bool),
    Hold(u8, i64, Option<u8>, i64),
    Capture(u8, Option<i64>),
    Void(u8),
    Deliver(u8),
    Return(u8, i32, i64),
    ReturnAll(u8),
    Adjust(i64, Option<i64>, bool),
    Sweep,
}

pub(super) fn doing() -> impl Strategy<Value = Doing> {
    let (order, hold) = (|| 0..6_u8, || 0..8_u8);
    prop_oneof![
        4 => (order(), 1..90_i64).prop_map(|(order, points)| Doing::Earn(order, points)),
        3 => (prop::option::of(order()), 1..90_i64, any::<bool>()).prop_map(|(o, p, c)| Doing::Spend(o, p, c)),
        2 => (hold(), 1..60_i64, prop::option::of(order()), 1..100_i64).prop_map(|(h, p, o, t)| Doing::Hold(h, p, o, t)),
        2 => (hold(), prop::option::of(1..60_i64)).prop_map(|(hold, points)| Doing::Capture(hold, points)),
        1 => hold().prop_map(Doing::Void),
        2 => order().prop_map(Doing::Deliver),
        3 => (order(), 1..3_i32, 1..4_000_i64).prop_map(|(order, line, amount)| Doing::Return(order, line, amount)),
        1 => order().prop_map(Doing::ReturnAll),
        2 => (1..60_i64, any::<bool>(), prop::option::of(1..40_i64), any::<bool>())
            .prop_map(|(points, take, days, clamp)| Doing::Adjust(if take { -points } else { points }, days, clamp)),
        1 => Just(Doing::Sweep),
    ]
}

pub(super) fn expiry() -> impl Strategy<Value = ExpiryPolicy> {
    let days = |count| Period { count, unit: PeriodUnit::Day };
    prop_oneof![
        Just(ExpiryPolicy::Never),
        (1..60).prop_map(expiring_after),
        (1..60).prop_map(move |count| ExpiryPolicy::Sliding(days(count))),
    ]
}

pub(super) fn overdraft() -> impl Strategy<Value = OverdraftPolicy> {
    prop_oneof![Just(OverdraftPolicy::Refuse), Just(OverdraftPolicy::Clamp), (0..90_i64).prop_map(|f| allow(-f))]
}

pub(super) fn run(till: &mut Till, number: usize, doing: &Doing) {
    let before = till.account.clone();
    let refused = match *doing {
        Doing::Earn(order_number, amount) => {
            let lines = vec![line(1, "", 2, amount * 60), line(2, "", 1, amount * 40)];
            let earn =
                Earn { order: order(&order_number.to_string()), purchase: purchase(lines), effective_time: till.now };
            till.account.earn(&till.program, &earn, None, &mut Budgets::new(), till.now).is_err()
        }
        Doing::Spend(order_number, amount, clamp) => {
            let order_number = order_number.map(|number| number.to_string());
            till.spend_on(order_number.as_deref(), amount, clamp).is_err()
        }
        Doing::Hold(hold, amount, order_number, hours) => {
            if till.account.holds.contains_key(&hold_id(hold.into())) {
                return;
            }
            let place = PlaceHold {
                id: hold_id(hold.into()),
                points: points(amount),
                order: order_number.map(|number| order(&number.to_string())),
                ttl: SignedDuration::from_hours(hours),
            };
            till.account.place_hold(&till.program, &place, till.now).is_err()
        }
        Doing::Capture(hold, amount) => till.capture(hold.into(), amount).is_err(),
        Doing::Void(hold) => till.void(hold.into()).is_err(),
        Doing::Deliver(order_number) => {
            till.deliver(&order_number.to_string());
            false
        }
        Doing::Return(order_number, line, amount) => {
            till.give(&order_number.to_string(), &format!("r{number}"), vec![(line, Extent::Amount(amount))]).is_err()
        }
        Doing::ReturnAll(order_number) => till.give(&order_number.to_string(), &format!("r{number}"), vec![]).is_err(),
        Doing::Adjust(amount, days, clamp) => till.adjust(amount, days, clamp).is_err(),
        Doing::Sweep => {
            till.expire();
            false
        }
    };
    till.keep(());
    if refused {
        let mut settled = before;
        settled.settle(till.now);
        settled.take_changes();
        assert_eq!(till.account.balance(till.now), settled.balance(till.now), "a refused command changes nothing");
    }
}

proptest! {
    #[test]
    fn points_are_conserved_and_a_replay_gives_the_account(
        doings in prop::collection::vec((0..12_i64, doing()), 1..40),
        expiry in expiry(),
        overdraft in overdraft(),
        pending in super::laws::pending(),
        own in any::<bool>(),
    ) {
        let mut till = Till::with(expiry, overdraft).waits(pending);
        if own {
            let mut rule = till.program.terms.rules[0].clone();
            (rule.id, rule.expiry) = ("own".into(), Some(expiring_after(15)));
            till.program.terms.rules.push(rule);
        }
        for (number, (days, doing)) in doings.iter().enumerate() {
            till.after_days(*days);
            run(&mut till, number, doing);
            if !matches!(overdraft, OverdraftPolicy::Allow { .. }) {
                prop_assert_eq!(till.deficit(), 0, "only a program that allows it owes");
            }
        }
        // What a hold that timed out lets go may be due to a reversal: that is not in the entries until it is settled.
        till.account.settle(till.now);
        till.keep(());
        let replayed = till.account.replay(&till.entries);
        prop_assert_eq!(replayed.balance(till.now), till.account.balance(till.now));
        let (first, again) = (till.expire(), till.expire());
        prop_assert!(again.is_zero(), "expired {} and then {} again", first, again);
    }

    #[test]
    fn an_account_that_knows_only_its_open_lots_decides_the_same(
        doings in prop::collection::vec((0..12_i64, doing()), 1..30),
        expiry in expiry(),
        amount in 1..90_i64,
    ) {
        let mut till = Till::with(expiry, allow(-50));
        for (number, (days, doing)) in doings.iter().enumerate() {
            till.after_days(*days);
            run(&mut till, number, doing);
        }
        till.account.holds.retain(|_, hold| hold.state == super::super::hold::HoldState::Placed);
        let mut knows_little = till.account.clone();
        knows_little.complete = false;
        // What a debit loads: all lots where a hold may have to give back into one that is closed, the open ones otherwise.
        if knows_little.totals.held.is_zero() {
            knows_little.lots.retain(|_, lot| lot.open.is_positive() || lot.held.is_positive());
            knows_little.orders.clear();
        }
        let spend = Spend { points: points(amount), order: None, clamp: false, order_amount: None };
        let now = till.now;
        let (all, little) =
            (till.account.spend(&till.program, &spend, now), knows_little.spend(&till.program, &spend, now));
        prop_assert_eq!(all, little);
        prop_assert_eq!(till.account.totals, knows_little.totals);
        prop_assert_eq!(till.account.changes.entries, knows_little.changes.entries);
    }
}
