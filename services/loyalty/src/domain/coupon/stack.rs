//! The stack: what coupons and gift cards do to one order, one after the other. A share is of what is left to pay, or of
//! what goods cost at first; it is rounded half up to the minor unit; nothing takes an order below zero; a gift card
//! takes its turn, and never lowers what earns.

use serde::{Deserialize, Serialize};

/// What a coupon gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discount {
    /// A share of the goods.
    Percent {
        /// In hundredths of a per cent, 1 to 10,000.
        basis_points: i64,
        /// At most so much, in minor units.
        maximum_minor: Option<i64>,
    },
    /// An amount, in minor units.
    Amount(i64),
    /// What delivery costs.
    FreeDelivery,
    /// A product, which the shop adds.
    Gift(String),
}

/// How a coupon goes together with others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stacking {
    /// The higher goes first.
    pub priority: i32,
    /// Whether a share is of what goods cost at first.
    pub on_initial: bool,
    /// Of one group an order takes one coupon; empty where it goes with all.
    pub exclusive_group: String,
}

/// What one discount came to, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Off goods.
    pub goods: i64,
    /// Off delivery.
    pub delivery: i64,
}

impl Taken {
    /// Both.
    pub fn sum(self) -> i64 {
        self.goods + self.delivery
    }
}

/// An order on its way through the stack, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stack {
    /// What goods cost at first.
    pub goods: i64,
    /// What delivery costs at first.
    pub delivery: i64,
    /// What is left to pay for goods.
    pub goods_left: i64,
    /// What is left to pay for delivery.
    pub delivery_left: i64,
    /// What coupons took off goods.
    pub discount: i64,
    /// What coupons took off delivery.
    pub delivery_discount: i64,
    /// What gift cards paid.
    pub tendered: i64,
}

impl Stack {
    /// An order before anything is taken off; both amounts are at least 0.
    pub fn new(goods: i64, delivery: i64) -> Self {
        let (goods_left, delivery_left) = (goods, delivery);
        Self { goods, delivery, goods_left, delivery_left, discount: 0, delivery_discount: 0, tendered: 0 }
    }

    /// What a discount would take off now.
    pub fn offer(&self, discount: &Discount, on_initial: bool) -> Taken {
        match discount {
            Discount::Percent { basis_points, maximum_minor } => {
                let base = if on_initial { self.goods } else { self.goods_left };
                let share = half_up(base, *basis_points).min(maximum_minor.unwrap_or(i64::MAX));
                Taken { goods: share.min(self.goods_left), delivery: 0 }
            }
            Discount::Amount(amount) => Taken { goods: (*amount).min(self.goods_left), delivery: 0 },
            Discount::FreeDelivery => Taken { goods: 0, delivery: self.delivery_left },
            Discount::Gift(_) => Taken::default(),
        }
    }

    /// Takes it off.
    pub fn take(&mut self, taken: Taken) {
        self.goods_left -= taken.goods;
        self.delivery_left -= taken.delivery;
        self.discount += taken.goods;
        self.delivery_discount += taken.delivery;
    }

    /// A gift card pays for goods, at most `amount`.
    pub fn tender(&mut self, amount: i64) -> i64 {
        let paid = amount.min(self.goods_left);
        self.goods_left -= paid;
        self.tendered += paid;
        paid
    }

    /// What is left to pay.
    pub fn payable(&self) -> i64 {
        self.goods_left + self.delivery_left
    }

    /// What can earn points: goods less discounts, whatever gift cards paid.
    pub fn earning_base(&self) -> i64 {
        self.goods - self.discount
    }
}

/// So many hundredths of a per cent of an amount, half up. Both are at least 0, and the share at most 10,000.
fn half_up(amount: i64, basis_points: i64) -> i64 {
    let exact = i128::from(amount) * i128::from(basis_points);
    i64::try_from((exact + 5_000) / 10_000).expect("a share is no more than the whole")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn percent(basis_points: i64) -> Discount {
        Discount::Percent { basis_points, maximum_minor: None }
    }

    /// The stack after a gift card of 100, 20 % and 8,000 off.
    fn l20(on_initial: bool) -> Stack {
        let mut stack = Stack::new(200_000, 0);
        assert_eq!(stack.tender(100), 100);
        for discount in [percent(2_000), Discount::Amount(8_000)] {
            stack.take(stack.offer(&discount, on_initial));
        }
        stack
    }

    #[test]
    fn l20_a_gift_card_a_share_and_an_amount_each_in_its_turn() {
        assert_eq!(l20(false).payable(), 151_920);
        assert_eq!(l20(true).payable(), 151_900);
        assert_eq!(l20(true).earning_base(), 152_000, "the gift card lowers nothing that earns");
    }

    #[test]
    fn l21_a_share_of_what_is_left_three_times() {
        let mut stack = Stack::new(30_000, 0);
        let left: Vec<i64> = (0..3)
            .map(|_| {
                stack.take(stack.offer(&percent(1_000), false));
                stack.payable()
            })
            .collect();
        assert_eq!(left, [27_000, 24_300, 21_870]);
    }

    #[test]
    fn a_half_is_rounded_up_to_the_minor_unit() {
        for (goods, share) in [(5, 1), (4, 0), (14, 1), (15, 2)] {
            assert_eq!(Stack::new(goods, 0).offer(&percent(1_000), false).goods, share, "10 % of {goods}");
        }
    }

    #[test]
    fn a_share_is_cut_to_its_maximum() {
        let capped = Discount::Percent { basis_points: 5_000, maximum_minor: Some(30) };
        assert_eq!(Stack::new(1_000, 0).offer(&capped, false).goods, 30);
    }

    proptest! {
        #[test]
        fn nothing_takes_an_order_below_zero_and_nothing_is_lost(
            goods in 0_i64..1_000_000, delivery in 0_i64..10_000,
            steps in prop::collection::vec((0_u8..5, 0_i64..=10_000, any::<bool>()), 0..12),
        ) {
            let mut stack = Stack::new(goods, delivery);
            for (kind, amount, on_initial) in steps {
                match kind {
                    0 => { stack.tender(amount); }
                    1 => stack.take(stack.offer(&Discount::Amount(amount * 20), on_initial)),
                    2 => stack.take(stack.offer(&Discount::FreeDelivery, on_initial)),
                    3 => stack.take(stack.offer(&Discount::Gift("p".into()), on_initial)),
                    _ => stack.take(stack.offer(&percent(amount), on_initial)),
                }
                prop_assert!(stack.goods_left >= 0 && stack.delivery_left >= 0);
                let all = stack.payable() + stack.discount + stack.delivery_discount + stack.tendered;
                prop_assert_eq!(all, goods + delivery);
            }
        }
    }
}
