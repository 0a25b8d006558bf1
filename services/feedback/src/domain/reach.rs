//! Reach: how far a survey got with those whom it was sent to.

use crate::domain::decimal::half_up;

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
    /// answered ÷ sent, half-up to 4 decimals; `None` where nothing was sent.
    pub fn response_rate(&self) -> Option<String> {
        half_up(i128::from(self.answered), i128::from(self.sent), 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dismissed_lowers_no_answer_and_nothing_sent_has_no_rate() {
        let reach = Reach { sent: 125, shown: 125, dismissed: 25, answered: 100 };
        assert_eq!(reach.response_rate().as_deref(), Some("0.8000"));
        assert_eq!(Reach::default().response_rate(), None);
    }
}
