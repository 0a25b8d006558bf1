//! Pages of a list: a filter and an order over a closed list of columns, read one row further than shown.

use guanxi_kernel::{PageRequest, Refused};
use guanxi_store::filter::{Field, Ordering, condition};
use guanxi_store::{Result, Session};
use sea_orm::{Condition, EntityTrait, QueryFilter, QuerySelect, Select};

/// What a list is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// AIP-160; empty means all.
    pub filter: &'a str,
    /// AIP-132; not empty.
    pub order_by: &'a str,
    /// Which page.
    pub page: &'a PageRequest,
}

/// What a list may be filtered and ordered by.
pub struct List<C: 'static> {
    pub(super) filters: &'static [Field<C>],
    pub(super) orders: &'static [Field<C>],
    pub(super) key: Field<C>,
}

/// The rows of a page.
pub(super) struct Page<M> {
    pub(super) rows: Vec<M>,
    more: bool,
    fields: Vec<&'static str>,
}

impl<C: sea_orm::ColumnTrait> List<C> {
    /// Checks a filter and an order before anything is read.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with all that is wrong with them.
    pub fn check(&self, filter: &str, order_by: &str) -> Result<(), Refused> {
        self.parse(filter, order_by).map(|_| ())
    }

    fn parse(&self, filter: &str, order_by: &str) -> Result<(Condition, Ordering<C>), Refused> {
        match (condition(filter, self.filters), Ordering::parse(order_by, self.orders, self.key)) {
            (Ok(filter), Ok(ordering)) => Ok((filter, ordering)),
            (filter, ordering) => {
                let wrong = [filter.err(), ordering.err()].into_iter().flatten();
                let wrong = wrong.flat_map(|refused| refused.field_violations().to_vec());
                Err(Refused::violations(wrong.collect()))
            }
        }
    }

    /// Reads a page of `query`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with all that is wrong with filter, order and token; the database's.
    pub(super) async fn read<E>(
        &self,
        session: &impl Session,
        query: Select<E>,
        asked: Asked<'_>,
    ) -> Result<Page<E::Model>>
    where
        E: EntityTrait<Column = C>,
    {
        let (filter, ordering) = self.parse(asked.filter, asked.order_by)?;
        let shown = asked.page.size as usize;
        let mut query = query.filter(filter).limit(u64::from(asked.page.size) + 1);
        if let Some(after) = &asked.page.after {
            query = query.filter(ordering.after(after)?);
        }
        let mut rows = ordering.apply(query).all(session.connection()).await?;
        let more = rows.len() > shown;
        rows.truncate(shown);
        Ok(Page { rows, more, fields: ordering.fields().collect() })
    }
}

impl<M> Page<M> {
    /// The token of the next page; empty on the last. `value` tells a field's value of the last item shown.
    pub(super) fn next<T>(&self, asked: Asked<'_>, last: Option<&T>, value: impl Fn(&T, &str) -> String) -> String {
        let last = last.filter(|_| self.more);
        last.map_or_else(String::new, |last| {
            asked.page.next(self.fields.iter().map(|field| value(last, field)).collect())
        })
    }
}
