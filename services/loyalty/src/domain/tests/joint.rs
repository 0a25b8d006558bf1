//! Several members who are one person: what is decided over their accounts is what one account would decide, nothing is moved by
//! becoming one or by being parted, and each ledger verifies by itself.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::adjusting::Direction;
use super::super::earning::tests::line;
use super::super::ledger::{Book, Command, LedgerError, Outcome};
use super::super::person::Kin;
use super::super::transfer::Transfer;
use super::*;
use crate::domain::entry::Totals;

fn member(number: u128) -> MemberId {
    MemberId(Uuid::from_u128(number))
}

/// Members of one program with everything that was ever written of them.
#[derive(Debug, Clone)]
struct Household {
    book: Book,
    now: Timestamp,
    entries: BTreeMap<MemberId, Vec<Entry>>,
}

impl Household {
    fn new(till: &Till, members: u128) -> Self {
        let mut book = Book::default();
        book.programs.insert(till.program.id.clone(), std::sync::Arc::new(till.program.clone()));
        for number in 1..=members {
            let account = Account {
                member: member(number),
                program: till.program.id.clone(),
                organization: till.program.organization.clone(),
                ..till.account.clone()
            };
            book.accounts.insert(member(number), account);
        }
        Self { book, now: till.now, entries: BTreeMap::new() }
    }

    /// Who are one person from now on; everyone ever was with everyone.
    fn group(&mut self, groups: &[&[u128]]) {
        let ever: BTreeSet<MemberId> = self.book.accounts.keys().copied().collect();
        for group in groups {
            let now: BTreeSet<MemberId> = group.iter().map(|number| member(*number)).collect();
            let survivor = *now.first().expect("somebody");
            for one in &now {
                let kin = Kin {
                    key: Uuid::from_u128(99),
                    now: now.clone(),
                    ever: ever.clone(),
                    survivor,
                    beside: Totals::default(),
                };
                self.book.accounts.get_mut(one).expect("he is there").kin = Some(Box::new(kin));
            }
        }
    }

    fn part(&mut self) {
        let all: Vec<u128> = self.book.accounts.keys().map(|member| member.uuid().as_u128()).collect();
        let alone: Vec<Vec<u128>> = all.into_iter().map(|one| vec![one]).collect();
        self.group(&alone.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    /// Every change goes through here: each ledger verifies after it.
    fn decide(&mut self, number: u128, command: &Command) -> Result<Outcome, LedgerError> {
        let decided = self.book.decide(member(number), command, self.now);
        for (member, account) in &mut self.book.accounts {
            let changes = account.take_changes();
            let entries = self.entries.entry(*member).or_default();
            entries.extend(changes.entries);
            assert_eq!(verify(account, entries), []);
        }
        let sum =
            |of: fn(&Totals) -> Points| -> Points { self.book.accounts.values().map(|one| of(&one.totals)).sum() };
        assert_eq!(sum(|totals| totals.sent), sum(|totals| totals.received));
        decided
    }

    fn after(&mut self, days: i64, seconds: i64) {
        let later = SignedDuration::from_hours(24 * days) + SignedDuration::from_secs(seconds);
        self.now = self.now.checked_add(later).expect("in range");
    }

    fn balance(&self, of: &[u128]) -> super::super::balance::Balance {
        self.book.balance_of(of.iter().map(|number| member(*number)), self.now)
    }

    fn account(&self, number: u128) -> &Account {
        &self.book.accounts[&member(number)]
    }

    fn earn(&mut self, number: u128, name: &str, amount: i64) {
        self.decide(number, &earning(name, amount, self.now)).expect("it earns");
    }
}

fn earning(name: &str, amount: i64, now: Timestamp) -> Command {
    let lines = vec![line(1, "", 2, amount * 60), line(2, "", 1, amount * 40)];
    Command::Earn(Earn { order: order(name), purchase: purchase(lines), effective_time: now })
}

fn spending(amount: i64, on: Option<&str>, clamp: bool) -> Command {
    Command::Spend(Spend { points: points(amount), order: on.map(order), clamp, order_amount: None })
}

fn returning(name: &str, return_id: &str, now: Timestamp) -> Command {
    Command::Return(Return {
        order: order(name),
        return_id: return_id.into(),
        lines: Vec::new(),
        effective_time: now,
        source: Source::Asked,
    })
}

fn placing(hold: u128, amount: i64) -> Command {
    Command::PlaceHold(PlaceHold { id: hold_id(hold), points: points(amount), order: None, ttl: DEFAULT_TTL })
}

fn two(expiry: ExpiryPolicy, overdraft: OverdraftPolicy) -> Household {
    let mut house = Household::new(&Till::with(expiry, overdraft), 2);
    house.group(&[&[1, 2]]);
    house
}

#[test]
fn a_spend_takes_what_expires_first_of_either_and_is_each_ones_own() {
    let mut house = two(expiring_after(10), OverdraftPolicy::Refuse);
    house.earn(2, "b", 50);
    house.after(1, 0);
    house.earn(1, "a", 50);
    let spent = house.decide(1, &spending(70, None, false)).expect("they are there");
    let Outcome::Spent(spent, left) = spent else { panic!("it is a spend") };
    assert_eq!((spent.points, left.balance), (points(70), points(30)));
    let open = |number| house.account(number).totals.open.get();
    assert_eq!((open(1), open(2)), (30, 0), "the other's lot was the older one");
    assert!(matches!(
        house.decide(2, &spending(31, None, false)),
        Err(LedgerError::Spend(_) | LedgerError::Insufficient(_))
    ));
    house.part();
    assert_eq!(house.balance(&[1]).balance, points(30));
    assert_eq!(house.balance(&[2]).balance, points(0));
}

#[test]
fn a_hold_over_both_is_captured_by_either_name_and_after_they_are_parted() {
    for parted in [false, true] {
        let mut house = two(ExpiryPolicy::Never, OverdraftPolicy::Refuse);
        house.earn(1, "a", 100);
        house.earn(2, "b", 23);
        house.decide(2, &placing(7, 123)).expect("they are there");
        assert_eq!(house.balance(&[1, 2]).available, points(0));
        if parted {
            house.part();
        }
        let captured = house.decide(1, &Command::CaptureHold(hold_id(7), Some(points(110)))).expect("it is there");
        let Outcome::Held(hold, _) = captured else { panic!("it is a hold") };
        assert_eq!((hold.points, hold.captured), (points(123), points(110)));
        assert_eq!(house.balance(&[1, 2]).balance, points(13), "23 − 10: what was drawn first is captured first");
        assert_eq!(house.balance(&[1]).balance, points(0));
        let again = house.decide(2, &Command::CaptureHold(hold_id(7), None));
        assert!(matches!(again, Err(LedgerError::Hold(HoldError::Resolved { .. }))), "{again:?}");
    }
}

#[test]
fn what_paid_for_an_order_goes_back_to_whoever_paid_even_when_they_are_parted() {
    let mut house = two(ExpiryPolicy::Never, OverdraftPolicy::Refuse);
    house.earn(1, "a", 10);
    house.earn(2, "b", 90);
    house.decide(1, &spending(100, Some("goods"), false)).expect("they are there");
    house.part();
    let returned = house.decide(1, &returning("goods", "r", house.now)).expect("it comes back");
    let Outcome::Returned(returned, _) = returned else { panic!("it is a return") };
    assert_eq!(returned.refunded, points(100));
    assert_eq!((house.balance(&[1]).balance, house.balance(&[2]).balance), (points(10), points(90)));
    assert!(house.decide(2, &returning("goods", "r", house.now)).is_err(), "it counts once, by either name");
}

#[test]
fn an_order_earns_once_under_whatever_name() {
    let mut house = two(ExpiryPolicy::Never, OverdraftPolicy::Refuse);
    house.earn(1, "a", 10);
    let again = house.decide(2, &earning("a", 10, house.now));
    assert!(matches!(again, Err(LedgerError::Earn(super::super::spending::EarnError::AlreadyEarned { .. }))));
    house.part();
    assert!(house.decide(2, &earning("a", 10, house.now)).is_err(), "nor when they are parted");
}

#[test]
fn what_a_return_takes_back_the_others_give_before_anything_is_waived() {
    let mut house = two(ExpiryPolicy::Never, OverdraftPolicy::Refuse);
    house.earn(1, "a", 60);
    house.decide(1, &spending(60, None, false)).expect("they are there");
    house.earn(2, "b", 50);
    let returned = house.decide(1, &returning("a", "r", house.now)).expect("it comes back");
    let Outcome::Returned(returned, left) = returned else { panic!("it is a return") };
    assert_eq!((returned.reversed, returned.waived, left.balance), (points(50), points(10), points(0)));
}

#[test]
fn nobody_gives_points_to_himself_under_another_name() {
    let mut house = two(ExpiryPolicy::Never, OverdraftPolicy::Refuse);
    house.earn(1, "a", 60);
    let given = Command::Transfer(Transfer { to: member(2), points: points(1) });
    assert!(matches!(house.decide(1, &given), Err(LedgerError::Transfer(TransferError::OwnAccount(_)))));
    house.part();
    house.decide(1, &given).expect("they are two");
}

#[derive(Debug, Clone)]
enum Doing {
    Earn(u8, i64),
    Spend(Option<u8>, i64, bool),
    Hold(u8, i64),
    Capture(u8, Option<i64>),
    Void(u8),
    Deliver(u8),
    Return(u8),
    Adjust(i64),
    Sweep,
}

fn doing() -> impl Strategy<Value = Doing> {
    let (order, hold) = (|| 0..6_u8, || 0..8_u8);
    prop_oneof![
        5 => (order(), 1..90_i64).prop_map(|(order, points)| Doing::Earn(order, points)),
        4 => (prop::option::of(order()), 1..120_i64, any::<bool>()).prop_map(|(o, p, c)| Doing::Spend(o, p, c)),
        2 => (hold(), 1..90_i64).prop_map(|(hold, points)| Doing::Hold(hold, points)),
        2 => (hold(), prop::option::of(1..60_i64)).prop_map(|(hold, points)| Doing::Capture(hold, points)),
        1 => hold().prop_map(Doing::Void),
        2 => order().prop_map(Doing::Deliver),
        3 => order().prop_map(Doing::Return),
        2 => (1..60_i64, any::<bool>()).prop_map(|(points, take)| Doing::Adjust(if take { -points } else { points })),
        1 => Just(Doing::Sweep),
    ]
}

fn command(number: usize, doing: &Doing, now: Timestamp) -> Command {
    match *doing {
        Doing::Earn(order, amount) => earning(&order.to_string(), amount, now),
        Doing::Spend(order, amount, clamp) => {
            let order = order.map(|order| order.to_string());
            spending(amount, order.as_deref(), clamp)
        }
        Doing::Hold(hold, amount) => placing(hold.into(), amount),
        Doing::Capture(hold, amount) => Command::CaptureHold(hold_id(hold.into()), amount.map(points)),
        Doing::Void(hold) => Command::VoidHold(hold_id(hold.into())),
        Doing::Deliver(name) => Command::Activate(order(&name.to_string()), now),
        Doing::Return(name) => returning(&name.to_string(), &format!("r{number}"), now),
        Doing::Adjust(amount) => Command::Adjust(Adjust {
            points: points(amount.abs()),
            direction: if amount > 0 {
                Direction::Credit { goodwill: false, expires_at: None }
            } else {
                Direction::Debit { clamp: false }
            },
            reason: "why".into(),
            subject: "who".into(),
        }),
        Doing::Sweep => Command::Sweep,
    }
}

/// Whether the same hold is placed twice, which no caller does.
fn repeats(doings: &[(i64, u128, Doing)], at: usize) -> bool {
    let Doing::Hold(hold, _) = doings[at].2 else { return false };
    doings[..at].iter().any(|(_, _, before)| matches!(before, Doing::Hold(other, _) if *other == hold))
}

fn dated() -> impl Strategy<Value = ExpiryPolicy> {
    prop_oneof![Just(ExpiryPolicy::Never), (1..40).prop_map(expiring_after)]
}

proptest! {
    /// Whatever three members do who are one person, by whichever name: granted or refused as one account would, and the same
    /// balance after each command.
    #[test]
    fn several_who_are_one_decide_as_one_account_would(
        doings in prop::collection::vec((0..12_i64, 1..4_u128, doing()), 1..30),
        expiry in dated(),
        pending in any::<bool>(),
        clamp in any::<bool>(),
    ) {
        let till = Till::with(expiry, if clamp { OverdraftPolicy::Clamp } else { OverdraftPolicy::Refuse });
        let till = if pending { till.waits_for_delivery() } else { till };
        let (mut three, mut one) = (Household::new(&till, 3), Household::new(&till, 1));
        three.group(&[&[1, 2, 3]]);
        for (number, (days, name, doing)) in doings.iter().enumerate() {
            if repeats(&doings, number) {
                continue;
            }
            for house in [&mut three, &mut one] {
                house.after(*days, 1);
            }
            let command = command(number, doing, one.now);
            let (all, single) = (three.decide(*name, &command), one.decide(1, &command));
            prop_assert_eq!(all.is_ok(), single.is_ok(), "{:?}: {:?}, {:?}", doing, all, single);
            prop_assert_eq!(three.balance(&[1, 2, 3]), one.balance(&[1]), "{:?}", doing);
        }
    }

    /// Becoming one and being parted again moves nothing, and what time does meanwhile it does to each as if he were alone.
    #[test]
    fn who_becomes_one_and_is_parted_has_what_he_had(
        doings in prop::collection::vec((0..12_i64, 1..4_u128, doing()), 1..25),
        days in 0..60_i64,
        overdraft in super::always::overdraft(),
        expiry in super::always::expiry(),
    ) {
        let mut apart = Household::new(&Till::with(expiry, overdraft), 3);
        for (number, (days, name, doing)) in doings.iter().enumerate() {
            if repeats(&doings, number) {
                continue;
            }
            apart.after(*days, 1);
            let command = command(number, doing, apart.now);
            let _refused = apart.decide(*name, &command);
        }
        let mut joined = apart.clone();
        joined.group(&[&[1, 2], &[3]]);
        joined.group(&[&[1, 2, 3]]);
        for house in [&mut apart, &mut joined] {
            house.after(days, 0);
        }
        joined.decide(2, &Command::Sweep).expect("it is swept");
        joined.part();
        for number in 1..=3 {
            apart.decide(number, &Command::Sweep).expect("it is swept");
            let mut was = joined.account(number).clone();
            was.kin = None;
            prop_assert_eq!(&was, apart.account(number));
        }
    }

    /// Whatever happens to some who are one now and two then, each ledger verifies, and what is there in all is what one account
    /// would have as long as nobody is short: becoming one or being parted makes or loses no point.
    #[test]
    fn joining_and_parting_make_and_lose_no_points(
        doings in prop::collection::vec((0..6_i64, 1..4_u128, doing(), 0..4_u8), 1..30),
        overdraft in super::always::overdraft(),
        expiry in super::always::expiry(),
    ) {
        let plain: Vec<_> = doings.iter().map(|(days, name, doing, _)| (*days, *name, doing.clone())).collect();
        let mut house = Household::new(&Till::with(expiry, overdraft), 3);
        house.part();
        for (number, (days, name, doing, groups)) in doings.iter().enumerate() {
            house.after(*days, 1);
            for one in 1..=3 {
                house.decide(one, &Command::Sweep).expect("it is swept");
            }
            let before = house.balance(&[1, 2, 3]);
            match groups {
                0 => house.part(),
                1 => house.group(&[&[1, 2], &[3]]),
                2 => house.group(&[&[1], &[2, 3]]),
                _ => house.group(&[&[1, 2, 3]]),
            }
            prop_assert_eq!(house.balance(&[1, 2, 3]), before);
            if repeats(&plain, number) {
                continue;
            }
            let command = command(number, doing, house.now);
            let refused = house.decide(*name, &command).is_err();
            if refused {
                prop_assert_eq!(house.balance(&[1, 2, 3]), before, "what is refused changes nothing");
            }
        }
    }
}
