//! The intake of reports and retractions, many in one transaction: what they name is found and locked in sets, each is
//! decided on the tracks in memory as if it came alone, and what changed is written in sets.

mod book;
pub(crate) mod found;
mod gaps;
mod prepared;
mod rows;

use async_trait::async_trait;
use guanxi_kernel::name::{PackageId, ShipmentId};
use guanxi_kernel::{Call, OrganizationId, Refused, Uuid};
use guanxi_store::{BatchCall, Decide, Result, StoreError, Tx};

use crate::domain::{EventKey, EventName, Outcome, PackageReference, Report, Standing, Status};
use book::Book;

/// Something to take in about a package.
#[derive(Debug, Clone)]
pub struct Intake {
    /// What it is about.
    pub reference: PackageReference,
    /// The organisation that the caller named.
    pub organization: Option<OrganizationId>,
    /// What is said.
    pub what: What,
}

/// What is said of a package.
#[derive(Debug, Clone)]
pub enum What {
    /// That something happened.
    Report(Report),
    /// That something did not happen.
    Retraction {
        /// What did not.
        target: Target,
        /// Why, for those who read the history.
        reason: String,
    },
}

/// Which event did not happen.
#[derive(Debug, Clone)]
pub enum Target {
    /// The one of this name; it must be known.
    Name(EventName),
    /// The one of this key, which may be yet to come.
    Key(EventKey),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A report was taken.
    Taken(Taken),
    /// A retraction was taken. Where the package stands now; `None` while it is not known.
    Retracted(Option<(PackageId, ShipmentId, Box<Standing>)>),
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// `None`: it went to quarantine.
    pub outcome: Option<Outcome>,
    /// Its name; `None` while its package is not known.
    pub event: Option<EventName>,
    /// What the code map made of it.
    pub status: Status,
}

impl Taken {
    const OUTCOMES: [Option<Outcome>; 5] =
        [None, Some(Outcome::Accepted), Some(Outcome::Duplicate), Some(Outcome::Revised), Some(Outcome::Anomalous)];

    /// Two bytes, and the name where there is one.
    fn to_bytes(self) -> Vec<u8> {
        let place = |at: Option<usize>| at.and_then(|at| u8::try_from(at).ok()).unwrap_or_default();
        let outcome = place(Self::OUTCOMES.iter().position(|&outcome| outcome == self.outcome));
        let status = place(Status::ALL.iter().position(|&status| status == self.status));
        let mut bytes = vec![outcome, status];
        if let Some(name) = self.event {
            bytes.extend_from_slice(name.package.uuid().as_bytes());
            bytes.extend_from_slice(name.event.as_bytes());
        }
        bytes
    }

    /// Reads the reply of the [`Intakes`].
    ///
    /// # Errors
    /// [`StoreError::Row`] where it is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = || StoreError::row("a reply that is none");
        let (&outcome, &status) = bytes.first().zip(bytes.get(1)).ok_or_else(wrong)?;
        let event = match bytes.get(2..) {
            Some([]) | None => None,
            Some(name) => {
                let id = |part: Option<&[u8]>| part.and_then(|id| Uuid::from_slice(id).ok()).ok_or_else(wrong);
                Some(EventName { package: id(name.get(..16))?.into(), event: id(name.get(16..))? })
            }
        };
        Ok(Self {
            outcome: *Self::OUTCOMES.get(usize::from(outcome)).ok_or_else(wrong)?,
            status: *Status::ALL.get(usize::from(status)).ok_or_else(wrong)?,
            event,
        })
    }
}

/// Takes everything in, in its order; an answer for each. One that is refused leaves no trace.
///
/// # Errors
/// The database's.
pub async fn take(tx: &Tx, items: &[(&Call, &Intake)]) -> Result<Vec<Result<Answer, Refused>>> {
    let mut book = Book::open(tx, items).await?;
    let answers = items.iter().enumerate().map(|(at, (call, intake))| book.decide(at, call, intake)).collect();
    book.save(tx).await?;
    Ok(answers)
}

/// The decision behind the queue of reports: what arrives together is taken in together.
#[derive(Debug, Clone, Copy)]
pub struct Intakes;

#[async_trait]
impl Decide for Intakes {
    type Command = Intake;

    async fn decide(&self, tx: &Tx, calls: &[BatchCall<Intake>]) -> Result<Vec<Result<Vec<u8>, Refused>>> {
        let items: Vec<_> = calls.iter().map(|call| (&call.call, &call.command)).collect();
        let answers = take(tx, &items).await?;
        let reply = |answer| match answer {
            Answer::Taken(taken) => taken.to_bytes(),
            Answer::Retracted(_) => Vec::new(),
        };
        Ok(answers.into_iter().map(|answer| answer.map(reply)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_reads_back_as_itself() {
        let name = EventName { package: PackageId::new(), event: guanxi_kernel::new_id() };
        for outcome in Taken::OUTCOMES {
            for event in [None, Some(name)] {
                let taken = Taken { outcome, event, status: Status::Unknown };
                assert_eq!(Taken::from_bytes(&taken.to_bytes()).expect("a reply"), taken);
            }
        }
        assert!(Taken::from_bytes(&[]).is_err() && Taken::from_bytes(&[9, 9]).is_err());
    }
}
