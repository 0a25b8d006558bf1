//! Telephone numbers: from any usual writing to E.164, and whether one can identify a person.
//!
//! NFKC first (full-width digits), the extension split off, then libphonenumber's metadata under a default region.

use phonenumber::{Mode, Type, metadata::DATABASE};
use unicode_normalization::UnicodeNormalization;

/// A country whose writing numbers without a country code follow, ISO 3166-1 alpha-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region(phonenumber::country::Id);

impl Region {
    /// Mainland China, the retailer's home.
    pub const CN: Self = Self(phonenumber::country::Id::CN);

    /// The region of a two-letter code; `None` where libphonenumber knows none.
    pub fn from_code(code: &str) -> Option<Self> {
        code.parse().ok().map(Self)
    }
}

/// A valid telephone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// E.164, such as `+8613800138000`.
    pub e164: String,
    /// The extension behind it, digits only. It does not identify.
    pub extension: Option<String>,
    /// What sort of line it is.
    pub line: Line,
}

/// What sort of line a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A mobile.
    Mobile,
    /// A fixed line.
    Fixed,
    /// A personal line of another sort, or one that may be fixed or mobile.
    Other,
    /// Freephone, shared cost, premium, company and service numbers: they never identify a person.
    Impersonal,
}

/// What begins an extension, longest first where one begins another.
const EXTENSION_MARKS: [&str; 9] = [";ext=", "extension", "ext.", "ext", "分机", "转", "轉", "x", "#"];

/// Reads a telephone number in any usual writing; `None` where it is not a valid one.
pub fn read(text: &str, region: Region) -> Option<Phone> {
    let folded: String = text.nfkc().collect::<String>().trim().to_lowercase();
    let folded = folded.strip_prefix("tel:").unwrap_or(&folded);
    let (number, extension) = split_extension(folded);
    let number = without_trunk_zero(number);
    let parsed = phonenumber::parse(Some(region.0), &number).ok()?;
    if !parsed.is_valid() {
        return None;
    }
    let line = match parsed.number_type(&DATABASE) {
        Type::Mobile => Line::Mobile,
        Type::FixedLine => Line::Fixed,
        Type::FixedLineOrMobile | Type::PersonalNumber | Type::Voip | Type::Pager => Line::Other,
        _ => Line::Impersonal,
    };
    Some(Phone { e164: parsed.format().mode(Mode::E164).to_string(), extension, line })
}

fn split_extension(text: &str) -> (&str, Option<String>) {
    let mark =
        EXTENSION_MARKS.iter().filter_map(|mark| text.find(mark).map(|at| (at, *mark))).min_by_key(|(at, _)| *at);
    let Some((at, mark)) = mark else { return (text, None) };
    let digits: String = text[at + mark.len()..].chars().filter(char::is_ascii_digit).collect();
    (&text[..at], (!digits.is_empty()).then_some(digits))
}

/// `+86 013…` and `+86 (0)13…`: the trunk zero of national writing behind a country code, which Italy alone keeps.
fn without_trunk_zero(text: &str) -> String {
    let plain: String = text.replace("(0)", "");
    let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
    match plain.trim_start().strip_prefix('+') {
        Some(_) if digits.starts_with("860") => format!("+86{}", digits[2..].trim_start_matches('0')),
        _ if digits.starts_with("00860") => format!("+86{}", digits[4..].trim_start_matches('0')),
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(text: &str) -> Option<String> {
        read(text, Region::CN).map(|phone| phone.e164)
    }

    #[test]
    fn c08_every_usual_writing_of_a_mobile_is_the_same_number() {
        for text in [
            "13800138000",
            "0086 138 0013 8000",
            "１３８００１３８０００",
            "tel:+86-138-0013-8000",
            "+86 013800138000",
            "+86 (0)138 0013 8000",
            "(+86) 138-0013-8000",
            " 138 0013 8000 ",
        ] {
            let phone = read(text, Region::CN).unwrap_or_else(|| panic!("{text} was not read"));
            assert_eq!((phone.e164.as_str(), phone.line), ("+8613800138000", Line::Mobile), "{text}");
        }
    }

    #[test]
    fn c09_a_fixed_line_is_one_a_400_number_is_nobodys_and_a_short_code_is_no_number() {
        let fixed = read("(025)84418888", Region::CN).expect("a fixed line");
        assert_eq!((fixed.e164.as_str(), fixed.line), ("+862584418888", Line::Fixed));
        assert_eq!(read("400-812-3456", Region::CN).expect("a valid number").line, Line::Impersonal);
        assert_eq!(read("800 810 8888", Region::CN).expect("a valid number").line, Line::Impersonal);
        assert_eq!(e164("10086"), None);
    }

    #[test]
    fn an_extension_is_split_off() {
        for text in ["025-84418888转8001", "025-84418888 ext. 8001", "025-84418888#8001", "tel:+862584418888;ext=8001"]
        {
            let phone = read(text, Region::CN).unwrap_or_else(|| panic!("{text} was not read"));
            assert_eq!((phone.e164.as_str(), phone.extension.as_deref()), ("+862584418888", Some("8001")), "{text}");
        }
    }

    #[test]
    fn the_region_says_how_a_number_without_a_country_code_is_read() {
        let hk = Region::from_code("HK").expect("a region");
        assert_eq!(read("9123 4567", hk).map(|p| p.e164), Some("+85291234567".to_owned()));
        let jp = Region::from_code("JP").expect("a region");
        assert_eq!(read("090-1234-5678", jp).map(|p| p.e164), Some("+819012345678".to_owned()));
        assert_eq!(read("+852 9123 4567", Region::CN).map(|p| p.e164), Some("+85291234567".to_owned()));
    }

    #[test]
    fn what_is_no_number_is_not_read() {
        for text in ["", "-", "abc", "123", "00000000000", "138001380001234567", "+", "转8001", "+86"] {
            assert_eq!(e164(text), None, "{text:?} was read");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics_and_what_is_read_reads_as_itself(text in "\\PC{0,24}|[0-9+() x#转-]{0,20}") {
            if let Some(phone) = read(&text, Region::CN) {
                proptest::prop_assert_eq!(e164(&phone.e164), Some(phone.e164));
            }
        }
    }
}
