//! Responses: the answers to one invitation, judged by the version that was shown.

use guanxi_kernel::{Refusal, Refused, Timestamp, Violation};
use thiserror::Error;

use crate::domain::invitation::{Invitation, InvitationError};
use crate::domain::name::InvitationId;
use crate::domain::survey::{Question, QuestionId};

/// Characters of an answer in words, at the most.
pub const MAX_TEXT: usize = 5_000;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number on the question's scale.
    Number(i32),
    /// Words.
    Text(String),
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The question.
    pub question: QuestionId,
    /// What was answered.
    pub value: Value,
}

/// The answers to one invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The invitation.
    pub invitation: InvitationId,
    /// The version that was shown.
    pub version: u32,
    /// The answers, in the order of the questions.
    pub answers: Vec<Answer>,
    /// When it was given.
    pub answer_time: Timestamp,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The answers, in any order.
    pub answers: Vec<Answer>,
    /// When; `None` means now.
    pub answer_time: Option<Timestamp>,
}

/// Why a response is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResponseError {
    /// Answers that do not fit the questions, all of them.
    #[error("{} answers do not fit their questions", .0.len())]
    Unfit(Vec<Violation>),
    /// The invitation has another response.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
}

impl Refusal for ResponseError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Unfit(violations) => Refused::violations(violations.clone()),
            Self::Invitation(error) => error.refusal(),
        }
    }
}

/// Answers an invitation by the questions of the version shown. `stored` is the response that it has: the same answers
/// again are answered with it (`Ok(None)`), others are refused.
///
/// # Errors
/// [`ResponseError`].
pub fn respond(
    invitation: &mut Invitation,
    stored: Option<&Response>,
    questions: &[Question],
    submission: Submission,
    now: Timestamp,
) -> Result<Option<Response>, ResponseError> {
    let mut violations = Vec::new();
    let answer_time = submission.answer_time.unwrap_or(now);
    if answer_time > now {
        let description = format!("{answer_time} is in the future");
        violations.push(Violation { field: "answer_time".into(), rule: "ANSWER_TIME_FUTURE".into(), description });
    }
    let answers = judge(questions, submission.answers, &mut violations);
    if !violations.is_empty() {
        return Err(ResponseError::Unfit(violations));
    }
    if let Some(stored) = stored {
        return if stored.answers == answers { Ok(None) } else { Err(InvitationError::Answered(invitation.id).into()) };
    }
    invitation.answer_time = Some(answer_time);
    invitation.revision += 1;
    Ok(Some(Response { invitation: invitation.id, version: invitation.version, answers, answer_time }))
}

/// The answers in the order of the questions; what does not fit is added to `violations`.
fn judge(questions: &[Question], answers: Vec<Answer>, violations: &mut Vec<Violation>) -> Vec<Answer> {
    let mut taken: Vec<Option<Answer>> = vec![None; questions.len()];
    for (index, answer) in answers.into_iter().enumerate() {
        let Some(place) = questions.iter().position(|question| question.id == answer.question) else {
            let description = format!("{} is not asked in the version that was shown", answer.question);
            violations.push(violation(index, "question", "ANSWER_UNKNOWN", description));
            continue;
        };
        if taken[place].is_some() {
            let description = format!("{} is answered twice", answer.question);
            violations.push(violation(index, "question", "ANSWER_REPEATED", description));
            continue;
        }
        if let Some((rule, description)) = misfit(&questions[place], &answer.value) {
            let field = if matches!(answer.value, Value::Number(_)) { "number" } else { "text" };
            violations.push(violation(index, field, rule, description));
        }
        taken[place] = Some(answer);
    }
    for (question, answer) in questions.iter().zip(&taken) {
        if question.required && answer.is_none() {
            let description = format!("{} needs an answer", question.id);
            violations.push(Violation { field: "answers".into(), rule: "ANSWER_MISSING".into(), description });
        }
    }
    taken.into_iter().flatten().collect()
}

fn misfit(question: &Question, value: &Value) -> Option<(&'static str, String)> {
    match (question.kind.scale(), value) {
        (Some(scale), Value::Number(number)) if !scale.contains(number) => {
            let (first, last) = scale.into_inner();
            Some(("ANSWER_OUT_OF_SCALE", format!("{number} is not within {first} to {last}")))
        }
        (None, Value::Text(text)) if text.trim().is_empty() || text.chars().count() > MAX_TEXT => {
            Some(("ANSWER_TEXT_LENGTH", format!("words need 1 to {MAX_TEXT} characters")))
        }
        (Some(_), Value::Number(_)) | (None, Value::Text(_)) => None,
        (Some(_), Value::Text(_)) => Some(("ANSWER_SORT", format!("{} is answered by a number", question.id))),
        (None, Value::Number(_)) => Some(("ANSWER_SORT", format!("{} is answered by words", question.id))),
    }
}

fn violation(index: usize, field: &str, rule: &str, description: String) -> Violation {
    Violation { field: format!("answers[{index}].{field}"), rule: rule.to_owned(), description }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::invitation::InvitationState;
    use crate::domain::samples::{answer, at, invitation, question, submission, words};
    use crate::domain::score::{Formula, Tally};
    use crate::domain::survey::QuestionKind;

    fn questions() -> Vec<Question> {
        let mut nps = question("nps", QuestionKind::Nps);
        nps.required = true;
        vec![nps, question("csat", QuestionKind::Csat), question("why", QuestionKind::Text)]
    }

    #[test]
    fn a_response_belongs_to_the_version_that_was_shown() {
        let mut it = invitation();
        it.show(3, at(1)).expect("open");
        let given = submission(&[words("why", "快"), answer("nps", 9)]);
        let response = respond(&mut it, None, &questions(), given, at(2)).expect("fits").expect("is new");
        assert_eq!((response.version, response.answer_time, it.state()), (3, at(2), InvitationState::Answered));
        assert_eq!(response.answers, [answer("nps", 9), words("why", "快")], "in the order of the questions");
    }

    #[test]
    fn the_same_answers_again_are_no_second_response_and_others_are_refused() {
        let mut it = invitation();
        let given = submission(&[answer("nps", 9)]);
        let first = respond(&mut it, None, &questions(), given.clone(), at(2)).expect("fits").expect("is new");
        assert_eq!(respond(&mut it, Some(&first), &questions(), given, at(3)), Ok(None));
        let other = respond(&mut it, Some(&first), &questions(), submission(&[answer("nps", 8)]), at(3));
        assert_eq!(other, Err(InvitationError::Answered(it.id).into()));
    }

    #[test]
    fn every_answer_that_does_not_fit_is_said_at_once() {
        let wrong = [answer("csat", 6), words("csat", "no"), answer("why", 1), words("colour", "red")];
        let mut it = invitation();
        let error = respond(&mut it, None, &questions(), submission(&wrong), at(2)).expect_err("nothing fits");
        let refused = error.refusal();
        let said: Vec<_> = refused.field_violations().iter().map(|v| (v.field.as_str(), v.rule.as_str())).collect();
        assert_eq!(
            said,
            [
                ("answers[0].number", "ANSWER_OUT_OF_SCALE"),
                ("answers[1].question", "ANSWER_REPEATED"),
                ("answers[2].number", "ANSWER_SORT"),
                ("answers[3].question", "ANSWER_UNKNOWN"),
                ("answers", "ANSWER_MISSING"),
            ]
        );
        assert_eq!(it.state(), InvitationState::Invited, "a refused response changes nothing");
    }

    #[test]
    fn f16_25_more_dismissed_leave_nps_as_it_is() {
        let score = |dismissed: usize| {
            let mut responses = Vec::new();
            for index in 0..100 + dismissed {
                let mut it = invitation();
                it.show(1, at(1)).expect("open");
                let number = [10, 8, 2][usize::from(index >= 50) + usize::from(index >= 80)];
                if index < 100 {
                    let given = submission(&[answer("nps", number)]);
                    responses.extend(respond(&mut it, None, &questions(), given, at(2)).expect("fits"));
                } else {
                    it.dismiss(at(2)).expect("open");
                }
            }
            let numbers = responses.iter().flat_map(|response| &response.answers).filter_map(|a| match a.value {
                Value::Number(number) => Some((number, 1)),
                Value::Text(_) => None,
            });
            Tally::from_iter(numbers).value(Formula::Nps)
        };
        assert_eq!(score(0).as_deref(), Some("30.0000"));
        assert_eq!(score(0), score(25));
    }
}
