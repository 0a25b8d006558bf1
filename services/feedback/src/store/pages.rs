//! Lists by page: what a filter finds, in one fixed order, a page after the other by key.

use guanxi_kernel::{PageRequest, Refused, Uuid};
use guanxi_store::filter::{self, Field, Ordering};
use guanxi_store::{Owned, Result, Session};
use sea_orm::{QueryFilter, QuerySelect};

/// A list: what a filter may name, the order, and the key that makes the order total.
pub struct List<C: 'static> {
    /// What a filter may name.
    pub fields: &'static [Field<C>],
    /// The order, such as `create_time desc`.
    pub order: &'static str,
    /// The key.
    pub key: Field<C>,
}

impl<C: sea_orm::ColumnTrait> List<C> {
    /// Checks a filter before anything is read.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a filter that is none.
    pub fn check(&self, filter: &str) -> Result<(), Refused> {
        filter::condition(filter, self.fields).map(|_| ())
    }

    /// The rows of a page that the caller may read, and whether there are more.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a filter or page token that is none; the database's.
    pub async fn rows<E, S>(&self, session: &S, filter: &str, page: &PageRequest) -> Result<(Vec<E::Model>, bool)>
    where
        E: Owned<Column = C>,
        S: Session,
    {
        let order = Ordering::parse(self.order, self.fields, self.key)?;
        let mut query = session.find::<E>().filter(filter::condition(filter, self.fields)?);
        if let Some(after) = &page.after {
            query = query.filter(order.after(after)?);
        }
        let query = order.apply(query).limit(u64::from(page.size) + 1);
        let mut rows = query.all(session.connection()).await?;
        let more = rows.len() > page.size as usize;
        rows.truncate(page.size as usize);
        Ok((rows, more))
    }
}

/// The key of a customer, from its name.
pub fn customer(name: &str) -> Option<Uuid> {
    Some(name.parse::<guanxi_kernel::name::CustomerId>().ok()?.uuid())
}
