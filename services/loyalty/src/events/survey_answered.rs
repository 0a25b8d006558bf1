//! SurveyAnswered → what the rules give for an answer, once for each invitation.
//! Effect: applied once, in any order. Parks until the order that the survey is about is known, where a rule listens: the
//! customer may become a member with it.

use async_trait::async_trait;
use guanxi_contracts::feedback::events::v1::SurveyAnswered;
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use super::hearing::{self, Happened};
use super::review_submitted::{About, hear_about};
use crate::domain::source::Happening;
use crate::store::programs::Programs;

/// Handles SurveyAnswered.
#[derive(Debug)]
pub struct HearAnswers {
    programs: Programs,
}

impl HearAnswers {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for HearAnswers {
    type Event = SurveyAnswered;

    async fn handle(&self, tx: &Tx, events: &[Delivered<SurveyAnswered>]) -> Result<Vec<Outcome>> {
        hear_about(tx, &self.programs, events.iter().map(answer).collect()).await
    }
}

fn answer(delivered: &Delivered<SurveyAnswered>) -> Result<Option<About<'_>>, Outcome> {
    let Delivered { event, meta } = delivered;
    let Some(customer) = hearing::customer(&event.customer)? else { return Ok(None) };
    let order = (!event.order.is_empty()).then(|| super::order(&event.order)).transpose()?;
    let name = hearing::name(event.invitation.as_str())?;
    let happening = Happening::SurveyAnswered { survey: event.survey.clone(), version: event.version.into() };
    Ok(Some(About { order, happened: Happened { customer, name, happening, meta } }))
}
