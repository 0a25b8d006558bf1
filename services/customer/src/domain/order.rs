//! Order facts: what was sold, paid, cancelled and returned, as a shop system reports it.
//!
//! The facts of an order only grow. What a report adds (payments, returns, a cancellation) revises the order; what it
//! leaves out is no news; what contradicts the record is refused. So reports may come twice and in any order.

use std::collections::BTreeMap;

use guanxi_kernel::civil::Date;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{Currency, OrderName, OrganizationId, Refusal, Refused, Timestamp, Violation};
use thiserror::Error;

use super::source_record::is_future;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The shop system's product id.
    pub product: String,
    /// The product's category; empty where it is not known.
    pub category: String,
    /// The product's brand; empty where it is not known.
    pub brand: String,
    /// Who sends it.
    pub seller: String,
    /// How many, 1 or more.
    pub quantity: i64,
    /// The price of the whole line after discounts, without delivery, in minor units.
    pub price_minor: i64,
    /// What of that is tax, in minor units; 0 where it is not known.
    pub tax_minor: i64,
    /// What delivery of the line costs, in minor units.
    pub delivery_minor: i64,
}

/// How something was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentMethod {
    /// Cash.
    Cash,
    /// A credit card.
    CreditCard,
    /// A debit card.
    DebitCard,
    /// A bank transfer or slip.
    BankTransfer,
    /// A voucher.
    Voucher,
    /// A gift card.
    GiftCard,
    /// An e-wallet.
    EWallet,
    /// Another way.
    Other,
}

impl PaymentMethod {
    const ALL: [Self; 8] = [
        Self::Cash,
        Self::CreditCard,
        Self::DebitCard,
        Self::BankTransfer,
        Self::Voucher,
        Self::GiftCard,
        Self::EWallet,
        Self::Other,
    ];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "CASH",
            Self::CreditCard => "CREDIT_CARD",
            Self::DebitCard => "DEBIT_CARD",
            Self::BankTransfer => "BANK_TRANSFER",
            Self::Voucher => "VOUCHER",
            Self::GiftCard => "GIFT_CARD",
            Self::EWallet => "E_WALLET",
            Self::Other => "OTHER",
        }
    }

    /// The method of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether it is a tender: money's worth that does not lower what the order is worth.
    pub fn is_tender(self) -> bool {
        matches!(self, Self::Voucher | Self::GiftCard | Self::EWallet)
    }
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// How.
    pub method: PaymentMethod,
    /// How much, in minor units of the order's currency.
    pub amount_minor: i64,
    /// In how many instalments; 0 where that is not known.
    pub instalments: i64,
    /// When; `None` where that is not known.
    pub pay_time: Option<Timestamp>,
}

/// Goods that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// When.
    pub return_time: Timestamp,
    /// How many of each line.
    pub lines: BTreeMap<i32, i64>,
    /// Why; may be empty.
    pub reason: String,
}

/// That the whole order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// When.
    pub cancel_time: Timestamp,
    /// Why, in the shop system's word; may be empty.
    pub reason: String,
}

/// What stays as it was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// When it was placed.
    pub order_time: Timestamp,
    /// The store's name; empty for an order taken on line.
    pub store: String,
    /// The currency of every amount.
    pub currency: Currency,
    /// The last day on which the goods were promised.
    pub promised_date: Option<Date>,
    /// The IANA zone of the destination.
    pub destination_zone: String,
    /// What was sold.
    pub lines: BTreeMap<i32, Line>,
}

/// An order as a shop system has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which order.
    pub name: OrderName,
    /// Whose.
    pub organization: OrganizationId,
    /// What stays as it was placed.
    pub terms: Terms,
    /// What was paid, by number.
    pub payments: BTreeMap<i32, Payment>,
    /// What came back, by the shop system's id.
    pub returns: BTreeMap<String, Return>,
    /// That it was cancelled.
    pub cancellation: Option<Cancellation>,
}

/// An order as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What the reports come to.
    pub facts: Report,
    /// Who placed it.
    pub customer: CustomerId,
    /// 1 when first recorded, one more with every revision.
    pub revision: i64,
    /// When it was first recorded here.
    pub create_time: Timestamp,
    /// When it was last revised here.
    pub update_time: Timestamp,
}

/// Where an order stands by its own facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Placed.
    Placed,
    /// Cancelled as a whole.
    Cancelled,
    /// Every piece came back.
    Returned,
}

impl State {
    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "PLACED",
            Self::Cancelled => "CANCELLED",
            Self::Returned => "RETURNED",
        }
    }
}

/// What a report changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// Whether the order was not known before.
    pub placed: bool,
    /// Payments that were added.
    pub payments: Vec<i32>,
    /// Returns that were added.
    pub returns: Vec<String>,
    /// Whether the cancellation was added.
    pub cancelled: bool,
}

impl News {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what a later report changed.
    pub fn extend(&mut self, later: &Self) {
        self.placed |= later.placed;
        self.cancelled |= later.cancelled;
        self.payments.extend(&later.payments);
        self.returns.extend(later.returns.iter().cloned());
    }
}

/// Why a report was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OrderError {
    /// It is wrong in itself.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<Violation>),
    /// It says otherwise than what was recorded.
    #[error("{field} of {name} differs from what was recorded: facts are added, not changed")]
    Contradicted {
        /// Which order.
        name: OrderName,
        /// The path that differs.
        field: String,
    },
    /// The customer is not known.
    #[error("the customer of {0} is not known")]
    CustomerUnknown(OrderName),
    /// The store is not known.
    #[error("{store}, the store of {name}, is not known")]
    StoreUnknown {
        /// Which order.
        name: OrderName,
        /// The store.
        store: String,
    },
}

impl Refusal for OrderError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Invalid(violations) => Refused::violations(violations.clone()),
            Self::Contradicted { name, field } => {
                Refused::precondition("ORDER_CONTRADICTED", self.to_string()).with("order", name).with("field", field)
            }
            Self::CustomerUnknown(name) => {
                Refused::precondition("CUSTOMER_UNKNOWN", self.to_string()).with("order", name)
            }
            Self::StoreUnknown { name, store } => {
                Refused::precondition("STORE_UNKNOWN", self.to_string()).with("order", name).with("store", store)
            }
        }
    }
}

impl Report {
    /// What contradicts itself in the report, all of it. Paths are those of the contract's Order, under `order.`.
    pub fn contradictions(&self, now: Timestamp) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut say = |field: String, rule: &str, description: String| {
            found.push(Violation { field, rule: rule.to_owned(), description });
        };
        if guanxi_kernel::tz::TimeZone::get(&self.terms.destination_zone).is_err() {
            let description = format!("{:?} is not an IANA zone", self.terms.destination_zone);
            say("order.destination_zone".into(), "ZONE_UNKNOWN", description);
        }
        let stores = format!("{}/stores/", self.organization);
        if !self.terms.store.is_empty() && !self.terms.store.starts_with(&stores) {
            let description = format!("{} is not a store of {}", self.terms.store, self.organization);
            say("order.store".into(), "STORE_MISPLACED", description);
        }
        let placed = self.terms.order_time;
        if is_future(placed, now) {
            say("order.order_time".into(), "TIMESTAMP_IN_FUTURE", format!("{placed} is more than a day after now"));
        }
        if let Some(cancellation) = &self.cancellation
            && cancellation.cancel_time < placed
        {
            let description = format!("{} is before order_time {placed}", cancellation.cancel_time);
            say("order.cancel_time".into(), "CANCELLED_BEFORE_PLACED", description);
        }
        for (id, back) in &self.returns {
            if back.return_time < placed {
                let description = format!("return {id:?} at {} is before order_time {placed}", back.return_time);
                say("order.returns".into(), "RETURNED_BEFORE_PLACED", description);
            }
        }
        for (number, line) in self.terms.lines.iter().filter(|(_, line)| line.tax_minor > line.price_minor) {
            let description = format!("{} of tax in the price {} of line {number}", line.tax_minor, line.price_minor);
            say("order.lines".into(), "TAX_TOO_HIGH", description);
        }
        for (line, (returned, sold)) in self.returned_and_sold() {
            if returned > sold {
                let description = format!("{returned} of line {line} came back, {sold} were sold");
                say("order.returns".into(), "RETURN_EXCEEDS_LINE", description);
            }
        }
        found
    }

    /// What it is worth: price and delivery of every line, in minor units. Bounds in the contract keep it in range.
    pub fn total_minor(&self) -> i64 {
        self.terms.lines.values().map(|line| line.price_minor + line.delivery_minor).sum()
    }

    /// What was paid with tenders, in minor units.
    pub fn tendered_minor(&self) -> i64 {
        self.payments.values().filter(|p| p.method.is_tender()).map(|p| p.amount_minor).sum()
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        if self.cancellation.is_some() {
            State::Cancelled
        } else if !self.terms.lines.is_empty() && self.returned_and_sold().values().all(|(back, sold)| back >= sold) {
            State::Returned
        } else {
            State::Placed
        }
    }

    /// How many of each line came back and were sold; a line that came back and was never sold has 0 sold.
    fn returned_and_sold(&self) -> BTreeMap<i32, (i64, i64)> {
        let mut counts: BTreeMap<i32, (i64, i64)> =
            self.terms.lines.iter().map(|(number, line)| (*number, (0, line.quantity))).collect();
        for (line, quantity) in self.returns.values().flat_map(|back| &back.lines) {
            counts.entry(*line).or_default().0 += quantity;
        }
        counts
    }
}

impl Order {
    /// Records the first report of an order.
    ///
    /// # Errors
    /// [`OrderError::Invalid`].
    pub fn place(report: Report, customer: CustomerId, now: Timestamp) -> Result<(Self, News), OrderError> {
        valid(&report, now)?;
        let news = News {
            placed: true,
            payments: report.payments.keys().copied().collect(),
            returns: report.returns.keys().cloned().collect(),
            cancelled: report.cancellation.is_some(),
        };
        Ok((Self { facts: report, customer, revision: 1, create_time: now, update_time: now }, news))
    }

    /// Adds what a further report says.
    ///
    /// # Errors
    /// [`OrderError::Contradicted`] where it says otherwise than the record, [`OrderError::Invalid`] where both together
    /// cannot be. The order is as it was then.
    pub fn revise(&mut self, report: &Report, customer: CustomerId, now: Timestamp) -> Result<News, OrderError> {
        valid(report, now)?;
        let differs = |field: String| OrderError::Contradicted { name: self.facts.name.clone(), field };
        if let Some(field) = self.first_difference(report, customer) {
            return Err(differs(field));
        }
        let mut facts = self.facts.clone();
        let mut news = News::default();
        for (number, payment) in &report.payments {
            if facts.payments.insert(*number, payment.clone()).is_none() {
                news.payments.push(*number);
            }
        }
        for (id, back) in &report.returns {
            if facts.returns.insert(id.clone(), back.clone()).is_none() {
                news.returns.push(id.clone());
            }
        }
        if facts.cancellation.is_none() && report.cancellation.is_some() {
            facts.cancellation.clone_from(&report.cancellation);
            news.cancelled = true;
        }
        valid(&facts, now)?;
        if !news.is_none() {
            self.facts = facts;
            self.revision += 1;
            self.update_time = now;
        }
        Ok(news)
    }

    fn first_difference(&self, report: &Report, customer: CustomerId) -> Option<String> {
        let (old, new) = (&self.facts.terms, &report.terms);
        let whole = [
            ("order.organization", self.facts.organization != report.organization),
            ("order.customer", self.customer != customer),
            ("order.order_time", old.order_time != new.order_time),
            ("order.store", old.store != new.store),
            ("order.currency_code", old.currency != new.currency),
            ("order.lines", old.lines != new.lines),
            ("order.promised_date", old.promised_date != new.promised_date),
            ("order.destination_zone", old.destination_zone != new.destination_zone),
        ];
        let cancellation = match (&self.facts.cancellation, &report.cancellation) {
            (Some(old), Some(new)) => old != new,
            _ => false,
        };
        let payment = report.payments.iter().find(|(n, p)| self.facts.payments.get(*n).is_some_and(|old| old != *p));
        let back = report.returns.iter().find(|(id, r)| self.facts.returns.get(*id).is_some_and(|old| old != *r));
        whole
            .into_iter()
            .find_map(|(field, differs)| differs.then(|| field.to_owned()))
            .or_else(|| cancellation.then(|| "order.cancel_time".to_owned()))
            .or_else(|| payment.map(|(number, _)| format!("order.payments (payment {number})")))
            .or_else(|| back.map(|(id, _)| format!("order.returns (return {id:?})")))
    }
}

fn valid(report: &Report, now: Timestamp) -> Result<(), OrderError> {
    let violations = report.contradictions(now);
    if violations.is_empty() { Ok(()) } else { Err(OrderError::Invalid(violations)) }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
