//! Points whose rule has an expiry of its own: they are kept apart from those that expire as tier or program say.

use super::earning::Earning;
use super::expiry::ExpiryPolicy;
use super::firing::Fired;
use super::points::Points;

/// Points of an earning that have an expiry of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPart {
    /// When they expire.
    pub expiry: ExpiryPolicy,
    /// What each line earned of them.
    pub lines: Vec<Points>,
}

impl OwnPart {
    /// How many they are; at least 1.
    pub fn points(&self) -> Points {
        self.lines.iter().copied().sum()
    }
}

impl Earning {
    /// What expires as tier or program say.
    pub fn common(&self) -> Points {
        self.points - self.own.iter().map(OwnPart::points).sum()
    }
}

/// The expiries that rules have of their own, each once; notes in each rule which is its: 0 is that of tier or program.
pub(super) fn grouped(fired: &mut [Fired<'_>]) -> Vec<ExpiryPolicy> {
    let mut expiries: Vec<ExpiryPolicy> = Vec::new();
    for fired in fired {
        let Some(expiry) = &fired.rule.expiry else { continue };
        let known = expiries.iter().position(|known| known == expiry);
        fired.group = 1 + known.unwrap_or_else(|| {
            expiries.push(expiry.clone());
            expiries.len() - 1
        });
    }
    expiries
}
