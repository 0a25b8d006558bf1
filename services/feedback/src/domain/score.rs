//! Scores: what the answers to one question come to. Every formula is named, and none makes a 0 of no data.

use std::collections::BTreeMap;

use thiserror::Error;

use guanxi_kernel::{Refusal, Refused};

use crate::domain::decimal::half_up;
use crate::domain::interval::{self, Estimate, Z};
use crate::domain::survey::{Question, QuestionId, QuestionKind};
use crate::domain::words::words;

words! {
    /// How answers become a score.
    pub enum Formula {
        /// 100 × (9–10 − 0–6) ÷ n.
        Nps = "nps",
        /// 100 × (4–5 of 5) ÷ n.
        CsatTopTwo = "csat_top_two",
        /// The mean of 1–7.
        CesMean = "ces_mean",
        /// 100 × (5–7 of 7) ÷ n.
        CesTopThree = "ces_top_three",
        /// 100 × (6–7 − 1–3 of 7) ÷ n.
        CesNet = "ces_net",
    }
}

impl Formula {
    /// The sort of question that it is for.
    pub fn question(self) -> QuestionKind {
        match self {
            Self::Nps => QuestionKind::Nps,
            Self::CsatTopTwo => QuestionKind::Csat,
            Self::CesMean | Self::CesTopThree | Self::CesNet => QuestionKind::Ces,
        }
    }

    /// The formula in words, as it is shown beside every score.
    pub fn text(self) -> &'static str {
        match self {
            Self::Nps => "100 x (answers of 9-10 - answers of 0-6) / n; 95% adjusted Wald",
            Self::CsatTopTwo => "100 x answers of 4-5 of 5 / n; 95% Wilson",
            Self::CesMean => "mean of answers of 1-7; 95% mean +- 1.96 s / sqrt n",
            Self::CesTopThree => "100 x answers of 5-7 of 7 / n; 95% Wilson",
            Self::CesNet => "100 x (answers of 6-7 - answers of 1-3 of 7) / n; 95% adjusted Wald",
        }
    }

    /// The question that the formula is applied to: the one named, else the only one of its sort.
    ///
    /// # Errors
    /// [`ScoreError`] where there is none, or where several could be meant.
    pub fn choose(self, questions: &[Question], named: Option<&QuestionId>) -> Result<QuestionId, ScoreError> {
        let mut fitting = questions
            .iter()
            .filter(|question| question.kind == self.question() && named.is_none_or(|id| *id == question.id));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(only.id.clone()),
            (None, _) => Err(ScoreError::NoQuestion { formula: self, needed: self.question() }),
            (Some(_), Some(_)) => Err(ScoreError::SeveralQuestions { formula: self, needed: self.question() }),
        }
    }
}

/// Why there is no such score.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScoreError {
    /// The survey asks nothing that the formula is for.
    #[error("{formula} needs a question of the sort {needed}, and the survey asks no such one")]
    NoQuestion {
        /// The formula.
        formula: Formula,
        /// What it needs.
        needed: QuestionKind,
    },
    /// The survey asks several such questions.
    #[error("{formula} needs one question of the sort {needed}, and the survey asks several: name one")]
    SeveralQuestions {
        /// The formula.
        formula: Formula,
        /// What it needs.
        needed: QuestionKind,
    },
}

impl Refusal for ScoreError {
    fn refusal(&self) -> Refused {
        let (Self::NoQuestion { formula, needed } | Self::SeveralQuestions { formula, needed }) = self;
        Refused::precondition("SCORE_QUESTION_MISMATCH", self.to_string())
            .with("formula", formula)
            .with("question_kind", needed)
    }
}

/// How many gave which answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<i32, u64>);

impl FromIterator<(i32, u64)> for Tally {
    fn from_iter<I: IntoIterator<Item = (i32, u64)>>(counts: I) -> Self {
        let mut tally = Self::default();
        for (number, count) in counts {
            *tally.0.entry(number).or_default() += count;
        }
        tally
    }
}

impl Tally {
    /// How many answered.
    pub fn n(&self) -> u64 {
        self.0.values().sum()
    }

    /// The answers given, ascending, and how many gave each.
    pub fn counts(&self) -> impl Iterator<Item = (i32, u64)> + Clone {
        self.0.iter().map(|(&number, &count)| (number, count))
    }

    fn within(&self, numbers: std::ops::RangeInclusive<i32>) -> u64 {
        self.0.range(numbers).map(|(_, count)| count).sum()
    }

    /// The score, exact, half-up to 4 decimals; `None` without answers.
    pub fn value(&self, formula: Formula) -> Option<String> {
        let share = |hits: u64| half_up(100 * i128::from(hits), i128::from(self.n()), 4);
        let net = |up: u64, down: u64| half_up(100 * (i128::from(up) - i128::from(down)), i128::from(self.n()), 4);
        match formula {
            Formula::Nps => net(self.within(9..=10), self.within(0..=6)),
            Formula::CsatTopTwo => share(self.within(4..=5)),
            Formula::CesMean => {
                let sum: i128 = self.counts().map(|(number, count)| i128::from(number) * i128::from(count)).sum();
                half_up(sum, i128::from(self.n()), 4)
            }
            Formula::CesTopThree => share(self.within(5..=7)),
            Formula::CesNet => net(self.within(6..=7), self.within(1..=3)),
        }
    }

    /// The adjusted score with its 95 % interval; `None` without answers.
    pub fn estimate(&self, formula: Formula) -> Option<Estimate> {
        match formula {
            Formula::Nps => interval::adjusted_wald(self.within(9..=10), self.within(0..=6), self.n()),
            Formula::CsatTopTwo => interval::wilson(self.within(4..=5), self.n()),
            Formula::CesMean => interval::mean(self.counts(), (1.0, 7.0)),
            Formula::CesTopThree => interval::wilson(self.within(5..=7), self.n()),
            Formula::CesNet => interval::adjusted_wald(self.within(6..=7), self.within(1..=3), self.n()),
        }
    }
}

/// Whether a score changed between two samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The difference of the adjusted scores over √(SE₁² + SE₂²).
    pub z: f64,
    /// Whether |z| ≥ 1.96.
    pub changed: bool,
}

/// Compares two samples; `None` where one has no data or neither has any spread.
pub fn compare(formula: Formula, before: &Tally, after: &Tally) -> Option<Change> {
    let z = interval::z_score(&before.estimate(formula)?, &after.estimate(formula)?)?;
    Some(Change { z, changed: z.abs() >= Z })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nps(promoters: u64, passives: u64, detractors: u64) -> Tally {
        Tally::from_iter([(10, promoters), (7, passives), (3, detractors)])
    }

    fn to_tenths(value: f64) -> f64 {
        (value * 10.0).round() / 10.0
    }

    fn tenths(estimate: Option<Estimate>) -> (f64, f64, f64) {
        let it = estimate.expect("an estimate");
        (to_tenths(it.adjusted), to_tenths(it.low), to_tenths(it.high))
    }

    #[test]
    fn f12_nps_of_50_30_20_is_30_adjusted_29_1_within_14_1_to_44_2() {
        assert_eq!(nps(50, 30, 20).value(Formula::Nps).as_deref(), Some("30.0000"));
        assert_eq!(tenths(nps(50, 30, 20).estimate(Formula::Nps)), (29.1, 14.1, 44.2));
    }

    #[test]
    fn f13_nps_of_ten_promoters_lies_within_47_5_to_100() {
        let (_, low, high) = tenths(nps(10, 0, 0).estimate(Formula::Nps));
        assert_eq!((low, high), (47.5, 100.0));
    }

    #[test]
    fn f14_csat_of_80_in_100_and_8_in_10_has_wilsons_interval() {
        let csat = |top: u64, rest: u64| Tally::from_iter([(5, top / 2), (4, top - top / 2), (3, rest)]);
        assert_eq!(csat(80, 20).value(Formula::CsatTopTwo).as_deref(), Some("80.0000"));
        let (_, low, high) = tenths(csat(80, 20).estimate(Formula::CsatTopTwo));
        assert_eq!((low, high), (71.1, 86.7));
        let (_, low, high) = tenths(csat(8, 2).estimate(Formula::CsatTopTwo));
        assert_eq!((low, high), (49.0, 94.3));
    }

    #[test]
    fn f15_from_30_to_45_is_not_a_change_with_100_answers_each() {
        let change = compare(Formula::Nps, &nps(50, 30, 20), &nps(60, 25, 15)).expect("both have data");
        assert_eq!(((change.z * 100.0).round() / 100.0, change.changed), (1.37, false));
        let change = compare(Formula::Nps, &nps(500, 300, 200), &nps(600, 250, 150)).expect("both have data");
        assert!(change.changed, "ten times the answers make it one: z {}", change.z);
    }

    #[test]
    fn effort_has_three_names_and_three_values() {
        let effort = Tally::from_iter([(7, 4), (5, 2), (4, 1), (2, 3)]);
        let value = |formula| effort.value(formula).expect("data");
        assert_eq!(value(Formula::CesMean), "4.8000");
        assert_eq!(value(Formula::CesTopThree), "60.0000");
        assert_eq!(value(Formula::CesNet), "10.0000");
    }

    #[test]
    fn no_answer_is_no_data_and_not_zero() {
        for &formula in Formula::ALL {
            assert_eq!(Tally::default().value(formula), None);
            assert_eq!(Tally::default().estimate(formula), None);
            assert_eq!(compare(formula, &Tally::default(), &nps(1, 1, 1)), None);
        }
    }

    #[test]
    fn a_formula_needs_the_one_question_that_it_is_for() {
        let question = |id: &str, kind| Question::new(id, kind, "?", false).expect("a question");
        let survey =
            [question("nps", QuestionKind::Nps), question("a", QuestionKind::Ces), question("b", QuestionKind::Ces)];
        let id = |text: &str| QuestionId::new(text).expect("an id");
        assert_eq!(Formula::Nps.choose(&survey, None), Ok(id("nps")));
        assert_eq!(Formula::CesNet.choose(&survey, Some(&id("b"))), Ok(id("b")));
        assert!(matches!(Formula::CesNet.choose(&survey, None), Err(ScoreError::SeveralQuestions { .. })));
        assert!(matches!(Formula::CsatTopTwo.choose(&survey, Some(&id("a"))), Err(ScoreError::NoQuestion { .. })));
    }
}
