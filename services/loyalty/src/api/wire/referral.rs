//! Referrals as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::Violation;

use super::challenge::{selection, to_filter};
use super::expiry::{period, to_period};
use super::rule;
use crate::domain::points::Points;
use crate::domain::referral::{Referral, ReferralTerms, State};

/// The terms that a message gives; what is wrong with them is added to `wrong`.
pub(super) fn terms(given: &proto::ReferralTerms, wrong: &mut Vec<Violation>) -> ReferralTerms {
    ReferralTerms {
        referrer_points: Points::new(given.referrer_points),
        referee_points: Points::new(given.referee_points),
        selection: selection(given.filter.as_ref(), "program.referral.filter", wrong),
        limit: given.limit.map(i64::from),
        limit_period: match given.limit_period() {
            proto::CapPeriod::Unspecified => None,
            of => Some(rule::period(of)),
        },
        valid_for: given.valid_for.as_ref().map(|given| period(Some(given))),
    }
}

/// The terms as a message.
pub(super) fn to_terms(terms: &ReferralTerms) -> proto::ReferralTerms {
    let limit_period = terms.limit_period.map_or(proto::CapPeriod::Unspecified, rule::to_period);
    proto::ReferralTerms {
        referrer_points: terms.referrer_points.get(),
        referee_points: terms.referee_points.get(),
        filter: to_filter(&terms.selection),
        limit: terms.limit.and_then(|limit| i32::try_from(limit).ok()),
        limit_period: limit_period.into(),
        valid_for: terms.valid_for.as_ref().map(to_period),
    }
}

/// A referral as a message.
pub fn referral(referral: &Referral) -> proto::Referral {
    let state = match referral.state {
        State::Pending => proto::ReferralState::Pending,
        State::Converted => proto::ReferralState::Converted,
        State::Reversed => proto::ReferralState::Reversed,
    };
    let paid = |points: Points| if referral.state == State::Converted { points.get() } else { 0 };
    proto::Referral {
        referee: referral.referee.to_string(),
        referrer: referral.referrer.to_string(),
        program: referral.program.to_string(),
        code: referral.code.clone(),
        state: state.into(),
        create_time: Some(to_proto(referral.create_time)),
        order: referral.order.as_ref().map(|(_, name, _)| name.to_string()).unwrap_or_default(),
        convert_time: referral.order.as_ref().map(|(.., at)| to_proto(*at)),
        referrer_points: paid(referral.referrer_points),
        referee_points: paid(referral.referee_points),
        limited: referral.limited,
    }
}
