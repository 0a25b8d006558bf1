//! Programs as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Refused, Violation};

use super::expiry::{choose, expiry, pending, to_expiry, to_pending};
use super::{occasion, referral, rule, tier};
use crate::domain::expiry::ExpiryPolicy;
use crate::domain::points::Points;
use crate::domain::program::{OverdraftPolicy, Program, Rounding, Terms};
use crate::domain::redemption::Redemption;

/// The terms that a message gives. What the terms themselves contradict is said by their own check.
///
/// # Errors
/// INVALID_ARGUMENT where a choice has none or several of its parts; all of them at once.
pub fn terms(program: &proto::Program) -> Result<Terms, Refused> {
    let mut wrong = Wrong::default();
    let terms = Terms {
        display_name: program.display_name.clone(),
        points_name: program.point_currency.as_ref().map(|c| c.display_name.clone()).unwrap_or_default(),
        time_zone: program.time_zone.clone(),
        auto_enroll: program.auto_enroll,
        delivery_earns: program.delivery_earns,
        tax_earns: program.tax_earns,
        rounding: match program.rounding() {
            proto::Rounding::HalfUp => Rounding::HalfUp,
            proto::Rounding::Ceiling => Rounding::Ceiling,
            proto::Rounding::Floor | proto::Rounding::Unspecified => Rounding::Floor,
        },
        rules: rule::rules(&program.earning_rules, "program.earning_rules", &mut wrong.0),
        pending: program
            .pending
            .as_ref()
            .map(|given| pending(&mut wrong.0, "program.pending", given))
            .unwrap_or_default(),
        expiry: program.expiry.as_ref().map(|expiry| wrong.expiry("expiry", expiry)).unwrap_or_default(),
        overdraft: program.negative_balance.as_ref().map(|policy| wrong.overdraft(policy)).unwrap_or_default(),
        redemption: program.redemption.as_ref().map(redemption),
        tiers: program.tiers.as_ref().map(|tiers| tier::policy(tiers, &mut wrong)),
        tiers_version: 0,
        occasions: program.occasions.iter().map(occasion::rule).collect(),
        occasions_version: 0,
        referral: program.referral.as_ref().map(|given| referral::terms(given, &mut wrong.0)),
        referral_version: 0,
    };
    if wrong.0.is_empty() { Ok(terms) } else { Err(Refused::violations(wrong.0)) }
}

/// The choices that were not made, or made twice.
#[derive(Default)]
pub(super) struct Wrong(Vec<Violation>);

impl Wrong {
    pub(super) fn choose<T>(&mut self, field: &str, of: &str, given: [Option<T>; 3], otherwise: T) -> T {
        choose(&mut self.0, &format!("program.{field}"), of, given, otherwise)
    }

    /// The expiry that `field` holds.
    pub(super) fn expiry(&mut self, field: &str, given: &proto::ExpiryPolicy) -> ExpiryPolicy {
        expiry(&mut self.0, &format!("program.{field}"), given)
    }

    fn overdraft(&mut self, policy: &proto::NegativeBalancePolicy) -> OverdraftPolicy {
        let refuse = policy.refuse.as_ref().map(|_| OverdraftPolicy::Refuse);
        let clamp = policy.clamp.as_ref().map(|_| OverdraftPolicy::Clamp);
        let allow = policy.allow.as_ref().map(|allow| OverdraftPolicy::Allow { floor: Points::new(allow.floor) });
        self.choose("negative_balance", "refuse, clamp, allow", [refuse, clamp, allow], OverdraftPolicy::Refuse)
    }
}

/// What points are worth; the step is what the value is given for and the share the whole order where they are absent.
fn redemption(given: &proto::Redemption) -> Redemption {
    Redemption {
        points: Points::new(given.points),
        minor_units: given.minor_units,
        step: Points::new(if given.step_points == 0 { given.points } else { given.step_points }),
        minimum: Points::new(given.minimum_points),
        maximum_permille: if given.maximum_permille == 0 { 1_000 } else { given.maximum_permille.into() },
    }
}

fn to_redemption(terms: Redemption) -> proto::Redemption {
    proto::Redemption {
        points: terms.points.get(),
        minor_units: terms.minor_units,
        step_points: terms.step.get(),
        minimum_points: terms.minimum.get(),
        maximum_permille: i32::try_from(terms.maximum_permille).unwrap_or(1_000),
    }
}

/// A program as a message.
pub fn program(program: &Program) -> proto::Program {
    let Terms { rounding, rules, pending, expiry, overdraft, .. } = &program.terms;
    proto::Program {
        name: program.id.to_string(),
        organization: program.organization.to_string(),
        display_name: program.terms.display_name.clone(),
        point_currency: Some(proto::PointCurrency { display_name: program.terms.points_name.clone() }),
        currency_code: program.currency.code().to_owned(),
        time_zone: program.terms.time_zone.clone(),
        auto_enroll: program.terms.auto_enroll,
        delivery_earns: program.terms.delivery_earns,
        tax_earns: program.terms.tax_earns,
        rounding: match rounding {
            Rounding::Floor => proto::Rounding::Floor,
            Rounding::HalfUp => proto::Rounding::HalfUp,
            Rounding::Ceiling => proto::Rounding::Ceiling,
        }
        .into(),
        earning_rules: rules.iter().map(rule::to_rule).collect(),
        pending: to_pending(pending),
        expiry: to_expiry(expiry),
        negative_balance: Some(to_overdraft(*overdraft)),
        redemption: program.terms.redemption.map(to_redemption),
        tiers: program.terms.tiers.as_ref().map(tier::to_policy),
        occasions: program.terms.occasions.iter().map(occasion::to_rule).collect(),
        referral: program.terms.referral.as_ref().map(referral::to_terms),
        create_time: Some(to_proto(program.create_time)),
        update_time: Some(to_proto(program.update_time)),
        etag: etag(program),
    }
}

/// What changes with every change of a program.
pub fn etag(program: &Program) -> String {
    program.version.to_string()
}

fn to_overdraft(overdraft: OverdraftPolicy) -> proto::NegativeBalancePolicy {
    let mut policy = proto::NegativeBalancePolicy::default();
    match overdraft {
        OverdraftPolicy::Refuse => policy.refuse = Some(proto::RefuseOverdraft {}),
        OverdraftPolicy::Clamp => policy.clamp = Some(proto::ClampOverdraft {}),
        OverdraftPolicy::Allow { floor } => policy.allow = Some(proto::AllowOverdraft { floor: floor.get() }),
    }
    policy
}
