//! Cards: numbers that identify a member within his program. A member has one that is valid at the most; a number is one
//! member's, and one that was replaced is blocked for ever: whoever finds a lost card is nobody by it.

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Refusal, Refused, Uuid, natural_id};
use jiff::Timestamp;
use thiserror::Error;

use super::entry::text_enum;
use super::program::ProgramId;

/// The number of a card: 4 to 32 letters and digits, letters in upper case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CardNumber(String);

/// A text that is no number of a card. The text itself says who somebody is, so it is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a card has 4 to 32 letters and digits; spaces and hyphens do not count")]
pub struct CardMalformed;

impl CardNumber {
    /// From what somebody typed: spaces and hyphens do not count, nor whether letters are small.
    ///
    /// # Errors
    /// [`CardMalformed`].
    pub fn parse(text: &str) -> Result<Self, CardMalformed> {
        let kept = text.chars().filter(|one| !matches!(one, ' ' | '-'));
        let number: String = kept.map(|one| one.to_ascii_uppercase()).collect();
        let good = (4..=32).contains(&number.len()) && number.chars().all(|one| one.is_ascii_alphanumeric());
        if good { Ok(Self(number)) } else { Err(CardMalformed) }
    }

    /// As it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the card within its program.
    pub fn key(&self, program: &ProgramId) -> Uuid {
        natural_id("member-card", [program.slug(), &self.0])
    }
}

text_enum! {
    /// Why a card ended.
    CardEnd {
        /// It was lost.
        Lost = "LOST",
        /// It was stolen.
        Stolen = "STOLEN",
        /// It does not work any more.
        Damaged = "DAMAGED",
    }
}

/// A card of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its key.
    pub key: Uuid,
    /// Its number; `None` where its member was forgotten.
    pub number: Option<CardNumber>,
    /// Whose it is.
    pub member: MemberId,
    /// Since when.
    pub start_time: Timestamp,
    /// Until when; `None` while it is valid.
    pub end_time: Option<Timestamp>,
    /// Why it ended.
    pub ended_by: Option<CardEnd>,
}

/// Why a member does not get a card, or is not found by it. Whose card it is is never said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CardError {
    /// It is somebody's.
    #[error("the card is somebody's")]
    Taken,
    /// It was replaced.
    #[error("the card was replaced, and is blocked")]
    Blocked,
    /// He has one that is valid.
    #[error("{0} has a card that is valid")]
    Held(MemberId),
    /// Nobody has it, or another than was said.
    #[error("there is no such card")]
    Unknown,
}

impl Refusal for CardError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Taken => Refused::precondition("CARD_TAKEN", self.to_string()),
            Self::Blocked => Refused::precondition("CARD_BLOCKED", self.to_string()),
            Self::Held(member) => Refused::precondition("CARD_HELD", self.to_string()).with("member", member),
            Self::Unknown => Refused::not_found("card", "of this number"),
        }
    }
}

impl Card {
    /// A card that begins.
    pub fn begin(program: &ProgramId, number: CardNumber, member: MemberId, now: Timestamp) -> Self {
        let key = number.key(program);
        Self { key, number: Some(number), member, start_time: now, end_time: None, ended_by: None }
    }
}

/// Whether a number can become a member's: `known` is the card that has it, if any.
///
/// # Errors
/// [`CardError::Taken`], [`CardError::Blocked`].
pub fn free(known: Option<&Card>) -> Result<(), CardError> {
    match known {
        None => Ok(()),
        Some(card) if card.end_time.is_some() => Err(CardError::Blocked),
        Some(_) => Err(CardError::Taken),
    }
}

/// Which of a member's cards is replaced: that of this key, or the one that is valid; of several, where members became one
/// person, the newest.
///
/// # Errors
/// [`CardError::Unknown`] where he has no such card, [`CardError::Blocked`] where it was replaced.
pub fn replaced(cards: &[Card], key: Option<Uuid>) -> Result<&Card, CardError> {
    let valid = || cards.iter().filter(|card| card.end_time.is_none()).max_by_key(|card| (card.start_time, card.key));
    let card = match key {
        Some(key) => cards.iter().find(|card| card.key == key),
        None => valid(),
    };
    match card.ok_or(CardError::Unknown)? {
        card if card.end_time.is_some() => Err(CardError::Blocked),
        card => Ok(card),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_hyphens_and_small_letters_do_not_count() {
        let number = |text: &str| CardNumber::parse(text).map(|number| number.as_str().to_owned());
        assert_eq!(number("6200 0011-22ab"), Ok("6200001122AB".into()));
        for text in ["123", "", "- -", &"1".repeat(33), "6200_0011", "６２００００１１"] {
            assert_eq!(number(text), Err(CardMalformed), "{text}");
        }
    }

    #[test]
    fn a_number_is_one_members_and_a_blocked_one_nobodys() {
        let now = Timestamp::UNIX_EPOCH;
        let program = ProgramId::from_slug("club").expect("a slug");
        let card = |number: &str, end_time| Card {
            end_time,
            ..Card::begin(&program, CardNumber::parse(number).expect("a number"), MemberId(Uuid::from_u128(1)), now)
        };
        let (valid, blocked) = (card("1111", None), card("2222", Some(now)));
        assert_eq!(free(None), Ok(()));
        assert_eq!((free(Some(&valid)), free(Some(&blocked))), (Err(CardError::Taken), Err(CardError::Blocked)));
        let cards = [valid.clone(), blocked.clone()];
        assert_eq!(replaced(&cards, None), Ok(&valid));
        assert_eq!(replaced(&cards, Some(blocked.key)), Err(CardError::Blocked));
        assert_eq!(replaced(&cards, Some(Uuid::nil())), Err(CardError::Unknown));
        assert_eq!(replaced(&cards[1..], None), Err(CardError::Unknown));
    }
}
