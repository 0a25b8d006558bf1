//! Cases and their messages.

use guanxi_contracts::feedback::v1 as pb;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{OrganizationId, Refuse, Refused};
use guanxi_rpc::convert;

use super::known;
use crate::domain::case::{Case, CaseKind, CaseState, Content};
use crate::domain::cause::CauseKind;
use crate::domain::intake::Intake;
use crate::domain::reply::{Author, Reply};
use crate::store::cases::Message;

/// What is asked of a case to open.
pub struct Asked {
    /// The organisation that is named, if one is.
    pub organization: Option<OrganizationId>,
    /// Where it came in.
    pub intake: Option<Intake>,
    /// What it says.
    pub content: Content,
}

/// A case to open.
///
/// # Errors
/// INVALID_ARGUMENT for every field that is wrong.
pub fn asked(case: Option<&pb::Case>) -> Result<Asked, Refused> {
    let case = convert::required(case, "case")?;
    let (organization, kind, customer, order, intake) = convert::all((
        convert::organization(&case.organization, "case.organization"),
        known(kind(case.kind()), "case.kind"),
        convert::optional_name(&case.customer, "case.customer"),
        convert::optional_name(&case.order, "case.order"),
        Intake::new(&case.source, &case.external_id).refuse(),
    ))?;
    let (subject, description) = (case.subject.clone(), case.description.clone());
    Ok(Asked { organization, intake, content: Content { kind, subject, description, customer, order } })
}

/// Whose message it is, and whose turn it is next.
///
/// # Errors
/// INVALID_ARGUMENT where somebody else than an agent says whose turn it is.
pub fn reply(message: &pb::ReplyToCaseRequest) -> Result<Reply, Refused> {
    let author = match message.author() {
        pb::CaseAuthor::Customer => Some(Author::Customer),
        pb::CaseAuthor::Agent => Some(Author::Agent),
        pb::CaseAuthor::Automatic => Some(Author::Automatic),
        pb::CaseAuthor::Unspecified => None,
    };
    let next = match message.next_state() {
        pb::CaseState::Open => Some(CaseState::Open),
        pb::CaseState::Pending => Some(CaseState::Pending),
        pb::CaseState::OnHold => Some(CaseState::OnHold),
        _ => None,
    };
    Reply::new(known(author, "author")?, next).refuse()
}

/// A case as the contract writes it.
pub fn case(case: &Case) -> pb::Case {
    let causes = case.causes.iter().map(|taken| pb::CaseCause {
        kind: match taken.cause.kind {
            CauseKind::LateDelivery => pb::CaseCauseKind::LateDelivery,
            CauseKind::LowRating => pb::CaseCauseKind::LowRating,
        }
        .into(),
        origin: taken.cause.origin.clone(),
        occur_time: Some(to_proto(taken.cause.occur_time)),
        record_time: Some(to_proto(taken.record_time)),
    });
    let (source, external_id) = case.intake.clone().map(|it| (it.source, it.external_id)).unwrap_or_default();
    pb::Case {
        name: case.id.to_string(),
        organization: case.organization.to_string(),
        kind: match case.content.kind {
            CaseKind::Question => pb::CaseKind::Question,
            CaseKind::Complaint => pb::CaseKind::Complaint,
            CaseKind::Repair => pb::CaseKind::Repair,
            CaseKind::Return => pb::CaseKind::Return,
        }
        .into(),
        state: match case.state {
            CaseState::New => pb::CaseState::New,
            CaseState::Open => pb::CaseState::Open,
            CaseState::Pending => pb::CaseState::Pending,
            CaseState::OnHold => pb::CaseState::OnHold,
            CaseState::Solved => pb::CaseState::Solved,
            CaseState::Closed => pb::CaseState::Closed,
        }
        .into(),
        subject: case.content.subject.clone(),
        description: case.content.description.clone(),
        customer: case.content.customer.map(|id| id.to_string()).unwrap_or_default(),
        order: case.content.order.as_ref().map(ToString::to_string).unwrap_or_default(),
        source,
        external_id,
        causes: causes.collect(),
        follows: case.follows.map(|id| id.to_string()).unwrap_or_default(),
        historical: case.historical,
        create_time: Some(to_proto(case.create_time)),
        update_time: Some(to_proto(case.update_time)),
        solve_time: convert::to_instant(case.solve_time),
        etag: case.etag(),
    }
}

/// A message as the contract writes it.
pub fn message(message: &Message) -> pb::CaseMessage {
    pb::CaseMessage {
        author: match message.author {
            Author::Customer => pb::CaseAuthor::Customer,
            Author::Agent => pb::CaseAuthor::Agent,
            Author::Automatic => pb::CaseAuthor::Automatic,
        }
        .into(),
        text: message.text.clone(),
        create_time: Some(to_proto(message.create_time)),
        id: message.id.to_string(),
    }
}

fn kind(kind: pb::CaseKind) -> Option<CaseKind> {
    match kind {
        pb::CaseKind::Question => Some(CaseKind::Question),
        pb::CaseKind::Complaint => Some(CaseKind::Complaint),
        pb::CaseKind::Repair => Some(CaseKind::Repair),
        pb::CaseKind::Return => Some(CaseKind::Return),
        pb::CaseKind::Unspecified => None,
    }
}
