//! Scores and their windows.

use guanxi_contracts::feedback::v1 as pb;
use guanxi_kernel::{Refuse, Refused};
use guanxi_rpc::convert;

use super::{int64, known};
use crate::domain::interval::shown;
use crate::domain::name::SurveyId;
use crate::domain::reach::Reach;
use crate::domain::score::{Formula, Tally};
use crate::domain::survey::QuestionId;
use crate::domain::window::Window;

/// The formula that is named.
///
/// # Errors
/// INVALID_ARGUMENT where none is.
pub fn formula(formula: pb::ScoreFormula) -> Result<Formula, Refused> {
    let formula = match formula {
        pb::ScoreFormula::Nps => Some(Formula::Nps),
        pb::ScoreFormula::CsatTopTwo => Some(Formula::CsatTopTwo),
        pb::ScoreFormula::CesMean => Some(Formula::CesMean),
        pb::ScoreFormula::CesTopThree => Some(Formula::CesTopThree),
        pb::ScoreFormula::CesNet => Some(Formula::CesNet),
        pb::ScoreFormula::Unspecified => None,
    };
    known(formula, "formula")
}

/// The question that is named, if one is.
///
/// # Errors
/// INVALID_ARGUMENT where it is no id.
pub fn question(id: &str) -> Result<Option<QuestionId>, Refused> {
    (!id.is_empty()).then(|| known(QuestionId::new(id), "question")).transpose()
}

/// A window; an absent one holds everything. `field` is what it is called in the request.
///
/// # Errors
/// INVALID_ARGUMENT where a date is none, or the window holds no day.
pub fn window(window: Option<&pb::ScoreWindow>, field: &str) -> Result<Window, Refused> {
    let Some(window) = window else { return Ok(Window::default()) };
    let (from, to) = convert::all((
        convert::optional_date(&window.from_date, &format!("{field}.from_date")),
        convert::optional_date(&window.to_date, &format!("{field}.to_date")),
    ))?;
    Window::new(from, to).refuse_in(&format!("{field}.to_date"))
}

/// What a score is made of.
pub struct Measured {
    /// The survey.
    pub survey: SurveyId,
    /// The question.
    pub question: QuestionId,
    /// The formula.
    pub formula: Formula,
    /// The window.
    pub window: Window,
    /// The zone in which it is read.
    pub time_zone: String,
    /// The answers.
    pub tally: Tally,
    /// The invitations.
    pub reach: Reach,
}

/// A score as the contract writes it.
pub fn score(measured: &Measured) -> pb::Score {
    let Measured { formula, window, tally, reach, .. } = measured;
    let estimate = tally.estimate(*formula);
    pb::Score {
        survey: measured.survey.to_string(),
        question: measured.question.to_string(),
        formula: match formula {
            Formula::Nps => pb::ScoreFormula::Nps,
            Formula::CsatTopTwo => pb::ScoreFormula::CsatTopTwo,
            Formula::CesMean => pb::ScoreFormula::CesMean,
            Formula::CesTopThree => pb::ScoreFormula::CesTopThree,
            Formula::CesNet => pb::ScoreFormula::CesNet,
        }
        .into(),
        formula_text: formula.text().to_owned(),
        window: Some(pb::ScoreWindow {
            from_date: window.from().map(|date| date.to_string()).unwrap_or_default(),
            to_date: window.to().map(|date| date.to_string()).unwrap_or_default(),
        }),
        time_zone: measured.time_zone.clone(),
        n: int64(tally.n()),
        value: tally.value(*formula),
        adjusted: estimate.map(|estimate| shown(estimate.adjusted)),
        interval: estimate.map(|it| pb::ScoreInterval { low: shown(it.low), high: shown(it.high) }),
        counts: tally.counts().map(|(number, count)| pb::ScoreCount { number, count: int64(count) }).collect(),
        reach: Some(pb::ScoreReach {
            sent: int64(reach.sent),
            shown: int64(reach.shown),
            dismissed: int64(reach.dismissed),
            answered: int64(reach.answered),
            response_rate: reach.response_rate(),
        }),
    }
}
