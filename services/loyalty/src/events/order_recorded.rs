//! OrderRecorded → the customer becomes a member where the program says so, and the order earns, once, in every program of
//! its organisation that the customer belongs to. What waited for the order is handled.
//! Effect: applied once, in any order; never parks.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::OrderRecorded;
use guanxi_contracts::time;
use guanxi_kernel::Timestamp;
use guanxi_kernel::name::MemberId;
use guanxi_messaging::{Delivered, Handler, Meta, Outcome};
use guanxi_store::{Result, Tx};

use super::{Caused, decide, of, programs_of};
use crate::domain::delivery::Delivery;
use crate::domain::ledger::{Book, Command};
use crate::domain::purchase::{Purchase, PurchaseLine, Setting};
use crate::domain::spending::Earn;
use crate::store::members::{self, Member};
use crate::store::orders::{self, KnownOrder};
use crate::store::programs::Programs;
use crate::store::{accounts, book, occasions, tiers};

/// Handles OrderRecorded.
#[derive(Debug)]
pub struct RecordOrders {
    programs: Programs,
}

impl RecordOrders {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

/// An order as it was told.
struct Recorded<'a> {
    order: KnownOrder,
    order_time: Timestamp,
    /// What earns; none where the order has no lines.
    purchase: Option<Purchase>,
    meta: &'a Meta,
}

#[async_trait]
impl Handler for RecordOrders {
    type Event = OrderRecorded;

    async fn handle(&self, tx: &Tx, events: &[Delivered<OrderRecorded>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events.iter().map(recorded).collect();
        let recorded: Vec<&Recorded<'_>> = read.iter().flatten().collect();
        let (mut book, new) = self.enroll(tx, &recorded).await?;
        let mut caused = Vec::new();
        for Recorded { order, order_time, purchase, meta } in recorded.iter().copied() {
            let Some(purchase) = purchase else { continue };
            for program in of(&book.programs, &order.organization) {
                let (name, purchase) = (order.name.clone(), purchase.clone());
                let command = Command::Earn(Earn { order: name, purchase, effective_time: *order_time });
                caused.push(Caused { member: program.id.member(order.customer), command, meta });
            }
        }
        let wanted: Vec<_> = caused.iter().map(|caused| (caused.member, &caused.command)).collect();
        book::complete(tx, &mut book, &wanted).await?;
        let known = recorded.iter().map(|recorded| (recorded.order.name.uuid(), recorded.order.clone())).collect();
        orders::insert(tx, &known).await?;
        decide(tx, &mut book, &caused, &new).await?;
        recorded.iter().for_each(|recorded| tx.known(recorded.order.name.as_str()));
        Ok(read.into_iter().map(|read| read.err().unwrap_or(Outcome::Done)).collect())
    }
}

impl RecordOrders {
    /// The accounts of the members who placed these orders; those who become members with them are new.
    async fn enroll(&self, tx: &Tx, recorded: &[&Recorded<'_>]) -> Result<(Book, BTreeSet<MemberId>)> {
        let programs = programs_of(tx, &self.programs, recorded.iter().map(|recorded| &recorded.order)).await?;
        let mut candidates = BTreeMap::new();
        for Recorded { order, order_time, meta, .. } in recorded {
            for program in of(&programs, &order.organization) {
                let member = Member::enroll(program, order.customer, *order_time, tx.now());
                candidates.entry(member.id).or_insert((member, program.terms.auto_enroll, *meta));
            }
        }
        let ids: Vec<_> = candidates.keys().map(|member| member.uuid()).collect();
        let locked = accounts::lock(tx, &ids).await?;
        let mut accounts: BTreeMap<_, _> = locked.into_iter().map(|account| (account.member, account)).collect();
        let mut enrolled = Vec::new();
        for (member, auto_enroll, meta) in candidates.into_values() {
            if auto_enroll && !accounts.contains_key(&member.id) {
                accounts.insert(member.id, member.account());
                tx.emit_for(member.enrolled(meta.historical), meta.traceparent.clone());
                enrolled.push(member);
            }
        }
        members::insert(tx, &enrolled).await?;
        enrolled.iter().for_each(|member| tx.known(member.customer.to_string()));
        let new = enrolled.iter().filter_map(|member| Some((member.id, &**programs.get(&member.program)?)));
        tiers::enrolled(tx, new.clone()).await?;
        occasions::enrolled(tx, new).await?;
        let new = enrolled.into_iter().map(|member| member.id).collect();
        Ok((Book { accounts, programs, ..Book::default() }, new))
    }
}

fn recorded(delivered: &Delivered<OrderRecorded>) -> Result<Recorded<'_>, Outcome> {
    let Delivered { event, meta } = delivered;
    let name = super::order(&event.order)?;
    let customer = event.customer.parse().map_err(|error| Outcome::Dead(format!("customer: {error}")))?;
    let delivery = Delivery::expected(&name, event.lines.iter().map(|line| line.seller.as_str()));
    let order = KnownOrder { name, organization: meta.organization.clone(), customer, delivery };
    let order_time = event.order_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
    Ok(Recorded { order, order_time, purchase: purchase(event)?, meta })
}

fn purchase(event: &OrderRecorded) -> Result<Option<Purchase>, Outcome> {
    if event.lines.is_empty() {
        return Ok(None);
    }
    let currency = event.currency_code.parse().map_err(|error| Outcome::Dead(format!("currency: {error}")))?;
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let lines = event.lines.iter().map(|line| PurchaseLine {
        line: line.line,
        category: text(&line.category),
        product: text(&line.product),
        brand: text(&line.brand),
        labels: Vec::new(),
        quantity: line.quantity.max(1),
        price_minor: line.price_minor.max(0),
        delivery_minor: line.delivery_minor.max(0),
    });
    let channel = if event.store.is_empty() { "online" } else { "store" };
    let setting = Setting { channel: channel.to_owned(), store: event.store.clone(), ..Setting::default() };
    let purchase = Purchase::new(currency, lines.collect(), 0).map(|purchase| purchase.at(setting));
    purchase.map(Some).map_err(|error| Outcome::Dead(format!("lines: {error}")))
}
