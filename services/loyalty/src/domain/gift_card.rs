//! Gift cards: prepaid money under a code. What is kept proves a code and does not tell it: the card's id is a hash of it.

use guanxi_kernel::{Currency, Money, OrderName, OrganizationId, Refusal, Refused, natural_id, resource_id};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::coupon::code::{CodeText, Pattern};

resource_id!(
    /// A gift card: 122 bits of SHA-256 over the organisation and the code.
    GiftCardId,
    "giftCards"
);

/// What codes look like: 17 random characters, 84 bits.
const PATTERN: &str = "####-####-####-#####";

/// The code that a caller's random characters and the server's random numbers make. Nobody finds it who lacks either.
pub fn code(entropy: &str, nonce: &[u8]) -> String {
    let seed = Sha256::new().chain_update("gift-card").chain_update(nonce).chain_update(entropy).finalize();
    let mut bytes = (0_u8..=255).flat_map(|block| Sha256::new().chain_update(seed).chain_update([block]).finalize());
    let pattern = Pattern::new(PATTERN, 0).expect("the pattern is one");
    pattern.code(&mut bytes).expect("8,192 bytes make 17 characters")
}

/// The card of a code.
pub fn id(organization: &OrganizationId, code: &CodeText) -> GiftCardId {
    let plain: String = code.shown().chars().filter(char::is_ascii_alphanumeric).collect();
    GiftCardId(natural_id("gift-card", [organization.slug(), &plain]))
}

/// A card with what is left on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiftCard {
    /// Its id.
    pub id: GiftCardId,
    /// Whose data it is.
    pub organization: OrganizationId,
    /// The last four characters of its code.
    pub last_characters: String,
    /// Its currency.
    pub currency: Currency,
    /// What was on it at first, in minor units.
    pub initial: i64,
    /// What is left, in minor units.
    pub balance: i64,
    /// The number of its last entry; 1 is its issue.
    pub last_entry: i64,
    /// When it no longer pays.
    pub expire_time: Option<Timestamp>,
    /// When it was issued.
    pub create_time: Timestamp,
}

/// One line of a card's account. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardEntry {
    /// Which, from 1.
    pub number: i64,
    /// What it adds, in minor units; negative where it pays.
    pub amount: i64,
    /// The order that it pays for.
    pub order: Option<OrderName>,
    /// The redemption that it puts back.
    pub reverses: Option<i64>,
    /// When.
    pub create_time: Timestamp,
}

/// Why a card is not issued, does not pay, or is not paid back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GiftCardError {
    /// Nothing would be on it, or nothing would be paid, or more than cards hold.
    #[error("{0} is not an amount from 1 to 1000000000000")]
    Amount(i64),
    /// It would have ended before it is issued.
    #[error("{0} is not after now")]
    ExpiryTooEarly(Timestamp),
    /// No card has this id.
    #[error("{0} does not exist")]
    Unknown(GiftCardId),
    /// Its time is over.
    #[error("the gift card expired at {0}")]
    Expired(Timestamp),
    /// It holds another currency.
    #[error("{given} asked, the gift card holds {wanted}")]
    Currency {
        /// What was asked for.
        given: Currency,
        /// What it holds.
        wanted: Currency,
    },
    /// It holds less.
    #[error("{asked} asked, {available} on the gift card")]
    Insufficient {
        /// What was asked for, in minor units.
        asked: i64,
        /// What is left.
        available: i64,
    },
    /// There is no such redemption.
    #[error("{0} does not exist")]
    UnknownRedemption(String),
    /// It was put back before.
    #[error("{0} was reversed before")]
    Reversed(String),
}

impl Refusal for GiftCardError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Amount(_) => Refused::invalid("amount.minor_units", "AMOUNT_OUT_OF_RANGE", self.to_string()),
            Self::ExpiryTooEarly(_) => Refused::invalid("expire_time", "EXPIRY_TOO_EARLY", self.to_string()),
            Self::Unknown(id) => Refused::not_found("gift_card", id),
            Self::Expired(at) => Refused::precondition("GIFT_CARD_EXPIRED", self.to_string()).with("expire_time", at),
            Self::Currency { wanted, .. } => {
                Refused::precondition("GIFT_CARD_CURRENCY_MISMATCH", self.to_string()).with("currency_code", wanted)
            }
            Self::Insufficient { asked, available } => {
                Refused::precondition("GIFT_CARD_INSUFFICIENT", self.to_string())
                    .with("asked_minor", asked)
                    .with("available_minor", available)
            }
            Self::UnknownRedemption(name) => Refused::not_found("redemption", name),
            Self::Reversed(_) => Refused::precondition("GIFT_CARD_REVERSED", self.to_string()),
        }
    }
}

fn positive(amount: i64) -> Result<i64, GiftCardError> {
    if (1..=1_000_000_000_000).contains(&amount) { Ok(amount) } else { Err(GiftCardError::Amount(amount)) }
}

impl GiftCard {
    /// A new card under a code, with its first entry.
    ///
    /// # Errors
    /// [`GiftCardError::Amount`], [`GiftCardError::ExpiryTooEarly`].
    pub fn issue(
        organization: OrganizationId,
        code: &CodeText,
        amount: Money,
        expire_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Self, CardEntry), GiftCardError> {
        let minor = positive(amount.minor_units)?;
        if let Some(early) = expire_time.filter(|at| *at <= now) {
            return Err(GiftCardError::ExpiryTooEarly(early));
        }
        let shown = code.shown();
        let card = Self {
            id: id(&organization, code),
            organization,
            last_characters: shown[shown.len().saturating_sub(4)..].to_owned(),
            currency: amount.currency,
            initial: minor,
            balance: minor,
            last_entry: 1,
            expire_time,
            create_time: now,
        };
        Ok((card, CardEntry { number: 1, amount: minor, order: None, reverses: None, create_time: now }))
    }

    /// Pays for an order; where it holds less, nothing, or what there is where `clamp` is set.
    ///
    /// # Errors
    /// [`GiftCardError`].
    pub fn pay(
        &mut self,
        order: OrderName,
        amount: Money,
        clamp: bool,
        now: Timestamp,
    ) -> Result<CardEntry, GiftCardError> {
        let asked = positive(amount.minor_units)?;
        if let Some(at) = self.expire_time.filter(|at| *at <= now) {
            return Err(GiftCardError::Expired(at));
        }
        if amount.currency != self.currency {
            return Err(GiftCardError::Currency { given: amount.currency, wanted: self.currency });
        }
        let paid = if clamp { asked.min(self.balance) } else { asked };
        if paid > self.balance || paid == 0 {
            return Err(GiftCardError::Insufficient { asked, available: self.balance });
        }
        Ok(self.add(-paid, Some(order), None, now))
    }

    /// Puts back what a redemption took. A card that has expired since gets it back too, and does not pay with it.
    ///
    /// # Errors
    /// [`GiftCardError::UnknownRedemption`], [`GiftCardError::Reversed`].
    pub fn reverse(&mut self, entries: &[CardEntry], number: i64, now: Timestamp) -> Result<CardEntry, GiftCardError> {
        let name = || entry_name(self.id, number);
        let taken = entries.iter().find(|entry| entry.number == number && entry.amount < 0);
        let taken = taken.ok_or_else(|| GiftCardError::UnknownRedemption(name()))?;
        if entries.iter().any(|entry| entry.reverses == Some(number)) {
            return Err(GiftCardError::Reversed(name()));
        }
        Ok(self.add(-taken.amount, taken.order.clone(), Some(number), now))
    }

    fn add(&mut self, amount: i64, order: Option<OrderName>, reverses: Option<i64>, now: Timestamp) -> CardEntry {
        self.balance += amount;
        self.last_entry += 1;
        CardEntry { number: self.last_entry, amount, order, reverses, create_time: now }
    }
}

/// The name of an entry.
pub fn entry_name(card: GiftCardId, number: i64) -> String {
    format!("{card}/entries/{number}")
}

#[cfg(test)]
mod tests {
    use super::super::coupon::code::is_well_formed;
    use super::*;

    fn money(minor: i64) -> Money {
        Money::new(minor, "CNY".parse().expect("a currency"))
    }

    fn card() -> (GiftCard, CardEntry) {
        let code: CodeText = code("0123456789abcdef", b"nonce").parse().expect("a code");
        GiftCard::issue(OrganizationId::default_organization(), &code, money(100), None, Timestamp::UNIX_EPOCH)
            .expect("it is issued")
    }

    #[test]
    fn a_code_depends_on_the_caller_and_on_the_server_and_is_the_same_again() {
        let made = code("0123456789abcdef", b"nonce");
        assert!(is_well_formed(&made) && made.len() == PATTERN.len() + 1, "{made}");
        assert_eq!(made, code("0123456789abcdef", b"nonce"));
        assert_ne!(made, code("0123456789abcdef", b"other"));
        assert_ne!(made, code("0123456789abcdeg", b"nonce"));
        assert!(Pattern::new(PATTERN, 84).is_ok());
    }

    #[test]
    fn a_card_pays_in_parts_and_never_more_than_it_holds() {
        let (mut card, issued) = card();
        let order = || OrderName::new("pos", "1").expect("a name");
        let now = Timestamp::UNIX_EPOCH;
        let first = card.pay(order(), money(70), false, now).expect("it holds 100");
        let short = card.pay(order(), money(70), false, now).expect_err("it holds 30");
        assert_eq!(short, GiftCardError::Insufficient { asked: 70, available: 30 });
        let rest = card.pay(order(), money(70), true, now).expect("what there is");
        assert_eq!((first.amount, rest.amount, card.balance), (-70, -30, 0));
        let mut entries = vec![issued, first, rest];
        entries.push(card.reverse(&entries, 2, now).expect("it was not reversed"));
        assert_eq!(card.balance, 70);
        assert!(matches!(card.reverse(&entries, 2, now), Err(GiftCardError::Reversed(_))), "once");
        assert!(matches!(card.reverse(&entries, 1, now), Err(GiftCardError::UnknownRedemption(_))), "an issue stays");
        assert_eq!(entries.iter().map(|entry| entry.amount).sum::<i64>(), card.balance);
    }
}
