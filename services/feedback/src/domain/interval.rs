//! 95 % intervals of shares, of differences of shares, and of means. Statistics, so floats; never money.

/// The standard normal quantile of 97.5 %, as the field rounds it.
pub const Z: f64 = 1.96;

/// An estimate with its uncertainty, on the scale of what is estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The adjusted value: the middle of the interval before it is clamped.
    pub adjusted: f64,
    /// The standard error of the adjusted value; 0 where the sample shows no spread.
    pub standard_error: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Estimate {
    fn around(adjusted: f64, standard_error: f64, scale: (f64, f64)) -> Self {
        let (low, high) = (adjusted - Z * standard_error, adjusted + Z * standard_error);
        Self { adjusted, standard_error, low: low.clamp(scale.0, scale.1), high: high.clamp(scale.0, scale.1) }
    }
}

/// `for_ − against` as shares of `n`, times 100: adjusted Wald for a difference of two shares of one sample, which adds
/// ¾ to each and 3 to the sample (Bonett and Price 2012, as the field uses it for NPS). Clamped to −100 … 100.
/// `None` where `n` is 0.
pub fn adjusted_wald(for_: u64, against: u64, n: u64) -> Option<Estimate> {
    if n == 0 {
        return None;
    }
    let size = n as f64 + 3.0;
    let (p, d) = ((for_ as f64 + 0.75) / size, (against as f64 + 0.75) / size);
    let error = ((p + d - (p - d).powi(2)) / size).sqrt();
    Some(Estimate::around(100.0 * (p - d), 100.0 * error, (-100.0, 100.0)))
}

/// `hits` as a share of `n`, times 100: Wilson's score interval. Its middle is the adjusted share
/// `(hits + z²/2) ÷ (n + z²)`, whose standard error (Agresti and Coull 1998) serves comparisons. `None` where `n` is 0.
pub fn wilson(hits: u64, n: u64) -> Option<Estimate> {
    if n == 0 {
        return None;
    }
    let (hits, n) = (hits as f64, n as f64);
    let size = n + Z * Z;
    let share = hits / n;
    let adjusted = (hits + Z * Z / 2.0) / size;
    let half = Z * n / size * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let standard_error = (adjusted * (1.0 - adjusted) / size).sqrt();
    let bound = |end: f64| (100.0 * end).clamp(0.0, 100.0);
    Some(Estimate {
        adjusted: 100.0 * adjusted,
        standard_error: 100.0 * standard_error,
        low: bound(adjusted - half),
        high: bound(adjusted + half),
    })
}

/// The mean of a sample given as (value, how often): mean ± z·s ÷ √n with the sample's own s, clamped to the scale.
/// One answer says nothing of spread: its interval is the whole scale. `None` where there is no answer.
pub fn mean(sample: impl Iterator<Item = (i32, u64)> + Clone, scale: (f64, f64)) -> Option<Estimate> {
    let n: u64 = sample.clone().map(|(_, count)| count).sum();
    if n == 0 {
        return None;
    }
    let size = n as f64;
    let mean = sample.clone().map(|(value, count)| f64::from(value) * count as f64).sum::<f64>() / size;
    if n == 1 {
        return Some(Estimate { adjusted: mean, standard_error: 0.0, low: scale.0, high: scale.1 });
    }
    let squares: f64 = sample.map(|(value, count)| (f64::from(value) - mean).powi(2) * count as f64).sum();
    let error = (squares / (size - 1.0) / size).sqrt();
    Some(Estimate::around(mean, error, scale))
}

/// How far two independent estimates lie apart: the difference of the adjusted values over √(SE₁² + SE₂²). `None` where
/// neither has any spread.
pub fn z_score(before: &Estimate, after: &Estimate) -> Option<f64> {
    let error = before.standard_error.hypot(after.standard_error);
    (error > 0.0).then(|| (after.adjusted - before.adjusted) / error)
}

/// Half away from zero to 4 decimals: how statistics are shown.
pub fn shown(value: f64) -> f64 {
    let rounded = (value * 10_000.0).round() / 10_000.0;
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_of_one_answer_is_as_wide_as_the_scale() {
        let one = mean([(5, 1)].into_iter(), (1.0, 7.0)).expect("an estimate");
        assert_eq!((one.adjusted, one.low, one.high), (5.0, 1.0, 7.0));
        let many = mean([(4, 2), (6, 2)].into_iter(), (1.0, 7.0)).expect("an estimate");
        assert_eq!((many.adjusted, shown(many.low), shown(many.high)), (5.0, 3.8684, 6.1316));
    }

    #[test]
    fn no_sample_has_no_interval() {
        assert_eq!(adjusted_wald(0, 0, 0), None);
        assert_eq!(wilson(0, 0), None);
        assert_eq!(mean(std::iter::empty(), (1.0, 7.0)), None);
    }

    #[test]
    fn what_is_shown_has_no_negative_zero() {
        assert_eq!(shown(-0.000_01).to_bits(), 0.0_f64.to_bits());
        assert_eq!((shown(1.000_05), shown(-1.000_06)), (1.0001, -1.0001));
    }
}
