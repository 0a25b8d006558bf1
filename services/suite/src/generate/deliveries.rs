//! How a parcel travels: most in time, some late, a few tried in vain, held up, lost, damaged or sent back.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::dice::Dice;
use super::orders::later;
use super::people::Person;

/// What one seller sends of an order.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Who sends it.
    pub seller: String,
    /// Who brings it, as the source of its events.
    pub carrier: &'static str,
    /// What is reported of it, the oldest first.
    pub scans: Vec<Scan>,
    /// When it was delivered, if it ever is.
    pub delivered: Option<Timestamp>,
    /// When it was given up, if it was.
    pub failed: Option<Timestamp>,
    /// Whether it came after the promised day, or never.
    pub late: bool,
    /// A later day that was promised when the first could not be kept, and why.
    pub postponed: Option<(Date, &'static str)>,
}

/// One report.
#[derive(Debug, Clone)]
pub struct Scan {
    /// When.
    pub time: Timestamp,
    /// Guanxi's own name of the status.
    pub status: &'static str,
    /// Where.
    pub location: String,
    /// In words.
    pub words: &'static str,
}

/// What becomes of a parcel, and how often in a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Smooth,
    FirstAttemptFailed,
    PickupPoint,
    Late,
    Lost,
    Damaged,
    SentBack,
}

const FATES: [(Fate, u32); 7] = [
    (Fate::Smooth, 790),
    (Fate::FirstAttemptFailed, 45),
    (Fate::PickupPoint, 80),
    (Fate::Late, 73),
    (Fate::Lost, 4),
    (Fate::Damaged, 3),
    (Fate::SentBack, 5),
];

impl Parcel {
    /// Taken home from the till.
    pub fn carried_home(seller: &str, time: Timestamp, person: &Person) -> Self {
        let at = later(time, 300);
        let scan = Scan { time: at, status: "DELIVERED", location: person.store.display_name(), words: "handed over" };
        Self { carrier: "pos", scans: vec![scan], delivered: Some(at), ..Self::nowhere(seller) }
    }

    /// Never sent, since the order was cancelled.
    pub fn cancelled(seller: &str, at: Timestamp) -> Self {
        let scan = Scan { time: at, status: "CANCELLED", location: String::new(), words: "order cancelled" };
        Self { carrier: "oms", scans: vec![scan], ..Self::nowhere(seller) }
    }

    /// Sent to the person's city.
    pub fn sent(seller: &str, ordered: Timestamp, promised: Date, person: &Person, dice: &mut Dice) -> Self {
        let carrier = match person.organization.slug {
            "cn" => *dice.one_of(&["sf", "jd", "yto", "zto"]),
            "hk" => "sf",
            _ => "yamato",
        };
        let fate = *dice.weighted(&FATES);
        let placed = person.organization.date(ordered);
        let days = placed.until(promised).map_or(1, |span| i64::from(span.get_days()));
        let delay = dice.between(1, 5);
        let due = match fate {
            Fate::Late => promised.saturating_add(delay.days()),
            _ => placed.saturating_add(dice.between(2.min(days), days).days()),
        };
        let mut way = Way { person, parcel: Self { carrier, ..Self::nowhere(seller) } };
        way.set_out(placed, due, ordered, dice);
        way.arrive(fate, due, promised, dice);
        way.parcel
    }

    fn nowhere(seller: &str) -> Self {
        Self {
            seller: seller.to_owned(),
            carrier: "",
            scans: Vec::new(),
            delivered: None,
            failed: None,
            late: false,
            postponed: None,
        }
    }
}

/// A parcel on its way to a person.
struct Way<'a> {
    person: &'a Person,
    parcel: Parcel,
}

impl Way<'_> {
    /// From the seller to the person's city, by the evening before it is brought.
    fn set_out(&mut self, placed: Date, due: Date, ordered: Timestamp, dice: &mut Dice) {
        let announced = later(ordered, dice.between(600, 3_600));
        self.parcel.scans.push(Scan {
            time: announced,
            status: "INFO_RECEIVED",
            location: String::new(),
            words: "carrier informed",
        });
        let picked_up = self.moment(placed.saturating_add(1.day()), 9, 12, dice);
        self.scan(picked_up, "PICKED_UP", "warehouse", "picked up");
        if due > placed.saturating_add(2.days()) {
            let arrived = self.moment(due.saturating_sub(1.day()), 13, 21, dice);
            self.scan(arrived, "IN_TRANSIT", "sorting centre", "arrived at sorting centre");
        }
    }

    /// From the last sorting centre to the person, or not.
    fn arrive(&mut self, fate: Fate, due: Date, promised: Date, dice: &mut Dice) {
        let next = due.saturating_add(1.day());
        match fate {
            Fate::Lost => {
                let at = self.moment(promised.saturating_add(7.days()), 9, 18, dice);
                self.give_up(at, "LOST", "not found");
            }
            Fate::Damaged => {
                let at = self.moment(next, 9, 18, dice);
                self.give_up(at, "DAMAGED", "damaged on the way");
            }
            Fate::SentBack => {
                self.attempt(due, dice);
                self.attempt(next, dice);
                let at = self.moment(due.saturating_add(2.days()), 13, 18, dice);
                self.scan(at, "RETURNING", "station", "sent back: nobody at home");
                let back = self.moment(due.saturating_add(5.days()), 9, 18, dice);
                self.give_up(back, "RETURNED", "back at the warehouse");
            }
            Fate::Late => {
                if dice.chance(300) {
                    self.attempt(due, dice);
                    return self.hand_over(next, promised, dice);
                }
                if dice.chance(500) {
                    let held = self.moment(promised, 8, 12, dice);
                    self.scan(held, "ON_HOLD", "sorting centre", "held up by weather");
                }
                let cause = *dice.one_of(&["weather", "carrier_delay", "stock"]);
                self.parcel.postponed = dice.chance(500).then_some((due, cause));
                self.hand_over(due, promised, dice);
            }
            Fate::FirstAttemptFailed if next <= promised => {
                self.attempt(due, dice);
                self.hand_over(next, promised, dice);
            }
            Fate::PickupPoint => {
                let at = self.moment(due, 9, 12, dice);
                self.scan(at, "AVAILABLE_FOR_PICKUP", "locker", "waits in a locker");
                let fetched = self.moment(due, 13, 21, dice);
                self.delivered(fetched, due, promised);
            }
            Fate::Smooth | Fate::FirstAttemptFailed => self.hand_over(due, promised, dice),
        }
    }

    fn attempt(&mut self, day: Date, dice: &mut Dice) {
        let out = self.moment(day, 8, 9, dice);
        self.scan(out, "OUT_FOR_DELIVERY", "station", "out for delivery");
        let tried = self.moment(day, 11, 19, dice);
        self.scan(tried, "ATTEMPT_FAILED", "station", "nobody at home");
    }

    fn hand_over(&mut self, day: Date, promised: Date, dice: &mut Dice) {
        let out = self.moment(day, 8, 9, dice);
        self.scan(out, "OUT_FOR_DELIVERY", "station", "out for delivery");
        let at = self.moment(day, 11, 20, dice);
        self.delivered(at, day, promised);
    }

    fn delivered(&mut self, at: Timestamp, day: Date, promised: Date) {
        self.scan(at, "DELIVERED", "", "delivered");
        self.parcel.delivered = Some(at);
        self.parcel.late = day > promised;
    }

    fn give_up(&mut self, at: Timestamp, status: &'static str, words: &'static str) {
        self.scan(at, status, "", words);
        self.parcel.failed = Some(at);
        self.parcel.late = true;
    }

    /// A report from the city, later than the one before.
    fn scan(&mut self, time: Timestamp, status: &'static str, place: &str, words: &'static str) {
        let earliest = self.parcel.scans.last().map_or(time, |last| later(last.time, 60));
        let location = if place.is_empty() {
            self.person.store.city.to_owned()
        } else {
            format!("{} {place}", self.person.store.city)
        };
        self.parcel.scans.push(Scan { time: time.max(earliest), status, location, words });
    }

    /// Some moment of a local day, from one hour to the end of another.
    fn moment(&self, day: Date, from: i64, to: i64, dice: &mut Dice) -> Timestamp {
        let local = day.at(dice.between(from, to) as i8, dice.between(0, 59) as i8, dice.between(0, 59) as i8, 0);
        self.person.organization.instant(local)
    }
}
