//! Cases: their rows, their causes and their messages.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use guanxi_contracts::feedback::events::v1 as told;
use guanxi_contracts::time as wire;
use guanxi_kernel::name::CaseId;
use guanxi_kernel::{PageRequest, Refused, Timestamp, Uuid};
use guanxi_messaging::event;
use guanxi_store::filter::{Field, Holds};
use guanxi_store::{Cell, Column, NewEvent, Result, Rows, Session, Table, Tx, time};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entities::cases::Column as CaseColumn;
use super::entities::{case_causes, case_messages, cases};
use super::pages::{self, List};
use super::{Lock, by_roots, customer, order_name, organization, word};
use crate::domain::case::{Case, CaseKind, CaseState, Content, Taken};
use crate::domain::cause::{Cause, CauseKind};
use crate::domain::intake::Intake;
use crate::domain::order::Order;
use crate::domain::reply::Author;

const CASES: Table = Table::new(
    "cases",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("kind"),
        Column::text("state"),
        Column::text("subject"),
        Column::text("description"),
        Column::uuid("customer").nullable(),
        Column::text("order_name").nullable(),
        Column::text("source").nullable(),
        Column::text("external_id").nullable(),
        Column::uuid("follows").nullable(),
        Column::bool("historical"),
        Column::time("create_time"),
        Column::time("update_time"),
        Column::time("solve_time").nullable(),
        Column::int("revision"),
    ],
);

const CAUSES: Table = Table::new(
    "case_causes",
    &[
        Column::uuid("root_id"),
        Column::uuid("cause_id"),
        Column::text("kind"),
        Column::text("origin"),
        Column::time("occur_time"),
        Column::time("record_time"),
    ],
);

const MESSAGES: Table = Table::new(
    "case_messages",
    &[
        Column::uuid("root_id"),
        Column::uuid("message_id"),
        Column::text("author"),
        Column::text("body"),
        Column::time("create_time"),
    ],
);

/// What the list may be filtered by.
pub const LIST: List<CaseColumn> = List {
    fields: &[
        Field::new("customer", CaseColumn::Customer, Holds::Name(pages::customer)),
        Field::new("order", CaseColumn::OrderName, Holds::Text),
        Field::new(
            "state",
            CaseColumn::State,
            Holds::OneOf(&[
                ("NEW", "new"),
                ("OPEN", "open"),
                ("PENDING", "pending"),
                ("ON_HOLD", "on_hold"),
                ("SOLVED", "solved"),
                ("CLOSED", "closed"),
            ]),
        ),
        Field::new(
            "kind",
            CaseColumn::Kind,
            Holds::OneOf(&[
                ("QUESTION", "question"),
                ("COMPLAINT", "complaint"),
                ("REPAIR", "repair"),
                ("RETURN", "return"),
            ]),
        ),
        Field::new("organization", CaseColumn::Organization, Holds::Slug("organizations/")),
        Field::new("create_time", CaseColumn::CreateTime, Holds::Time),
    ],
    order: "create_time desc",
    key: Field::new("name", CaseColumn::RootId, Holds::Name(|name| Some(name.parse::<CaseId>().ok()?.uuid()))),
};

/// Messages that are shown with a case, at the most.
const SHOWN_MESSAGES: u64 = 100;

/// A message of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id within the case: the request that brought it.
    pub id: Uuid,
    /// Who wrote it.
    pub author: Author,
    /// What was written.
    pub text: String,
    /// When.
    pub create_time: Timestamp,
}

/// A cause on its way to the one case of an order.
#[derive(Debug, Clone)]
pub struct Given<'a> {
    /// The order.
    pub order: &'a Order,
    /// The cause.
    pub cause: Cause,
    /// Whether imported history gave it.
    pub historical: bool,
    /// The trace that the case's own event goes on with.
    pub traceparent: Option<Arc<str>>,
}

/// Gives causes to the one case of each order, opening those that are not there yet. The orders must be locked: that
/// makes their cases this transaction's own.
///
/// # Errors
/// The database's.
pub async fn give(tx: &Tx, given: Vec<Given<'_>>) -> Result<()> {
    if given.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = given.iter().map(|given| given.order.case_id().uuid()).collect();
    let mut book = load(tx, &ids, Lock::Rows).await?;
    let stored: HashMap<CaseId, i64> = book.iter().map(|(id, case)| (*id, case.revision)).collect();
    let mut traces = HashMap::new();
    let mut causes = Rows::new(&CAUSES);
    for Given { order, cause, historical, traceparent } in given {
        let id = order.case_id();
        let case = book.entry(id).or_insert_with(|| order.case(historical, tx.now()));
        traces.entry(id).or_insert(traceparent);
        if case.take(cause, tx.now()) {
            push_cause(&mut causes, case);
        }
    }
    let (mut new, mut changed) = (Rows::new(&CASES), Rows::new(&CASES));
    for (id, case) in &book {
        match stored.get(id) {
            None => {
                new.push(row(case));
                tx.emit_for(opened(case), traces.remove(id).flatten());
            }
            Some(revision) if *revision < case.revision => changed.push(row(case)),
            Some(_) => {}
        }
    }
    new.insert(tx).await?;
    changed.update(tx, &["root_id"]).await?;
    causes.insert(tx).await
}

/// The case, locked, for a caller who may write it.
///
/// # Errors
/// NOT_FOUND where there is none or the caller may not read it; PERMISSION_DENIED where it may only read it.
pub async fn writable(tx: &Tx, id: CaseId) -> Result<Case> {
    let case = stored(tx, id).await?.filter(|case| tx.may_read(case.organization.slug()));
    let case = case.ok_or_else(|| Refused::not_found("case", id))?;
    tx.may_write(case.organization.slug())?;
    Ok(case)
}

/// The case of this id, locked, if there is one.
///
/// # Errors
/// The database's.
pub async fn stored(tx: &Tx, id: CaseId) -> Result<Option<Case>> {
    Ok(load(tx, &[id.uuid()], Lock::Rows).await?.into_values().next())
}

/// Stores a new case and tells of it.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, case: &Case) -> Result<()> {
    let mut rows = Rows::new(&CASES);
    rows.push(row(case));
    tx.emit(opened(case));
    rows.insert(tx).await
}

/// Stores a changed case.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, case: &Case) -> Result<()> {
    let mut rows = Rows::new(&CASES);
    rows.push(row(case));
    rows.update(tx, &["root_id"]).await.map(|_| ())
}

/// Stores a message of a case.
///
/// # Errors
/// The database's.
pub async fn add_message(tx: &Tx, case: CaseId, message: &Message) -> Result<()> {
    let mut rows = Rows::new(&MESSAGES);
    rows.push([
        case.uuid().into(),
        message.id.into(),
        message.author.word().into(),
        message.text.as_str().into(),
        message.create_time.into(),
    ]);
    rows.insert(tx).await
}

/// Tells that a case is solved.
pub fn solved(case: &Case) -> NewEvent {
    let message = told::CaseSolved {
        case: case.id.to_string(),
        customer: case.content.customer.map(|id| id.to_string()).unwrap_or_default(),
        order: case.content.order.as_ref().map(ToString::to_string).unwrap_or_default(),
        solve_time: case.solve_time.map(wire::to_proto),
    };
    let at = case.solve_time.unwrap_or(case.update_time);
    event(case.id, case.revision, &case.organization, at, false, &message)
}

fn opened(case: &Case) -> NewEvent {
    let message = told::CaseOpened {
        case: case.id.to_string(),
        customer: case.content.customer.map(|id| id.to_string()).unwrap_or_default(),
        order: case.content.order.as_ref().map(ToString::to_string).unwrap_or_default(),
        causes: case.causes.iter().map(|taken| taken.cause.kind.word().to_owned()).collect(),
    };
    let at = case.causes.iter().map(|taken| taken.cause.occur_time).min().unwrap_or(case.create_time);
    event(case.id, case.revision, &case.organization, at, case.historical, &message)
}

/// The case of this name that the caller may read, with its latest messages, oldest first.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn read<S: Session>(session: &S, id: CaseId) -> Result<(Case, Vec<Message>)> {
    let row = session.find::<cases::Entity>().filter(cases::Column::RootId.eq(id.uuid()));
    let row = row.one(session.connection()).await?.ok_or_else(|| Refused::not_found("case", id))?;
    let case = with_causes(session, vec![row]).await?.remove(0);
    // Its rows belong to a case that the caller may read.
    #[allow(
        clippy::disallowed_methods,
        reason = "named by the root of a row that was found by the organisation's filter"
    )]
    let messages = case_messages::Entity::find()
        .filter(case_messages::Column::RootId.eq(id.uuid()))
        .order_by_desc(case_messages::Column::CreateTime)
        .order_by_desc(case_messages::Column::MessageId)
        .limit(SHOWN_MESSAGES)
        .all(session.connection())
        .await?;
    let messages = messages.into_iter().rev().map(message).collect::<Result<_>>()?;
    Ok((case, messages))
}

/// A page of the cases that a filter finds, newest first, and the token of the next page; empty on the last.
///
/// # Errors
/// INVALID_ARGUMENT for a filter or page token that is none; the database's.
pub async fn list<S: Session>(session: &S, filter: &str, page: &PageRequest) -> Result<(Vec<Case>, String)> {
    let (rows, more) = LIST.rows::<cases::Entity, S>(session, filter, page).await?;
    let found = with_causes(session, rows).await?;
    let last = found.last().filter(|_| more);
    let next = last.map(|case| page.next(vec![case.create_time.to_string(), case.id.to_string()]));
    Ok((found, next.unwrap_or_default()))
}

async fn with_causes<S: Session>(session: &S, rows: Vec<cases::Model>) -> Result<Vec<Case>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.root_id).collect();
    let mut causes: HashMap<Uuid, Vec<Taken>> = HashMap::new();
    if !ids.is_empty() {
        #[allow(clippy::disallowed_methods, reason = "named by the roots of rows that were found by the filter")]
        let found = case_causes::Entity::find()
            .filter(case_causes::Column::RootId.is_in(ids))
            .all(session.connection())
            .await?;
        collect_causes(found, &mut causes)?;
    }
    rows.into_iter().map(|row| case(row, &mut causes)).collect()
}

async fn load(tx: &Tx, ids: &[Uuid], lock: Lock) -> Result<BTreeMap<CaseId, Case>> {
    let rows: Vec<cases::Model> = by_roots(tx, "cases", ids, lock).await?;
    let found: Vec<Uuid> = rows.iter().map(|row| row.root_id).collect();
    let mut causes = HashMap::new();
    collect_causes(by_roots(tx, "case_causes", &found, Lock::None).await?, &mut causes)?;
    rows.into_iter().map(|row| Ok((CaseId(row.root_id), case(row, &mut causes)?))).collect()
}

fn collect_causes(rows: Vec<case_causes::Model>, into: &mut HashMap<Uuid, Vec<Taken>>) -> Result<()> {
    for row in rows {
        let kind = word(CauseKind::from_word(&row.kind), "case_causes.kind", &row.kind)?;
        let cause = Cause { kind, origin: row.origin, occur_time: time::from_column(row.occur_time) };
        let taken = Taken { cause, record_time: time::from_column(row.record_time) };
        into.entry(row.root_id).or_default().push(taken);
    }
    for causes in into.values_mut() {
        causes.sort_by(|a, b| (a.record_time, &a.cause).cmp(&(b.record_time, &b.cause)));
    }
    Ok(())
}

fn case(row: cases::Model, causes: &mut HashMap<Uuid, Vec<Taken>>) -> Result<Case> {
    Ok(Case {
        id: CaseId(row.root_id),
        organization: organization(&row.organization)?,
        content: Content {
            kind: word(CaseKind::from_word(&row.kind), "cases.kind", &row.kind)?,
            subject: row.subject,
            description: row.description,
            customer: customer(row.customer),
            order: order_name(row.order_name.as_deref())?,
        },
        state: word(CaseState::from_word(&row.state), "cases.state", &row.state)?,
        intake: row.source.zip(row.external_id).map(|(source, external_id)| Intake { source, external_id }),
        causes: causes.remove(&row.root_id).unwrap_or_default(),
        follows: row.follows.map(CaseId),
        historical: row.historical,
        create_time: time::from_column(row.create_time),
        update_time: time::from_column(row.update_time),
        solve_time: row.solve_time.map(time::from_column),
        revision: row.revision,
    })
}

fn row(case: &Case) -> [Cell; 16] {
    let (source, external_id) = case.intake.clone().map(|it| (it.source, it.external_id)).unzip();
    [
        case.id.uuid().into(),
        case.organization.slug().into(),
        case.content.kind.word().into(),
        case.state.word().into(),
        case.content.subject.as_str().into(),
        case.content.description.as_str().into(),
        case.content.customer.map(|id| id.uuid()).into(),
        case.content.order.as_ref().map(|order| order.as_str()).into(),
        source.into(),
        external_id.into(),
        case.follows.map(CaseId::uuid).into(),
        case.historical.into(),
        case.create_time.into(),
        case.update_time.into(),
        case.solve_time.into(),
        case.revision.into(),
    ]
}

/// The cause that the case took last.
fn push_cause(rows: &mut Rows, case: &Case) {
    let Some(Taken { cause, record_time }) = case.causes.last() else { return };
    rows.push([
        case.id.uuid().into(),
        cause.id().into(),
        cause.kind.word().into(),
        cause.origin.as_str().into(),
        cause.occur_time.into(),
        (*record_time).into(),
    ]);
}

fn message(row: case_messages::Model) -> Result<Message> {
    Ok(Message {
        id: row.message_id,
        author: word(Author::from_word(&row.author), "case_messages.author", &row.author)?,
        text: row.body,
        create_time: time::from_column(row.create_time),
    })
}
