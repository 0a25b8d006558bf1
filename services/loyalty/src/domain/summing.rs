//! Summing: what the rules that fired come to, layer on layer, and each line's part of it. What has a limit of its own (a
//! campaign's budget, a multiplier's cap) is a layer; the program's rounding is applied once, to the sum over all lines.

use super::campaign::Campaign;
use super::earning::{EarningError, bounded};
use super::firing::Fired;
use super::points::{Points, largest_remainder, share};
use super::program::{Program, Rounding};
use super::purchase::Part;
use super::rule::Effect;

/// A campaign of the order's time.
pub(super) struct Open<'a> {
    pub campaign: &'a Campaign,
    pub held_out: bool,
    /// What is left of its budget; `None` where it has no limit.
    pub room: Option<Points>,
    pub qualified: bool,
    pub asked: i64,
    pub granted: i64,
}

impl Open<'_> {
    /// Whether it takes no part: nothing of it acts, silences or stops.
    pub fn is_barred(&self) -> bool {
        self.held_out || self.room == Some(Points::ZERO)
    }
}

/// The rules that fired, on their way to a sum.
pub(super) struct Sum<'a> {
    pub program: &'a Program,
    pub parts: &'a [Part<'a>],
    pub lines: usize,
    /// How many expiries there are. A cell is what one line earned of one of them; those of a line are neighbours.
    pub groups: usize,
    pub fired: Vec<Fired<'a>>,
}

impl Sum<'_> {
    /// The whole and each cell's points, layer on layer. Notes what each layer asked and got.
    pub fn layered(&mut self, open: &mut [Open<'_>]) -> Result<(i64, Vec<i64>), EarningError> {
        let mut on: Vec<bool> =
            self.fired.iter().map(|fired| fired.campaign.is_none() && !fired.is_layer() && !fired.silenced).collect();
        let (mut full, mut full_cells) = self.total(&on)?;
        let (mut points, mut cells, mut cut) = (full, full_cells.clone(), false);
        for (rules, campaign) in self.layers() {
            rules.iter().for_each(|&at| on[at] = true);
            let (next, next_cells) = self.total(&on)?;
            let asked = next - full;
            let capped = rules.first().filter(|_| rules.len() == 1).map(|&at| &mut self.fired[at]);
            let capped = capped.filter(|fired| fired.is_layer());
            let mut granted = capped.as_ref().and_then(|fired| fired.room).map_or(asked, |room| asked.min(room.get()));
            if let Some(fired) = capped {
                (fired.asked, fired.granted) = (asked, granted);
            }
            if let Some(open) = campaign.map(|at| &mut open[at]) {
                open.qualified = true;
                open.asked += asked;
                if let Some(room) = open.room {
                    granted = granted.min(room.get() - open.granted);
                }
                open.granted += granted;
            }
            cut |= granted < asked;
            if cut {
                // What was cut off is missed where this layer would have added something.
                let added: Vec<i64> =
                    next_cells.iter().zip(&full_cells).map(|(next, full)| (next - full).max(0)).collect();
                cells.iter_mut().zip(share(granted, &added)).for_each(|(cell, more)| *cell += more);
            } else {
                cells.clone_from(&next_cells);
            }
            points += granted;
            (full, full_cells) = (next, next_cells);
        }
        Ok((points, cells))
    }

    /// What has a limit of its own: the program's capped multipliers one by one; of each campaign its rules together, then
    /// its capped multipliers one by one.
    fn layers(&self) -> Vec<(Vec<usize>, Option<usize>)> {
        let live = || self.fired.iter().enumerate().filter(|(_, fired)| !fired.silenced);
        let mut campaigns: Vec<usize> = live().filter_map(|(_, fired)| fired.campaign.map(|(at, _)| at)).collect();
        campaigns.sort_unstable();
        campaigns.dedup();
        let mut layers = Vec::new();
        for campaign in std::iter::once(None).chain(campaigns.into_iter().map(Some)) {
            let own = || live().filter(move |(_, fired)| fired.campaign.map(|(at, _)| at) == campaign);
            let together: Vec<usize> = own().filter(|(_, fired)| !fired.is_layer()).map(|(at, _)| at).collect();
            if campaign.is_some() && !together.is_empty() {
                layers.push((together, campaign));
            }
            layers.extend(own().filter(|(_, fired)| fired.is_layer()).map(|(at, _)| (vec![at], campaign)));
        }
        layers
    }

    /// What the rules that are on come to: the whole, and each cell's part of it.
    fn total(&self, on: &[bool]) -> Result<(i64, Vec<i64>), EarningError> {
        let groups = self.groups;
        let mut points = vec![0_i64; self.parts.len() * groups];
        let mut factors = vec![1_i128; self.parts.len()];
        let mut denominator = 1_i128;
        for (fired, _) in self.fired.iter().zip(on).filter(|(_, on)| **on) {
            if let Effect::Multiplier { factor_milli } = fired.rule.effect {
                denominator *= 1_000;
                let mut hits = fired.hits.iter().peekable();
                for (i, factor) in factors.iter_mut().enumerate() {
                    *factor *= if hits.next_if_eq(&&i).is_some() { i128::from(factor_milli) } else { 1_000 };
                }
            } else {
                fired.hits.iter().zip(&fired.shares).for_each(|(&i, share)| points[i * groups + fired.group] += share);
                bounded(points.iter().copied().map(i128::from).sum())?;
            }
        }
        let mut exact = vec![0_i128; self.lines * groups];
        for (i, part) in self.parts.iter().enumerate() {
            for group in 0..groups {
                exact[part.index * groups + group] += i128::from(points[i * groups + group]) * factors[i];
            }
        }
        let whole = bounded(rounded(exact.iter().sum(), denominator, self.program.terms.rounding))?;
        let quotient = |sum: i128| Ok((bounded(sum / denominator)?, sum % denominator));
        let quotients = exact.chunks(groups).map(|cells| quotient(cells.iter().sum()));
        let lines = largest_remainder(whole, quotients.collect::<Result<_, EarningError>>()?);
        if groups == 1 {
            return Ok((whole, lines));
        }
        let mut cells = Vec::with_capacity(exact.len());
        for (line, exact) in lines.into_iter().zip(exact.chunks(groups)) {
            let quotients = exact.iter().map(|sum| quotient(*sum)).collect::<Result<_, EarningError>>()?;
            cells.extend(largest_remainder(line, quotients));
        }
        Ok((whole, cells))
    }
}

fn rounded(sum: i128, denominator: i128, rounding: Rounding) -> i128 {
    match rounding {
        Rounding::Floor => sum / denominator,
        Rounding::HalfUp => (2 * sum + denominator) / (2 * denominator),
        Rounding::Ceiling => (sum + denominator - 1) / denominator,
    }
}
