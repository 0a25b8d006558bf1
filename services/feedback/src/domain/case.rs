//! Cases: new → open ↔ pending or on hold → solved → closed. The case of an order is one and holds all its causes.

use guanxi_kernel::name::{CaseId, CustomerId};
use guanxi_kernel::{OrderName, OrganizationId, Refusal, Refused, Timestamp, natural_id};
use thiserror::Error;

use crate::domain::cause::Cause;
use crate::domain::intake::Intake;
use crate::domain::words::words;

words! {
    /// What sort of case it is.
    pub enum CaseKind {
        /// Somebody wants to know something.
        Question = "question",
        /// Somebody is not content.
        Complaint = "complaint",
        /// Something is to be repaired.
        Repair = "repair",
        /// Something is to go back.
        Return = "return",
    }
}

words! {
    /// Where a case stands.
    pub enum CaseState {
        /// Nobody has answered yet.
        New = "new",
        /// The retailer's turn.
        Open = "open",
        /// The customer's turn.
        Pending = "pending",
        /// A third party's turn.
        OnHold = "on_hold",
        /// Done, unless the customer writes again.
        Solved = "solved",
        /// Over for good.
        Closed = "closed",
    }
}

/// What a person writes of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What sort.
    pub kind: CaseKind,
    /// What it is about, in one line.
    pub subject: String,
    /// The whole of it.
    pub description: String,
    /// Whose it is.
    pub customer: Option<CustomerId>,
    /// The order that it is about.
    pub order: Option<OrderName>,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub id: CaseId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it says.
    pub content: Content,
    /// Where it stands.
    pub state: CaseState,
    /// Where it came in, if a system outside names it.
    pub intake: Option<Intake>,
    /// Why it is open, in the order in which it was learned.
    pub causes: Vec<Taken>,
    /// The closed case that it follows.
    pub follows: Option<CaseId>,
    /// Whether imported history opened it.
    pub historical: bool,
    /// When it was recorded.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// When it was last solved, while it is.
    pub solve_time: Option<Timestamp>,
    /// 1, 2, 3 …, one more with every change.
    pub revision: i64,
}

/// A cause that a case has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The cause.
    pub cause: Cause,
    /// When the case took it.
    pub record_time: Timestamp,
}

/// Why a case is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CaseError {
    /// It is over for good.
    #[error("{0} is closed")]
    Closed(CaseId),
    /// It is solved already.
    #[error("{0} is solved already")]
    Solved(CaseId),
    /// It is not solved.
    #[error("{id} is not solved but {state}")]
    NotSolved {
        /// The case.
        id: CaseId,
        /// Where it stands.
        state: CaseState,
    },
    /// It was changed since it was read.
    #[error("{0} was changed since it was read")]
    Stale(CaseId),
}

impl Refusal for CaseError {
    fn refusal(&self) -> Refused {
        let (reason, id, state) = match self {
            Self::Closed(id) => ("CASE_CLOSED", id, CaseState::Closed),
            Self::Solved(id) => ("CASE_SOLVED", id, CaseState::Solved),
            Self::NotSolved { id, state } => ("CASE_NOT_SOLVED", id, *state),
            Self::Stale(id) => return Refused::stale_etag(id),
        };
        Refused::precondition(reason, self.to_string()).with("case", id).with("state", state)
    }
}

/// The one case of an order: its id follows from the order's name.
pub fn case_of(order: &OrderName) -> CaseId {
    CaseId(natural_id("case-of-order", [order.as_str()]))
}

impl Case {
    /// A new case.
    pub fn open(id: CaseId, organization: OrganizationId, content: Content, now: Timestamp) -> Self {
        Self {
            id,
            organization,
            content,
            state: CaseState::New,
            intake: None,
            causes: Vec::new(),
            follows: None,
            historical: false,
            create_time: now,
            update_time: now,
            solve_time: None,
            revision: 1,
        }
    }

    /// The etag of this revision.
    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    /// Refuses unless `etag` is empty or this revision's.
    ///
    /// # Errors
    /// [`CaseError::Stale`].
    pub fn expect(&self, etag: &str) -> Result<(), CaseError> {
        if etag.is_empty() || etag == self.etag() { Ok(()) } else { Err(CaseError::Stale(self.id)) }
    }

    /// Takes a cause, and says whether it is new. A solved case is open again; a closed one stays closed but has the
    /// cause on record, since the case of an order is one.
    pub fn take(&mut self, cause: Cause, now: Timestamp) -> bool {
        if self.causes.iter().any(|taken| taken.cause.id() == cause.id()) {
            return false;
        }
        self.causes.push(Taken { cause, record_time: now });
        if self.state == CaseState::Solved {
            self.turn(CaseState::Open);
        }
        self.touch(now);
        true
    }

    /// Solves it.
    ///
    /// # Errors
    /// [`CaseError::Solved`], [`CaseError::Closed`].
    pub fn solve(&mut self, now: Timestamp) -> Result<(), CaseError> {
        match self.state {
            CaseState::Closed => return Err(CaseError::Closed(self.id)),
            CaseState::Solved => return Err(CaseError::Solved(self.id)),
            CaseState::New | CaseState::Open | CaseState::Pending | CaseState::OnHold => {}
        }
        self.turn(CaseState::Solved);
        self.solve_time = Some(now);
        self.touch(now);
        Ok(())
    }

    /// Opens it again.
    ///
    /// # Errors
    /// [`CaseError::NotSolved`], [`CaseError::Closed`].
    pub fn reopen(&mut self, now: Timestamp) -> Result<(), CaseError> {
        match self.state {
            CaseState::Solved => {}
            CaseState::Closed => return Err(CaseError::Closed(self.id)),
            state => return Err(CaseError::NotSolved { id: self.id, state }),
        }
        self.turn(CaseState::Open);
        self.touch(now);
        Ok(())
    }

    pub(super) fn turn(&mut self, state: CaseState) {
        if self.state == CaseState::Solved && state != CaseState::Closed {
            self.solve_time = None;
        }
        self.state = state;
    }

    pub(super) fn touch(&mut self, now: Timestamp) {
        self.update_time = now;
        self.revision += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, case, order};
    use guanxi_kernel::name::ShipmentId;

    fn late(seller: &str) -> Cause {
        Cause::late_delivery(order().shipment(seller), at(1))
    }

    #[test]
    fn a_case_is_solved_and_opened_again() {
        let mut it = case(CaseState::New);
        it.solve(at(5)).expect("can be solved");
        assert_eq!((it.state, it.solve_time), (CaseState::Solved, Some(at(5))));
        assert_eq!(it.solve(at(6)), Err(CaseError::Solved(it.id)));
        it.reopen(at(7)).expect("can be opened");
        assert_eq!((it.state, it.solve_time), (CaseState::Open, None));
        assert_eq!(it.reopen(at(8)), Err(CaseError::NotSolved { id: it.id, state: CaseState::Open }));
    }

    #[test]
    fn closed_is_final() {
        let mut it = case(CaseState::Closed);
        assert_eq!(it.solve(at(5)), Err(CaseError::Closed(it.id)));
        assert_eq!(it.reopen(at(5)), Err(CaseError::Closed(it.id)));
        assert!(it.take(late("s"), at(5)));
        assert_eq!((it.state, it.causes.len()), (CaseState::Closed, 1));
    }

    #[test]
    fn a_cause_is_had_once_and_opens_a_solved_case_again() {
        let mut it = case(CaseState::New);
        assert!(it.take(late("a"), at(2)));
        assert!(!it.take(late("a"), at(3)));
        it.solve(at(4)).expect("can be solved");
        assert!(it.take(late("b"), at(5)));
        assert_eq!((it.state, it.causes.len(), it.solve_time), (CaseState::Open, 2, None));
    }

    #[test]
    fn an_etag_is_of_one_revision() {
        let mut it = case(CaseState::New);
        let read = it.etag();
        assert_eq!((it.expect(&read), it.expect("")), (Ok(()), Ok(())));
        it.take(Cause::late_delivery(ShipmentId::from(order().uuid()), at(1)), at(2));
        assert_eq!(it.expect(&read), Err(CaseError::Stale(it.id)));
    }
}
