//! Points: whole, never a fraction, never money. And how a whole is shared so that nothing is lost.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// A number of points; negative only in a balance or as a floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Points(i64);

impl Points {
    /// None.
    pub const ZERO: Self = Self(0);
    /// The most that one posting may move: a billion accounts' worth of it still fits 64 bits of a member's history.
    pub const MAX_POSTING: Self = Self(1_000_000_000_000);
    /// The most that one account may have been credited in all.
    pub const MAX_CREDITED: Self = Self(1_000_000_000_000_000_000);

    /// So many points.
    pub const fn new(points: i64) -> Self {
        Self(points)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Whether there is at least one.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whether there is none.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// What is above zero of it.
    #[must_use]
    pub fn or_zero(self) -> Self {
        self.max(Self::ZERO)
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Add for Points {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Points {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Points {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Points {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Points {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Sum for Points {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// Shares `whole` in proportion to `weights` by the largest remainder, ties to the first: the parts are whole and add up
/// to it. Where no weight is positive, the first part gets all. Neither `whole` nor a weight is negative or above 10^18.
pub fn share(whole: i64, weights: &[i64]) -> Vec<i64> {
    let total: i128 = weights.iter().copied().map(i128::from).sum();
    if total == 0 {
        let first = std::iter::once(whole).chain(std::iter::repeat(0));
        return first.take(weights.len()).collect();
    }
    let exact = weights.iter().map(|&weight| {
        let product = i128::from(whole) * i128::from(weight);
        let part = i64::try_from(product / total).expect("a part is not larger than its whole");
        (part, product % total)
    });
    largest_remainder(whole, exact.collect())
}

/// Makes whole parts that add up to `whole` of exact ones, given as whole part and remainder over a common denominator:
/// what is left goes to the largest remainders, one each, ties to the first.
pub fn largest_remainder(whole: i64, exact: Vec<(i64, i128)>) -> Vec<i64> {
    let left = whole - exact.iter().map(|(part, _)| part).sum::<i64>();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(exact[i].1), i));
    let mut parts: Vec<i64> = exact.into_iter().map(|(part, _)| part).collect();
    for i in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        parts[i] += 1;
    }
    parts
}

/// Apportions `whole` over parts that add up to at least as much, by the method of Webster: the next point goes to the part
/// with the most of its own for each that it has, counted as one half more. So a larger `whole` never gives a part less, the
/// whole of all parts gives each its own, and a part of nothing gets nothing.
pub fn apportion(whole: i64, parts: &[i64]) -> Vec<i64> {
    let total: i128 = parts.iter().copied().map(i128::from).sum();
    if total == 0 {
        return vec![0; parts.len()];
    }
    let near = |&part: &i64| {
        let twice = 2 * i128::from(whole) * i128::from(part) + total;
        i64::try_from(twice / (2 * total)).expect("a part is not larger than its whole")
    };
    let mut given: Vec<i64> = parts.iter().map(near).collect();
    // How much better a claim one part has than another is compared crosswise: `part / (2 × given ± 1)`.
    let claim = |given: &[i64], i: usize, step: i64| (i128::from(parts[i]), i128::from(2 * given[i] + step));
    let below = |(part, by): (i128, i128), (other, other_by): (i128, i128)| (part * other_by).cmp(&(other * by));
    let all = || (0..parts.len()).filter(|&i| parts[i] > 0);
    while given.iter().sum::<i64>() < whole {
        let next = all().max_by(|&i, &j| below(claim(&given, i, 1), claim(&given, j, 1)).then(j.cmp(&i)));
        given[next.expect("some part is positive")] += 1;
    }
    while given.iter().sum::<i64>() > whole {
        let last = all().filter(|&i| given[i] > 0);
        let last = last.min_by(|&i, &j| below(claim(&given, i, -1), claim(&given, j, -1)).then(j.cmp(&i)));
        given[last.expect("some part has points")] -= 1;
    }
    given
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_remainder_gets_what_is_left_and_ties_go_to_the_first() {
        assert_eq!(share(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(share(57, &[1000, 999]), [29, 28]);
        assert_eq!(share(5, &[0, 0]), [5, 0]);
        assert_eq!(share(5, &[]), [0; 0]);
    }

    proptest! {
        /// What makes it right for returns: however a whole grows, no part ever shrinks, and all of it is each part's own.
        #[test]
        fn what_is_apportioned_grows_with_the_whole(
            parts in prop::collection::vec(0..60_i64, 1..6),
            scale in prop_oneof![Just(1_i64), Just(1_000_000_007)],
        ) {
            let parts: Vec<i64> = parts.iter().map(|part| part * scale).collect();
            let total: i64 = parts.iter().sum();
            let mut before = vec![0; parts.len()];
            for step in 0..=200.min(total) {
                let whole = if total <= 200 { step } else { total / 200 * step };
                let now = apportion(whole, &parts);
                prop_assert_eq!(now.iter().sum::<i64>(), whole);
                prop_assert!(now.iter().zip(&before).all(|(now, before)| now >= before), "{:?} then {:?}", before, now);
                prop_assert!(now.iter().zip(&parts).all(|(now, part)| now <= part), "{:?} of {:?}", now, parts);
                before = now;
            }
            prop_assert_eq!(apportion(total, &parts), parts);
        }

        #[test]
        fn the_parts_add_up_to_the_whole(
            whole in 0..1_000_000_000_000_i64,
            weights in prop::collection::vec(0..1_000_000_000_000_i64, 1..20),
        ) {
            let parts = share(whole, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), whole);
            prop_assert!(parts.iter().all(|&part| part >= 0));
        }
    }
}
