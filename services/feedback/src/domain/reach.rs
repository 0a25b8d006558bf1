//! Reach: how far a survey got with those whom it was sent to.

use crate::domain::decimal::half_up;
use crate::domain::invitation::InvitationState;

/// What became of invitations. Dismissed is not answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// Sent: all that were made, without those of imported history that nobody saw.
    pub sent: u64,
    /// Of them, shown at least once, or answered.
    pub shown: u64,
    /// Of them, dismissed and not answered since.
    pub dismissed: u64,
    /// Of them, answered.
    pub answered: u64,
}

impl Reach {
    /// Counts invitations that stand alike.
    pub fn add(&mut self, state: InvitationState, historical: bool, count: u64) {
        let seen = state != InvitationState::Invited;
        self.sent += if historical && !seen { 0 } else { count };
        self.shown += if seen { count } else { 0 };
        self.dismissed += if state == InvitationState::Dismissed { count } else { 0 };
        self.answered += if state == InvitationState::Answered { count } else { 0 };
    }

    /// answered ÷ sent, half-up to 4 decimals; `None` where nothing was sent.
    pub fn response_rate(&self) -> Option<String> {
        half_up(i128::from(self.answered), i128::from(self.sent), 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_that_nobody_saw_was_not_sent() {
        let mut reach = Reach::default();
        for (state, historical) in [
            (InvitationState::Invited, true),
            (InvitationState::Invited, false),
            (InvitationState::Shown, true),
            (InvitationState::Dismissed, false),
            (InvitationState::Answered, false),
        ] {
            reach.add(state, historical, 10);
        }
        assert_eq!(reach, Reach { sent: 40, shown: 30, dismissed: 10, answered: 10 });
    }

    #[test]
    fn dismissed_lowers_no_answer_and_nothing_sent_has_no_rate() {
        let reach = Reach { sent: 125, shown: 125, dismissed: 25, answered: 100 };
        assert_eq!(reach.response_rate().as_deref(), Some("0.8000"));
        assert_eq!(Reach::default().response_rate(), None);
    }
}
