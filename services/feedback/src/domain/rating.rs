//! Ratings: what reviews come to, and the value that subjects are ranked by.

use crate::domain::decimal::half_up;
use crate::domain::review::Stars;

/// How many reviews of the mean of its kind a subject is given before its own count (the weight of the prior).
pub const PRIOR_WEIGHT: i128 = 20;

/// How many reviews gave 1, 2, 3, 4 and 5.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rating {
    counts: [u64; 5],
}

impl FromIterator<(Stars, u64)> for Rating {
    fn from_iter<I: IntoIterator<Item = (Stars, u64)>>(counts: I) -> Self {
        let mut rating = Self::default();
        for (stars, count) in counts {
            rating.counts[stars.index()] += count;
        }
        rating
    }
}

impl Rating {
    /// The counts of 1, 2, 3, 4 and 5.
    pub fn counts(&self) -> [u64; 5] {
        self.counts
    }

    /// How many reviews.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of their stars.
    pub fn sum(&self) -> u64 {
        (1..).zip(self.counts).map(|(stars, count)| stars * count).sum()
    }

    /// The mean, half-up to 6 decimals; `None` without reviews.
    pub fn mean(&self) -> Option<String> {
        half_up(i128::from(self.sum()), i128::from(self.count()), 6)
    }

    /// The value to rank by, (20 m + Σ) ÷ (20 + n), half-up to 6 decimals, where m is the mean of `kind`, the reviews of
    /// all subjects of the same kind: few reviews say little. Exact: m is never rounded. `None` where the kind has none.
    pub fn ranked(&self, kind: &Rating) -> Option<String> {
        let (kind_sum, kind_count) = (i128::from(kind.sum()), i128::from(kind.count()));
        let (sum, count) = (i128::from(self.sum()), i128::from(self.count()));
        half_up(PRIOR_WEIGHT * kind_sum + sum * kind_count, kind_count * (PRIOR_WEIGHT + count), 6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rating(counts: [u64; 5]) -> Rating {
        Rating { counts }
    }

    #[test]
    fn one_five_where_the_mean_is_3_5_ranks_at_3_571() {
        let kind = rating([0, 0, 1, 1, 0]);
        assert_eq!(rating([0, 0, 0, 0, 1]).ranked(&kind).as_deref(), Some("3.571429"));
    }

    #[test]
    fn a_subject_without_reviews_ranks_at_the_mean_of_its_kind_and_has_no_mean_of_its_own() {
        let none = Rating::default();
        assert_eq!((none.mean(), none.ranked(&rating([0, 0, 1, 1, 0]))), (None, Some("3.500000".to_owned())));
        assert_eq!(none.ranked(&none), None);
    }

    #[test]
    fn the_mean_is_half_up_to_six_places() {
        assert_eq!(rating([1, 0, 0, 2, 0]).mean().as_deref(), Some("3.000000"));
        assert_eq!(rating([1, 1, 0, 0, 1]).mean().as_deref(), Some("2.666667"));
    }
}
