//! Intake: a case that another system names comes in once; a repeat updates it.

use guanxi_kernel::name::CaseId;
use guanxi_kernel::{OrganizationId, Refusal, Refused, Timestamp, natural_id};
use thiserror::Error;

use crate::domain::case::{Case, CaseError, CaseState, Content};

/// What names a case outside: the system and its id there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Intake {
    /// The system, such as `phone`.
    pub source: String,
    /// Its id there.
    pub external_id: String,
}

/// Why a case is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IntakeError {
    /// A source without an id, or an id without a source.
    #[error("source and external_id come together: {0} is missing")]
    Half(&'static str),
    /// The case is not to be changed.
    #[error(transparent)]
    Case(#[from] CaseError),
}

impl Refusal for IntakeError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Half(field) => Refused::invalid(format!("case.{field}"), "INTAKE_INCOMPLETE", self.to_string()),
            Self::Case(error) => error.refusal(),
        }
    }
}

impl Intake {
    /// The name of a case outside; `None` where neither part is given.
    ///
    /// # Errors
    /// [`IntakeError::Half`].
    pub fn new(source: &str, external_id: &str) -> Result<Option<Self>, IntakeError> {
        match (source.is_empty(), external_id.is_empty()) {
            (true, true) => Ok(None),
            (true, false) => Err(IntakeError::Half("source")),
            (false, true) => Err(IntakeError::Half("external_id")),
            (false, false) => Ok(Some(Self { source: source.to_owned(), external_id: external_id.to_owned() })),
        }
    }

    /// The id of the case that it names in an organisation.
    pub fn case(&self, organization: &OrganizationId) -> CaseId {
        CaseId(natural_id("case-intake", [organization.slug(), self.source.as_str(), self.external_id.as_str()]))
    }
}

/// Takes in what was said of a case that is stored: whether it changed.
///
/// # Errors
/// [`CaseError::Closed`] where changed content comes for a closed case.
pub fn repeat(stored: &mut Case, content: Content, now: Timestamp) -> Result<bool, CaseError> {
    if stored.content == content {
        return Ok(false);
    }
    if stored.state == CaseState::Closed {
        return Err(CaseError::Closed(stored.id));
    }
    stored.content = content;
    stored.touch(now);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, case};

    #[test]
    fn a_repeat_updates_and_the_same_again_changes_nothing() {
        let mut stored = case(CaseState::New);
        let same = stored.content.clone();
        assert_eq!(repeat(&mut stored, same, at(3)), Ok(false));
        let changed = Content { subject: "another".into(), ..stored.content.clone() };
        assert_eq!(repeat(&mut stored, changed.clone(), at(3)), Ok(true));
        assert_eq!((stored.content, stored.revision), (changed, 2));
    }

    #[test]
    fn a_closed_case_is_not_changed() {
        let mut stored = case(CaseState::Closed);
        let changed = Content { subject: "another".into(), ..stored.content.clone() };
        assert_eq!(repeat(&mut stored, changed, at(3)), Err(CaseError::Closed(stored.id)));
    }

    #[test]
    fn source_and_id_come_together() {
        assert_eq!(Intake::new("", ""), Ok(None));
        assert_eq!(Intake::new("web", ""), Err(IntakeError::Half("external_id")));
        assert_eq!(Intake::new("", "7"), Err(IntakeError::Half("source")));
    }
}
