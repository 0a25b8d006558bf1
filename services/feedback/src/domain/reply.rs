//! Replies: messages of a case, and whose turn it is after them.

use guanxi_kernel::name::CaseId;
use guanxi_kernel::{Refusal, Refused, Timestamp};
use thiserror::Error;

use crate::domain::case::{Case, CaseState, Content};
use crate::domain::words::words;

words! {
    /// Who wrote a message.
    pub enum Author {
        /// The customer.
        Customer = "customer",
        /// A person of the retailer.
        Agent = "agent",
        /// A program of the retailer.
        Automatic = "automatic",
    }
}

/// A message for a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// Who wrote it.
    pub author: Author,
    /// Whose turn it is next, where an agent says so.
    pub next: Option<CaseState>,
}

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplyError {
    /// Only an agent says whose turn it is.
    #[error("a message of the {0} does not say whose turn it is next")]
    NotTheirTurn(Author),
}

impl Refusal for ReplyError {
    fn refusal(&self) -> Refused {
        Refused::invalid("next_state", "NEXT_STATE_NOT_AGENT", self.to_string())
    }
}

impl Reply {
    /// A message. `next` is open, pending or on hold.
    ///
    /// # Errors
    /// [`ReplyError`] where somebody else than an agent says whose turn it is.
    pub fn new(author: Author, next: Option<CaseState>) -> Result<Self, ReplyError> {
        match (author, next) {
            (Author::Customer | Author::Automatic, Some(_)) => Err(ReplyError::NotTheirTurn(author)),
            _ => Ok(Self { author, next }),
        }
    }

    /// Whose turn it is after the message in a case that is not closed. A customer's message opens the case again,
    /// unless nobody has answered it yet; an agent's answers a new one; a program's changes nothing.
    fn after(self, state: CaseState) -> CaseState {
        match (self.author, self.next, state) {
            (Author::Agent, Some(next), _) => next,
            (Author::Agent, None, CaseState::New) => CaseState::Open,
            (Author::Customer, _, CaseState::Pending | CaseState::OnHold | CaseState::Solved) => CaseState::Open,
            (_, _, state) => state,
        }
    }
}

/// Adds a message to `case`. A closed case stays as it is, and the case that follows it, named `follower`, is answered.
pub fn reply(case: &mut Case, reply: Reply, follower: CaseId, now: Timestamp) -> Option<Case> {
    if case.state == CaseState::Closed {
        let content = Content { description: String::new(), ..case.content.clone() };
        let mut next = Case::open(follower, case.organization.clone(), content, now);
        next.follows = Some(case.id);
        next.turn(reply.after(CaseState::New));
        return Some(next);
    }
    case.turn(reply.after(case.state));
    case.touch(now);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, case};

    fn after(state: CaseState, author: Author, next: Option<CaseState>) -> CaseState {
        let mut it = case(state);
        let message = Reply::new(author, next).expect("a message");
        assert_eq!(reply(&mut it, message, CaseId::new(), at(9)), None);
        assert_eq!((it.update_time, it.revision), (at(9), 2));
        it.state
    }

    #[test]
    fn a_customers_message_opens_a_case_again() {
        for state in [CaseState::Pending, CaseState::OnHold, CaseState::Solved, CaseState::Open] {
            assert_eq!(after(state, Author::Customer, None), CaseState::Open, "from {state}");
        }
        assert_eq!(after(CaseState::New, Author::Customer, None), CaseState::New, "nobody has answered yet");
    }

    #[test]
    fn an_agents_message_opens_a_new_case_and_may_say_whose_turn_it_is() {
        assert_eq!(after(CaseState::New, Author::Agent, None), CaseState::Open);
        assert_eq!(after(CaseState::Pending, Author::Agent, None), CaseState::Pending);
        assert_eq!(after(CaseState::New, Author::Agent, Some(CaseState::Pending)), CaseState::Pending);
        assert_eq!(after(CaseState::Solved, Author::Agent, Some(CaseState::OnHold)), CaseState::OnHold);
    }

    #[test]
    fn an_automatic_answer_is_no_reply_and_nobody_but_an_agent_says_whose_turn_it_is() {
        assert_eq!(after(CaseState::New, Author::Automatic, None), CaseState::New);
        assert_eq!(after(CaseState::Solved, Author::Automatic, None), CaseState::Solved);
        let error = Reply::new(Author::Customer, Some(CaseState::Open));
        assert_eq!(error, Err(ReplyError::NotTheirTurn(Author::Customer)));
    }

    #[test]
    fn a_reply_to_a_closed_case_makes_a_linked_one() {
        let mut closed = case(CaseState::Closed);
        let (before, follower) = (closed.clone(), CaseId::new());
        let message = Reply::new(Author::Customer, None).expect("a message");
        let next = reply(&mut closed, message, follower, at(9)).expect("a new case");
        assert_eq!(closed, before, "closed is final");
        assert_eq!((next.id, next.follows, next.state), (follower, Some(before.id), CaseState::New));
        assert_eq!(next.content.customer, before.content.customer);
    }
}
