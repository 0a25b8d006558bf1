//! An export as it was read: its tables joined by their keys, every value read, and what is wrong left out.
//!
//! An order whose row, item or payment is bad stays out whole; anything else that is bad costs itself only.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use guanxi_client::contracts::customer::v1::PaymentMethod;
use guanxi_kernel::{OrderName, Timestamp};
use jiff::civil::Date;

use super::mapping::{Mapping, payment_method};
use super::rejects::{Place, Rejects};
use super::table::{Fault, Row, Table};
use super::value::{Format, Moment, whole};
use crate::failed::{Done, Failed};

/// Where in the list the customer of each key is.
type ByKey = HashMap<String, usize>;

/// What goes in, except the reviews, which are read as they are sent.
#[derive(Debug, Default)]
pub struct Export {
    /// The customers' rows, each with when their source came to know them.
    pub customers: Vec<Customer>,
    /// The orders.
    pub orders: Vec<Order>,
    /// The numbers of all orders that have a row, those too that are left out.
    pub numbers: HashSet<String>,
    /// Orders that have a row and stay out.
    pub left_out: usize,
}

/// A customer's row.
#[derive(Debug)]
pub struct Customer {
    pub place: Place,
    pub external_id: String,
    /// When an order of this row was placed; the export's first one where it has none.
    pub event_time: Option<Timestamp>,
    pub display_name: String,
    pub given_name: String,
    pub family_name: String,
    pub birth_date: String,
    pub phone: String,
    pub email: String,
    pub card: String,
    pub language_code: String,
    pub postal_code: String,
    pub locality: String,
    pub administrative_area: String,
    pub address_lines: Vec<String>,
}

/// An order with its items and payments.
#[derive(Debug)]
pub struct Order {
    pub place: Place,
    pub name: OrderName,
    /// The customer, as the source calls it.
    pub external_id: String,
    pub order_time: Timestamp,
    pub promised_date: Option<Date>,
    /// When it was cancelled, and in which word; `None` where it was not.
    pub cancelled: Option<(Moment, String)>,
    pub items: Vec<Item>,
    pub payments: Vec<Payment>,
    /// What was said of its packages: places in the mapping's `orders.tracking`, and when.
    pub tracking: Vec<(usize, Moment)>,
}

/// One line of an order.
#[derive(Debug)]
pub struct Item {
    pub line: i32,
    pub product: String,
    pub category: String,
    pub seller: String,
    pub quantity: i64,
    pub price_minor: i64,
    pub delivery_minor: i64,
}

/// One payment of an order.
#[derive(Debug)]
pub struct Payment {
    pub number: i32,
    pub method: PaymentMethod,
    pub amount_minor: i64,
    pub instalments: i32,
}

/// The rows of a table by the order that they belong to.
struct Parts<T> {
    file: String,
    order_column: String,
    rows: HashMap<String, Vec<(Place, T)>>,
    /// Orders with a row that is bad.
    bad: HashSet<String>,
    /// Whether the table could be read at all.
    there: bool,
}

/// Reads an export.
///
/// # Errors
/// A file that is not there or cannot be read.
pub fn read(dir: &Path, mapping: &Mapping, rejects: &mut Rejects) -> Done<Export> {
    let reader = Reader { dir, mapping, format: mapping.value_format().map_err(Failed::usage)? };
    let categories = reader.categories(rejects)?;
    let items = reader.items(&categories, rejects)?;
    let payments = reader.payments(rejects)?;
    let (customers, by_key) = reader.customers(rejects)?;
    let mut export = Export { customers, ..Export::default() };
    reader.orders(&mut export, &by_key, items, payments, rejects)?;
    let first = export.customers.iter().filter_map(|customer| customer.event_time).min();
    for customer in &mut export.customers {
        customer.event_time = customer.event_time.or(first);
    }
    Ok(export)
}

struct Reader<'a> {
    dir: &'a Path,
    mapping: &'a Mapping,
    format: Format,
}

impl Reader<'_> {
    fn open(&self, file: &str, columns: &[&str], rejects: &mut Rejects) -> Done<Option<Table>> {
        Table::open(self.dir, file, columns, self.mapping, rejects)
    }

    /// The category of each product, under its other name where it has one.
    fn categories(&self, rejects: &mut Rejects) -> Done<HashMap<String, String>> {
        let mut names = HashMap::new();
        if let Some(columns) = &self.mapping.categories {
            names = self.pairs(&columns.file, &columns.key, &columns.name, rejects)?;
        }
        let Some(columns) = &self.mapping.products else { return Ok(HashMap::new()) };
        let products = self.pairs(&columns.file, &columns.key, &columns.category, rejects)?;
        let named = |category: String| names.get(&category).cloned().unwrap_or(category);
        Ok(products.into_iter().map(|(product, category)| (product, named(category))).collect())
    }

    /// A table of two columns; the first one is unique.
    fn pairs(&self, file: &str, key: &str, value: &str, rejects: &mut Rejects) -> Done<HashMap<String, String>> {
        let mut pairs = HashMap::new();
        let Some(mut table) = self.open(file, &[key, value], rejects)? else { return Ok(pairs) };
        while let Some(row) = table.row()? {
            let read = row.check().and_then(|()| {
                let name = row.required(key)?.into_owned();
                let fresh = pairs.insert(name, row.text(value).into_owned()).is_none();
                if fresh { Ok(()) } else { Err(Fault::new(key, "is there twice")) }
            });
            rejects.note(&row.place, read);
        }
        Ok(pairs)
    }

    fn items(&self, categories: &HashMap<String, String>, rejects: &mut Rejects) -> Done<Parts<Item>> {
        let columns = &self.mapping.items;
        let mut needed = vec![&*columns.order, &columns.line, &columns.product, &columns.seller, &columns.price];
        needed.extend(columns.quantity.as_deref());
        needed.extend(columns.delivery.as_deref());
        let number = |item: &Item| item.line;
        self.parts(&columns.file, &needed, (&columns.order, &columns.line), number, rejects, |row| {
            let product = row.required(&columns.product)?.into_owned();
            Ok(Item {
                line: row.read(&columns.line, number_from_one)?,
                category: categories.get(&product).cloned().unwrap_or_default(),
                product,
                seller: row.required(&columns.seller)?.into_owned(),
                quantity: match &columns.quantity {
                    Some(column) => row.read(column, |text| whole(text, 1, 1_000_000))?,
                    None => 1,
                },
                price_minor: row.read(&columns.price, |text| self.format.amount(text))?,
                delivery_minor: match &columns.delivery {
                    Some(column) => row.read(column, |text| self.format.amount(text))?,
                    None => 0,
                },
            })
        })
    }

    fn payments(&self, rejects: &mut Rejects) -> Done<Parts<Payment>> {
        let Some(columns) = &self.mapping.payments else { return Ok(Parts::new("", "", true)) };
        let mut needed = vec![&*columns.order, &columns.number, &columns.method, &columns.amount];
        needed.extend(columns.instalments.as_deref());
        let number = |payment: &Payment| payment.number;
        self.parts(&columns.file, &needed, (&columns.order, &columns.number), number, rejects, |row| {
            let method = |word: &str| {
                let method = columns.methods.get(word).and_then(|name| payment_method(name));
                method.ok_or_else(|| format!("{word:?} is not listed in the mapping's payments.methods"))
            };
            let instalments = match &columns.instalments {
                Some(column) => row.read_optional(column, |text| whole(text, 0, 1_000))?.unwrap_or(0),
                None => 0,
            };
            Ok(Payment {
                number: row.read(&columns.number, number_from_one)?,
                method: row.read(&columns.method, method)?,
                amount_minor: row.read(&columns.amount, |text| self.format.amount(text))?,
                instalments: i32::try_from(instalments).unwrap_or(i32::MAX),
            })
        })
    }

    /// The rows of a table whose rows belong to orders and are numbered within them.
    fn parts<T>(
        &self,
        file: &str,
        needed: &[&str],
        (order_column, number_column): (&str, &str),
        number: impl Fn(&T) -> i32,
        rejects: &mut Rejects,
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Done<Parts<T>> {
        let mut parts = Parts::new(file, order_column, false);
        let Some(mut table) = self.open(file, needed, rejects)? else { return Ok(parts) };
        parts.there = true;
        while let Some(row) = table.row()? {
            let taken = row.check().and_then(|()| {
                let part = read(&row)?;
                let rows = parts.rows.entry(row.required(order_column)?.into_owned()).or_default();
                if let Some((first, _)) = rows.iter().find(|(_, other)| number(other) == number(&part)) {
                    let reason = format!("{} is there twice, first in line {}", number(&part), first.line);
                    return Err(Fault::new(number_column, reason));
                }
                rows.push((row.place.clone(), part));
                Ok(())
            });
            if taken.is_err() {
                parts.bad.extend(row.key(order_column));
            }
            rejects.note(&row.place, taken);
        }
        Ok(parts)
    }

    /// The customers' rows, and where each key's is.
    fn customers(&self, rejects: &mut Rejects) -> Done<(Vec<Customer>, Option<ByKey>)> {
        let columns = &self.mapping.customers;
        let address = columns.address.as_ref();
        let mut needed = vec![&*columns.key, &columns.external_id];
        let named = [
            &columns.display_name,
            &columns.given_name,
            &columns.family_name,
            &columns.birth_date,
            &columns.phone,
            &columns.email,
            &columns.card,
            &columns.language_code,
        ];
        needed.extend(named.into_iter().filter_map(|column| column.as_deref()));
        if let Some(address) = address {
            let named = [&address.postal_code, &address.locality, &address.administrative_area];
            needed.extend(named.into_iter().filter_map(|column| column.as_deref()));
            needed.extend(address.lines.iter().map(String::as_str));
        }
        let (mut customers, mut by_key) = (Vec::new(), HashMap::new());
        let Some(mut table) = self.open(&columns.file, &needed, rejects)? else { return Ok((customers, None)) };
        while let Some(row) = table.row()? {
            let read = row.check().and_then(|()| {
                let text = |column: &Option<String>| row.optional(column.as_ref()).into_owned();
                let of_address = |column: fn(&super::mapping::Address) -> &Option<String>| {
                    address.map(|address| text(column(address))).unwrap_or_default()
                };
                let lines = address.into_iter().flat_map(|address| &address.lines);
                let customer = Customer {
                    place: row.place.clone(),
                    external_id: row.required(&columns.external_id)?.into_owned(),
                    event_time: None,
                    display_name: text(&columns.display_name),
                    given_name: text(&columns.given_name),
                    family_name: text(&columns.family_name),
                    birth_date: text(&columns.birth_date),
                    phone: text(&columns.phone),
                    email: text(&columns.email),
                    card: text(&columns.card),
                    language_code: text(&columns.language_code),
                    postal_code: of_address(|address| &address.postal_code),
                    locality: of_address(|address| &address.locality),
                    administrative_area: of_address(|address| &address.administrative_area),
                    address_lines: lines.map(|column| row.text(column).into_owned()).collect(),
                };
                let key = row.required(&columns.key)?;
                if by_key.contains_key(&*key) {
                    return Err(Fault::new(&columns.key, "is there twice"));
                }
                by_key.insert(key.into_owned(), customers.len());
                customers.push(customer);
                Ok(())
            });
            rejects.note(&row.place, read);
        }
        Ok((customers, Some(by_key)))
    }

    fn orders(
        &self,
        export: &mut Export,
        by_key: &Option<ByKey>,
        mut items: Parts<Item>,
        mut payments: Parts<Payment>,
        rejects: &mut Rejects,
    ) -> Done {
        let columns = &self.mapping.orders;
        let mut needed = vec![&*columns.number, &columns.customer, &columns.order_time];
        needed.extend(columns.promised_date.as_deref());
        needed.extend(columns.cancelled.as_ref().map(|cancelled| &*cancelled.column));
        needed.extend(columns.tracking.iter().map(|tracking| &*tracking.column));
        needed.sort_unstable();
        needed.dedup();
        // Nothing that the rows of other tables say is a fault of theirs where the orders cannot be read.
        let Some(mut table) = self.open(&columns.file, &needed, rejects)? else { return Ok(()) };
        while let Some(row) = table.row()? {
            if let Some(number) = row.key(&columns.number)
                && !export.numbers.insert(number)
                && row.cut.is_none()
            {
                rejects.add(&row.place, &columns.number, "is there twice: the first one counts");
                continue;
            }
            let Some(by_key) = by_key else {
                export.left_out += 1;
                continue;
            };
            let read = row.check().and_then(|()| self.order(&row, export, by_key));
            let place = row.place.clone();
            match read {
                Ok(order) if items.spoil(&order) || payments.spoil(&order) => export.left_out += 1,
                Ok(mut order) => {
                    order.items = items.take(order.name.number());
                    order.payments = payments.take(order.name.number());
                    export.orders.push(order);
                }
                Err(fault) => {
                    export.left_out += 1;
                    rejects.note(&place, Err(fault));
                }
            }
        }
        items.reject_foreign(&export.numbers, rejects);
        payments.reject_foreign(&export.numbers, rejects);
        Ok(())
    }

    fn order(&self, row: &Row<'_>, export: &mut Export, by_key: &ByKey) -> Result<Order, Fault> {
        let columns = &self.mapping.orders;
        let moment = |text: &str| self.format.moment(text);
        let order_time = row.read(&columns.order_time, moment)?;
        let customer = row.required(&columns.customer)?;
        let customer = by_key.get(&*customer).and_then(|at| export.customers.get_mut(*at));
        let customer = customer.ok_or_else(|| {
            Fault::new(&columns.customer, format!("has no good row in {}", self.mapping.customers.file))
        })?;
        customer.event_time = Some(customer.event_time.map_or(order_time.at, |known| known.min(order_time.at)));
        let external_id = customer.external_id.clone();
        let name = row.read(&columns.number, |number| {
            OrderName::new(&self.mapping.source, number).map_err(|error| error.to_string())
        })?;
        let promised = columns.promised_date.as_ref().map(|column| row.read_optional(column, moment)).transpose()?;
        let mut tracking = Vec::with_capacity(columns.tracking.len());
        for (at, said) in columns.tracking.iter().enumerate() {
            tracking.extend(row.read_optional(&said.column, moment)?.map(|moment| (at, moment)));
        }
        let cancelled = columns.cancelled.as_ref().and_then(|cancelled| {
            let word = row.text(&cancelled.column);
            let last = tracking.iter().map(|(_, moment)| *moment).max_by_key(|moment| moment.at).unwrap_or(order_time);
            cancelled.values.iter().any(|value| *value == word).then(|| (last, word.into_owned()))
        });
        Ok(Order {
            place: row.place.clone(),
            name,
            external_id,
            order_time: order_time.at,
            promised_date: promised.flatten().map(|moment| moment.date),
            cancelled,
            items: Vec::new(),
            payments: Vec::new(),
            tracking,
        })
    }
}

/// A number of a line or payment.
fn number_from_one(text: &str) -> Result<i32, String> {
    whole(text, 1, i64::from(i32::MAX)).map(|number| i32::try_from(number).unwrap_or(i32::MAX))
}

impl<T> Parts<T> {
    fn new(file: &str, order_column: &str, there: bool) -> Self {
        let (file, order_column) = (file.to_owned(), order_column.to_owned());
        Self { file, order_column, rows: HashMap::new(), bad: HashSet::new(), there }
    }

    /// Whether an order cannot be whole by this table.
    fn spoil(&self, order: &Order) -> bool {
        !self.there || self.bad.contains(order.name.number())
    }

    /// What belongs to an order.
    fn take(&mut self, order: &str) -> Vec<T> {
        let rows = self.rows.remove(order).unwrap_or_default();
        rows.into_iter().map(|(_, part)| part).collect()
    }

    /// Notes the rows of orders that there are not.
    fn reject_foreign(&self, numbers: &HashSet<String>, rejects: &mut Rejects) {
        let foreign = self.rows.iter().filter(|(order, _)| !numbers.contains(*order));
        for (place, _) in foreign.flat_map(|(_, rows)| rows) {
            debug_assert_eq!(*place.file, *self.file);
            rejects.add(place, &self.order_column, "there is no such order");
        }
    }
}

impl Rejects {
    /// Notes what is wrong with a row, if anything is.
    pub fn note(&mut self, place: &Place, read: Result<(), Fault>) {
        if let Err(Fault { field, reason }) = read {
            self.add(place, &field, reason);
        }
    }
}
