//! Orders between the contracts and the domain.

use std::collections::BTreeMap;

use guanxi_contracts::common::v1::Money;
use guanxi_contracts::customer::v1::{self as pb, OrderState};
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{OrganizationId, Refused, Violation};
use guanxi_rpc::convert;

use crate::domain::order::{Cancellation, Line, Order, Payment, PaymentMethod, Report, Return, State, Terms};

/// A report from the contract's message, whose rules it keeps. An empty destination zone stays empty.
///
/// # Errors
/// INVALID_ARGUMENT with every field that is wrong, under `order.`.
pub fn report(message: pb::Order, organization: OrganizationId) -> Result<Report, Refused> {
    let (name, order_time, currency, promised_date, cancellation, inner) = convert::all((
        convert::name(&message.name, "order.name"),
        convert::required_instant(message.order_time.as_ref(), "order.order_time"),
        convert::currency(&message.currency_code, "order.currency_code"),
        convert::optional_date(&message.promised_date, "order.promised_date"),
        cancellation(&message),
        convert::all((lines(&message.lines), payments(&message.payments), returns(&message.returns))),
    ))?;
    let (lines, payments, returns) = inner;
    Ok(Report {
        name,
        organization,
        terms: Terms {
            order_time,
            store: message.store,
            currency,
            promised_date,
            destination_zone: message.destination_zone,
            lines,
        },
        payments,
        returns,
        cancellation,
    })
}

fn cancellation(message: &pb::Order) -> Result<Option<Cancellation>, Refused> {
    let cancel_time = convert::instant(message.cancel_time.as_ref(), "order.cancel_time")?;
    if cancel_time.is_none() && !message.cancel_reason.is_empty() {
        let description = "is said of an order that has no cancel_time";
        return Err(Refused::invalid("order.cancel_reason", "CANCEL_REASON_ALONE", description));
    }
    Ok(cancel_time.map(|cancel_time| Cancellation { cancel_time, reason: message.cancel_reason.clone() }))
}

/// Items by their key; a key that comes twice is refused.
fn keyed<T, K: Ord + Clone + std::fmt::Debug, V>(
    items: &[T],
    path: &str,
    key_name: &str,
    key: impl Fn(&T) -> K,
    value: impl Fn(&T, &str) -> Result<V, Refused>,
) -> Result<BTreeMap<K, V>, Refused> {
    let mut all = BTreeMap::new();
    let mut wrong: Vec<Violation> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let field = format!("{path}[{at}]");
        match value(item, &field) {
            Ok(value) => {
                if all.insert(key(item), value).is_some() {
                    wrong.push(Violation {
                        field: format!("{field}.{key_name}"),
                        rule: "KEY_REPEATED".into(),
                        description: format!("{:?} comes twice", key(item)),
                    });
                }
            }
            Err(refused) => wrong.extend(refused.field_violations().iter().cloned()),
        }
    }
    if wrong.is_empty() { Ok(all) } else { Err(Refused::violations(wrong)) }
}

fn lines(messages: &[pb::OrderLine]) -> Result<BTreeMap<i32, Line>, Refused> {
    keyed(
        messages,
        "order.lines",
        "line",
        |line| line.line,
        |line, _| {
            Ok(Line {
                product: line.product.clone(),
                category: line.category.clone(),
                brand: line.brand.clone(),
                seller: line.seller.clone(),
                quantity: line.quantity,
                price_minor: line.price_minor,
                tax_minor: line.tax_minor,
                delivery_minor: line.delivery_minor,
            })
        },
    )
}

fn payments(messages: &[pb::Payment]) -> Result<BTreeMap<i32, Payment>, Refused> {
    keyed(
        messages,
        "order.payments",
        "payment",
        |payment| payment.payment,
        |payment, field| {
            Ok(Payment {
                method: method(payment.method, &format!("{field}.method"))?,
                amount_minor: payment.amount_minor,
                instalments: payment.instalments.into(),
                pay_time: convert::instant(payment.pay_time.as_ref(), &format!("{field}.pay_time"))?,
            })
        },
    )
}

fn returns(messages: &[pb::OrderReturn]) -> Result<BTreeMap<String, Return>, Refused> {
    keyed(
        messages,
        "order.returns",
        "return_id",
        |back| back.return_id.clone(),
        |back, field| {
            let (return_time, lines) = convert::all((
                convert::required_instant(back.return_time.as_ref(), &format!("{field}.return_time")),
                keyed(&back.lines, &format!("{field}.lines"), "line", |line| line.line, |line, _| Ok(line.quantity)),
            ))?;
            Ok(Return { return_time, lines, reason: back.reason.clone() })
        },
    )
}

fn method(value: i32, field: &str) -> Result<PaymentMethod, Refused> {
    match pb::PaymentMethod::try_from(value) {
        Ok(pb::PaymentMethod::Cash) => Ok(PaymentMethod::Cash),
        Ok(pb::PaymentMethod::CreditCard) => Ok(PaymentMethod::CreditCard),
        Ok(pb::PaymentMethod::DebitCard) => Ok(PaymentMethod::DebitCard),
        Ok(pb::PaymentMethod::BankTransfer) => Ok(PaymentMethod::BankTransfer),
        Ok(pb::PaymentMethod::Voucher) => Ok(PaymentMethod::Voucher),
        Ok(pb::PaymentMethod::GiftCard) => Ok(PaymentMethod::GiftCard),
        Ok(pb::PaymentMethod::EWallet) => Ok(PaymentMethod::EWallet),
        Ok(pb::PaymentMethod::Other) => Ok(PaymentMethod::Other),
        Ok(pb::PaymentMethod::Unspecified) | Err(_) => {
            Err(Refused::invalid(field, "enum.defined_only", format!("{value} is not a method of payment")))
        }
    }
}

fn to_method(method: PaymentMethod) -> pb::PaymentMethod {
    match method {
        PaymentMethod::Cash => pb::PaymentMethod::Cash,
        PaymentMethod::CreditCard => pb::PaymentMethod::CreditCard,
        PaymentMethod::DebitCard => pb::PaymentMethod::DebitCard,
        PaymentMethod::BankTransfer => pb::PaymentMethod::BankTransfer,
        PaymentMethod::Voucher => pb::PaymentMethod::Voucher,
        PaymentMethod::GiftCard => pb::PaymentMethod::GiftCard,
        PaymentMethod::EWallet => pb::PaymentMethod::EWallet,
        PaymentMethod::Other => pb::PaymentMethod::Other,
    }
}

/// An order. `total_minor` and `state` are given where its lines and returns were not read.
pub fn order(order: &Order, total_minor: i64, state: State) -> pb::Order {
    let facts = &order.facts;
    let currency_code = facts.terms.currency.code().to_owned();
    let state = match state {
        State::Placed => OrderState::Placed,
        State::Cancelled => OrderState::Cancelled,
        State::Returned => OrderState::Returned,
    };
    pb::Order {
        name: facts.name.to_string(),
        organization: facts.organization.to_string(),
        customer: order.customer.to_string(),
        order_time: Some(to_proto(facts.terms.order_time)),
        store: facts.terms.store.clone(),
        lines: facts.terms.lines.iter().map(|(number, line)| to_line(*number, line)).collect(),
        payments: facts.payments.iter().map(|(number, payment)| to_payment(*number, payment)).collect(),
        returns: facts.returns.iter().map(|(id, back)| to_return(id, back)).collect(),
        cancel_time: facts.cancellation.as_ref().map(|cancellation| to_proto(cancellation.cancel_time)),
        cancel_reason: facts.cancellation.as_ref().map_or_else(String::new, |c| c.reason.clone()),
        promised_date: facts.terms.promised_date.map(|date| date.to_string()).unwrap_or_default(),
        destination_zone: facts.terms.destination_zone.clone(),
        total: Some(Money { currency_code: currency_code.clone(), minor_units: total_minor }),
        currency_code,
        state: state.into(),
        revision: order.revision,
        create_time: Some(to_proto(order.create_time)),
        update_time: Some(to_proto(order.update_time)),
    }
}

fn to_line(number: i32, line: &Line) -> pb::OrderLine {
    pb::OrderLine {
        line: number,
        product: line.product.clone(),
        category: line.category.clone(),
        brand: line.brand.clone(),
        seller: line.seller.clone(),
        quantity: line.quantity,
        price_minor: line.price_minor,
        tax_minor: line.tax_minor,
        delivery_minor: line.delivery_minor,
    }
}

fn to_payment(number: i32, payment: &Payment) -> pb::Payment {
    pb::Payment {
        payment: number,
        method: to_method(payment.method).into(),
        amount_minor: payment.amount_minor,
        instalments: i32::try_from(payment.instalments).unwrap_or(i32::MAX),
        pay_time: payment.pay_time.map(to_proto),
    }
}

fn to_return(id: &str, back: &Return) -> pb::OrderReturn {
    let lines = back.lines.iter().map(|(line, quantity)| pb::OrderReturnLine { line: *line, quantity: *quantity });
    pb::OrderReturn {
        return_id: id.to_owned(),
        return_time: Some(to_proto(back.return_time)),
        lines: lines.collect(),
        reason: back.reason.clone(),
    }
}
