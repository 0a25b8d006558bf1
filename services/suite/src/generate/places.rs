//! Where the retailer is: three organisations, and 1,700 stores in 600 cities.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

/// A subsidiary of the retailer.
#[derive(Debug)]
pub struct Organization {
    /// Its slug.
    pub slug: &'static str,
    /// Its name for people.
    pub display_name: &'static str,
    /// What its stores are called, before their city.
    pub brand: &'static str,
    /// Its IANA zone.
    pub time_zone: &'static str,
    /// The same, in hours east of Greenwich: none of the three has summer time.
    hours_east: i8,
    /// Its currency, ISO 4217.
    pub currency_code: &'static str,
    /// Minor units that earn one point: 1 yuan, 1 Hong Kong dollar, 10 yen.
    pub point_step_minor: i64,
    /// ISO 3166-1 alpha-2.
    pub region_code: &'static str,
    /// What its customers speak, BCP 47.
    pub language_code: &'static str,
    /// What its points are called.
    pub points: &'static str,
    /// The question of its survey.
    pub question: &'static str,
    /// Of fifty customers, so many are its own.
    pub share_of_fifty: u64,
}

/// The three, the largest first.
pub static ORGANIZATIONS: [Organization; 3] = [
    Organization {
        slug: "cn",
        display_name: "关系电器（中国）",
        brand: "关系电器",
        time_zone: "Asia/Shanghai",
        hours_east: 8,
        currency_code: "CNY",
        point_step_minor: 100,
        region_code: "CN",
        language_code: "zh-Hans-CN",
        points: "积分",
        question: "您有多大可能向朋友或同事推荐我们？",
        share_of_fifty: 45,
    },
    Organization {
        slug: "hk",
        display_name: "關係電器（香港）",
        brand: "關係電器",
        time_zone: "Asia/Hong_Kong",
        hours_east: 8,
        currency_code: "HKD",
        point_step_minor: 100,
        region_code: "HK",
        language_code: "zh-Hant-HK",
        points: "積分",
        question: "您有多大可能向朋友或同事推薦我們？",
        share_of_fifty: 3,
    },
    Organization {
        slug: "jp",
        display_name: "グアンシー電器（日本）",
        brand: "グアンシー電器",
        time_zone: "Asia/Tokyo",
        hours_east: 9,
        currency_code: "JPY",
        point_step_minor: 10,
        region_code: "JP",
        language_code: "ja-JP",
        points: "ポイント",
        question: "当店を友人や同僚に薦める可能性はどのくらいありますか？",
        share_of_fifty: 2,
    },
];

impl Organization {
    /// `organizations/{slug}`.
    pub fn name(&self) -> String {
        format!("organizations/{}", self.slug)
    }

    /// The instant of a local time.
    pub fn instant(&self, local: DateTime) -> Timestamp {
        self.offset().to_timestamp(local).expect("the sample's years are far from the ends of time")
    }

    /// The local date of an instant.
    pub fn date(&self, at: Timestamp) -> Date {
        TimeZone::fixed(self.offset()).to_datetime(at).date()
    }

    fn offset(&self) -> Offset {
        Offset::constant(self.hours_east)
    }

    /// Its stores, in the order of their numbers.
    pub fn stores(&self) -> &'static [Store] {
        let mine = STORES.partition_point(|store| store.place < self.place());
        let end = STORES.partition_point(|store| store.place <= self.place());
        &STORES[mine..end]
    }

    fn place(&self) -> usize {
        ORGANIZATIONS.iter().position(|other| other.slug == self.slug).unwrap_or(ORGANIZATIONS.len())
    }
}

/// A store.
#[derive(Debug)]
pub struct Store {
    /// Its organisation's place in [`ORGANIZATIONS`].
    place: usize,
    /// Its number within the organisation, from 1.
    number: u32,
    /// The province.
    pub province: &'static str,
    /// The city.
    pub city: &'static str,
    /// Its number within the city, from 1; `None` where it is the only one there.
    number_in_city: Option<u32>,
}

/// The stores of all three.
pub static STORES: LazyLock<Vec<Store>> = LazyLock::new(|| read(include_str!("places.txt")));

impl Store {
    /// Whose it is.
    pub fn organization(&self) -> &'static Organization {
        &ORGANIZATIONS[self.place]
    }

    /// The last part of its name.
    pub fn id(&self) -> String {
        format!("s{:04}", self.number)
    }

    /// `organizations/{slug}/stores/{id}`.
    pub fn name(&self) -> String {
        format!("{}/stores/{}", self.organization().name(), self.id())
    }

    /// Its name for people.
    pub fn display_name(&self) -> String {
        let Organization { brand, .. } = self.organization();
        match self.number_in_city {
            Some(number) => format!("{brand} {}{number}店", self.city),
            None => format!("{brand} {}店", self.city),
        }
    }
}

/// Lines of an organisation, a province, and cities, each run of them behind how many stores each of its cities has.
fn read(places: &'static str) -> Vec<Store> {
    let mut stores = Vec::<Store>::new();
    for line in places.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let (slug, province) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let place = ORGANIZATIONS.iter().position(|organization| organization.slug == slug).unwrap_or_default();
        let mut each = 1;
        for word in words {
            if let Ok(count) = word.parse() {
                each = count;
                continue;
            }
            for number_in_city in 1..=each {
                let number = stores.last().filter(|last| last.place == place).map_or(1, |last| last.number + 1);
                let number_in_city = (each > 1).then_some(number_in_city);
                stores.push(Store { place, number, province, city: word, number_in_city });
            }
        }
    }
    stores
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_1_700_stores_in_600_cities() {
        let cities: BTreeSet<_> = STORES.iter().map(|store| store.city).collect();
        assert_eq!((STORES.len(), cities.len()), (1_700, 600));
        let of_each = ORGANIZATIONS.each_ref().map(|organization| organization.stores().len());
        assert_eq!(of_each, [1_641, 30, 29]);
        assert_eq!(STORES.iter().map(Store::name).collect::<BTreeSet<_>>().len(), 1_700);
        assert_eq!(STORES.iter().map(Store::display_name).collect::<BTreeSet<_>>().len(), 1_700);
    }

    #[test]
    fn the_offsets_are_those_of_the_zones() {
        for organization in &ORGANIZATIONS {
            for local in ["2025-01-15T03:04:05", "2025-07-15T23:59:59"] {
                let local: DateTime = local.parse().expect("a local time");
                let zoned = local.in_tz(organization.time_zone).expect("a zone").timestamp();
                assert_eq!(organization.instant(local), zoned);
                assert_eq!(organization.date(zoned), local.date());
            }
        }
    }

    #[test]
    fn fifty_customers_are_shared_out() {
        assert_eq!(ORGANIZATIONS.iter().map(|organization| organization.share_of_fifty).sum::<u64>(), 50);
    }
}
