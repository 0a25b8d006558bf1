//! Fractions of whole numbers as plain decimal digits: exact, without floats.

/// `numerator ÷ denominator` with `decimals` digits after the point, half away from zero: `half_up(1, 3, 2)` is `0.33`.
///
/// `None` where the denominator is not positive: no data is no data, not 0.
pub fn half_up(numerator: i128, denominator: i128, decimals: u32) -> Option<String> {
    if denominator <= 0 {
        return None;
    }
    let unit = 10_i128.pow(decimals);
    let scaled = (numerator.abs() * unit * 2 + denominator) / (denominator * 2);
    let sign = if numerator < 0 && scaled > 0 { "-" } else { "" };
    let (whole, part) = (scaled / unit, scaled % unit);
    Some(match decimals {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{part:0width$}", width = decimals as usize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_goes_up_and_no_data_is_not_zero() {
        let cases = [
            (1, 3, 6, "0.333333"),
            (2, 3, 6, "0.666667"),
            (1, 2, 0, "1"),
            (5, 1000, 2, "0.01"),
            (-5, 1000, 2, "-0.01"),
            (-4, 1000, 2, "0.00"),
            (30, 1, 4, "30.0000"),
            (18_824, 5_739, 6, "3.280014"),
        ];
        for (numerator, denominator, decimals, expected) in cases {
            assert_eq!(half_up(numerator, denominator, decimals).as_deref(), Some(expected));
        }
        assert_eq!(half_up(0, 0, 6), None);
    }
}
