//! The laws of returns, against the second implementation.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::earning::tests::line;
use super::super::entry::OrderId;
use super::super::expiry::MonthDay;
use super::super::pending::Start;
use super::reference::{Happening, Model};
use super::*;

const ORDERS: usize = 5;

fn name(order: usize) -> String {
    order.to_string()
}

/// What happens, with the days that pass before it.
fn happening(debits: bool) -> impl Strategy<Value = (i64, Happening)> {
    let earn = (0..ORDERS, 1..60_i64).prop_map(|(order, points)| Happening::Earn { order, points });
    let deliver = (0..ORDERS).prop_map(|order| Happening::Deliver { order });
    let spend = (1..80_i64).prop_map(|points| Happening::Spend { order: None, points });
    let credit = (1..60_i64, prop::option::of(1..40_i64)).prop_map(|(points, days)| Happening::Credit { points, days });
    let debit = (1..40_i64).prop_map(|points| Happening::Debit { points });
    let give = (1..40_i64).prop_map(|points| Happening::Give { points });
    let what = if debits {
        prop_oneof![
            3 => earn, 2 => deliver, 3 => spend, 1 => credit, 1 => debit, 1 => give, 1 => Just(Happening::Nothing)
        ]
        .boxed()
    } else {
        prop_oneof![3 => earn, 2 => deliver, 1 => credit, 1 => Just(Happening::Nothing)].boxed()
    };
    (0..25_i64, what)
}

fn overdraft() -> impl Strategy<Value = OverdraftPolicy> {
    prop_oneof![
        Just(OverdraftPolicy::Refuse),
        (0..120_i64).prop_map(|below| OverdraftPolicy::Allow { floor: Points::new(-below) }),
    ]
}

pub(super) fn pending() -> impl Strategy<Value = PendingPolicy> {
    prop_oneof![
        Just(PendingPolicy::Immediate),
        Just(PendingPolicy::UntilDelivered),
        (1..40).prop_map(|days| PendingPolicy::Delay { days }),
        (1..40, any::<bool>()).prop_map(|(days, cancels)| PendingPolicy::DeliveredWithin {
            days,
            otherwise: if cancels { TimedOut::Cancel } else { TimedOut::Activate },
        }),
        Just(PendingPolicy::FixedDates(vec![MonthDay { month: 1, day: 20 }, MonthDay { month: 3, day: 1 }])),
    ]
}

/// How points of an order begin while nothing is delivered.
fn program_starts(pending: &PendingPolicy) -> Start {
    Till::plain().waits(pending.clone()).program.start(Timestamp::UNIX_EPOCH, None)
}

/// A till and what happened at it, as the second implementation reads it.
struct Twins {
    till: Till,
    history: Vec<(Timestamp, Happening)>,
    earned: BTreeMap<usize, i64>,
}

impl Twins {
    /// Where `own` says so, the second line of every order earns by a rule with an expiry of its own.
    fn new(expires: bool, own: bool, pending: PendingPolicy, overdraft: OverdraftPolicy) -> Self {
        let expiry = if expires { expiring_after(40) } else { ExpiryPolicy::Never };
        let mut till = Till::with(expiry, overdraft).waits(pending);
        if own {
            let mut rule = till.program.terms.rules[0].clone();
            (rule.id, rule.expiry) = ("own".into(), Some(expiring_after(15)));
            rule.categories.insert("own".into());
            till.program.terms.rules[0].excluded_categories.insert("own".into());
            till.program.terms.rules.push(rule);
        }
        Self { till, history: Vec::new(), earned: BTreeMap::new() }
    }

    /// No two things happen at one instant: which of two credits came first would be a matter of taste then.
    fn happens(&mut self, days: i64, what: &Happening) {
        self.till.after_days(days);
        self.till.now = self.till.now.checked_add(SignedDuration::from_secs(1)).expect("in range");
        match *what {
            Happening::Earn { order, points } => {
                if self.earned.contains_key(&order) {
                    return;
                }
                self.earned.insert(order, points);
                // Some lines, so that returns can be split over them; the last takes the rest.
                let (first, second) = (points / 3, points / 3);
                let lines = vec![
                    line(1, "", 3, first * 100),
                    line(2, "own", 2, second * 100),
                    line(3, "", 1, (points - first - second) * 100),
                ];
                let earned = self.till.earn_lines(&name(order), lines);
                assert_eq!(earned.earning.points, super::points(points));
            }
            Happening::Deliver { order } => {
                self.till.deliver(&name(order));
            }
            Happening::Spend { order, points } => {
                let _refused = self.till.spend_on(order.map(name).as_deref(), points, false);
            }
            Happening::Credit { points, days } => {
                self.till.adjust(points, days, false).expect("it is credited");
            }
            Happening::Debit { points } => {
                let _refused = self.till.adjust(-points, None, false);
            }
            Happening::Give { points } => {
                let _refused = self.till.give_away(points);
            }
            Happening::Nothing => {
                self.till.expire();
            }
        }
        self.history.push((self.till.now, what.clone()));
    }

    /// What is open and good or waiting, by order, then what no order earned; and what is owed.
    fn state(&self) -> (Vec<i64>, i64) {
        let mut left = vec![0; ORDERS + 1];
        for (order, left) in left.iter_mut().enumerate() {
            let id = (order < ORDERS).then(|| OrderId::from(&order_name(order)));
            let lots = self.till.account.lots.values().filter(|lot| lot.order == id);
            *left = lots.filter(|lot| !lot.has_expired(self.till.now)).map(|lot| lot.open.get()).sum();
        }
        (left, self.till.deficit())
    }

    fn expected(&self, without: &[usize]) -> (Vec<i64>, i64) {
        let model = Model::run(&self.till.program, &self.history, |order| without.contains(&order));
        model.state(ORDERS, self.till.now)
    }
}

fn order_name(order: usize) -> OrderName {
    super::order(&name(order))
}

/// One return after another of every piece of an order, in the order that `picks` says.
fn pieces(picks: &[usize]) -> Vec<i32> {
    let mut left = vec![1, 1, 1, 2, 2, 3];
    let mut order = Vec::new();
    for pick in picks {
        if left.is_empty() {
            break;
        }
        order.push(left.remove(pick % left.len()));
    }
    order.extend(left);
    order
}

proptest! {
    #[test]
    fn without_returns_both_implementations_agree(
        history in prop::collection::vec(happening(true), 1..25),
        (expires, own) in any::<(bool, bool)>(),
        pending in pending(),
        overdraft in overdraft(),
    ) {
        let mut twins = Twins::new(expires, own, pending, overdraft);
        for (days, what) in &history {
            twins.happens(*days, what);
            prop_assert_eq!(twins.state(), twins.expected(&[]));
        }
    }

    /// Returned after time and credits only: as if the order had never been, however it is split, whether before or
    /// after activation and expiry, and whatever was owed before.
    #[test]
    fn a_full_return_leaves_lots_and_deficit_as_if_the_order_had_never_been(
        before in prop::collection::vec(happening(true), 0..12),
        owed in 0..100_i64,
        paid in 0..100_i64,
        earned in 1..80_i64,
        after in prop::collection::vec(happening(false), 0..10),
        split in prop::collection::vec(0..6_usize, 6),
        when in prop::collection::vec(0..10_usize, 6),
        (expires, own, pays_first) in any::<(bool, bool, bool)>(),
        pending in pending(),
    ) {
        // Order 0 is the one that comes back; it is nowhere else in the history.
        let elsewhere = |(days, what): &(i64, Happening)| (*days, match *what {
            Happening::Earn { order, points } => Happening::Earn { order: order.max(1), points },
            Happening::Deliver { order } => Happening::Deliver { order: order.max(1) },
            ref other => other.clone(),
        });
        // What begins by the clock alone pays a deficit when somebody looks, and a return looks: that is another law.
        let by_clock = pending != PendingPolicy::Immediate && program_starts(&pending).active_from.is_some();
        let overdraft = if by_clock { OverdraftPolicy::Refuse } else { allow(-100) };
        let mut twins = Twins::new(expires, own, pending, overdraft);
        for (days, what) in before.iter().map(elsewhere) {
            twins.happens(days, &what);
        }
        twins.happens(0, &Happening::Spend { order: None, points: owed.max(1) });
        let pays = Happening::Spend { order: Some(0), points: paid.max(1) };
        if pays_first {
            twins.happens(0, &pays);
        }
        twins.happens(1, &Happening::Earn { order: 0, points: earned });
        if !pays_first {
            twins.happens(0, &pays);
        }
        let mut pieces = pieces(&split).into_iter().enumerate();
        let mut when: Vec<usize> = when.iter().map(|at| at % (after.len() + 1)).collect();
        when.sort_unstable();
        let give = |twins: &mut Twins, (number, line): (usize, i32)| {
            let lines = vec![(line, Extent::Quantity(1))];
            twins.till.give("0", &format!("r{number}"), lines).expect("it is returned")
        };
        for (at, (days, what)) in after.iter().map(elsewhere).enumerate() {
            for _ in when.iter().filter(|&&when| when == at) {
                if let Some(piece) = pieces.next() {
                    give(&mut twins, piece);
                }
            }
            let deliver_too = days % 7 == 3;
            twins.happens(days, &what);
            if deliver_too {
                twins.happens(0, &Happening::Deliver { order: 0 });
            }
        }
        for piece in pieces {
            give(&mut twins, piece);
        }
        prop_assert_eq!(twins.state(), twins.expected(&[0]));
    }

    /// However it is split, and whatever else happens, a return takes back no more than was earned and gives back no more
    /// than was spent.
    #[test]
    fn reversals_never_exceed_what_was_earned(
        history in prop::collection::vec(happening(true), 1..15),
        returns in prop::collection::vec((0..ORDERS, 1..4_i32, 1..3_000_i64, 0..20_i64), 1..15),
        (expires, own) in any::<(bool, bool)>(),
        pending in pending(),
        overdraft in overdraft(),
    ) {
        let mut twins = Twins::new(expires, own, pending, overdraft);
        for (days, what) in &history {
            twins.happens(*days, what);
        }
        let mut taken = BTreeMap::<usize, i64>::new();
        for (number, (order, line, amount, days)) in returns.into_iter().enumerate() {
            twins.till.after_days(days);
            let given = twins.till.give(&name(order), &format!("r{number}"), vec![(line, Extent::Amount(amount))]);
            if let Ok(given) = given {
                *taken.entry(order).or_default() += (given.reversed + given.waived).get();
            }
        }
        for order in 0..ORDERS {
            let Some(earned) = twins.earned.get(&order).copied() else { continue };
            let last = twins.till.give_all(&name(order));
            *taken.entry(order).or_default() += (last.reversed + last.waived).get();
            prop_assert_eq!(taken[&order], earned, "order {}", order);
        }
        prop_assert!(twins.till.account.totals.reversed <= twins.till.account.totals.earned);
    }
}
