//! Recording: what many order reports, one after the other, make of the orders that are known, and whose they are.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrderName, OrganizationId, Timestamp, Uuid};

use super::edge::Timeline;
use super::identifier::Identifier;
use super::order::{News, Order, OrderError, Report};

/// Whom a report names as its customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placer {
    /// The customer.
    Customer(CustomerId),
    /// Whoever the identifier belonged to when the order was placed.
    Holder(Identifier),
}

/// A report and whose order it is.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The order.
    pub report: Report,
    /// Whose it is.
    pub placer: Placer,
}

/// What is known of the orders, customers, identifiers and stores that are named, and what became of it.
#[derive(Debug, Default)]
pub struct Book {
    orders: BTreeMap<Uuid, Order>,
    customers: BTreeMap<CustomerId, OrganizationId>,
    timelines: BTreeMap<Uuid, Timeline>,
    stores: BTreeSet<String>,
    news: BTreeMap<Uuid, News>,
}

impl Book {
    /// Adds an order that was loaded.
    pub fn add_order(&mut self, order: Order) {
        self.orders.insert(order.facts.name.uuid(), order);
    }

    /// Adds a customer that exists.
    pub fn add_customer(&mut self, customer: CustomerId, organization: OrganizationId) {
        self.customers.insert(customer, organization);
    }

    /// Adds what was loaded of an identifier.
    pub fn add_timeline(&mut self, id: Uuid, timeline: Timeline) {
        self.timelines.insert(id, timeline);
    }

    /// Adds a store that exists, by name.
    pub fn add_store(&mut self, name: String) {
        self.stores.insert(name);
    }

    /// An order, as it is by now.
    pub fn order(&self, id: Uuid) -> Option<&Order> {
        self.orders.get(&id)
    }

    /// Whose order an order of this name is, where it is known.
    pub fn organization(&self, name: &OrderName) -> Option<&OrganizationId> {
        self.orders.get(&name.uuid()).map(|order| &order.facts.organization)
    }

    /// The orders that changed, with all that did.
    pub fn news(&self) -> impl Iterator<Item = (&Order, &News)> {
        self.news.iter().filter_map(|(id, news)| self.orders.get(id).map(|order| (order, news)))
    }

    /// Takes one report; says what changed and whose order it is.
    ///
    /// # Errors
    /// [`OrderError`]; nothing changed then.
    pub fn record(&mut self, placed: &Placed, now: Timestamp) -> Result<(CustomerId, News), OrderError> {
        let report = &placed.report;
        let customer = self.placer(placed).ok_or_else(|| OrderError::CustomerUnknown(report.name.clone()))?;
        let store = &report.terms.store;
        if !store.is_empty() && !self.stores.contains(store) {
            return Err(OrderError::StoreUnknown { name: report.name.clone(), store: store.clone() });
        }
        let id = report.name.uuid();
        let news = match self.orders.get_mut(&id) {
            Some(order) => order.revise(report, customer, now)?,
            None => {
                let (order, news) = Order::place(report.clone(), customer, now)?;
                self.orders.insert(id, order);
                news
            }
        };
        if !news.is_none() {
            self.news.entry(id).or_default().extend(&news);
        }
        Ok((customer, news))
    }

    fn placer(&self, placed: &Placed) -> Option<CustomerId> {
        let organization = &placed.report.organization;
        match &placed.placer {
            Placer::Customer(customer) => (self.customers.get(customer) == Some(organization)).then_some(*customer),
            Placer::Holder(identifier) => {
                self.timelines.get(&identifier.id(organization))?.owner(placed.report.terms.order_time)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::edge::{Claimed, RULE_DETERMINISTIC};
    use super::super::identifier::IdentifierKind;
    use super::super::order::Terms;
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("{text}T00:00:00Z").parse().expect("a date")
    }

    fn placed(day: &str, placer: Placer) -> Placed {
        let report = Report {
            name: "orders/pos:1".parse().expect("a name"),
            organization: OrganizationId::default_organization(),
            terms: Terms {
                order_time: at(day),
                store: String::new(),
                currency: "CNY".parse().expect("a currency"),
                promised_date: None,
                destination_zone: "Asia/Shanghai".into(),
                lines: BTreeMap::new(),
            },
            payments: BTreeMap::new(),
            returns: BTreeMap::new(),
            cancellation: None,
        };
        Placed { report, placer }
    }

    #[test]
    fn c14_an_order_by_number_is_its_owners_at_the_time() {
        let (a, b) = (CustomerId::new(), CustomerId::new());
        let number = Identifier { kind: IdentifierKind::Phone, source: String::new(), value: "+8613900139000".into() };
        let mut timeline = Timeline::new(number.clone(), Vec::new());
        for (owner, event, to) in [(a, "2022-01-01", Some("2024-01-10")), (b, "2024-06-01", None)] {
            let claimed = Claimed {
                owner,
                event_time: at(event),
                valid_from: None,
                valid_to: to.map(at),
                source: "pos",
                rule: RULE_DETERMINISTIC,
            };
            timeline.claim(&claimed, SignedDuration::from_hours(180 * 24), at("2024-06-01"));
        }
        let by_number = |day| {
            let mut book = Book::default();
            book.add_timeline(number.id(&OrganizationId::default_organization()), timeline.clone());
            book.record(&placed(day, Placer::Holder(number.clone())), at("2024-07-01")).map(|(owner, _)| owner)
        };
        assert_eq!(by_number("2023-12-05"), Ok(a));
        assert_eq!(by_number("2024-06-05"), Ok(b));
        assert!(matches!(by_number("2024-03-01"), Err(OrderError::CustomerUnknown(_))), "it was nobody's then");
    }

    #[test]
    fn a_customer_of_another_organisation_is_not_known() {
        let customer = CustomerId::new();
        let mut book = Book::default();
        book.add_customer(customer, OrganizationId::from_slug("hk").expect("a slug"));
        let error = book.record(&placed("2024-01-01", Placer::Customer(customer)), at("2024-01-02"));
        assert!(matches!(error, Err(OrderError::CustomerUnknown(_))));
    }

    #[test]
    fn a_refused_report_leaves_the_next_one_alone() {
        let customer = CustomerId::new();
        let mut book = Book::default();
        book.add_customer(customer, OrganizationId::default_organization());
        let mut in_store = placed("2024-01-01", Placer::Customer(customer));
        in_store.report.terms.store = "organizations/default/stores/1".into();
        let error = book.record(&in_store, at("2024-01-02")).expect_err("the store is not known");
        assert!(matches!(error, OrderError::StoreUnknown { .. }));
        book.record(&placed("2024-01-01", Placer::Customer(customer)), at("2024-01-02")).expect("good");
        let again = book.record(&placed("2024-01-01", Placer::Customer(customer)), at("2024-01-03")).expect("good");
        assert!(again.1.is_none());
        assert_eq!(book.news().count(), 1);
    }
}
