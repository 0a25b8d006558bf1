//! Rewards: what they cost and how many there are is theirs to say, and stock and points go together or not at all.

use std::sync::Arc;

use guanxi_kernel::Refusal as _;

use super::super::ledger::{Book, LedgerError};
use super::super::reward::{
    Eligibility, Redemption, Reward, RewardError, RewardId, State, Terms as Offer, order as order_of, redemption_name,
};
use super::*;

fn offer(cost: i64, stock_total: Option<i64>) -> Offer {
    Offer {
        display_name: "A pan".into(),
        points: points(cost),
        price_minor: 990,
        stock_total,
        eligibility: Eligibility::default(),
    }
}

fn reward(cost: i64, stock_total: Option<i64>) -> Reward {
    let till = Till::plain();
    Reward {
        id: RewardId::from_slug("pan").expect("a slug"),
        organization: till.account.organization.clone(),
        program: till.account.program.clone(),
        terms: offer(cost, stock_total),
        redeemed: 0,
        version: 1,
        create_time: till.now,
    }
}

/// A book with one member who has so many points.
fn book(mut till: Till, amount: i64) -> (Book, MemberId, Timestamp) {
    till.earn("a", amount);
    let member = till.account.member;
    let mut book = Book::default();
    book.programs.insert(till.account.program.clone(), Arc::new(till.program));
    book.accounts.insert(member, till.account);
    (book, member, till.now)
}

fn left(book: &Book, member: MemberId, now: Timestamp) -> i64 {
    book.accounts[&member].balance(now).available.get()
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

#[test]
fn l15_a_reward_takes_what_it_costs_and_nobody_is_asked() {
    let (mut book, member, now) = book(Till::plain(), 12);
    let mut pan = reward(5, None);
    let (redemption, _) = pan.redeem(&mut book, member, id(1), now).expect("there are points");
    let expected = Redemption {
        id: id(1),
        reward: pan.id.clone(),
        member,
        state: State::Pending,
        points: points(5),
        price_minor: 990,
        create_time: now,
        update_time: now,
    };
    assert_eq!((redemption, left(&book, member, now), pan.redeemed), (expected, 7, 1));
    assert_eq!(redemption_name(&pan.id, id(1)), format!("rewards/pan/redemptions/{}", id(1)));
}

#[test]
fn too_few_points_take_no_stock_even_where_a_program_clamps() {
    for overdraft in [OverdraftPolicy::Refuse, OverdraftPolicy::Clamp] {
        let (mut book, member, now) = book(Till::with(ExpiryPolicy::Never, overdraft), 4);
        let mut pan = reward(5, Some(1));
        let refused = pan.redeem(&mut book, member, id(1), now).expect_err("four are too few");
        let insufficient = Insufficient { asked: points(5), available: points(4) };
        assert_eq!(refused, RewardError::Ledger(LedgerError::Insufficient(insufficient)));
        assert_eq!((left(&book, member, now), pan.redeemed), (4, 0));
    }
    let (mut book, member, now) = book(Till::with(ExpiryPolicy::Never, allow(-1)), 4);
    assert!(reward(5, None).redeem(&mut book, member, id(1), now).is_ok(), "down to the floor");
    let (mut exactly, member, now) = self::book(Till::plain(), 5);
    assert!(reward(5, None).redeem(&mut exactly, member, id(1), now).is_ok());
}

#[test]
fn the_last_one_is_redeemed_once_and_a_cancelled_one_can_be_had_again() {
    let (mut book, member, now) = book(Till::plain(), 100);
    let mut pan = reward(5, Some(2));
    let (mut first, _) = pan.redeem(&mut book, member, id(1), now).expect("two are there");
    pan.redeem(&mut book, member, id(2), now).expect("one is there");
    let none = pan.redeem(&mut book, member, id(3), now).expect_err("none is there");
    assert_eq!(none, RewardError::OutOfStock(pan.id.clone()));
    assert_eq!(left(&book, member, now), 90, "whoever gets none pays nothing");
    let later = now.checked_add(SignedDuration::from_hours(1)).expect("in range");
    pan.cancel(&mut book, &mut first, later).expect("it has not been handed over");
    assert_eq!((first.state, first.update_time, pan.redeemed), (State::Cancelled, later, 1));
    assert_eq!(left(&book, member, now), 95, "its points came back");
    assert_eq!(pan.cancel(&mut book, &mut first, later), Err(RewardError::Ended(State::Cancelled)));
    assert_eq!((left(&book, member, now), pan.redeemed), (95, 1), "once");
    assert!(pan.redeem(&mut book, member, id(3), now).is_ok());
    assert!(book.accounts[&member].orders.contains_key(&(&order_of(id(3))).into()));
}

#[test]
fn a_reward_is_for_members_of_its_program_and_its_house() {
    let (mut book, member, now) = book(Till::plain(), 100);
    let mut other = Reward { program: ProgramId::from_slug("other").expect("a slug"), ..reward(5, None) };
    let refused = other.redeem(&mut book, member, id(1), now).expect_err("he is of another program");
    assert_eq!(refused, RewardError::NotEligible { reward: other.id.clone(), program: other.program.clone() });
    let mut strange = Reward { organization: OrganizationId::from_slug("hk").expect("a slug"), ..reward(5, None) };
    let refused = strange.redeem(&mut book, member, id(1), now).expect_err("he is of another house");
    assert_eq!(refused, RewardError::Ledger(LedgerError::UnknownMember(member)));
    assert_eq!((left(&book, member, now), other.redeemed + strange.redeemed), (100, 0));
}

#[test]
fn a_redemption_moves_on_and_never_back() {
    let (mut book, member, now) = book(Till::plain(), 100);
    let (pending, _) = reward(5, None).redeem(&mut book, member, id(1), now).expect("there are points");
    let later = now.checked_add(SignedDuration::from_hours(1)).expect("in range");
    let mut redemption = pending;
    for (to, stands) in [(State::Prepared, State::Prepared), (State::Prepared, State::Prepared)] {
        redemption.proceed(to, later).expect("it goes on, or stays");
        assert_eq!((redemption.state, redemption.update_time), (stands, later));
    }
    assert_eq!(redemption.proceed(State::Pending, later), Err(RewardError::Ended(State::Prepared)));
    redemption.proceed(State::Fulfilled, later).expect("it is handed over");
    assert_eq!(redemption.proceed(State::Fulfilled, later), Err(RewardError::Ended(State::Fulfilled)));
    let mut pan = reward(5, None);
    pan.redeemed = 1;
    let cancelled = pan.cancel(&mut book, &mut redemption, later);
    assert_eq!((cancelled, pan.redeemed), (Err(RewardError::Ended(State::Fulfilled)), 1));
}

#[test]
fn stock_is_never_cut_below_what_was_redeemed() {
    let pan = Reward { redeemed: 3, ..reward(5, Some(5)) };
    let refused = pan.update(offer(6, Some(2))).expect_err("three are gone");
    assert_eq!(refused, RewardError::StockTooLow { redeemed: 3, stock: 2 });
    assert_eq!(refused.refusal().reason(), "REWARD_STOCK_TOO_LOW");
    let changed = pan.update(offer(6, Some(3))).expect("as many as are gone");
    assert_eq!((changed.terms, changed.version, changed.redeemed), (offer(6, Some(3)), 2, 3));
    assert!(pan.update(offer(6, None)).is_ok());
}

#[test]
fn states_are_kept_by_their_words() {
    for word in State::ALL {
        assert_eq!(State::parse(word).map(State::as_str), Some(*word));
    }
    assert_eq!(State::parse("LOST"), None);
}
