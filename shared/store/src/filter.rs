//! Filters and orders of lists (AIP-160, AIP-132) over a closed list of fields, each a column on an index, and the
//! keyset that pages go by. `a AND b OR c` means `a AND (b OR c)`: the grammar gives OR the higher precedence.

use aip_160::{Arg, Comparator, Expression, Filter, Value as Literal};
use guanxi_kernel::{Refused, Timestamp, Uuid};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, Order, QueryOrder, Select, Value};

use crate::time;

/// What a field holds, and so what its values look like in a filter.
#[derive(Debug, Clone, Copy)]
pub enum Holds {
    /// A text.
    Text,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// An instant: RFC 3339, quoted.
    Time,
    /// The key of a resource, written as its name: this turns one into the other.
    Name(fn(&str) -> Option<Uuid>),
    /// The slug of a resource, written as its name: this is what stands before the slug, such as `organizations/`.
    Slug(&'static str),
    /// One of these: as the contract spells it, and as the column does.
    OneOf(&'static [(&'static str, &'static str)]),
}

/// A field that a filter or an order may name.
#[derive(Debug, Clone, Copy)]
pub struct Field<C> {
    /// Its path in the contract.
    pub name: &'static str,
    /// Its column; never NULL where an order may name it.
    pub column: C,
    /// What it holds.
    pub holds: Holds,
}

impl<C> Field<C> {
    /// A field.
    pub const fn new(name: &'static str, column: C, holds: Holds) -> Self {
        Self { name, column, holds }
    }
}

/// The condition that a filter means; an empty one holds for everything.
///
/// # Errors
/// INVALID_ARGUMENT in `filter`: `FILTER_MALFORMED`, `FILTER_FIELD_UNKNOWN`, `FILTER_OPERATOR`, `FILTER_VALUE`.
pub fn condition<C: ColumnTrait>(filter: &str, fields: &[Field<C>]) -> Result<Condition, Refused> {
    let parsed: Filter = aip_160::parse_filter(filter)
        .map_err(|error| Refused::invalid("filter", "FILTER_MALFORMED", format!("is not a filter: {error}")))?;
    match &parsed.expression {
        None => Ok(Condition::all()),
        Some(expression) => build(expression, fields),
    }
}

fn build<C: ColumnTrait>(expression: &Expression, fields: &[Field<C>]) -> Result<Condition, Refused> {
    let each = |parts: &[Expression], into: Condition| {
        parts.iter().try_fold(into, |all, part| Ok(all.add(build(part, fields)?)))
    };
    match expression {
        Expression::And(parts) | Expression::Sequence(parts) => each(parts, Condition::all()),
        Expression::Or(parts) => each(parts, Condition::any()),
        Expression::Not(part) => Ok(build(part, fields)?.not()),
        Expression::Global(_) => {
            let description = "names no field: write field = value";
            Err(Refused::invalid("filter", "FILTER_MALFORMED", description))
        }
        Expression::Restriction(restriction) => {
            let path = restriction.comparable.field_path().unwrap_or_default();
            let field = known(&path, fields, "filter", "FILTER_FIELD_UNKNOWN")?;
            let Some(literal) = literal(&restriction.arg) else {
                return Err(Refused::invalid(
                    "filter",
                    "FILTER_VALUE",
                    format!("{path} is compared with no plain value"),
                ));
            };
            restrict(field, restriction.comparator, literal)
        }
    }
}

fn literal(arg: &Arg) -> Option<&str> {
    match arg.as_value()? {
        Literal::Text(text) | Literal::String(text) => Some(text),
    }
}

fn restrict<C: ColumnTrait>(field: &Field<C>, comparator: Comparator, literal: &str) -> Result<Condition, Refused> {
    let ordered = !matches!(field.holds, Holds::Bool | Holds::Name(_) | Holds::Slug(_) | Holds::OneOf(_));
    let value = value(field, literal).ok_or_else(|| {
        let description = format!("{literal:?} is not a value of {}: {}", field.name, expected(field.holds));
        Refused::invalid("filter", "FILTER_VALUE", description)
    })?;
    let column = Expr::col(field.column.as_column_ref());
    let condition = match comparator {
        Comparator::Equal | Comparator::Has => column.eq(value),
        Comparator::NotEqual => column.ne(value),
        Comparator::GreaterThan if ordered => column.gt(value),
        Comparator::GreaterThanOrEqual if ordered => column.gte(value),
        Comparator::LessThan if ordered => column.lt(value),
        Comparator::LessThanOrEqual if ordered => column.lte(value),
        _ => {
            let description = format!("{} has no order: compare it with = or !=", field.name);
            return Err(Refused::invalid("filter", "FILTER_OPERATOR", description));
        }
    };
    Ok(Condition::all().add(condition))
}

fn known<'a, C>(path: &str, fields: &'a [Field<C>], of: &str, rule: &str) -> Result<&'a Field<C>, Refused> {
    fields.iter().find(|field| field.name == path).ok_or_else(|| {
        let names: Vec<_> = fields.iter().map(|field| field.name).collect();
        Refused::invalid(of, rule, format!("{path:?} is not a field of this list: one of {}", names.join(", ")))
    })
}

fn value<C>(field: &Field<C>, literal: &str) -> Option<Value> {
    Some(match field.holds {
        Holds::Text => literal.into(),
        Holds::Int => literal.parse::<i64>().ok()?.into(),
        Holds::Bool => literal.parse::<bool>().ok()?.into(),
        Holds::Time => time::to_column(literal.parse::<Timestamp>().ok()?).into(),
        Holds::Name(key) => key(literal)?.into(),
        Holds::Slug(collection) => literal.strip_prefix(collection)?.into(),
        Holds::OneOf(known) => known.iter().find(|(name, _)| *name == literal)?.1.into(),
    })
}

fn expected(holds: Holds) -> String {
    match holds {
        Holds::Text => "a text".into(),
        Holds::Int => "a whole number".into(),
        Holds::Bool => "true or false".into(),
        Holds::Time => "an instant such as \"2026-11-22T04:42:00Z\"".into(),
        Holds::Name(_) | Holds::Slug(_) => "a resource name".into(),
        Holds::OneOf(known) => format!("one of {}", known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")),
    }
}

/// The order of a list: what the caller asked for, then the key, so that it is total.
#[derive(Debug, Clone)]
pub struct Ordering<C> {
    columns: Vec<(Field<C>, Order)>,
}

impl<C: ColumnTrait> Ordering<C> {
    /// Reads `order_by` (`field`, `field desc`, commas between). `key` is the column that makes the order total.
    ///
    /// # Errors
    /// INVALID_ARGUMENT in `order_by`: `ORDER_FIELD_UNKNOWN`, `ORDER_MALFORMED`.
    pub fn parse(order_by: &str, fields: &[Field<C>], key: Field<C>) -> Result<Self, Refused> {
        let mut columns: Vec<(Field<C>, Order)> = Vec::new();
        for part in order_by.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let mut words = part.split_ascii_whitespace();
            let path = words.next().unwrap_or_default();
            let order = match (words.next(), words.next()) {
                (None, _) | (Some("asc"), None) => Order::Asc,
                (Some("desc"), None) => Order::Desc,
                _ => {
                    let description = format!("{part:?} is not `field`, `field asc` or `field desc`");
                    return Err(Refused::invalid("order_by", "ORDER_MALFORMED", description));
                }
            };
            columns.push((*known(path, fields, "order_by", "ORDER_FIELD_UNKNOWN")?, order));
        }
        let direction = columns.last().map_or(Order::Asc, |(_, order)| order.clone());
        columns.push((key, direction));
        Ok(Self { columns })
    }

    /// Puts a query into this order.
    pub fn apply<E: EntityTrait<Column = C>>(&self, query: Select<E>) -> Select<E> {
        self.columns.iter().fold(query, |query, (field, order)| query.order_by(field.column, order.clone()))
    }

    /// The fields of the order, the key last: a page token holds a value for each, in the form of a filter's.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(field, _)| field.name)
    }

    /// The condition of the page after the item with these values.
    ///
    /// # Errors
    /// INVALID_ARGUMENT in `page_token` where they do not fit.
    pub fn after(&self, key: &[String]) -> Result<Condition, Refused> {
        let malformed =
            || Refused::invalid("page_token", "PAGE_TOKEN_MALFORMED", "is not a token that a page returned");
        if key.len() != self.columns.len() {
            return Err(malformed());
        }
        let values = self.columns.iter().zip(key).map(|((field, _), text)| value(field, text).ok_or_else(malformed));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let mut any = Condition::any();
        for at in 0..self.columns.len() {
            let mut all = Condition::all();
            for ((field, _), value) in self.columns.iter().zip(&values).take(at) {
                all = all.add(Expr::col(field.column.as_column_ref()).eq(value.clone()));
            }
            let (field, order) = &self.columns[at];
            let column = Expr::col(field.column.as_column_ref());
            let beyond =
                if *order == Order::Desc { column.lt(values[at].clone()) } else { column.gt(values[at].clone()) };
            any = any.add(all.add(beyond));
        }
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::{DbBackend, QueryFilter, QueryTrait};

    mod thing {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
        #[sea_orm(table_name = "thing")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub size: i64,
            pub state: String,
            pub owner: String,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    }
    use thing::Column;

    const FIELDS: &[Field<Column>] = &[
        Field::new("size", Column::Size, Holds::Int),
        Field::new("state", Column::State, Holds::OneOf(&[("OPEN", "open"), ("CLOSED", "closed")])),
        Field::new("owner", Column::Owner, Holds::Slug("owners/")),
    ];

    #[allow(clippy::disallowed_methods, reason = "nothing is queried")]
    fn sql(condition: Condition) -> String {
        let sql = thing::Entity::find().filter(condition).build(DbBackend::Sqlite).to_string();
        sql.split_once("WHERE ").map_or(String::new(), |(_, condition)| condition.replace("\"thing\".", ""))
    }

    #[test]
    fn or_binds_more_tightly_than_and() {
        let condition = condition("state = OPEN AND size = 1 OR size = 2", FIELDS).expect("a filter");
        assert_eq!(sql(condition), r#""state" = 'open' AND ("size" = 1 OR "size" = 2)"#);
    }

    #[test]
    fn what_a_filter_cannot_mean_is_refused_with_the_reason() {
        let rule = |filter: &str| match condition(filter, FIELDS) {
            Ok(condition) => sql(condition),
            Err(refused) => refused.field_violations()[0].rule.clone(),
        };
        assert_eq!(rule("colour = red"), "FILTER_FIELD_UNKNOWN");
        assert_eq!(rule("size = big"), "FILTER_VALUE");
        assert_eq!(rule("state = GONE"), "FILTER_VALUE");
        assert_eq!(rule("state > OPEN"), "FILTER_OPERATOR");
        assert_eq!(rule("size = "), "FILTER_MALFORMED");
        assert_eq!(rule("big"), "FILTER_MALFORMED");
        assert_eq!(rule("owner = hk"), "FILTER_VALUE");
        assert_eq!(rule(r#"owner = "owners/hk""#), r#""owner" = 'hk'"#);
        assert_eq!(rule("NOT size = 1"), r#"NOT "size" = 1"#);
        assert_eq!(rule(""), "TRUE");
    }

    #[test]
    fn a_page_goes_on_after_its_last_item_in_the_lists_order() {
        let key = Field::new("id", Column::Id, Holds::Int);
        let order = Ordering::parse("size desc", FIELDS, key).expect("an order");
        let after = order.after(&["7".into(), "3".into()]).expect("a key");
        assert_eq!(sql(after), r#""size" < 7 OR ("size" = 7 AND "id" < 3)"#);
        assert!(order.after(&["7".into()]).is_err() && order.after(&["x".into(), "3".into()]).is_err());
        assert!(Ordering::parse("size up", FIELDS, key).is_err() && Ordering::parse("colour", FIELDS, key).is_err());
    }
}
