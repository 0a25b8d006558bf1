//! ScoreService.

use guanxi_contracts::feedback::v1::*;
use guanxi_contracts::server::feedback_v1::score_service_server::ScoreService;
use guanxi_kernel::{Refuse, Refused};
use guanxi_rpc::{answer, convert, open};
use guanxi_store::{Database, Session};
use tonic::{Request, Response, Status};

use super::wire::score::{self as wire, Measured};
use crate::domain::interval::shown;
use crate::domain::name::SurveyId;
use crate::domain::score::{Formula, compare};
use crate::domain::survey::{QuestionId, Survey};
use crate::domain::window::Window;
use crate::store::{scores, surveys};

/// Serves scores.
#[derive(Debug, Clone)]
pub struct Scores {
    db: Database,
}

impl Scores {
    /// Over this database.
    pub fn new(db: &Database) -> Self {
        Self { db: db.clone() }
    }
}

#[tonic::async_trait]
impl ScoreService for Scores {
    async fn get_score(&self, request: Request<GetScoreRequest>) -> Result<Response<GetScoreResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (survey, question, formula, window) = convert::all((
                convert::name::<SurveyId>(&message.survey, "survey"),
                wire::question(&message.question),
                wire::formula(message.formula()),
                wire::window(message.window.as_ref(), "window"),
            ))?;
            let reader = self.db.reader(&call);
            let (survey, question) = asked(&reader, &survey, question.as_ref(), formula).await?;
            let measured = measure(&reader, &survey, question, formula, window).await?;
            Ok(GetScoreResponse { score: Some(wire::score(&measured)) })
        })
        .await
    }

    async fn compare_scores(
        &self,
        request: Request<CompareScoresRequest>,
    ) -> Result<Response<CompareScoresResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (survey, question, formula, before, after) = convert::all((
                convert::name::<SurveyId>(&message.survey, "survey"),
                wire::question(&message.question),
                wire::formula(message.formula()),
                wire::window(message.before.as_ref(), "before"),
                wire::window(message.after.as_ref(), "after"),
            ))?;
            let reader = self.db.reader(&call);
            let (survey, question) = asked(&reader, &survey, question.as_ref(), formula).await?;
            let before = measure(&reader, &survey, question.clone(), formula, before).await?;
            let after = measure(&reader, &survey, question, formula, after).await?;
            let change = compare(formula, &before.tally, &after.tally);
            Ok(CompareScoresResponse {
                before: Some(wire::score(&before)),
                after: Some(wire::score(&after)),
                z: change.map(|change| shown(change.z)),
                changed: change.map(|change| change.changed),
            })
        })
        .await
    }
}

/// The survey, and the question that the formula is applied to.
async fn asked<S: Session>(
    session: &S,
    survey: &SurveyId,
    question: Option<&QuestionId>,
    formula: Formula,
) -> Result<(Survey, QuestionId), Refused> {
    let survey = surveys::read(session, survey, None).await?;
    let ever = surveys::questions_ever(session, &survey.id).await?;
    let question = formula.choose(&ever, question).refuse()?;
    Ok((survey, question))
}

async fn measure<S: Session>(
    session: &S,
    survey: &Survey,
    question: QuestionId,
    formula: Formula,
    window: Window,
) -> Result<Measured, Refused> {
    let span = window.instants(&survey.content.zone());
    let tally = scores::tally(session, &survey.id, &question, span).await?;
    let reach = scores::reach(session, &survey.id, span).await?;
    let (id, time_zone) = (survey.id.clone(), survey.content.time_zone.clone());
    Ok(Measured { survey: id, question, formula, window, time_zone, tally, reach })
}
