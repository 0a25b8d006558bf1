//! The profile: what a customer is known by and as, in blocks that survive as a whole.

use std::collections::BTreeSet;

use guanxi_kernel::Timestamp;
use guanxi_kernel::civil::Date;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// A person's or party's name. All parts empty: there is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonName {
    /// The name to show.
    pub display: String,
    /// The given name.
    pub given: String,
    /// The family name.
    pub family: String,
}

impl PersonName {
    /// The name to show: as given, else composed of its parts, the family name first where it is written in Han, Kana or
    /// Hangul.
    pub fn shown(&self) -> String {
        if !self.display.is_empty() {
            return self.display.clone();
        }
        match (self.given.as_str(), self.family.as_str()) {
            ("", name) | (name, "") => name.to_owned(),
            (given, family) if family.chars().all(is_east_asian) => format!("{family}{given}"),
            (given, family) => format!("{given} {family}"),
        }
    }

    /// Whether two names say the same: equal but for width, case, spaces, punctuation and the order of their parts.
    pub fn agrees(&self, other: &Self) -> bool {
        let mine = self.forms();
        other.forms().iter().any(|form| mine.contains(form))
    }

    fn forms(&self) -> BTreeSet<String> {
        let mut forms = comparable(&self.display);
        forms.extend(comparable(&format!("{} {}", self.family, self.given)));
        forms.retain(|form| form.chars().count() >= 2);
        forms
    }
}

fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{3134f}')
}

/// The forms of a name that do not depend on the order of its parts: its words sorted; or, in Han, Kana or Hangul, where
/// a name may be written without spaces, its words joined forwards and backwards.
fn comparable(name: &str) -> BTreeSet<String> {
    let folded: String = name.nfkc().collect::<String>().to_lowercase();
    let mut words: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.iter().all(|word| word.chars().all(is_east_asian)) {
        let forwards = words.concat();
        words.reverse();
        return BTreeSet::from([forwards, words.concat()]);
    }
    words.sort_unstable();
    BTreeSet::from([words.join(" ")])
}

/// A postal address. All parts empty: there is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PostalAddress {
    /// ISO 3166-1 alpha-2.
    pub region: String,
    /// The postal code.
    pub postal_code: String,
    /// The province or state.
    pub administrative_area: String,
    /// The city.
    pub locality: String,
    /// Street and house.
    pub lines: Vec<String>,
}

/// A date of birth, or that there is none to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BirthDate(pub Option<Date>);

impl TryFrom<String> for BirthDate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "" => Ok(Self(None)),
            text => text.parse().map(|date| Self(Some(date))).map_err(|_| format!("{text:?} is not a date")),
        }
    }
}

impl From<BirthDate> for String {
    fn from(date: BirthDate) -> Self {
        date.0.map_or_else(String::new, |date| date.to_string())
    }
}

impl BirthDate {
    /// Whether it is later than the day of `now` anywhere on Earth.
    pub fn is_future(self, now: Timestamp) -> bool {
        let latest = now.to_zoned(guanxi_kernel::tz::TimeZone::fixed(guanxi_kernel::tz::offset(14))).date();
        self.0.is_some_and(|date| date > latest)
    }
}

/// What one record says: a block that is absent says nothing, an empty one says that there is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stated {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<PersonName>,
    /// The date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<BirthDate>,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<PostalAddress>,
    /// The preferred language, BCP 47.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// What a customer's records come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// The name; empty where nobody said one.
    pub name: PersonName,
    /// The date of birth.
    pub birth_date: BirthDate,
    /// The address; empty where nobody said one.
    pub address: PostalAddress,
    /// The preferred language; empty where nobody said one.
    pub language: String,
}

impl Profile {
    /// The paths (as in the contract's Customer) in which two profiles differ.
    pub fn difference(&self, other: &Self) -> Vec<&'static str> {
        let changed = [
            ("display_name", self.name.shown() != other.name.shown()),
            ("given_name", self.name.given != other.name.given),
            ("family_name", self.name.family != other.name.family),
            ("birth_date", self.birth_date != other.birth_date),
            ("address", self.address != other.address),
            ("language_code", self.language != other.language),
        ];
        changed.into_iter().filter_map(|(path, changed)| changed.then_some(path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(display: &str, given: &str, family: &str) -> PersonName {
        PersonName { display: display.into(), given: given.into(), family: family.into() }
    }

    #[test]
    fn a_name_is_shown_as_its_script_writes_it() {
        assert_eq!(name("", "小明", "王").shown(), "王小明");
        assert_eq!(name("", "Ana", "Souza").shown(), "Ana Souza");
        assert_eq!(name("小王", "小明", "王").shown(), "小王");
        assert_eq!((name("", "", "王").shown(), name("", "", "").shown()), ("王".to_owned(), String::new()));
    }

    #[test]
    fn names_agree_in_any_order_width_and_case() {
        assert!(name("王小明", "", "").agrees(&name("", "小明", "王")));
        assert!(name("ＡＮＡ Souza", "", "").agrees(&name("", "ana", "SOUZA")));
        assert!(name("Souza, Ana", "", "").agrees(&name("Ana Souza", "", "")));
        assert!(name("小明 王", "", "").agrees(&name("王小明", "", "")));
        assert!(!name("王小明", "", "").agrees(&name("王小红", "", "")));
        assert!(!name("王小明", "", "").agrees(&name("明小王", "", "")), "characters are not words");
        assert!(!name("", "", "").agrees(&name("", "", "")), "no name agrees with nothing");
        assert!(!name("A", "", "").agrees(&name("a", "", "")), "one letter is not a name");
    }

    #[test]
    fn a_birth_date_is_future_only_where_no_zone_has_reached_it() {
        let now: Timestamp = "2024-11-11T13:30:00Z".parse().expect("an instant");
        let is_future = |text: &str| BirthDate(Some(text.parse().expect("a date"))).is_future(now);
        assert_eq!([is_future("2024-11-12"), is_future("2024-11-13")], [false, true]);
    }

    #[test]
    fn a_cleared_block_is_kept_apart_from_one_that_was_not_said() {
        let stated =
            Stated { birth_date: Some(BirthDate(None)), name: Some(PersonName::default()), ..Stated::default() };
        let json = serde_json::to_string(&stated).expect("encodes");
        assert_eq!(serde_json::from_str::<Stated>(&json).expect("decodes"), stated);
        assert_eq!(serde_json::from_str::<Stated>("{}").expect("decodes"), Stated::default());
    }
}
