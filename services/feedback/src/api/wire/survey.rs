//! Surveys, invitations and responses.

use std::collections::BTreeMap;

use guanxi_contracts::feedback::v1 as pb;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Refuse, Refused};
use guanxi_rpc::convert;

use super::{int32, known};
use crate::domain::invitation::{ImpressionKind, Invitation, InvitationState};
use crate::domain::response::{Answer, Response, Submission, Value};
use crate::domain::survey::{Content, Question, QuestionId, QuestionKind, Survey, Trigger};

/// What a survey says.
///
/// # Errors
/// INVALID_ARGUMENT for every question that is none, and for all that contradicts itself.
pub fn content(survey: &pb::Survey) -> Result<Content, Refused> {
    let questions = survey.questions.iter().enumerate().map(|(index, question)| {
        let (id, kind) = convert::all((
            known(QuestionId::new(&question.id), &format!("survey.questions[{index}].id")),
            known(kind(question.kind()), &format!("survey.questions[{index}].kind")),
        ))?;
        Ok(Question { id, kind, prompt: question.prompt.clone(), required: question.required })
    });
    let content = Content {
        display_name: survey.display_name.clone(),
        questions: convert::each(questions)?,
        time_zone: survey.time_zone.clone(),
    };
    content.check(&BTreeMap::new()).refuse()?;
    Ok(content)
}

/// When a survey is sent.
pub fn trigger(survey: &pb::Survey) -> Trigger {
    match survey.trigger() {
        pb::SurveyTrigger::Unspecified => Trigger::Manual,
        pb::SurveyTrigger::Delivered => Trigger::Delivered,
    }
}

/// A survey as the contract writes it.
pub fn survey(survey: &Survey) -> pb::Survey {
    let questions = survey.content.questions.iter().map(|question| pb::Question {
        id: question.id.to_string(),
        kind: match question.kind {
            QuestionKind::Nps => pb::QuestionKind::Nps,
            QuestionKind::Csat => pb::QuestionKind::Csat,
            QuestionKind::Ces => pb::QuestionKind::Ces,
            QuestionKind::Text => pb::QuestionKind::Text,
        }
        .into(),
        prompt: question.prompt.clone(),
        required: question.required,
    });
    pb::Survey {
        name: survey.id.to_string(),
        organization: survey.organization.to_string(),
        display_name: survey.content.display_name.clone(),
        questions: questions.collect(),
        trigger: match survey.trigger {
            Trigger::Manual => pb::SurveyTrigger::Unspecified,
            Trigger::Delivered => pb::SurveyTrigger::Delivered,
        }
        .into(),
        time_zone: survey.content.time_zone.clone(),
        version: int32(survey.version),
        create_time: Some(to_proto(survey.create_time)),
        update_time: Some(to_proto(survey.update_time)),
        etag: survey.version.to_string(),
    }
}

/// An invitation as the contract writes it.
pub fn invitation(invitation: &Invitation) -> pb::Invitation {
    pb::Invitation {
        name: invitation.id.to_string(),
        organization: invitation.organization.to_string(),
        survey: invitation.survey.to_string(),
        version: int32(invitation.version),
        customer: invitation.customer.to_string(),
        order: invitation.order.as_ref().map(ToString::to_string).unwrap_or_default(),
        state: match invitation.state() {
            InvitationState::Invited => pb::InvitationState::Invited,
            InvitationState::Shown => pb::InvitationState::Shown,
            InvitationState::Dismissed => pb::InvitationState::Dismissed,
            InvitationState::Answered => pb::InvitationState::Answered,
        }
        .into(),
        historical: invitation.historical,
        create_time: Some(to_proto(invitation.create_time)),
        show_time: convert::to_instant(invitation.show_time),
        dismiss_time: convert::to_instant(invitation.dismiss_time),
        answer_time: convert::to_instant(invitation.answer_time),
    }
}

/// What happened on somebody's screen.
///
/// # Errors
/// INVALID_ARGUMENT where it is not said.
pub fn impression(kind: pb::ImpressionKind) -> Result<ImpressionKind, Refused> {
    let kind = match kind {
        pb::ImpressionKind::Shown => Some(ImpressionKind::Shown),
        pb::ImpressionKind::Dismissed => Some(ImpressionKind::Dismissed),
        pb::ImpressionKind::Unspecified => None,
    };
    known(kind, "kind")
}

/// A response to record.
///
/// # Errors
/// INVALID_ARGUMENT for every field that is wrong.
pub fn submission(message: &pb::SubmitResponseRequest) -> Result<Submission, Refused> {
    let answers = message.answers.iter().enumerate().map(|(index, answer)| {
        let value = match (answer.number, answer.text.as_str()) {
            (Some(number), "") => Ok(Value::Number(number)),
            (None, text) if !text.is_empty() => Ok(Value::Text(text.to_owned())),
            _ => {
                Err(Refused::invalid(format!("answers[{index}]"), "ANSWER_VALUE", "is a number or words, one of them"))
            }
        };
        let (question, value) =
            convert::all((known(QuestionId::new(&answer.question), &format!("answers[{index}].question")), value))?;
        Ok(Answer { question, value })
    });
    let (answers, answer_time) =
        convert::all((convert::each(answers), convert::instant(message.answer_time.as_ref(), "answer_time")))?;
    Ok(Submission { answers, answer_time })
}

/// A response as the contract writes it.
pub fn response(invitation: &Invitation, response: &Response) -> pb::Response {
    let answers = response.answers.iter().map(|answer| {
        let (number, text) = match &answer.value {
            Value::Number(number) => (Some(*number), String::new()),
            Value::Text(text) => (None, text.clone()),
        };
        pb::Answer { question: answer.question.to_string(), number, text }
    });
    pb::Response {
        invitation: invitation.id.to_string(),
        survey: invitation.survey.to_string(),
        version: int32(response.version),
        answers: answers.collect(),
        answer_time: Some(to_proto(response.answer_time)),
    }
}

fn kind(kind: pb::QuestionKind) -> Option<QuestionKind> {
    match kind {
        pb::QuestionKind::Nps => Some(QuestionKind::Nps),
        pb::QuestionKind::Csat => Some(QuestionKind::Csat),
        pb::QuestionKind::Ces => Some(QuestionKind::Ces),
        pb::QuestionKind::Text => Some(QuestionKind::Text),
        pb::QuestionKind::Unspecified => None,
    }
}
