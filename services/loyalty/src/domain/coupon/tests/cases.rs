//! Cases with known answers.

use super::super::book::Book;
use super::super::limit::{Period, Scope};
use super::super::redemption::{Cause, Redeem, Tender};
use super::super::refused::{CouponError, IssueError, RedemptionError};
use super::super::stack::{Discount, Stacking};
use super::super::{CouponState, order_key};
use super::*;

fn error(book: &mut Book, asked: &Redeem) -> CouponError {
    match book.redeem(asked, now()).expect_err("it is refused") {
        RedemptionError::Coupon(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn l20_a_gift_card_a_share_and_an_amount_in_the_order_of_their_priorities() {
    for (on_initial, payable) in [(false, 151_920), (true, 151_900)] {
        let mut share = terms();
        share.discount = Discount::Percent { basis_points: 2_000, maximum_minor: None };
        share.stacking = Stacking { priority: 5, on_initial, ..Stacking::default() };
        let mut amount = terms();
        amount.discount = Discount::Amount(8_000);
        let mut book = book(vec![amount, share]);
        let mut bought = cart(200_000, &["CODE0", "CODE1"]);
        bought.tenders.push(Tender { priority: 9, amount: 100 });
        let (evaluation, _) = book.redeem(&redeem("1", bought), now()).expect("it is redeemed");
        assert_eq!((evaluation.stack.payable(), evaluation.stack.tendered), (payable, 100));
    }
}

#[test]
fn l21_ten_per_cent_three_times() {
    let mut book = book(vec![terms(), terms(), terms()]);
    let asked = redeem("1", cart(30_000, &["CODE0", "CODE1", "CODE2"]));
    let (evaluation, _) = book.redeem(&asked, now()).expect("it is redeemed");
    let taken: Vec<i64> =
        evaluation.verdicts.iter().filter_map(|verdict| Some(verdict.granted.as_ref().ok()?.goods)).collect();
    assert_eq!((taken, evaluation.stack.payable()), (vec![3_000, 2_700, 2_430], 21_870));
}

#[test]
fn l22_a_limit_of_n_has_n_winners_and_a_redemption_is_rolled_back_once() {
    for (maximum, callers) in [(1, 2), (3, 5)] {
        let mut limited = terms();
        limited.limits = vec![limit(Scope::Code, Period::Ever, maximum)];
        let mut book = book(vec![limited]);
        let won = (0..callers).filter(|n| book.redeem(&redeem(&n.to_string(), cart(100, &["CODE0"])), now()).is_ok());
        assert_eq!(i64::try_from(won.count()).expect("few"), maximum);
        let root = order_key(&OrganizationId::default_organization(), &OrderName::new("pos", "0").expect("a name"));
        assert!(book.roll_back(root, 1, Cause::Asked, now()).is_ok());
        let again = book.roll_back(root, 1, Cause::Cancelled, now()).expect_err("once");
        assert!(matches!(again, RedemptionError::RolledBack { at, .. } if at == now()), "{again}");
        assert_eq!(book.batches.values().next().expect("a batch").redeemed, maximum - 1);
        assert!(book.redeem(&redeem("0", cart(100, &["CODE0"])), now()).is_ok(), "it can be used again");
    }
}

#[test]
fn l23_of_a_chain_all_or_none_stand_and_the_others_stand_alone() {
    let mut wanting = terms();
    wanting.minimum_order_minor = 1_000_000;
    let mut once = terms();
    once.limits = vec![limit(Scope::Batch, Period::Ever, 1)];
    let mut book = book(vec![terms(), once, wanting, terms(), terms()]);
    let codes = ["CODE0", "CODE1@x", "CODE2@x", "CODE3@x", "CODE4"];
    let partial = Redeem { partial: true, ..redeem("1", cart(10_000, &codes)) };
    let (evaluation, _) = book.redeem(&partial, now()).expect("two stand");
    let stands: Vec<bool> = evaluation.verdicts.iter().map(|verdict| verdict.granted.is_ok()).collect();
    assert_eq!(stands, [true, false, false, false, true]);
    let errors: Vec<_> = evaluation.verdicts.iter().filter_map(|verdict| verdict.granted.clone().err()).collect();
    assert_eq!(errors[0], CouponError::ChainBroken("x".into()));
    assert!(matches!(errors[1], CouponError::BelowMinimum { .. }), "the one that failed says why");
    assert_eq!(evaluation.stack.payable(), 8_100, "what failed took nothing off for those behind it");
    assert!(book.redeem(&redeem("2", cart(100, &["CODE1"])), now()).is_ok(), "what failed was not counted");
}

#[test]
fn an_order_redeems_all_or_nothing_unless_it_says_partial() {
    let mut wanting = terms();
    wanting.minimum_order_minor = 1_000;
    let mut book = book(vec![terms(), wanting]);
    let asked = redeem("1", cart(100, &["CODE0", "CODE1"]));
    assert_eq!(error(&mut book, &asked), CouponError::BelowMinimum { goods: 100, minimum: 1_000 });
    assert!(book.changes.redemptions.is_empty() && book.changes.counters.is_empty());
    assert!(book.redeem(&Redeem { partial: true, ..asked.clone() }, now()).is_ok());
    let again = book.redeem(&asked, now()).expect_err("an order redeems once");
    assert!(matches!(again, RedemptionError::OrderHasCoupons { .. }), "{again}");
}

#[test]
fn every_limit_has_its_scope_and_its_period() {
    let mut limited = terms();
    limited.limits = vec![
        limit(Scope::Customer, Period::Day, 1),
        limit(Scope::Store, Period::Week, 2),
        limit(Scope::Batch, Period::Month, 3),
    ];
    let mut book = book(vec![limited]);
    let mut next = 0;
    let mut ask = |book: &mut Book, who: Option<u128>, store: Option<&str>, when: &str| {
        next += 1;
        let mut cart = cart(100, &["CODE0"]);
        (cart.member, cart.store) = (who.map(member), store.map(str::to_owned));
        book.redeem(&redeem(&next.to_string(), cart), at(when)).err().map(|error| match error {
            RedemptionError::Coupon(CouponError::LimitReached(limit)) => limit.scope.as_str(),
            RedemptionError::Coupon(CouponError::SubjectMissing(what)) => what,
            other => panic!("{other}"),
        })
    };
    assert_eq!(ask(&mut book, None, Some("s1"), "2026-11-22T04:00:00Z"), Some("member"));
    assert_eq!(ask(&mut book, Some(1), None, "2026-11-22T04:00:00Z"), Some("store"));
    assert_eq!(ask(&mut book, Some(1), Some("s1"), "2026-11-22T04:00:00Z"), None);
    assert_eq!(ask(&mut book, Some(1), Some("s2"), "2026-11-22T15:59:59Z"), Some("CUSTOMER"), "the same day there");
    assert_eq!(ask(&mut book, Some(2), Some("s1"), "2026-11-22T15:59:59Z"), None);
    assert_eq!(ask(&mut book, Some(3), Some("s1"), "2026-11-22T15:59:59Z"), Some("STORE"), "the same week there");
    assert_eq!(ask(&mut book, Some(1), Some("s1"), "2026-11-22T16:00:00Z"), None, "Monday there");
    assert_eq!(ask(&mut book, Some(2), Some("s2"), "2026-11-30T15:59:59Z"), Some("BATCH"));
    assert_eq!(ask(&mut book, Some(2), Some("s2"), "2026-11-30T16:00:00Z"), None, "December there");
}

#[test]
fn budgets_are_never_overshot() {
    let mut poor = terms();
    poor.budget_minor = Some(25);
    let mut few = terms();
    few.budget_count = Some(1);
    let mut book = book(vec![poor, few]);
    assert!(book.redeem(&redeem("1", cart(100, &["CODE0", "CODE1"])), now()).is_ok());
    assert!(book.redeem(&redeem("2", cart(150, &["CODE0"])), now()).is_ok());
    assert_eq!(error(&mut book, &redeem("3", cart(10, &["CODE0"]))), CouponError::BudgetExhausted("money"));
    assert_eq!(error(&mut book, &redeem("3", cart(10, &["CODE1"]))), CouponError::BudgetExhausted("count"));
}

#[test]
fn a_coupon_is_for_whom_and_for_what_its_terms_say() {
    let mut members_only = terms();
    members_only.programs = ["club".to_owned()].into();
    let mut later = terms();
    later.start_time = at("2026-12-01T00:00:00Z");
    let mut alone = terms();
    alone.stacking.exclusive_group = "g".into();
    let mut delivery = terms();
    delivery.discount = Discount::FreeDelivery;
    let mut book = book(vec![members_only, later.clone(), alone.clone(), alone, delivery]);
    issue(&mut book, 2, "HERS", Some(member(2)));
    let asked = |codes: &[&str]| redeem("1", cart(100, codes));
    assert_eq!(error(&mut book, &asked(&["CODE0"])), CouponError::NotEligible("programs/club".into()));
    assert_eq!(error(&mut book, &asked(&["CODE1"])), CouponError::NotStarted(later.start_time));
    assert_eq!(error(&mut book, &asked(&["CODE2", "CODE3"])), CouponError::Excluded("g".into()));
    assert_eq!(error(&mut book, &asked(&["CODE4"])), CouponError::WithoutEffect);
    assert!(matches!(error(&mut book, &asked(&["NOSUCH"])), CouponError::Unknown(_)));
    assert_eq!(error(&mut book, &asked(&["HERS"])), CouponError::NotOwned);
    let mut hers = asked(&["HERS", "CODE0"]);
    hers.cart.member = Some(member(2));
    assert!(book.redeem(&hers, now()).is_ok());
    let mut foreign = redeem("2", cart(100, &["CODE0"]));
    foreign.cart.currency = "JPY".parse().expect("a currency");
    foreign.cart.member = Some(member(1));
    assert!(matches!(error(&mut book, &foreign), CouponError::Currency { .. }));
    foreign.cart.member = Some(member(9));
    assert_eq!(book.redeem(&foreign, now()), Err(RedemptionError::UnknownMember(member(9))));
}

#[test]
fn a_text_is_used_again_once_its_time_is_over_and_each_life_keeps_its_count() {
    let mut once = terms();
    once.limits = vec![limit(Scope::Code, Period::Ever, 1)];
    let mut long = terms();
    long.expire_time = at("2027-12-31T16:00:00Z");
    let mut book = book(vec![once, long]);
    assert!(book.redeem(&redeem("1", cart(100, &["CODE0"])), now()).is_ok());
    let key = BatchId::from_slug("b1").expect("a slug").uuid();
    let text = "code-0".parse().expect("a code");
    let taken = book.issue(key, &text, None, None, now()).map(drop).expect_err("it is in use");
    assert!(matches!(taken, IssueError::CodeTaken { until, .. } if until == at("2026-12-31T16:00:00Z")));
    let later = at("2026-12-31T16:00:00Z");
    let coupon = book.issue(key, &text, None, None, later).expect("it is issued").expect("the batch is there").clone();
    assert_eq!((coupon.generation, coupon.redeemed, coupon.state(later)), (2, 0, CouponState::Active));
    let root = order_key(&OrganizationId::default_organization(), &OrderName::new("pos", "1").expect("a name"));
    book.roll_back(root, 1, Cause::Returned, later).expect("it was not rolled back");
    assert_eq!(book.coupons[&(coupon.id, 1)].redeemed, 0);
    assert_eq!(book.newest(coupon.id).map(|coupon| coupon.redeemed), Some(0));
}
