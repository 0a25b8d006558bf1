//! Chance that is the same for ever. SplitMix64 (Steele, Lea, Flood 2014) rather than a library's generator, whose
//! numbers may change with its version; whole numbers alone, since floats differ between machines.

/// A run of numbers that looks random and follows from what it was made of.
#[derive(Debug, Clone)]
pub struct Dice(u64);

/// The step of SplitMix64: 2^64 ÷ the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Dice {
    /// The dice of one thing: its kind, and the numbers that tell it from others of that kind.
    pub fn of(seed: u64, kind: &str, numbers: &[u64]) -> Self {
        let letters = kind.bytes().map(u64::from);
        let state = letters
            .chain(numbers.iter().copied())
            .fold(mixed(seed), |state, part| mixed(state.wrapping_add(STEP) ^ mixed(part.wrapping_add(STEP))));
        Self(state)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// One of 0, 1 … `sides` - 1; 0 where there is no side.
    pub fn below(&mut self, sides: u64) -> u64 {
        // The upper half of the product, a number below `sides`.
        ((u128::from(self.next()) * u128::from(sides)) >> 64) as u64
    }

    /// One of `least` … `most`, both included.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.below(most.abs_diff(least) + 1) as i64
    }

    /// Whether what happens `permille` times in a thousand happens.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    /// One of them, each as likely.
    pub fn one_of<'a, T>(&mut self, those: &'a [T]) -> &'a T {
        &those[self.below(those.len() as u64) as usize]
    }

    /// One of them, each as likely as its weight says.
    pub fn weighted<'a, T>(&mut self, those: &'a [(T, u32)]) -> &'a T {
        let mut left = self.below(those.iter().map(|(_, weight)| u64::from(*weight)).sum());
        let chosen = those.iter().find(|(_, weight)| match left.checked_sub(u64::from(*weight)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
        &chosen.expect("what is left is below the sum of all weights").0
    }
}

/// The finaliser of SplitMix64: every bit of the input moves about half of the output's.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Scatters 0, 1, 2 … over a range, each onto a place of its own: numbers that do not look counted and never repeat.
#[derive(Debug, Clone, Copy)]
pub struct Scatter {
    size: u64,
    stride: u64,
    first: u64,
}

impl Scatter {
    /// Over 0 … `size` - 1. The prime factors of `size` are 2, 3 and 5 alone, so that no stride here divides it.
    pub fn over(size: u64, dice: &mut Dice) -> Self {
        let third = size / 3;
        let stride = (third + dice.below(third)) / 30 * 30 + 1;
        Self { size, stride, first: dice.below(size) }
    }

    /// The place of a number below the size.
    pub fn place(&self, number: u64) -> u64 {
        let at = u128::from(self.stride) * u128::from(number) + u128::from(self.first);
        (at % u128::from(self.size)) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_thing_has_the_same_dice_for_ever() {
        let mut dice = Dice::of(1, "order", &[7, 3]);
        let thrown: Vec<u64> = (0..4).map(|_| dice.below(1_000_000)).collect();
        assert_eq!(thrown, [661_274, 235_708, 969_295, 742_730]);
        assert_ne!(Dice::of(1, "order", &[3, 7]).below(1_000_000), thrown[0]);
        assert_ne!(Dice::of(2, "order", &[7, 3]).below(1_000_000), thrown[0]);
    }

    #[test]
    fn the_generator_is_splitmix64() {
        // The published first outputs for the seed 1234567.
        let mut dice = Dice(1_234_567);
        assert_eq!([dice.next(), dice.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn every_side_comes_up_about_as_often() {
        let mut dice = Dice::of(1, "sides", &[]);
        let mut sides = [0; 6];
        (0..6_000).for_each(|_| sides[dice.below(6) as usize] += 1);
        assert!(sides.iter().all(|count| (900..1_100).contains(count)), "{sides:?}");
        assert!((0..1_000).all(|_| (-2..=2).contains(&dice.between(-2, 2))));
    }

    #[test]
    fn a_weight_says_how_often() {
        let mut dice = Dice::of(1, "weights", &[]);
        let nine = (0..10_000).filter(|_| *dice.weighted(&[(false, 1), (true, 9)])).count();
        assert!((8_900..9_100).contains(&nine), "{nine}");
        assert!(!(0..100).any(|_| *dice.weighted(&[(true, 0), (false, 1)])));
    }

    #[test]
    fn scattered_numbers_never_meet() {
        for size in [30, 90_000, 27 * 10_000] {
            let scatter = Scatter::over(size, &mut Dice::of(1, "scatter", &[size]));
            let places: BTreeSet<u64> = (0..size).map(|number| scatter.place(number)).collect();
            assert_eq!(places.len() as u64, size);
            assert!(places.iter().all(|place| *place < size));
        }
    }
}
