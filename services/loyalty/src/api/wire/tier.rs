//! Tiers as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::Timestamp;
use guanxi_kernel::name::MemberId;

use super::expiry::{period, to_own_expiry, to_period};
use super::program::Wrong;
use crate::domain::ladder::{Ladder, Outlook, Standing};
use crate::domain::tier::{Basis, Calendar, Downgrade, Tier, TierPolicy, Upgrade, Validity, Window};

/// The tiers that a message gives.
pub(super) fn policy(given: &proto::TierPolicy, wrong: &mut Wrong) -> TierPolicy {
    let window = |window: &proto::TierWindow, wrong: &mut Wrong| {
        let rolling = window.rolling.as_ref().map(|rolling| Window::RollingMonths(rolling.months));
        let calendar = window.calendar_year.as_ref().map(|_| Window::CalendarYear);
        let member = window.member_year.as_ref().map(|_| Window::MemberYear);
        wrong.choose("tiers.window", "rolling, calendar_year, member_year", [rolling, calendar, member], Window::Ever)
    };
    let validity = |validity: &proto::TierValidity, wrong: &mut Wrong| {
        let start = validity.from_start.as_ref().map(|given| Validity::FromStart(period(Some(given))));
        let member = validity.member_year.as_ref().map(|given| Validity::MemberYear(given.additional_years));
        let calendar = validity.calendar_year.as_ref().map(|given| Validity::CalendarYear(given.additional_years));
        let of = "from_start, member_year, calendar_year";
        wrong.choose("tiers.validity", of, [start, member, calendar], Validity::CalendarYear(0))
    };
    let tier = |(at, tier): (usize, &proto::Tier)| Tier {
        id: tier.id.clone(),
        display_name: tier.display_name.clone(),
        threshold: tier.threshold,
        expiry: tier.expiry.as_ref().map(|expiry| wrong.expiry(&format!("tiers.tiers[{at}].expiry"), expiry)),
    };
    let tiers = given.tiers.iter().enumerate().map(tier).collect();
    TierPolicy {
        tiers,
        basis: match given.basis() {
            proto::TierBasis::Spend => Basis::Spend,
            proto::TierBasis::Balance => Basis::Balance,
            proto::TierBasis::PointsEarned | proto::TierBasis::Unspecified => Basis::PointsEarned,
        },
        window: given.window.as_ref().map_or(Window::Ever, |given| window(given, wrong)),
        validity: given.validity.as_ref().map(|given| validity(given, wrong)),
        upgrade: match given.upgrade() {
            proto::TierUpgrade::AtOnce | proto::TierUpgrade::Unspecified => Upgrade::AtOnce,
            proto::TierUpgrade::AtPeriodEnd => Upgrade::AtPeriodEnd,
        },
        downgrade: match given.downgrade() {
            proto::TierDowngrade::None => Downgrade::None,
            proto::TierDowngrade::OneStep => Downgrade::OneStep,
            proto::TierDowngrade::ToReached | proto::TierDowngrade::Unspecified => Downgrade::ToEarned,
        },
        grace: given.grace.as_ref().map(|grace| period(Some(grace))),
    }
}

/// Tiers as a message.
pub(super) fn to_policy(policy: &TierPolicy) -> proto::TierPolicy {
    let tier = |tier: &Tier| proto::Tier {
        id: tier.id.clone(),
        display_name: tier.display_name.clone(),
        threshold: tier.threshold,
        expiry: tier.expiry.as_ref().map(to_own_expiry),
    };
    let mut window = proto::TierWindow::default();
    match policy.window {
        Window::RollingMonths(months) => window.rolling = Some(proto::RollingWindow { months }),
        Window::CalendarYear => window.calendar_year = Some(proto::CalendarYearWindow {}),
        Window::MemberYear => window.member_year = Some(proto::MemberYearWindow {}),
        Window::Ever => {}
    }
    let validity = policy.validity.map(|validity| {
        let mut message = proto::TierValidity::default();
        match validity {
            Validity::FromStart(period) => message.from_start = Some(to_period(&period)),
            Validity::MemberYear(more) => message.member_year = Some(proto::TierYears { additional_years: more }),
            Validity::CalendarYear(more) => message.calendar_year = Some(proto::TierYears { additional_years: more }),
        }
        message
    });
    let basis = match policy.basis {
        Basis::PointsEarned => proto::TierBasis::PointsEarned,
        Basis::Spend => proto::TierBasis::Spend,
        Basis::Balance => proto::TierBasis::Balance,
    };
    let upgrade = match policy.upgrade {
        Upgrade::AtOnce => proto::TierUpgrade::AtOnce,
        Upgrade::AtPeriodEnd => proto::TierUpgrade::AtPeriodEnd,
    };
    let downgrade = match policy.downgrade {
        Downgrade::None => proto::TierDowngrade::None,
        Downgrade::OneStep => proto::TierDowngrade::OneStep,
        Downgrade::ToEarned => proto::TierDowngrade::ToReached,
    };
    proto::TierPolicy {
        tiers: policy.tiers.iter().map(tier).collect(),
        basis: basis.into(),
        window: (policy.window != Window::Ever).then_some(window),
        validity,
        upgrade: upgrade.into(),
        downgrade: downgrade.into(),
        grace: policy.grace.as_ref().map(to_period),
    }
}

/// Where a member stands at `now`, to which his ladder is counted.
pub fn standing(
    member: MemberId,
    policy: &TierPolicy,
    calendar: &Calendar,
    ladder: &Ladder,
    standing: &Standing,
    now: Timestamp,
) -> proto::TierStanding {
    let Outlook { counted, to_stay, to_rise, falls } = ladder.outlook(policy, calendar, now);
    let named = standing.tier.as_deref().and_then(|id| policy.named(id));
    let (next_tier, needed_to_rise) = to_rise.unwrap_or_default();
    proto::TierStanding {
        member: member.to_string(),
        tier: standing.tier.clone().unwrap_or_default(),
        display_name: named.map(|tier| tier.display_name.clone()).unwrap_or_default(),
        since_time: Some(to_proto(standing.since)),
        until_time: standing.until.map(to_proto),
        granted: standing.granted,
        counted,
        needed_to_stay: to_stay,
        next_tier,
        needed_to_rise,
        falls_to: falls.as_ref().and_then(|(tier, _)| tier.clone()).unwrap_or_default(),
        fall_time: falls.map(|(_, at)| to_proto(at)),
    }
}
