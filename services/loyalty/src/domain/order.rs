//! What loyalty remembers of an order of a member: its lines, what each earned and why, what points paid for it, and how
//! much of it came back. Only returns read it; it is what makes an order earn once and a return count once.

use guanxi_kernel::OrderName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::Draw;
use super::earning::Earning;
use super::expiry::ExpiryPolicy;
use super::explanation::{CampaignExplanation, Explanation, LinePoints, RuleExplanation};
use super::lot::LotId;
use super::points::{Points, apportion, share};
use super::purchase::Purchase;

/// An order of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// The order.
    pub order: OrderName,
    /// What it earned; `None` until it has.
    pub earned: Option<Points>,
    /// What points paid for it.
    pub spent: Points,
    /// What of that came back.
    pub refunded: Points,
    /// What of the earned points was due to be taken back so far, whether it could be taken or not.
    pub due: Points,
    /// Whether all of it came back.
    pub returned_whole: bool,
    /// The rest.
    pub detail: OrderDetail,
}

/// What is kept of an order as one text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrderDetail {
    /// Its lines.
    pub lines: Vec<RecordedLine>,
    /// Why it earned what it earned.
    pub rules: Vec<RuleExplanation>,
    /// What the campaigns gave of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub campaigns: Vec<CampaignExplanation>,
    /// What was taken off the price of all lines, in minor units.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub discount_minor: i64,
    /// The rule after which no other was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// Where the points that paid for it came from, less what went back there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid_by: Vec<Draw>,
    /// Where its reversal took points besides the lot of which they were due, less what went back there; of lots with an
    /// expiry of their own, each keeps it itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reversed_from: Vec<Draw>,
    /// Its lots that expire otherwise than tier or program say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_lots: Vec<OwnLot>,
    /// Until when a delivery makes its points active earlier than the time-out does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Timestamp>,
}

/// A lot of an order with an expiry of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnLot {
    /// The lot.
    pub lot: LotId,
    /// When its points expire.
    pub expiry: ExpiryPolicy,
    /// Where its reversal took points besides the lot itself, less what went back there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reversed_from: Vec<Draw>,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedLine {
    /// Its number within the order.
    pub line: i32,
    /// How many were bought.
    pub quantity: i64,
    /// The price of the whole line, in minor units.
    pub price_minor: i64,
    /// What it earned.
    pub earned: Points,
    /// What of that is in each of the order's lots with an expiry of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<Points>,
    /// How many came back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returned_quantity: i64,
    /// What came back besides, in minor units of its price.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returned_minor: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl RecordedLine {
    /// floor(`whole` × returned ÷ bought), `whole` at the most.
    pub(crate) fn returned_share(&self, whole: Points) -> Points {
        let (quantity, price) = (i128::from(self.quantity), i128::from(self.price_minor));
        let (returned, bought) = match price {
            0 => (i128::from(self.returned_quantity), quantity),
            _ => (
                i128::from(self.returned_quantity) * price + i128::from(self.returned_minor) * quantity,
                quantity * price,
            ),
        };
        let part = i128::from(whole.get()) * returned.min(bought) / bought.max(1);
        Points::new(i64::try_from(part).expect("a part is not larger than its whole"))
    }
}

impl OrderRecord {
    /// An order of which nothing is known yet.
    pub fn new(order: OrderName) -> Self {
        Self {
            order,
            earned: None,
            spent: Points::ZERO,
            refunded: Points::ZERO,
            due: Points::ZERO,
            returned_whole: false,
            detail: OrderDetail::default(),
        }
    }

    /// How its points were found, as it was stored when it earned.
    pub fn explanation(&self) -> Explanation {
        let detail = &self.detail;
        Explanation {
            rules: detail.rules.clone(),
            lines: detail.lines.iter().map(|line| LinePoints { line: line.line, points: line.earned }).collect(),
            campaigns: detail.campaigns.clone(),
            stopped_by: detail.stopped_by.clone(),
        }
    }

    /// Notes what it earned.
    pub(crate) fn earn(&mut self, purchase: &Purchase, earning: &Earning) {
        self.earned = Some(earning.points);
        self.detail.rules.clone_from(&earning.explanation.rules);
        self.detail.campaigns.clone_from(&earning.explanation.campaigns);
        self.detail.stopped_by.clone_from(&earning.explanation.stopped_by);
        self.detail.discount_minor = purchase.discount_minor();
        let lines = purchase.lines().iter().zip(&earning.explanation.lines).enumerate();
        let recorded = lines.map(|(at, (line, earned))| RecordedLine {
            line: line.line,
            quantity: line.quantity,
            price_minor: line.price_minor,
            earned: earned.points,
            own: earning.own.iter().map(|part| part.lines[at]).collect(),
            returned_quantity: 0,
            returned_minor: 0,
        });
        self.detail.lines = recorded.collect();
    }

    /// The expiry that one of its lots has of its own.
    pub(crate) fn own_expiry(&self, lot: LotId) -> Option<&ExpiryPolicy> {
        self.detail.own_lots.iter().find(|own| own.lot == lot).map(|own| &own.expiry)
    }

    /// Where the reversal of one of its lots took points besides.
    pub(crate) fn reversed_from(&mut self, lot: LotId) -> &mut Vec<Draw> {
        let own = self.detail.own_lots.iter_mut().find(|own| own.lot == lot);
        own.map_or(&mut self.detail.reversed_from, |own| &mut own.reversed_from)
    }

    /// Notes what points paid for it.
    pub(crate) fn pay(&mut self, draws: Vec<Draw>) {
        self.spent += super::account::drawn(&draws);
        self.detail.paid_by.extend(draws);
    }

    /// What should have come back of the spent points by now: each line has its share of them by price.
    pub(crate) fn refund_due(&self) -> Points {
        if self.returned_whole {
            return self.spent;
        }
        let prices: Vec<i64> = self.detail.lines.iter().map(|line| line.price_minor).collect();
        let shares = share(self.spent.get(), &prices);
        self.detail.lines.iter().zip(shares).map(|(line, spent)| line.returned_share(Points::new(spent))).sum()
    }

    /// What should have been taken back of the earned points by now.
    pub(crate) fn reversal_due(&self) -> Points {
        self.detail.lines.iter().map(|line| line.returned_share(line.earned)).sum()
    }

    /// What of that is due of each of its lots with an expiry of their own: what is due of a line is apportioned to the lots
    /// that its points went to.
    pub(crate) fn own_due(&self) -> Vec<Points> {
        let mut due = vec![Points::ZERO; self.detail.own_lots.len()];
        for line in self.detail.lines.iter().filter(|line| !line.own.is_empty()) {
            let own: Vec<i64> = line.own.iter().map(|points| points.get()).collect();
            let common = line.earned.get() - own.iter().sum::<i64>();
            let parts: Vec<i64> = std::iter::once(common).chain(own).collect();
            let shares = apportion(line.returned_share(line.earned).get(), &parts);
            due.iter_mut().zip(&shares[1..]).for_each(|(due, share)| *due += Points::new(*share));
        }
        due
    }

    /// What it earned, less what was due to be taken back.
    pub fn kept_points(&self) -> i64 {
        (self.earned.unwrap_or_default() - self.due).get()
    }

    /// What its goods cost in the end, less what came back: each line less its share of the discount, in minor units.
    pub fn value_minor(&self) -> i64 {
        let prices: Vec<i64> = self.detail.lines.iter().map(|line| line.price_minor).collect();
        let discounts = share(self.detail.discount_minor, &prices);
        let kept = self.detail.lines.iter().zip(discounts).map(|(line, discount)| {
            let value = line.price_minor - discount;
            value - line.returned_share(Points::new(value)).get()
        });
        kept.sum()
    }

    /// What should have gone back to the budget of a campaign by now: of what it gave, the share of the points that were
    /// due to be taken back.
    pub(crate) fn campaign_due(&self, granted: Points) -> Points {
        let earned = i128::from(self.earned.unwrap_or_default().get()).max(1);
        let due = i128::from(granted.get()) * i128::from(self.due.get()) / earned;
        Points::new(i64::try_from(due).expect("no more is due than was earned"))
    }

    /// Everything that has not come back yet comes back.
    pub(crate) fn return_all(&mut self) {
        self.returned_whole = true;
        for line in &mut self.detail.lines {
            line.returned_quantity = line.quantity;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_units_that_earned_ten_give_back_three_three_and_four() {
        let mut line = RecordedLine {
            line: 1,
            quantity: 3,
            price_minor: 999,
            earned: Points::new(10),
            own: Vec::new(),
            returned_quantity: 0,
            returned_minor: 0,
        };
        let mut given = Vec::new();
        let mut before = Points::ZERO;
        for returned in 1..=3 {
            line.returned_quantity = returned;
            let due = line.returned_share(line.earned);
            given.push((due - before).get());
            before = due;
        }
        assert_eq!(given, [3, 3, 4]);
    }

    #[test]
    fn a_record_survives_the_way_to_the_store_and_back() {
        let detail =
            OrderDetail { paid_by: vec![Draw { lot: None, points: Points::new(5) }], ..OrderDetail::default() };
        let json = serde_json::to_string(&detail).expect("it is written");
        assert_eq!(json, r#"{"lines":[],"rules":[],"paid_by":[{"lot":null,"points":5}]}"#);
        assert_eq!(serde_json::from_str::<OrderDetail>(&json).expect("it is read"), detail);
    }
}
