//! From what changed to the events that tell of it.

use guanxi_contracts::common::v1::Money;
use guanxi_contracts::customer::events::v1::{
    BirthdayCalendar, CustomerBirthday, CustomerCreated, CustomerFacts, CustomerUpdated, OrderCancelled, OrderLine,
    OrderRecorded, OrderReturned, ReturnedLine,
};
use guanxi_contracts::time::to_proto;
use guanxi_messaging::event;
use guanxi_store::NewEvent;

use crate::domain::customer::Customer;
use crate::domain::order::{News, Order};

/// A customer is known.
pub fn customer_created(customer: &Customer, historical: bool) -> NewEvent {
    let told = CustomerCreated { customer: customer.id.to_string(), facts: Some(facts(customer)) };
    event(customer.id, customer.version, &customer.organization, customer.create_time, historical, &told)
}

/// A customer changed in these paths.
pub fn customer_updated<'a>(
    customer: &Customer,
    paths: impl IntoIterator<Item = &'a &'static str>,
    historical: bool,
) -> NewEvent {
    let paths = paths.into_iter().map(|path| (*path).to_owned()).collect();
    let told = CustomerUpdated { customer: customer.id.to_string(), paths, facts: Some(facts(customer)) };
    event(customer.id, customer.version, &customer.organization, customer.update_time, historical, &told)
}

/// What others need of a customer. Of when he was born, the year is no business of theirs.
fn facts(customer: &Customer) -> CustomerFacts {
    let birthday = customer.profile.birth_date.0.map(|born| CustomerBirthday {
        month: born.month().into(),
        day: born.day().into(),
        calendar: BirthdayCalendar::Gregorian.into(),
        ..CustomerBirthday::default()
    });
    CustomerFacts { birthday, ..CustomerFacts::default() }
}

/// All that is new of an order: recorded, then cancelled, then returned.
pub fn order_news(order: &Order, news: &News, historical: bool) -> Vec<NewEvent> {
    let facts = &order.facts;
    let name = facts.name.to_string();
    let customer = order.customer.to_string();
    let mut told = Vec::new();
    if news.placed {
        let recorded = recorded(order);
        told.push(event(&name, order.revision, &facts.organization, facts.terms.order_time, historical, &recorded));
    }
    if let (true, Some(cancellation)) = (news.cancelled, &facts.cancellation) {
        let cancelled = OrderCancelled {
            order: name.clone(),
            customer: customer.clone(),
            cancel_time: Some(to_proto(cancellation.cancel_time)),
            reason: cancellation.reason.clone(),
        };
        let at = cancellation.cancel_time;
        told.push(event(&name, order.revision, &facts.organization, at, historical, &cancelled));
    }
    for (return_id, back) in facts.returns.iter().filter(|(return_id, _)| news.returns.contains(return_id)) {
        let lines = back.lines.iter().map(|(line, quantity)| ReturnedLine { line: *line, quantity: *quantity });
        let returned = OrderReturned {
            order: name.clone(),
            customer: customer.clone(),
            return_id: return_id.clone(),
            return_time: Some(to_proto(back.return_time)),
            lines: lines.collect(),
        };
        told.push(event(&name, order.revision, &facts.organization, back.return_time, historical, &returned));
    }
    told
}

fn recorded(order: &Order) -> OrderRecorded {
    let facts = &order.facts;
    let lines = facts.terms.lines.iter().map(|(number, line)| OrderLine {
        line: *number,
        product: line.product.clone(),
        category: line.category.clone(),
        seller: line.seller.clone(),
        quantity: line.quantity,
        price_minor: line.price_minor,
        delivery_minor: line.delivery_minor,
        brand: line.brand.clone(),
    });
    let currency_code = facts.terms.currency.code().to_owned();
    OrderRecorded {
        order: facts.name.to_string(),
        customer: order.customer.to_string(),
        order_time: Some(to_proto(facts.terms.order_time)),
        lines: lines.collect(),
        store: facts.terms.store.clone(),
        promised_date: facts.terms.promised_date.map(|date| date.to_string()).unwrap_or_default(),
        destination_zone: facts.terms.destination_zone.clone(),
        cancel_time: facts.cancellation.as_ref().map(|cancellation| to_proto(cancellation.cancel_time)),
        tendered: Some(Money { currency_code: currency_code.clone(), minor_units: facts.tendered_minor() }),
        currency_code,
    }
}
