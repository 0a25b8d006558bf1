//! Laws: whatever is redeemed and rolled back, nothing is overshot and all can be counted again.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::limit::{CounterKey, Period, Scope};
use super::super::redemption::Cause;
use super::*;

proptest! {
    #[test]
    fn counters_are_what_stands_and_never_more_than_they_may(
        steps in prop::collection::vec((0_u8..12, 1_u128..4, 1_i64..500, any::<bool>(), 0_i64..100), 1..60),
    ) {
        let mut limited = terms();
        limited.limits = vec![
            limit(Scope::Code, Period::Ever, 7),
            limit(Scope::Customer, Period::Day, 2),
            limit(Scope::Batch, Period::Week, 6),
        ];
        limited.budget_minor = Some(200);
        let mut book = book(vec![limited, terms()]);
        for (order, who, goods, undo, hours) in steps {
            let when = now() + jiff::SignedDuration::from_hours(hours);
            let mut cart = cart(goods, &["CODE0", "CODE1@c"]);
            cart.member = Some(member(who));
            let mut asked = redeem(&order.to_string(), cart);
            asked.partial = who == 1;
            let root = super::super::order_key(&asked.cart.organization, &asked.order);
            match book.open(root).map(|open| open.number) {
                Some(number) if undo => { book.roll_back(root, number, Cause::Asked, when).expect("it stands"); }
                _ => drop(book.redeem(&asked, when)),
            }
            let standing = || book.redemptions.values().flatten().filter(|one| one.rollback_time.is_none());
            let mut counters: BTreeMap<CounterKey, i64> = BTreeMap::new();
            for one in standing() {
                for key in book.counters_of_redemption(one) {
                    *counters.entry(key).or_default() += 1;
                }
            }
            let kept: BTreeMap<_, _> = book.counters.iter().filter(|(_, n)| **n != 0).map(|(k, n)| (k.clone(), *n)).collect();
            prop_assert_eq!(&kept, &counters);
            for (key, count) in &counters {
                let most = if key.scope == Scope::Customer { 2 } else { 6 };
                prop_assert!(*count <= most);
            }
            for (key, batch) in &book.batches {
                let uses = || standing().flat_map(|one| &one.uses).filter(|used| used.batch == *key);
                prop_assert_eq!(batch.redeemed, i64::try_from(uses().count()).expect("few"));
                prop_assert_eq!(batch.redeemed_minor, uses().map(|used| used.taken.sum()).sum::<i64>());
                prop_assert!(batch.terms.budget_minor.is_none_or(|budget| batch.redeemed_minor <= budget));
            }
            prop_assert!(book.coupons.values().all(|coupon| coupon.redeemable.is_none_or(|most| coupon.redeemed <= most)));
        }
    }
}
