//! Orders in sets: many orders with all that belongs to them, read and written in a statement for each table.

use std::collections::{BTreeMap, HashMap};

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrderName, Uuid};
use guanxi_store::{Column, Result, Rows, StoreError, Table, Tx, time};
use sea_orm::ConnectionTrait;

use super::entities::{order_lines, order_payments, order_return_lines, order_returns, orders};
use super::{by_roots, narrow, organization, parsed};
use crate::domain::order::{Cancellation, Line, News, Order, Payment, PaymentMethod, Report, Return, Terms};

const ORDERS: Table = Table::new(
    "orders",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("source"),
        Column::text("number"),
        Column::uuid("customer_id"),
        Column::time("order_time"),
        Column::text("store"),
        Column::text("currency"),
        Column::int("total_minor"),
        Column::text("promised_date").nullable(),
        Column::text("destination_zone"),
        Column::time("cancel_time").nullable(),
        Column::text("cancel_reason"),
        Column::text("state"),
        Column::int("revision"),
        Column::bool("historical"),
        Column::time("create_time"),
        Column::time("update_time"),
    ],
);

const REVISED: Table = Table::new(
    "orders",
    &[
        Column::uuid("root_id"),
        Column::time("cancel_time").nullable(),
        Column::text("cancel_reason"),
        Column::text("state"),
        Column::int("revision"),
        Column::time("update_time"),
    ],
);

const LINES: Table = Table::new(
    "order_lines",
    &[
        Column::uuid("root_id"),
        Column::int("line"),
        Column::text("product"),
        Column::text("category"),
        Column::text("brand"),
        Column::text("seller"),
        Column::int("quantity"),
        Column::int("price_minor"),
        Column::int("delivery_minor"),
        Column::int("tax_minor"),
    ],
);

const PAYMENTS: Table = Table::new(
    "order_payments",
    &[
        Column::uuid("root_id"),
        Column::int("payment"),
        Column::text("method"),
        Column::int("amount_minor"),
        Column::int("instalments"),
        Column::time("pay_time").nullable(),
    ],
);

const RETURNS: Table = Table::new(
    "order_returns",
    &[Column::uuid("root_id"), Column::text("return_id"), Column::time("return_time"), Column::text("reason")],
);

const RETURN_LINES: Table = Table::new(
    "order_return_lines",
    &[Column::uuid("root_id"), Column::text("return_id"), Column::int("line"), Column::int("quantity")],
);

/// Orders with all their facts, locked until the transaction ends: five statements at the most, one where none exists.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, ids: &[Uuid]) -> Result<Vec<Order>> {
    let rows: Vec<orders::Model> = by_roots(tx.conn(), "orders", ids, tx.lock("orders", ids).await?).await?;
    with_facts(tx.conn(), rows).await
}

/// Order rows with their lines, payments and returns, in the order of the rows.
///
/// # Errors
/// The database's.
pub async fn with_facts(connection: &impl ConnectionTrait, rows: Vec<orders::Model>) -> Result<Vec<Order>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.root_id).collect();
    let mut lines = HashMap::<Uuid, BTreeMap<i32, Line>>::new();
    for row in by_roots::<order_lines::Model>(connection, "order_lines", &ids, "").await? {
        let (root, number) = (row.root_id, narrow(row.line)?);
        lines.entry(root).or_default().insert(number, line(row));
    }
    let mut payments = HashMap::<Uuid, BTreeMap<i32, Payment>>::new();
    for row in by_roots::<order_payments::Model>(connection, "order_payments", &ids, "").await? {
        payments.entry(row.root_id).or_default().insert(narrow(row.payment)?, payment(&row)?);
    }
    let mut returns = HashMap::<Uuid, BTreeMap<String, Return>>::new();
    for row in by_roots::<order_returns::Model>(connection, "order_returns", &ids, "").await? {
        let back =
            Return { return_time: time::from_column(row.return_time), lines: BTreeMap::new(), reason: row.reason };
        returns.entry(row.root_id).or_default().insert(row.return_id, back);
    }
    let returned: Vec<Uuid> = returns.keys().copied().collect();
    for row in by_roots::<order_return_lines::Model>(connection, "order_return_lines", &returned, "").await? {
        let back = returns.get_mut(&row.root_id).and_then(|returns| returns.get_mut(&row.return_id));
        let back = back.ok_or_else(|| StoreError::Row(format!("no return {:?} of {}", row.return_id, row.root_id)))?;
        back.lines.insert(narrow(row.line)?, row.quantity);
    }
    rows.into_iter()
        .map(|row| {
            let id = row.root_id;
            let mut order = header(row)?;
            order.facts.terms.lines = lines.remove(&id).unwrap_or_default();
            order.facts.payments = payments.remove(&id).unwrap_or_default();
            order.facts.returns = returns.remove(&id).unwrap_or_default();
            Ok(order)
        })
        .collect()
}

/// Stores what was added to orders: six statements at the most. Each order may come once.
///
/// # Errors
/// The database's.
pub async fn save<'a>(tx: &Tx, changed: impl IntoIterator<Item = (&'a Order, &'a News, bool)>) -> Result<()> {
    let (mut made, mut revised) = (Rows::new(&ORDERS), Rows::new(&REVISED));
    let (mut lines, mut payments) = (Rows::new(&LINES), Rows::new(&PAYMENTS));
    let (mut returns, mut return_lines) = (Rows::new(&RETURNS), Rows::new(&RETURN_LINES));
    for (order, news, historical) in changed {
        let id = order.facts.name.uuid();
        if news.placed {
            push_order(&mut made, order, historical);
            push_lines(&mut lines, order);
        } else {
            let (cancel_time, cancel_reason) = cancellation_cells(order);
            revised.push([
                id.into(),
                cancel_time.into(),
                cancel_reason.into(),
                order.facts.state().as_str().into(),
                order.revision.into(),
                order.update_time.into(),
            ]);
        }
        for (number, payment) in order.facts.payments.iter().filter(|(number, _)| news.payments.contains(number)) {
            payments.push([
                id.into(),
                (*number).into(),
                payment.method.as_str().into(),
                payment.amount_minor.into(),
                payment.instalments.into(),
                payment.pay_time.into(),
            ]);
        }
        for (return_id, back) in order.facts.returns.iter().filter(|(return_id, _)| news.returns.contains(return_id)) {
            returns.push([id.into(), return_id.as_str().into(), back.return_time.into(), back.reason.as_str().into()]);
            for (line, quantity) in &back.lines {
                return_lines.push([id.into(), return_id.as_str().into(), (*line).into(), (*quantity).into()]);
            }
        }
    }
    made.insert(tx).await?;
    revised.update(tx, &["root_id"]).await?;
    lines.insert(tx).await?;
    payments.insert(tx).await?;
    returns.insert(tx).await?;
    return_lines.insert(tx).await
}

fn push_order(rows: &mut Rows, order: &Order, historical: bool) {
    let Report { name, organization, terms, .. } = &order.facts;
    let (cancel_time, cancel_reason) = cancellation_cells(order);
    rows.push([
        name.uuid().into(),
        organization.slug().into(),
        name.source().into(),
        name.number().into(),
        order.customer.uuid().into(),
        terms.order_time.into(),
        terms.store.as_str().into(),
        terms.currency.code().into(),
        order.facts.total_minor().into(),
        terms.promised_date.map(|date| date.to_string()).into(),
        terms.destination_zone.as_str().into(),
        cancel_time.into(),
        cancel_reason.into(),
        order.facts.state().as_str().into(),
        order.revision.into(),
        historical.into(),
        order.create_time.into(),
        order.update_time.into(),
    ]);
}

fn push_lines(rows: &mut Rows, order: &Order) {
    for (number, line) in &order.facts.terms.lines {
        rows.push([
            order.facts.name.uuid().into(),
            (*number).into(),
            line.product.as_str().into(),
            line.category.as_str().into(),
            line.brand.as_str().into(),
            line.seller.as_str().into(),
            line.quantity.into(),
            line.price_minor.into(),
            line.delivery_minor.into(),
            line.tax_minor.into(),
        ]);
    }
}

fn cancellation_cells(order: &Order) -> (Option<guanxi_kernel::Timestamp>, &str) {
    match &order.facts.cancellation {
        Some(cancellation) => (Some(cancellation.cancel_time), cancellation.reason.as_str()),
        None => (None, ""),
    }
}

/// An order from its row, without lines, payments and returns.
///
/// # Errors
/// Where the row holds what the code does not understand.
pub fn header(row: orders::Model) -> Result<Order> {
    let promised_date = row.promised_date.map(|date| parsed(&date, "orders.promised_date")).transpose()?;
    let reason = row.cancel_reason;
    let cancellation = row.cancel_time.map(|at| Cancellation { cancel_time: time::from_column(at), reason });
    Ok(Order {
        facts: Report {
            name: OrderName::new(&row.source, &row.number).map_err(StoreError::row)?,
            organization: organization(&row.organization)?,
            terms: Terms {
                order_time: time::from_column(row.order_time),
                store: row.store,
                currency: parsed(&row.currency, "orders.currency")?,
                promised_date,
                destination_zone: row.destination_zone,
                lines: BTreeMap::new(),
            },
            payments: BTreeMap::new(),
            returns: BTreeMap::new(),
            cancellation,
        },
        customer: CustomerId(row.customer_id),
        revision: row.revision,
        create_time: time::from_column(row.create_time),
        update_time: time::from_column(row.update_time),
    })
}

fn line(row: order_lines::Model) -> Line {
    Line {
        product: row.product,
        category: row.category,
        brand: row.brand,
        seller: row.seller,
        quantity: row.quantity,
        price_minor: row.price_minor,
        tax_minor: row.tax_minor,
        delivery_minor: row.delivery_minor,
    }
}

fn payment(row: &order_payments::Model) -> Result<Payment> {
    let method = PaymentMethod::from_name(&row.method);
    Ok(Payment {
        method: method.ok_or_else(|| StoreError::Row(format!("order_payments.method holds {:?}", row.method)))?,
        amount_minor: row.amount_minor,
        instalments: row.instalments,
        pay_time: row.pay_time.map(time::from_column),
    })
}
