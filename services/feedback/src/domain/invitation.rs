//! Invitations: one customer asked once. An order is asked about once, after its last shipment and never before.

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrderName, OrganizationId, Refusal, Refused, Timestamp, natural_id};
use thiserror::Error;

use crate::domain::name::{InvitationId, SurveyId};
use crate::domain::survey::Survey;
use crate::domain::words::words;

words! {
    /// Where an invitation stands.
    pub enum InvitationState {
        /// Made, not seen yet.
        Invited = "invited",
        /// The survey was shown.
        Shown = "shown",
        /// It was put away without an answer.
        Dismissed = "dismissed",
        /// It was answered.
        Answered = "answered",
    }
}

words! {
    /// What happened to a survey on somebody's screen.
    pub enum ImpressionKind {
        /// It was shown.
        Shown = "shown",
        /// It was put away.
        Dismissed = "dismissed",
    }
}

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its name.
    pub id: InvitationId,
    /// The organisation of its survey.
    pub organization: OrganizationId,
    /// The survey.
    pub survey: SurveyId,
    /// The version shown last; before that, the one that was current when it was made.
    pub version: u32,
    /// Who is asked.
    pub customer: CustomerId,
    /// What about.
    pub order: Option<OrderName>,
    /// Whether imported history made it: nothing was sent then.
    pub historical: bool,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last shown.
    pub show_time: Option<Timestamp>,
    /// When it was last dismissed.
    pub dismiss_time: Option<Timestamp>,
    /// When it was answered.
    pub answer_time: Option<Timestamp>,
    /// 1, 2, 3 …, one more with every change.
    pub revision: i64,
}

/// Why nothing more can happen to an invitation, or not yet.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvitationError {
    /// It was answered.
    #[error("{0} was answered already")]
    Answered(InvitationId),
    /// It is dismissed before it was shown.
    #[error("{0} was not shown yet")]
    NotShown(InvitationId),
}

impl Refusal for InvitationError {
    fn refusal(&self) -> Refused {
        let (reason, id) = match self {
            Self::Answered(id) => ("INVITATION_ANSWERED", id),
            Self::NotShown(id) => ("IMPRESSION_NOT_SHOWN", id),
        };
        Refused::precondition(reason, self.to_string()).with("invitation", id)
    }
}

impl InvitationId {
    /// The one invitation that asks about `order`, whichever the survey.
    pub fn about(order: &OrderName) -> Self {
        Self(natural_id("invitation", [order.as_str()]))
    }
}

impl Invitation {
    /// A new invitation to the current version of `survey`.
    pub fn new(id: InvitationId, survey: &Survey, customer: CustomerId, now: Timestamp) -> Self {
        Self {
            id,
            organization: survey.organization.clone(),
            survey: survey.id.clone(),
            version: survey.version,
            customer,
            order: None,
            historical: false,
            create_time: now,
            show_time: None,
            dismiss_time: None,
            answer_time: None,
            revision: 1,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> InvitationState {
        match (self.answer_time, self.dismiss_time, self.show_time) {
            (Some(_), _, _) => InvitationState::Answered,
            (None, Some(dismissed), shown) if shown.is_none_or(|shown| dismissed >= shown) => {
                InvitationState::Dismissed
            }
            (None, _, Some(_)) => InvitationState::Shown,
            (None, _, None) => InvitationState::Invited,
        }
    }

    /// It was shown in this version.
    ///
    /// # Errors
    /// [`InvitationError::Answered`].
    pub fn show(&mut self, version: u32, at: Timestamp) -> Result<(), InvitationError> {
        self.still_open()?;
        self.version = version;
        self.show_time = Some(at);
        self.revision += 1;
        Ok(())
    }

    /// It was put away. It may still be shown again and answered.
    ///
    /// # Errors
    /// [`InvitationError`].
    pub fn dismiss(&mut self, at: Timestamp) -> Result<(), InvitationError> {
        self.still_open()?;
        if self.show_time.is_none() {
            return Err(InvitationError::NotShown(self.id));
        }
        self.dismiss_time = Some(at);
        self.revision += 1;
        Ok(())
    }

    fn still_open(&self) -> Result<(), InvitationError> {
        if self.answer_time.is_some() { Err(InvitationError::Answered(self.id)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, invitation};

    #[test]
    fn dismissed_is_not_answered_and_may_be_shown_again() {
        let mut it = invitation();
        assert_eq!(it.state(), InvitationState::Invited);
        it.show(1, at(1)).expect("open");
        it.dismiss(at(2)).expect("open");
        assert_eq!(it.state(), InvitationState::Dismissed);
        it.show(2, at(3)).expect("still open");
        assert_eq!((it.state(), it.version), (InvitationState::Shown, 2));
    }

    #[test]
    fn what_nobody_saw_cannot_be_put_away() {
        assert_eq!(invitation().dismiss(at(1)), Err(InvitationError::NotShown(invitation().id)));
    }

    #[test]
    fn an_order_has_one_invitation_whichever_the_survey() {
        let order = OrderName::new("olist", "1").expect("a name");
        assert_eq!(InvitationId::about(&order), InvitationId::about(&order));
    }
}
