//! The number of a Chinese identity card (GB 11643): six digits of a place, eight of the date of birth, three of a sequence,
//! and a check character (ISO 7064, MOD 11-2). Nothing of it is taken but the date.

use guanxi_kernel::{Refusal, Refused};
use jiff::civil::Date;
use thiserror::Error;

/// A number that is none. It says nothing of the number, which is personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdNumberError {
    /// It is not 17 digits and a digit or X.
    #[error("the number is not 17 digits and a check character")]
    Form,
    /// The last character does not fit the others.
    #[error("the check character does not fit the number")]
    Check,
    /// No such day was, or it is to come.
    #[error("the number holds no day of birth")]
    Date,
}

impl Refusal for IdNumberError {
    fn refusal(&self) -> Refused {
        Refused::invalid("id_number", "ID_NUMBER_WRONG", self.to_string())
    }
}

/// The check characters, by the remainder.
const CHECKS: &[u8; 11] = b"10X98765432";

/// The date of birth in a number, as of the day `today`.
///
/// # Errors
/// [`IdNumberError`].
pub fn birth_date(number: &str, today: Date) -> Result<Date, IdNumberError> {
    let [digits @ .., check] = number.as_bytes() else { return Err(IdNumberError::Form) };
    if digits.len() != 17 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(IdNumberError::Form);
    }
    // Weights are the powers of two from 2^17 down to 2^1, by 11.
    let remainder = digits.iter().fold(0, |sum, digit| (sum + u32::from(digit - b'0')) * 2 % 11);
    let fits = usize::try_from(remainder).ok().and_then(|at| CHECKS.get(at));
    if fits != Some(&check.to_ascii_uppercase()) {
        return Err(IdNumberError::Check);
    }
    let number =
        |from: usize, to: usize| digits[from..to].iter().fold(0_i16, |n, digit| n * 10 + i16::from(digit - b'0'));
    let small = |from: usize| i8::try_from(number(from, from + 2)).unwrap_or(i8::MAX);
    let date = Date::new(number(6, 10), small(10), small(12)).map_err(|_| IdNumberError::Date)?;
    if date > today || date.year() < 1850 { Err(IdNumberError::Date) } else { Ok(date) }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const TODAY: Date = date(2026, 12, 1);

    #[test]
    fn a41_an_id_number_says_when_somebody_was_born() {
        assert_eq!(birth_date("11010519491231002X", TODAY), Ok(date(1949, 12, 31)));
        assert_eq!(birth_date("11010519491231002x", TODAY), Ok(date(1949, 12, 31)));
        // The other example of GB 11643.
        assert_eq!(birth_date("440524188001010014", TODAY), Ok(date(1880, 1, 1)));
    }

    #[test]
    fn a_wrong_digit_anywhere_does_not_fit_the_check_character() {
        let good = "11010519491231002X";
        for at in 0..17 {
            for digit in '0'..='9' {
                let mut wrong: Vec<char> = good.chars().collect();
                if wrong[at] != digit {
                    wrong[at] = digit;
                    let wrong: String = wrong.into_iter().collect();
                    assert_eq!(birth_date(&wrong, TODAY), Err(IdNumberError::Check), "{wrong}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_or_no_day_is_refused() {
        for none in ["", "1101051949123100", "11010519491231002XX", "1101051949123100ⅩX", "A1010519491231002X"] {
            assert_eq!(birth_date(none, TODAY), Err(IdNumberError::Form), "{none}");
        }
        // 31 February, and a day to come, with check characters that fit.
        assert_eq!(birth_date(&checked("11010519490231002"), TODAY), Err(IdNumberError::Date));
        assert_eq!(birth_date(&checked("11010520270101002"), TODAY), Err(IdNumberError::Date));
        assert_eq!(birth_date(&checked("11010520261201002"), TODAY), Ok(TODAY));
    }

    fn checked(digits: &str) -> String {
        let with = |check: &u8| format!("{digits}{}", char::from(*check));
        let fits = |number: &String| birth_date(number, TODAY) != Err(IdNumberError::Check);
        CHECKS.iter().map(with).find(fits).expect("one of them fits")
    }
}
