//! Who buys: a person's name, telephone, mailbox and card, and the channels that know him.

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};

use super::dice::{Dice, Scatter};
use super::names::{self, Name};
use super::places::{ORGANIZATIONS, Organization, Store};

/// The first and last day on which somebody became a customer: all before the first order.
const REGISTRATION: (Date, Date) = (date(2012, 1, 1), date(2021, 12, 1));

/// A customer.
#[derive(Debug, Clone)]
pub struct Person {
    /// His place among all customers, from 0.
    pub index: u64,
    /// Whose customer he is.
    pub organization: &'static Organization,
    /// The store that he goes to.
    pub store: &'static Store,
    /// What he is called.
    pub name: Name,
    /// His mobile number in national writing.
    pub phone: String,
    /// His mailbox, in a domain that is nobody's (RFC 2606); customers of stores alone told none.
    pub email: Option<String>,
    /// His member card; customers of the web shop alone have none.
    pub card: Option<String>,
    /// His date of birth, where he told it.
    pub birth_date: Option<Date>,
    /// When he became a customer.
    pub since: Timestamp,
    /// His number at the tills.
    pub till: Option<u64>,
    /// His number in the web shop.
    pub web: Option<u64>,
}

/// Makes people out of their places: numbers that look drawn and never repeat.
#[derive(Debug, Clone)]
pub struct People {
    seed: u64,
    numbers: Scatter,
    accounts: Scatter,
    cards: Scatter,
    phones: [Scatter; 3],
}

/// The beginnings of mobile numbers and how many digits follow, for each organisation. 138 is left out: its best known
/// number is on every deny list.
const MOBILES: [(&[&str], u32); 3] = [
    (
        &[
            "130", "131", "132", "133", "134", "135", "136", "137", "139", "150", "151", "152", "155", "156", "157",
            "158", "159", "176", "177", "178", "180", "181", "182", "183", "185", "186", "187", "188", "189", "199",
        ],
        8,
    ),
    (&["61", "63", "64", "65", "69", "94", "96", "97"], 6),
    (&["0801", "0802", "0803", "0804", "0901", "0902", "0903", "0904", "0905"], 7),
];

/// Customers beyond this place would share numbers.
pub const MOST: u64 = 1_000_000;

impl People {
    /// The people of a seed.
    pub fn of(seed: u64) -> Self {
        let scatter = |kind, size| Scatter::over(size, &mut Dice::of(seed, kind, &[]));
        let phones = [0, 1, 2].map(|place: usize| {
            let (beginnings, digits) = MOBILES[place];
            scatter(ORGANIZATIONS[place].slug, beginnings.len() as u64 * 10_u64.pow(digits))
        });
        Self {
            seed,
            numbers: scatter("numbers", 90_000_000),
            accounts: scatter("accounts", 90_000_000),
            cards: scatter("cards", 10_u64.pow(11)),
            phones,
        }
    }

    /// The person at a place below [`MOST`].
    pub fn person(&self, index: u64) -> Person {
        let mut dice = Dice::of(self.seed, "person", &[index]);
        let (place, nth) = organization(index);
        let organization = &ORGANIZATIONS[place];
        let name = names::name(organization.slug, &mut dice);
        let number = 10_000_000 + self.numbers.place(index);
        let (till, web) = *dice.weighted(&[((true, false), 45), ((false, true), 25), ((true, true), 30)]);
        let domain = dice.one_of(&["example.com", "example.net", "example.org"]);
        let days = REGISTRATION.0.until(REGISTRATION.1).map_or(0, |span| i64::from(span.get_days()));
        let day = REGISTRATION.0.saturating_add(dice.between(0, days).days());
        let local = day.at(dice.between(10, 20) as i8, dice.between(0, 59) as i8, dice.between(0, 59) as i8, 0);
        let born = date(1945, 1, 1).saturating_add(dice.between(0, 22_000).days());
        Person {
            index,
            organization,
            store: dice.one_of(organization.stores()),
            phone: self.phone(place, nth),
            email: web.then(|| format!("{}{number}@{domain}", name.latin)),
            card: till.then(|| card(self.cards.place(index))),
            birth_date: dice.chance(400).then_some(born),
            since: organization.instant(local),
            till: till.then_some(number),
            web: web.then(|| 10_000_000 + self.accounts.place(index)),
            name,
        }
    }

    /// The mobile number of the nth customer of an organisation.
    fn phone(&self, place: usize, nth: u64) -> String {
        let (beginnings, digits) = MOBILES[place];
        let drawn = self.phones[place].place(nth);
        let beginning = beginnings[(drawn % beginnings.len() as u64) as usize];
        format!("{beginning}{:0width$}", drawn / beginnings.len() as u64, width = digits as usize)
    }
}

/// The organisation of the customer at a place, and his place among its own: of every fifty each has its share.
fn organization(index: u64) -> (usize, u64) {
    let (round, mut left) = (index / 50, index % 50);
    for (place, Organization { share_of_fifty, .. }) in ORGANIZATIONS.iter().enumerate() {
        match left.checked_sub(*share_of_fifty) {
            Some(rest) => left = rest,
            None => return (place, round * share_of_fifty + left),
        }
    }
    (0, index)
}

/// A card number of 16 digits: 6200, the drawn number, and the check digit of ISO/IEC 7812 (Luhn).
fn card(drawn: u64) -> String {
    let body = format!("6200{drawn:011}");
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use guanxi_customer::domain::{email, phone};

    use super::*;

    fn people(count: u64) -> impl Iterator<Item = Person> {
        let people = People::of(1);
        (0..count).map(move |index| people.person(index))
    }

    #[test]
    fn every_telephone_number_is_a_mobile_of_its_region_and_nobody_elses() {
        let mut seen = BTreeSet::new();
        for person in people(20_000) {
            let region = phone::Region::from_code(person.organization.region_code).expect("a region");
            let read = phone::read(&person.phone, region).unwrap_or_else(|| panic!("{} is not valid", person.phone));
            assert_eq!(read.line, phone::Line::Mobile, "{}", person.phone);
            assert!(!["+8613800138000", "+8613888888888"].contains(&read.e164.as_str()));
            assert!(seen.insert(read.e164), "{} twice", person.phone);
        }
    }

    #[test]
    fn every_mailbox_card_and_number_is_valid_and_nobody_elses() {
        let mut seen = BTreeSet::new();
        for person in people(20_000) {
            assert!(person.email.as_deref().is_none_or(|mailbox| email::read(mailbox).is_some()));
            let (till, web) =
                (person.till.map(|number| format!("pos:{number}")), person.web.map(|number| format!("app:{number}")));
            assert!(till.is_some() || web.is_some());
            for identifier in [person.email, person.card, till, web].into_iter().flatten() {
                assert!(seen.insert(identifier.clone()), "{identifier} twice");
            }
        }
    }

    #[test]
    fn a_card_ends_in_its_check_digit() {
        // The usual example of Luhn's formula, 7992739871 with check digit 3, at the end of a body of 15 digits.
        let valid = |card: &str| {
            let digit = |(place, digit): (usize, u8)| {
                let digit = u32::from(digit - b'0');
                if place % 2 == 1 { [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][digit as usize] } else { digit }
            };
            card.bytes().rev().enumerate().map(digit).sum::<u32>() % 10 == 0
        };
        assert!(valid("79927398713"));
        assert!(people(1_000).filter_map(|person| person.card).all(|card| card.len() == 16 && valid(&card)));
    }

    #[test]
    fn of_fifty_customers_each_organisation_has_its_share() {
        let counts =
            ["cn", "hk", "jp"].map(|slug| people(1_000).filter(|person| person.organization.slug == slug).count());
        assert_eq!(counts, [900, 60, 40]);
    }
}
