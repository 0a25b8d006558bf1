//! Liability as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Money, Timestamp};
use guanxi_rpc::convert;
use jiff::civil::Date;

use crate::domain::liability::{Bucket, Cohort, CohortPeriod, Liability, Term};
use crate::domain::points::Points;
use crate::domain::program::Program;

/// How long a cohort is.
pub fn period(given: proto::CohortPeriod) -> CohortPeriod {
    match given {
        proto::CohortPeriod::Quarter => CohortPeriod::Quarter,
        proto::CohortPeriod::Month | proto::CohortPeriod::Unspecified => CohortPeriod::Month,
    }
}

/// Points with what they are worth.
fn sum(program: &Program, points: Points) -> proto::LiabilitySum {
    let worth = program.terms.redemption.map(|redemption| Money::new(redemption.value(points), program.currency));
    proto::LiabilitySum { points: points.get(), value: worth.map(convert::to_money) }
}

/// The whole report.
pub fn report(program: &Program, found: &Liability, known_at: Timestamp) -> proto::GetLiabilityResponse {
    let sum = |points| Some(sum(program, points));
    let bucket = |bucket: &Bucket| proto::LiabilityBucket {
        start_time: bucket.start.map(to_proto),
        end_time: bucket.end.map(to_proto),
        term: match bucket.term {
            Term::Aged => proto::LiabilityTerm::Unspecified,
            Term::Dated => proto::LiabilityTerm::Dated,
            Term::Never => proto::LiabilityTerm::Never,
            Term::Waiting => proto::LiabilityTerm::Waiting,
        }
        .into(),
        owed: sum(bucket.owed),
    };
    let all = found.all();
    let expected: Option<Points> = found.cohorts().map(|(_, cohort)| cohort.expected_breakage(&all)).sum();
    let cohorts = found.cohorts().map(|(first, of)| cohort(Some(first), of, of.expected_breakage(&all)));
    proto::GetLiabilityResponse {
        program: program.id.to_string(),
        as_of: Some(to_proto(found.at)),
        known_at: Some(to_proto(known_at)),
        liability: Some(proto::Liability {
            owed: sum(found.owed()),
            pending: sum(found.pending),
            active: sum(found.active),
            held: sum(found.held),
            deficit: sum(found.deficit),
            members: found.members,
            lots: found.lots,
        }),
        by_age: found.by_age.iter().map(bucket).collect(),
        by_expiry: found.by_expiry.iter().map(bucket).collect(),
        cohorts: cohorts.collect(),
        all: Some(cohort(None, &all, expected.filter(|_| all.matured.is_positive()))),
    }
}

fn cohort(first: Option<Date>, of: &Cohort, expected: Option<Points>) -> proto::BreakageCohort {
    proto::BreakageCohort {
        start_date: first.map(|first| first.to_string()).unwrap_or_default(),
        issued: of.issued.get(),
        received: of.received.get(),
        redeemed: of.redeemed.get(),
        expired: of.expired.get(),
        reversed: of.reversed.get(),
        taken: of.taken.get(),
        sent: of.sent.get(),
        covered: of.covered.get(),
        open: of.open.get(),
        matured: of.matured.get(),
        breakage_permille: of.breakage_permille().and_then(|permille| i32::try_from(permille).ok()),
        expected_breakage: expected.map(Points::get),
    }
}
