//! The product's own sample: a retailer of electronics in China, Hong Kong and Japan that never was. Its seed makes it,
//! all of it, and the day up to which one looks only cuts it off: the same seed on a later day is the same retailer with
//! more orders, and a larger number of customers has the smaller one's among them. So loading it again adds what is new
//! and nothing twice.

mod catalogue;
mod deliveries;
mod dice;
mod elements;
mod load;
mod names;
mod opinions;
mod orders;
mod people;
mod places;

use guanxi_kernel::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

pub use self::load::{Load, Loaded, Refused};
pub use self::people::MOST as MOST_CUSTOMERS;

use self::orders::Purchase;
use self::people::{People, Person};

/// The first day up to which two years of orders are there.
pub const FIRST_UNTIL: Date = date(2024, 1, 1);

/// A retailer, and as much of it as one looks at.
#[derive(Debug, Clone)]
pub struct Sample {
    seed: u64,
    customers: u64,
    until: Timestamp,
    people: People,
}

impl Sample {
    /// The first `customers` customers of the retailer that `seed` makes, and the orders of their last two years before
    /// `until`, 00:00 UTC.
    pub fn new(seed: u64, customers: u64, until: Date) -> Self {
        let until = TimeZone::UTC.to_ambiguous_timestamp(until.at(0, 0, 0, 0)).compatible();
        let until = until.expect("a day that a command line takes is far from the ends of time");
        Self { seed, customers, until, people: People::of(seed) }
    }

    /// The customers.
    pub fn people(&self) -> impl Iterator<Item = Person> + '_ {
        (0..self.customers).map(|index| self.people.person(index))
    }

    /// Every order with its customer, by customer and time.
    pub fn purchases(&self) -> impl Iterator<Item = (Person, Purchase)> + '_ {
        self.people().flat_map(|person| {
            let purchases = orders::purchases(self.seed, &person, self.until);
            purchases.into_iter().map(move |purchase| (person.clone(), purchase))
        })
    }
}

#[cfg(test)]
mod tests;
