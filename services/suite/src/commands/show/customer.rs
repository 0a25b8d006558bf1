//! A customer's page: one line for each thing that services know, personal numbers masked.

use std::fmt::Write;

use guanxi_client::contracts::customer::v1::{
    CaseStanding, Customer360, Identifier, IdentifierType, IdentityEdge, LoyaltyStanding, OrderStanding,
    ShipmentStanding,
};

use crate::shown::{self, day, money};

/// The page.
pub fn page(view: &Customer360) -> String {
    let mut page = String::new();
    let mut line = |label: &str, text: String| {
        if !text.is_empty() {
            writeln!(page, "{label:<13}{text}").expect("a string can be written to");
        }
    };
    line("customer", head(view));
    line("identifiers", view.identity_edges.iter().map(identifier).collect::<Vec<_>>().join("   "));
    line("orders", view.orders.as_ref().map(orders).unwrap_or_default());
    for standing in &view.loyalty {
        line("points", points(standing));
    }
    line("shipments", listed("open", &view.open_shipments, shipment));
    line("cases", listed("open", &view.open_cases, case));
    for missing in &view.missing {
        let reason = if missing.reason.is_empty() { &missing.code } else { &missing.reason };
        line("missing", format!("{}: {} answered {reason}: {}", missing.part, missing.service, missing.message));
    }
    page
}

fn head(view: &Customer360) -> String {
    let Some(customer) = &view.customer else { return String::new() };
    let city = customer.address.as_ref().map(|address| address.locality.clone()).unwrap_or_default();
    let since = view.orders.as_ref().and_then(|orders| day(orders.first_order_time.as_ref()));
    let since = since.or_else(|| day(customer.create_time.as_ref())).map(|day| format!("since {day}"));
    let name = if customer.display_name.is_empty() { "(no name)" } else { &customer.display_name };
    let parts = [name.to_owned(), customer.name.clone(), city, since.unwrap_or_default()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("   ")
}

fn identifier(edge: &IdentityEdge) -> String {
    let Some(Identifier { r#type, value, source }) = &edge.identifier else { return String::new() };
    let since = day(edge.valid_from_time.as_ref()).map(|day| format!(", since {day}")).unwrap_or_default();
    match IdentifierType::try_from(*r#type) {
        Ok(IdentifierType::Phone) => format!("{} (telephone{since})", masked(value, 6, 4)),
        Ok(IdentifierType::Card) => format!("{} (card{since})", masked(value, 4, 4)),
        Ok(IdentifierType::Email) => {
            let (user, domain) = value.rsplit_once('@').unwrap_or((value, ""));
            format!("{}@{domain} (e-mail{since})", masked(user, 1, 0))
        }
        _ => format!("{source}:{value}"),
    }
}

/// The first and last characters of what is personal; never all of it.
fn masked(value: &str, first: usize, last: usize) -> String {
    let characters: Vec<char> = value.chars().collect();
    if characters.len() <= first + last {
        return "****".to_owned();
    }
    let ends = |part: &[char]| part.iter().collect::<String>();
    format!("{}****{}", ends(&characters[..first]), ends(&characters[characters.len() - last..]))
}

fn orders(orders: &OrderStanding) -> String {
    if orders.order_count == 0 {
        return "none".to_owned();
    }
    let values = orders.values.iter().map(money).collect::<Vec<_>>().join(", ");
    let last = day(orders.last_order_time.as_ref()).map(|day| format!("; the last on {day}")).unwrap_or_default();
    format!("{}, worth {values}{last}", shown::integer(orders.order_count))
}

fn points(standing: &LoyaltyStanding) -> String {
    let LoyaltyStanding { available_points, pending_points, held_points, program, .. } = standing;
    let figures = [available_points, pending_points, held_points];
    let [available, pending, held] = figures.map(|points| shown::integer(*points));
    let expiring = match (day(standing.next_expire_time.as_ref()), standing.next_expire_points) {
        (Some(day), points) if points > 0 => format!("; next to expire {} on {day}", shown::integer(points)),
        _ => String::new(),
    };
    format!("{available} active, {pending} pending, {held} held{expiring} ({program})")
}

fn listed<T>(what: &str, items: &[T], text: impl Fn(&T) -> String) -> String {
    match items.len() {
        0 => format!("none {what}"),
        count => format!("{count} {what}: {}", items.iter().map(text).collect::<Vec<_>>().join("; ")),
    }
}

fn shipment(standing: &ShipmentStanding) -> String {
    let promised = &standing.promised_date;
    let promised = if promised.is_empty() { String::new() } else { format!(", promised by {promised}") };
    format!("{}{}{promised}", words(&standing.status), of_order(&standing.order))
}

fn case(standing: &CaseStanding) -> String {
    let causes = standing.causes.iter().map(|cause| words(cause)).collect::<Vec<_>>().join(" and ");
    format!("{causes}{}", of_order(&standing.order))
}

/// `OUT_FOR_DELIVERY` as a person says it.
fn words(constant: &str) -> String {
    constant.replace('_', " ").to_lowercase()
}

fn of_order(order: &str) -> String {
    order.split_once(':').map(|(_, number)| format!(" (order {number})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use guanxi_client::contracts::customer::v1::{Customer, MissingPart};

    use super::*;

    #[test]
    fn a_page_tells_what_is_known_and_what_is_missing() {
        let phone =
            Identifier { r#type: IdentifierType::Phone.into(), value: "+8613812348000".into(), source: String::new() };
        let view = Customer360 {
            customer: Some(Customer {
                display_name: "王小明".into(),
                name: "customers/1".into(),
                ..Customer::default()
            }),
            identity_edges: vec![IdentityEdge { identifier: Some(phone), ..IdentityEdge::default() }],
            loyalty: vec![LoyaltyStanding {
                available_points: 1_240,
                program: "programs/p".into(),
                ..LoyaltyStanding::default()
            }],
            open_cases: vec![CaseStanding {
                causes: vec!["LATE_DELIVERY".into()],
                order: "orders/olist:76881".into(),
                ..CaseStanding::default()
            }],
            missing: vec![MissingPart {
                part: "open_shipments".into(),
                service: "logistics".into(),
                code: "DEADLINE_EXCEEDED".into(),
                message: "no answer within 200 ms".into(),
                ..MissingPart::default()
            }],
            ..Customer360::default()
        };
        let expected = "customer     王小明   customers/1\n\
                        identifiers  +86138****8000 (telephone)\n\
                        points       1,240 active, 0 pending, 0 held (programs/p)\n\
                        shipments    none open\n\
                        cases        1 open: late delivery (order 76881)\n\
                        missing      open_shipments: logistics answered DEADLINE_EXCEEDED: no answer within 200 ms\n";
        assert_eq!(page(&view), expected);
    }

    #[test]
    fn a_short_number_is_masked_whole() {
        assert_eq!(masked("6200123411188", 4, 4), "6200****1188");
        assert_eq!(masked("62001234", 4, 4), "****");
        assert_eq!(masked("wang", 1, 0), "w****");
    }
}
