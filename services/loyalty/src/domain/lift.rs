//! Lift: how much more the members whom a campaign reached bought than those who were held out, with its interval.
//! Statistics, so floats; never money.

/// The standard normal quantile of 97.5 %.
const Z: f64 = 1.96;

/// What one arm's members came to, in units of whatever is measured. Those who bought nothing count, with zeros.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm {
    /// Members.
    pub members: i64,
    /// The sum over them.
    pub sum: i64,
    /// The sum of their squares.
    pub squares: f64,
}

impl Arm {
    fn mean(&self) -> f64 {
        self.sum as f64 / self.members as f64
    }

    /// The variance of the mean: that of the sample by its size.
    fn error(&self) -> f64 {
        let (n, mean) = (self.members as f64, self.mean());
        ((self.squares - n * mean * mean) / (n - 1.0)).max(0.0) / n
    }
}

/// The difference of two means, in thousandths of what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lift {
    /// The mean of those reached.
    pub reached_milli: i64,
    /// The mean of those held out.
    pub held_out_milli: i64,
    /// The first less the second.
    pub difference_milli: i64,
    /// The lower end of the interval of 95 %.
    pub lower_milli: i64,
    /// Its upper end.
    pub upper_milli: i64,
}

/// The difference of the arms' means with Welch's standard error, as a normal interval. `None` where either has fewer than
/// two members: one member says nothing of spread.
pub fn lift(reached: &Arm, held_out: &Arm) -> Option<Lift> {
    if reached.members < 2 || held_out.members < 2 {
        return None;
    }
    let difference = reached.mean() - held_out.mean();
    let half = Z * (reached.error() + held_out.error()).sqrt();
    Some(Lift {
        reached_milli: milli(reached.mean()),
        held_out_milli: milli(held_out.mean()),
        difference_milli: milli(difference),
        lower_milli: milli(difference - half),
        upper_milli: milli(difference + half),
    })
}

#[allow(clippy::cast_possible_truncation, reason = "it saturates")]
fn milli(value: f64) -> i64 {
    (value * 1_000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(values: &[i64]) -> Arm {
        let squares = values.iter().map(|value| (*value as f64).powi(2)).sum();
        Arm { members: values.len() as i64, sum: values.iter().sum(), squares }
    }

    #[test]
    fn the_interval_is_that_of_welch() {
        // scipy.stats.ttest_ind([8, 6, 4, 0], [2, 0, 4, 0], equal_var=False): a difference of 3 with a standard error of
        // sqrt(11.667/4 + 3.667/4) = 1.95789; 1.96 of those are 3.83747.
        let lift = lift(&arm(&[8, 6, 4, 0]), &arm(&[2, 0, 4, 0])).expect("there are members enough");
        assert_eq!((lift.reached_milli, lift.held_out_milli, lift.difference_milli), (4_500, 1_500, 3_000));
        assert_eq!((lift.lower_milli, lift.upper_milli), (-837, 6_837));
    }

    #[test]
    fn one_member_says_nothing() {
        assert_eq!(lift(&arm(&[8]), &arm(&[1, 2])), None);
    }
}
