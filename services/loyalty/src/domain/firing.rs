//! Which rules fire for an order, and what each gives before multipliers.
//!
//! By priority: a rule fires where it is valid, its filters let something in and its condition holds, unless its caps are
//! used up. An exclusive rule that fires silences all others of its kind. A rule that fires and has the stop flag is the
//! last that is looked at. What is silenced, capped away or faulted does neither.

use super::campaign::Campaign;
use super::cap::Standing;
use super::condition::Fault;
use super::earning::{EarningError, bounded};
use super::explanation::{RuleExplanation, RuleOutcome};
use super::facts::Facts;
use super::points::{Points, share};
use super::purchase::Part;
use super::rule::{EarningRule, Effect, Kind, MAX_MULTIPLIERS};

/// A rule that may fire, with its campaign and where that stands among those of the order's time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer<'a> {
    pub rule: &'a EarningRule,
    pub campaign: Option<(usize, &'a Campaign)>,
}

impl Offer<'_> {
    /// What is kept of a member for the rule has this name.
    fn key(&self) -> String {
        self.campaign.map_or_else(|| self.rule.id.clone(), |(_, campaign)| campaign.rule_key(self.rule))
    }
}

/// A rule that fired.
pub(super) struct Fired<'a> {
    pub rule: &'a EarningRule,
    pub campaign: Option<(usize, &'a Campaign)>,
    pub key: String,
    /// The parts that count, in their order.
    pub hits: Vec<usize>,
    /// What each of those is given; zeros for a multiplier.
    pub shares: Vec<i64>,
    /// What it would give without its caps.
    pub asked: i64,
    /// What it gives.
    pub granted: i64,
    /// What its caps leave; `None` where it has none.
    pub room: Option<Points>,
    /// Money of earlier orders that counts, in minor units.
    pub carried_minor: i64,
    /// By how much that grows.
    pub carried_change: i64,
    pub silenced: bool,
    /// Which expiry its points have, among those of the earning.
    pub group: usize,
}

impl Fired<'_> {
    /// Whether what it gives is known only by summing with and without it.
    pub fn is_layer(&self) -> bool {
        self.rule.kind() == Kind::Multiplier && self.room.is_some()
    }
}

/// What fired, and what is to be said of what did not.
pub(super) struct Firing<'a> {
    pub fired: Vec<Fired<'a>>,
    pub unfired: Vec<RuleExplanation>,
    pub stopped_by: Option<String>,
}

/// Which of these rules fire, the first to act first.
pub(super) fn fire<'a>(
    mut offers: Vec<Offer<'a>>,
    facts: &Facts<'_>,
    parts: &[Part<'_>],
    standing: &Standing,
) -> Result<Firing<'a>, EarningError> {
    offers.sort_by_key(|offer| std::cmp::Reverse(offer.rule.priority));
    let mut firing = Firing { fired: Vec::new(), unfired: Vec::new(), stopped_by: None };
    let mut alone = [false; 2];
    for offer in offers {
        let rule = offer.rule;
        let not = |outcome| RuleExplanation {
            rule: rule.id.clone(),
            campaign: offer.campaign.map(|(_, campaign)| campaign.id.slug().to_owned()),
            outcome,
            ..RuleExplanation::default()
        };
        let hits = match hits(rule, facts, parts) {
            Ok(hits) if hits.is_empty() => continue,
            Ok(hits) => hits,
            Err(fault) => {
                firing.unfired.push(RuleExplanation { fault: Some(fault), ..not(RuleOutcome::Faulted) });
                continue;
            }
        };
        let kind = rule.kind();
        let enough = kind == Kind::Multiplier && live(&firing.fired, kind) >= MAX_MULTIPLIERS && !rule.exclusive;
        if alone[kind as usize] || enough {
            firing.unfired.push(not(RuleOutcome::Silenced));
            continue;
        }
        let fired = give(&offer, hits, facts, parts, standing)?;
        if fired.room == Some(Points::ZERO) {
            let asked = (kind == Kind::Base).then(|| Points::new(fired.asked));
            let granted = Some(Points::ZERO);
            firing.unfired.push(RuleExplanation { asked, granted, ..not(RuleOutcome::Capped) });
            continue;
        }
        if rule.exclusive {
            alone[kind as usize] = true;
            firing.fired.iter_mut().filter(|other| other.rule.kind() == kind).for_each(|other| other.silenced = true);
        }
        firing.fired.push(fired);
        if rule.stop {
            firing.stopped_by = Some(rule.id.clone());
            break;
        }
    }
    Ok(firing)
}

fn live(fired: &[Fired<'_>], kind: Kind) -> usize {
    fired.iter().filter(|fired| !fired.silenced && fired.rule.kind() == kind).count()
}

/// The parts that a rule acts on, in their order: none where it does not fire.
pub(super) fn hits(rule: &EarningRule, facts: &Facts<'_>, parts: &[Part<'_>]) -> Result<Vec<usize>, Fault> {
    if !rule.is_valid(facts.effective_time) {
        return Ok(Vec::new());
    }
    let admitted: Vec<usize> = (0..parts.len()).filter(|&i| rule.admits(parts[i].goods)).collect();
    let Some(condition) = rule.condition.as_ref().filter(|_| !admitted.is_empty()) else { return Ok(admitted) };
    if !condition.is_of_lines() {
        return Ok(if condition.holds(facts)? { admitted } else { Vec::new() });
    }
    let mut hits = Vec::new();
    for i in admitted {
        if let Some(line) = parts[i].goods
            && condition.holds_for(facts, line, parts[i].value_minor)?
        {
            hits.push(i);
        }
    }
    Ok(hits)
}

/// What a rule gives to the parts that it acts on.
fn give<'a>(
    offer: &Offer<'a>,
    hits: Vec<usize>,
    facts: &Facts<'_>,
    parts: &[Part<'_>],
    standing: &Standing,
) -> Result<Fired<'a>, EarningError> {
    let rule = offer.rule;
    let key = if rule.remembers() { offer.key() } else { String::new() };
    let carried_minor = if rule.carries() { standing.carried_minor(&key) } else { 0 };
    let mut carried_change = 0;
    let mut weights: Vec<i64> = hits.iter().map(|&i| parts[i].base_minor).collect();
    let asked = match rule.effect {
        Effect::PerAmount { points, step_minor, carry } => {
            let sum = weights.iter().sum::<i64>() + carried_minor;
            if carry {
                carried_change = sum % step_minor - carried_minor;
            }
            bounded(i128::from(sum / step_minor) * i128::from(points))?
        }
        Effect::Fixed { points } => points,
        Effect::PerQuantity { points, units } => {
            weights = hits.iter().map(|&i| parts[i].goods.map_or(0, |line| line.quantity)).collect();
            bounded(i128::from(weights.iter().sum::<i64>() / units) * i128::from(points))?
        }
        Effect::Multiplier { .. } => 0,
    };
    let room = match rule.caps.as_slice() {
        [] => None,
        caps => standing.room(&key, caps, facts.local().date()),
    };
    let granted = room.map_or(asked, |room| asked.min(room.get()));
    let shares = if rule.kind() == Kind::Base { share(granted, &weights) } else { vec![0; hits.len()] };
    let Offer { campaign, .. } = *offer;
    Ok(Fired {
        rule,
        campaign,
        key,
        hits,
        shares,
        asked,
        granted,
        room,
        carried_minor,
        carried_change,
        silenced: false,
        group: 0,
    })
}
