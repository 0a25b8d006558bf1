//! What a person buys, when and how. Everybody buys at a rhythm of his own that begins before the retailer's first day
//! and never ends, so that an order's number and content do not depend on the day up to which one looks.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::catalogue::{self, Product};
use super::deliveries::Parcel;
use super::dice::Dice;
use super::opinions::Opinion;
use super::people::Person;
use super::places::Store;

/// The retailer's first day: 1 January 2022, 00:00 UTC, in seconds since 1970.
const FIRST_DAY: i64 = 1_640_995_200;

/// Two years, in seconds: 730 days.
pub const TWO_YEARS: i64 = 730 * DAY;

/// A day, in seconds.
pub const DAY: i64 = 86_400;

/// How many customers in a thousand buy how often in two years. Mean 3.1: many come once, few very often.
const RHYTHMS: [((i64, i64), u32); 8] = [
    ((1, 1), 518),
    ((2, 2), 180),
    ((3, 3), 90),
    ((4, 5), 90),
    ((6, 9), 65),
    ((10, 17), 40),
    ((18, 35), 12),
    ((36, 60), 5),
];

/// Who sells what other merchants sell, by their numbers in the web shop.
const MERCHANTS: u64 = 60;

/// The retailer itself, as a seller.
pub const HOUSE: &str = "guanxi";

/// One order, with all that comes of it, whenever that is.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// The shop system that took it.
    pub source: &'static str,
    /// The person's number there.
    pub customer: u64,
    /// Its number there.
    pub number: String,
    /// When it was placed.
    pub time: Timestamp,
    /// The store that took it; `None` for the web shop.
    pub store: Option<&'static Store>,
    /// What was bought.
    pub lines: Vec<Line>,
    /// How it was paid.
    pub tenders: Vec<Tender>,
    /// The last local day on which it was promised.
    pub promised: Date,
    /// The parcels, one of each seller.
    pub parcels: Vec<Parcel>,
    /// When and why it was cancelled, if it was.
    pub cancelled: Option<(Timestamp, &'static str)>,
    /// When and why its first line came back, if it did.
    pub returned: Option<(Timestamp, &'static str)>,
    /// What the person thought of it.
    pub opinion: Opinion,
}

/// One line of an order.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it is.
    pub product: Product,
    /// Who sends it.
    pub seller: String,
    /// How many.
    pub quantity: i64,
    /// What the line costs, in minor units.
    pub price_minor: i64,
    /// What its delivery costs, in minor units.
    pub delivery_minor: i64,
}

/// A way to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Cash.
    Cash,
    /// A credit card, in so many instalments.
    CreditCard(i32),
    /// A debit card.
    DebitCard,
    /// A gift card.
    GiftCard,
    /// An e-wallet.
    Wallet,
}

/// A payment.
#[derive(Debug, Clone, Copy)]
pub struct Tender {
    /// How.
    pub method: Method,
    /// How much, in minor units.
    pub amount_minor: i64,
}

/// The orders of a person that were placed in the two years before `until`, the oldest first.
pub fn purchases(seed: u64, person: &Person, until: Timestamp) -> Vec<Purchase> {
    let mut dice = Dice::of(seed, "rhythm", &[person.index]);
    let (least, most) = *dice.weighted(&RHYTHMS);
    let every = TWO_YEARS / dice.between(least, most);
    let first = FIRST_DAY - dice.between(0, every);
    let (end, begin) = (until.as_second(), until.as_second() - TWO_YEARS);
    // One turn more at either end, since an order may move within its day.
    let turns = ((begin - first) / every - 1).max(0)..=(end - first) / every + 1;
    turns
        .filter_map(|turn| {
            let mut dice = Dice::of(seed, "order", &[person.index, turn.unsigned_abs()]);
            let earliest = first + turn * every;
            let time = opening_time(person, earliest + dice.between(0, every - 1), &mut dice);
            let told = (begin..end).contains(&time.as_second()) && time.as_second() >= FIRST_DAY;
            told.then(|| purchase(person, turn, time, dice))
        })
        .collect()
}

/// The moment on the same local day at which somebody is awake.
fn opening_time(person: &Person, second: i64, dice: &mut Dice) -> Timestamp {
    let drawn = Timestamp::from_second(second).unwrap_or_default();
    let hour = dice.between(10, 21) as i8;
    let local = person.organization.date(drawn).at(hour, dice.between(0, 59) as i8, dice.between(0, 59) as i8, 0);
    person.organization.instant(local)
}

fn purchase(person: &Person, turn: i64, time: Timestamp, mut dice: Dice) -> Purchase {
    let (in_store, customer) = channel(person, &mut dice);
    let lines = basket(person, in_store, &mut dice);
    let carried = in_store && !lines.iter().any(|line| line.product.large);
    let sellers = sellers(&lines);
    let cancelled = (!carried && dice.chance(30)).then(|| {
        (later(time, dice.between(1, 20) * 3_600), *dice.one_of(&["changed mind", "out of stock", "paid too late"]))
    });
    let days = if carried { 0 } else { dice.between(2, 6) };
    let promised = person.organization.date(time).saturating_add(days.days());
    let parcels: Vec<Parcel> = match cancelled {
        Some((at, _)) => sellers.iter().map(|seller| Parcel::cancelled(seller, at)).collect(),
        None if carried => sellers.iter().map(|seller| Parcel::carried_home(seller, time, person)).collect(),
        None => sellers.iter().map(|seller| Parcel::sent(seller, time, promised, person, &mut dice)).collect(),
    };
    let given_up = last(parcels.iter().map(|parcel| parcel.failed));
    let returned = last(parcels.iter().map(|parcel| parcel.delivered)).filter(|_| dice.chance(30));
    Purchase {
        source: if in_store { "pos" } else { "app" },
        customer,
        // The rhythm's turn is below 10,000 for more than a century.
        number: format!("{customer}{turn:04}"),
        time,
        store: in_store.then_some(person.store),
        tenders: tenders(&lines, in_store, &mut dice),
        promised,
        cancelled: cancelled.or(given_up.map(|at| (later(at, 2 * DAY), "never arrived"))),
        returned: returned.map(|at| {
            let reason = *dice.one_of(&["尺寸不合适", "不喜欢", "有瑕疵", "买错了", "比想象的大"]);
            (later(at, dice.between(1, 6) * DAY), reason)
        }),
        opinion: Opinion::of(person.organization, &parcels, &mut dice),
        parcels,
        lines,
    }
}

/// The last of them, where all of them are.
fn last(all: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    all.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// Whether it is bought in the store, and the person's number with the shop system that takes the order.
fn channel(person: &Person, dice: &mut Dice) -> (bool, u64) {
    match (person.till, person.web) {
        (Some(till), Some(web)) => {
            if dice.chance(500) {
                (true, till)
            } else {
                (false, web)
            }
        }
        (Some(till), None) => (true, till),
        (None, web) => (false, web.unwrap_or_default()),
    }
}

fn basket(person: &Person, in_store: bool, dice: &mut Dice) -> Vec<Line> {
    let count = *dice.weighted(&[(1, 68), (2, 23), (3, 9)]);
    let mut line = || {
        let product = catalogue::product(person.organization, dice);
        let foreign = !in_store && product.marketplace && dice.chance(300);
        let seller = if foreign { format!("m{:03}", dice.below(MERCHANTS) + 1) } else { HOUSE.to_owned() };
        let quantity = if product.price_minor < 40_000 && dice.chance(200) { dice.between(2, 4) } else { 1 };
        let percent = if dice.chance(300) { dice.between(16, 19) * 5 } else { 100 };
        let price_minor = product.price_minor * quantity * percent / 100;
        let delivery_minor = if in_store { 0 } else { catalogue::delivery_minor(person.organization, price_minor) };
        Line { product, seller, quantity, price_minor, delivery_minor }
    };
    (0..count).map(|_| line()).collect()
}

/// The distinct sellers, in order.
fn sellers(lines: &[Line]) -> Vec<String> {
    let mut sellers: Vec<String> = lines.iter().map(|line| line.seller.clone()).collect();
    sellers.sort_unstable();
    sellers.dedup();
    sellers
}

/// Pays everything: with one tender, or with a gift card before it.
fn tenders(lines: &[Line], in_store: bool, dice: &mut Dice) -> Vec<Tender> {
    let total: i64 = lines.iter().map(|line| line.price_minor + line.delivery_minor).sum();
    let cash = if in_store { 12 } else { 0 };
    let months = *dice.one_of(&[3, 6, 12]);
    let instalments = if total > 200_000 && dice.chance(400) { months } else { 0 };
    let method = *dice.weighted(&[
        (Method::Wallet, 60),
        (Method::CreditCard(instalments), 22),
        (Method::DebitCard, 10),
        (Method::Cash, cash),
    ]);
    let gift = if dice.chance(60) { total / 10 } else { 0 };
    let tenders =
        [Tender { method: Method::GiftCard, amount_minor: gift }, Tender { method, amount_minor: total - gift }];
    tenders.into_iter().filter(|tender| tender.amount_minor > 0).collect()
}

/// So many seconds later.
pub fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at + seconds.seconds()
}
