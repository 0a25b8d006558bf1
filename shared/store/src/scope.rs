//! Whose data: every query starts from [`Session::find`], which filters by the organisations that the caller may read.

use guanxi_kernel::{Call, OrganizationId, Refused, Timestamp};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, Select};

use crate::{Database, Tx};

/// An entity whose rows belong to an organisation.
pub trait Owned: EntityTrait {
    /// The column that holds the organisation's slug.
    const ORGANIZATION: Self::Column;
}

/// Something to query with, on behalf of a caller: a transaction or a reader.
pub trait Session: Sync {
    /// What the driver needs.
    type Connection: ConnectionTrait;

    /// The connection underneath, for statements that name their rows by root.
    fn connection(&self) -> &Self::Connection;

    /// Who asks.
    fn call(&self) -> &Call;

    /// The instant of this transaction or read.
    fn now(&self) -> Timestamp;

    /// A query over the rows that the caller may read.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that adds the filter")]
    fn find<E: Owned>(&self) -> Select<E> {
        match self.call().caller.organizations.readable() {
            None => E::find(),
            Some(list) => E::find().filter(E::ORGANIZATION.is_in(list.iter().map(|o| o.slug()))),
        }
    }

    /// The condition that [`Session::find`] adds, for queries that start elsewhere.
    fn readable<E: Owned>(&self) -> Condition {
        match self.call().caller.organizations.readable() {
            None => Condition::all(),
            Some(list) => Condition::all().add(E::ORGANIZATION.is_in(list.iter().map(|o| o.slug()))),
        }
    }

    /// Whether the caller may read rows of this organisation (by slug), for rows that were found by their root.
    fn may_read(&self, organization: &str) -> bool {
        OrganizationId::from_slug(organization).is_ok_and(|o| self.call().caller.organizations.may_read(&o))
    }

    /// Refuses unless the caller may write rows of this organisation (by slug).
    ///
    /// # Errors
    /// NOT_FOUND where the caller may not even read them, PERMISSION_DENIED where it may only read them.
    fn may_write(&self, organization: &str) -> Result<(), Refused> {
        let organization = OrganizationId::from_slug(organization)
            .map_err(|_| Refused::internal("a row belongs to no organisation"))?;
        self.call().may_write(&organization)
    }
}

/// A read outside any transaction, on behalf of a caller.
#[derive(Debug)]
pub struct Reader<'a> {
    connection: &'a DatabaseConnection,
    call: &'a Call,
    now: Timestamp,
}

impl Database {
    /// Reads on behalf of a caller: what was committed before, by anybody.
    pub fn reader<'a>(&'a self, call: &'a Call) -> Reader<'a> {
        Reader { connection: &self.inner.reader, call, now: self.inner.clock.now() }
    }
}

impl Session for Reader<'_> {
    type Connection = DatabaseConnection;

    fn connection(&self) -> &DatabaseConnection {
        self.connection
    }

    fn call(&self) -> &Call {
        self.call
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Session for Tx {
    type Connection = sea_orm::DatabaseTransaction;

    fn connection(&self) -> &sea_orm::DatabaseTransaction {
        self.conn()
    }

    fn call(&self) -> &Call {
        Tx::call(self)
    }

    fn now(&self) -> Timestamp {
        Tx::now(self)
    }
}
