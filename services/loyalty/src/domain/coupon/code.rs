//! Codes: what they look like, how many random bits they have, and the check character at their end.

use guanxi_kernel::{OrganizationId, Refusal, Refused, natural_id, resource_id};
use thiserror::Error;

resource_id!(
    /// A code's text within an organisation: the same text has the same id, in all its lives.
    CouponId,
    "coupons"
);

/// The characters of codes: no two of them look alike, and there is a prime number of them, so that the check character
/// finds every wrong character and every two that changed places.
pub const CHARSET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/// Random bits that a code must have at least where whoever knows it may use it.
pub const BEARER_BITS: u32 = 64;
/// Random bits where it belongs to somebody: nobody else can use it, and millions do not collide.
pub const OWNED_BITS: u32 = 40;

/// The base-2 logarithm of 31 in millionths, rounded down.
const MICRO_BITS: usize = 4_954_196;

/// A code's text in the form in which it is compared: capitals and digits alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeText {
    shown: String,
    plain: String,
}

/// A text that is no code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a code has 4 to 40 letters and digits, with hyphens or blanks between them")]
pub struct CodeError;

impl Refusal for CodeError {
    fn refusal(&self) -> Refused {
        Refused::invalid("code", "CODE_MALFORMED", self.to_string())
    }
}

impl std::str::FromStr for CodeText {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let shown = text.trim().to_ascii_uppercase();
        let plain: String = shown.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
        let good = (4..=40).contains(&plain.len()) && plain.bytes().all(|b| b.is_ascii_alphanumeric());
        if good && shown.len() <= 64 { Ok(Self { shown, plain }) } else { Err(CodeError) }
    }
}

impl CodeText {
    /// As it is shown, with hyphens and blanks, in capitals.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Its capitals and digits alone.
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// What the text is called in an organisation.
    pub fn id(&self, organization: &OrganizationId) -> CouponId {
        CouponId(natural_id("coupon", [organization.slug(), &self.plain]))
    }
}

/// What codes look like: `#` stands for a random character, all else for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

/// Why codes are not made from a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// A character that it may not have, or too few or many of them.
    #[error("{0:?} is no pattern: 4 to 39 of #, -, 2-9 and A-Z without I, L and O, 3 of them at least not hyphens")]
    Malformed(String),
    /// Codes could be guessed.
    #[error("codes of this pattern have {bits} random bits, {needed} are needed")]
    TooWeak {
        /// What they have.
        bits: u32,
        /// What they need.
        needed: u32,
    },
}

impl Refusal for PatternError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Malformed(_) => Refused::invalid("pattern", "PATTERN_MALFORMED", self.to_string()),
            Self::TooWeak { bits, needed } => Refused::precondition("COUPON_PATTERN_TOO_WEAK", self.to_string())
                .with("bits", bits)
                .with("needed_bits", needed),
        }
    }
}

impl Pattern {
    /// A pattern whose codes have at least `needed` random bits.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn new(text: &str, needed: u32) -> Result<Self, PatternError> {
        let good = text.bytes().all(|b| matches!(b, b'#' | b'-') || CHARSET.contains(&b));
        if !good || !(4..=39).contains(&text.len()) || text.bytes().filter(|b| *b != b'-').count() < 3 {
            return Err(PatternError::Malformed(text.to_owned()));
        }
        let pattern = Self(text.to_owned());
        let bits = pattern.bits();
        if bits < needed { Err(PatternError::TooWeak { bits, needed }) } else { Ok(pattern) }
    }

    /// How many random bits a code has, rounded down: log2(31) for each `#`. The check character adds none.
    pub fn bits(&self) -> u32 {
        u32::try_from(self.places() * MICRO_BITS / 1_000_000).unwrap_or(u32::MAX)
    }

    /// How many random characters a code has.
    pub fn places(&self) -> usize {
        self.0.bytes().filter(|b| *b == b'#').count()
    }

    /// A code from random bytes, of which it takes what it needs: bytes that would make some characters more likely than
    /// others are passed over. `None` where the bytes run out.
    pub fn code(&self, random: &mut impl Iterator<Item = u8>) -> Option<String> {
        let mut code = String::with_capacity(self.0.len() + 1);
        for place in self.0.bytes() {
            let character = if place == b'#' {
                // 248 is the largest multiple of 31 in a byte.
                CHARSET[usize::from(random.find(|byte| *byte < 248)?) % CHARSET.len()]
            } else {
                place
            };
            code.push(char::from(character));
        }
        code.push(check_character(&code));
        Some(code)
    }
}

/// The check character of a code: the sum of its characters' places in the charset, each weighted by a power of 3, modulo
/// 31. The powers of 3 are all different up to the 30th. Hyphens and what is not in the charset do not count.
pub fn check_character(code: &str) -> char {
    let values = code.bytes().filter_map(|b| CHARSET.iter().position(|c| *c == b));
    char::from(CHARSET[values.fold(0, |sum, value| (sum * 3 + value) % CHARSET.len())])
}

/// Whether the last character of a generated code fits the others.
pub fn is_well_formed(code: &str) -> bool {
    code.char_indices().next_back().is_some_and(|(at, last)| check_character(&code[..at]) == last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(pattern: &str, seed: u8) -> String {
        let mut random = (0_u8..=255).cycle().skip(usize::from(seed)).step_by(7);
        Pattern::new(pattern, 0).expect("a pattern").code(&mut random).expect("enough bytes")
    }

    #[test]
    fn a_pattern_says_how_many_bits_it_has() {
        let weak = Pattern::new("GIFT-####-####", BEARER_BITS);
        assert_eq!(weak, Err(PatternError::Malformed("GIFT-####-####".into())), "I looks like 1");
        let weak = Pattern::new("SUMMER-####-####-####", BEARER_BITS).expect_err("twelve are too few");
        assert_eq!(weak, PatternError::TooWeak { bits: 59, needed: 64 });
        assert_eq!(Pattern::new("SUMMER-####-####-#####", BEARER_BITS).expect("thirteen are enough").bits(), 64);
    }

    #[test]
    fn the_check_character_finds_one_wrong_character_and_two_that_changed_places() {
        let good = code("SUMMER-####-####-#####", 3);
        assert!(is_well_formed(&good), "{good}");
        for at in 0..good.len() {
            for other in CHARSET.iter().map(|b| char::from(*b)) {
                let mut wrong: Vec<char> = good.chars().collect();
                if wrong[at] == '-' || wrong[at] == other {
                    continue;
                }
                wrong[at] = other;
                assert!(!is_well_formed(&wrong.iter().collect::<String>()), "{wrong:?} was taken");
            }
        }
        let plain: Vec<char> = good.chars().filter(|c| *c != '-').collect();
        for at in 1..plain.len() {
            let mut wrong = plain.clone();
            wrong.swap(at - 1, at);
            assert!(wrong == plain || !is_well_formed(&wrong.iter().collect::<String>()), "{wrong:?} was taken");
        }
    }

    #[test]
    fn every_character_is_as_likely_as_another() {
        let pattern = Pattern::new("####", 0).expect("a pattern");
        let mut seen = std::collections::BTreeMap::<char, u32>::new();
        let mut random = (0_u32..4 * 31 * 8 * 4).map(|n| (n % 248) as u8);
        while let Some(code) = pattern.code(&mut random) {
            code.chars().take(4).for_each(|c| *seen.entry(c).or_default() += 1);
        }
        assert_eq!(seen.len(), 31);
        assert_eq!(seen.values().min(), seen.values().max(), "{seen:?}");
        let none = &mut [248_u8, 255, 250].into_iter();
        assert_eq!(pattern.code(none), None, "biased bytes are passed over");
    }

    #[test]
    fn case_hyphens_and_blanks_make_no_difference() {
        let organization = OrganizationId::default_organization();
        let id = |text: &str| text.parse::<CodeText>().map(|code| code.id(&organization));
        assert_eq!(id("abc-d23"), id("ABC D23"));
        assert_ne!(id("ABCD23"), id("ABCD24"));
        let other = OrganizationId::from_slug("hk").expect("a slug");
        assert_ne!(id("ABCD23"), "ABCD23".parse::<CodeText>().map(|code| code.id(&other)));
        for wrong in ["ABC", "A--- C", "ÄBCDE", &"A".repeat(41)] {
            assert_eq!(id(wrong), Err(CodeError), "{wrong}");
        }
    }
}
