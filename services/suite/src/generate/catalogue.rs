//! What the retailer sells: electronics by category and brand, and what a model costs in each currency.

use super::dice::Dice;
use super::places::Organization;

/// A kind of goods.
#[derive(Debug)]
pub struct Category {
    /// What it is called.
    pub name: &'static str,
    /// The cheapest and the dearest model, in yuan.
    pub band: (i64, i64),
    /// Whether it is too big to carry home.
    pub large: bool,
    /// Whether other merchants sell it in the web shop too.
    pub marketplace: bool,
    /// Who makes it.
    pub brands: &'static [&'static str],
}

/// One product, and what one of it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The shop's id of it, such as `televisions-sony-4`.
    pub id: String,
    /// Its category.
    pub category: &'static str,
    /// Its brand.
    pub brand: &'static str,
    /// The price of one, in minor units.
    pub price_minor: i64,
    /// Whether it is too big to carry home.
    pub large: bool,
    /// Whether other merchants sell it in the web shop too.
    pub marketplace: bool,
}

/// Models of each brand in each category.
const MODELS: u64 = 8;

/// A product that somebody puts into his basket.
pub fn product(organization: &Organization, dice: &mut Dice) -> Product {
    let category = dice.weighted(&CATEGORIES);
    let brand = dice.one_of(category.brands);
    let model = dice.below(MODELS) + 1;
    let slug = |name: &str| name.to_lowercase().replace(' ', "-");
    Product {
        id: format!("{}-{}-{model}", slug(category.name), slug(brand)),
        category: category.name,
        brand,
        price_minor: price_minor(organization, yuan(category, brand, model)),
        large: category.large,
        marketplace: category.marketplace,
    }
}

/// What a model costs in yuan: the same for everybody, cheap models being more than dear ones, and ending in nines.
fn yuan(category: &Category, brand: &str, model: u64) -> i64 {
    let mut dice = Dice::of(model, category.name, &brand.bytes().map(u64::from).collect::<Vec<_>>());
    let (least, most) = category.band;
    let drawn = dice.between(least, most).min(dice.between(least, most));
    let step = if drawn < 500 { 10 } else { 100 };
    (drawn / step * step + step - 1).min(most)
}

/// The same in an organisation's currency, at the retailer's own rates, as its price tags are written.
fn price_minor(organization: &Organization, yuan: i64) -> i64 {
    match organization.currency_code {
        "HKD" => (yuan * 11 / 100 * 10 + 8) * 100,
        "JPY" => (yuan * 21 / 100 + 1) * 100 - 20,
        _ => yuan * 100,
    }
}

/// What delivery of small goods costs below the price that brings them free, in minor units.
pub fn delivery_minor(organization: &Organization, price_minor: i64) -> i64 {
    let (free_from, fee) = match organization.currency_code {
        "HKD" => (40_000, 3_000),
        "JPY" => (5_000, 550),
        _ => (9_900, 800),
    };
    if price_minor < free_from { fee } else { 0 }
}

#[rustfmt::skip]
const CATEGORIES: [(Category, u32); 12] = [
    (Category { name: "accessories", band: (19, 399), large: false, marketplace: true, brands: &["Ugreen", "Anker", "Baseus", "Xiaomi"] }, 24),
    (Category { name: "small appliances", band: (79, 999), large: false, marketplace: true, brands: &["Midea", "Joyoung", "Supor", "Philips", "Panasonic"] }, 20),
    (Category { name: "mobile phones", band: (899, 9_999), large: false, marketplace: false, brands: &["Huawei", "Xiaomi", "Apple", "OPPO", "vivo", "Samsung"] }, 13),
    (Category { name: "audio", band: (99, 2_999), large: false, marketplace: true, brands: &["Sony", "JBL", "Edifier", "Xiaomi", "Bose"] }, 9),
    (Category { name: "televisions", band: (999, 15_999), large: true, marketplace: false, brands: &["Hisense", "TCL", "Xiaomi", "Sony", "Samsung", "Skyworth"] }, 6),
    (Category { name: "washing machines", band: (899, 7_999), large: true, marketplace: false, brands: &["Haier", "Little Swan", "Siemens", "Panasonic", "Samsung"] }, 6),
    (Category { name: "refrigerators", band: (1_299, 12_999), large: true, marketplace: false, brands: &["Haier", "Midea", "Samsung", "Siemens", "Panasonic"] }, 5),
    (Category { name: "air conditioners", band: (1_899, 9_999), large: true, marketplace: false, brands: &["Gree", "Midea", "Haier", "Daikin"] }, 5),
    (Category { name: "kitchen appliances", band: (699, 5_999), large: true, marketplace: false, brands: &["Fotile", "Robam", "Vatti", "Midea"] }, 4),
    (Category { name: "computers", band: (2_999, 14_999), large: false, marketplace: false, brands: &["Lenovo", "HP", "Dell", "Apple", "Asus"] }, 4),
    (Category { name: "tablets", band: (1_299, 7_999), large: false, marketplace: false, brands: &["Apple", "Huawei", "Xiaomi", "Lenovo"] }, 3),
    (Category { name: "cameras", band: (2_499, 19_999), large: false, marketplace: true, brands: &["Canon", "Nikon", "Sony", "Fujifilm"] }, 1),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::generate::places::ORGANIZATIONS;

    #[test]
    fn prices_are_in_minor_units_of_each_currency_and_look_like_price_tags() {
        let [cn, hk, jp] = &ORGANIZATIONS;
        assert_eq!(
            [price_minor(cn, 2_999), price_minor(hk, 2_999), price_minor(jp, 2_999)],
            [299_900, 329_800, 62_980]
        );
        for organization in &ORGANIZATIONS {
            let mut dice = Dice::of(1, "baskets", &[]);
            for product in (0..5_000).map(|_| product(organization, &mut dice)) {
                let (ending, unit) = match organization.currency_code {
                    "HKD" => (8, 100),
                    "JPY" => (80, 1),
                    _ => (9, 100),
                };
                let whole = product.price_minor / unit;
                assert_eq!(product.price_minor % unit, 0, "{product:?}");
                assert_eq!(whole % if unit == 1 { 100 } else { 10 }, ending, "{product:?}");
                assert!(whole < if unit == 1 { 500_000 } else { 25_000 }, "{product:?}");
            }
        }
    }

    #[test]
    fn a_model_costs_the_same_for_everybody() {
        let (mut prices, mut dice) = (BTreeMap::new(), Dice::of(1, "baskets", &[]));
        for product in (0..5_000).map(|_| product(&ORGANIZATIONS[0], &mut dice)) {
            assert_eq!(*prices.entry(product.id).or_insert(product.price_minor), product.price_minor);
        }
    }
}
