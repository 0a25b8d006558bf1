//! Members: who belongs to a program. Their ids are natural, so that one customer is enrolled once whoever enrols him.

use guanxi_contracts::loyalty::events::v1::MemberEnrolled;
use guanxi_contracts::time as wire;
use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{OrganizationId, Refused, Timestamp, Uuid};
use guanxi_messaging::event;
use guanxi_store::{Column, NewEvent, Result, Rows, Session, StoreError, Table, Tx, time};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entities::members::{Column as Field, Entity, Model};
use super::{of_roots, organization};
use crate::domain::account::Account;
use crate::domain::program::{Program, ProgramId};

const MEMBERS: Table = Table::new(
    "members",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("program"),
        Column::uuid("customer"),
        Column::time("enroll_time"),
        Column::time("create_time"),
    ],
);

/// A customer enrolled in a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Whose program.
    pub organization: OrganizationId,
    /// The program.
    pub program: ProgramId,
    /// The customer.
    pub customer: CustomerId,
    /// Since when, by the business.
    pub enroll_time: Timestamp,
    /// When it was recorded.
    pub create_time: Timestamp,
    /// The member whose name goes on, where the customer was merged with others and that is another.
    pub merged_into: Option<MemberId>,
}

impl Member {
    /// A new member.
    pub fn enroll(program: &Program, customer: CustomerId, enroll_time: Timestamp, now: Timestamp) -> Self {
        Self {
            id: program.id.member(customer),
            organization: program.organization.clone(),
            program: program.id.clone(),
            customer,
            enroll_time,
            create_time: now,
            merged_into: None,
        }
    }

    /// The account that the member begins with.
    pub fn account(&self) -> Account {
        Account::open(self.id, self.customer, self.program.clone(), self.organization.clone())
    }

    /// What others hear of it.
    pub fn enrolled(&self, historical: bool) -> NewEvent {
        let message = MemberEnrolled {
            member: self.id.to_string(),
            program: self.program.to_string(),
            customer: self.customer.to_string(),
            enroll_time: Some(wire::to_proto(self.enroll_time)),
        };
        event(self.id, 1, &self.organization, self.enroll_time, historical, &message)
    }
}

/// Keeps new members.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, members: &[Member]) -> Result<()> {
    let mut rows = Rows::new(&MEMBERS);
    for member in members {
        rows.push([
            member.id.uuid().into(),
            member.organization.slug().into(),
            member.program.slug().into(),
            member.customer.uuid().into(),
            member.enroll_time.into(),
            member.create_time.into(),
        ]);
    }
    rows.insert(tx).await
}

/// Whether the member exists, whoever asks.
///
/// # Errors
/// The database's.
pub async fn exists(tx: &Tx, id: MemberId) -> Result<bool> {
    Ok(!of_roots::<Model>(tx.conn(), "members", &[id.uuid()], "").await?.is_empty())
}

/// The member that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn read<S: Session>(session: &S, id: MemberId) -> Result<Member> {
    let row = session.find::<Entity>().filter(Field::RootId.eq(id.uuid())).one(session.connection()).await?;
    let row = row.filter(|row| row.erase_time.is_none());
    member(row.ok_or_else(|| Refused::not_found("member", id))?)
}

/// A page of members that the caller may read, by id.
///
/// # Errors
/// The database's.
pub async fn page<S: Session>(
    session: &S,
    customer: Option<CustomerId>,
    program: Option<&ProgramId>,
    after: Option<Uuid>,
    size: u64,
) -> Result<Vec<Member>> {
    let mut query = session.find::<Entity>().filter(Field::EraseTime.is_null()).order_by_asc(Field::RootId).limit(size);
    if let Some(customer) = customer {
        query = query.filter(Field::Customer.eq(customer.uuid()));
    }
    if let Some(program) = program {
        query = query.filter(Field::Program.eq(program.slug()));
    }
    if let Some(after) = after {
        query = query.filter(Field::RootId.gt(after));
    }
    query.all(session.connection()).await?.into_iter().map(member).collect()
}

fn member(row: Model) -> Result<Member> {
    Ok(Member {
        id: MemberId(row.root_id),
        organization: organization(&row.organization)?,
        program: ProgramId::from_slug(&row.program).map_err(StoreError::row)?,
        customer: CustomerId(row.customer),
        enroll_time: time::from_column(row.enroll_time),
        create_time: time::from_column(row.create_time),
        merged_into: row.survivor.map(MemberId),
    })
}
