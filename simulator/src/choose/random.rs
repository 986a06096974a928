//! Random: torture on workloads too large to prove.
//!
//! The one idea: uniform choice at every sector almost never reaches the deep states (all old but
//! one, a clean prefix), so each run first draws a *style*, and the style answers most questions.
//!
//! Invariant: the stream of numbers is that of Xoshiro256++ as published; ranges are mapped here
//! and nowhere else (a golden test holds it), so a seed means the same run for ever.
//!
//! What it is not: a probability. Shares of random runs say nothing about power cuts in the field.

use std::num::NonZeroU32;

use rand::{Rng as _, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Chooser, Label, What};

/// The project's generator: a documented stream and our own mapping to ranges.
#[derive(Clone, Debug)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Rng(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `n`: the high half of a 64 x 32 bit product (Lemire, without rejection; the
    /// bias is below 2^-32 and the same on every machine).
    pub fn below(&mut self, n: u32) -> u32 {
        let wide = (self.draw() >> 32) * u64::from(n);
        (wide >> 32) as u32
    }
}

/// How a run's undecided sectors lean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Each sector on its own, evenly.
    Mosaic,
    /// Everything persisted.
    AllNew,
    /// Nothing persisted.
    AllOld,
    /// Everything up to some sector persisted, nothing behind it.
    Prefix,
    /// Nothing up to some sector, everything behind it.
    Suffix,
    /// Everything persisted but one sector.
    OneHole,
    /// Damage wherever the contract allows it.
    Damage,
}

/// How many styles there are.
pub const STYLE_COUNT: u32 = STYLES.len() as u32;

const STYLES: [Style; 7] = [
    Style::Mosaic,
    Style::AllNew,
    Style::AllOld,
    Style::Prefix,
    Style::Suffix,
    Style::OneHole,
    Style::Damage,
];

/// The random chooser.
#[derive(Clone, Debug)]
pub struct Random {
    rng: Rng,
    style: Style,
    /// Sectors asked for so far since the style was drawn, and where the style turns.
    asked: u32,
    turn: u32,
}

impl Random {
    /// The chooser of a seed; draws its first style.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random { rng: Rng::new(seed), style: Style::Mosaic, asked: 0, turn: 0 };
        random.draw_style();
        random
    }

    /// Draws the style of the next run.
    pub fn draw_style(&mut self) {
        // Mosaic keeps a third of the runs: it is the only style that reaches everything.
        let draw = self.rng.below(9) as usize;
        self.style = STYLES.get(draw).copied().unwrap_or(Style::Mosaic);
        self.asked = 0;
        self.turn = self.rng.below(8);
    }

    /// As [`Random::draw_style`], among those whose bit is set in `styles`, all alike.
    ///
    /// # Panics
    /// When none is set.
    pub fn draw_style_of(&mut self, styles: u8) {
        let set = |bit: &usize| styles >> bit & 1 == 1;
        let among = (0..STYLES.len()).filter(set).count() as u32;
        let nth = self.rng.below(among) as usize;
        let drawn = (0..STYLES.len()).filter(set).nth(nth);
        self.style = STYLES[drawn.expect("some style is on")];
        self.asked = 0;
        self.turn = self.rng.below(8);
    }

    /// The generator, for choices that are not the disk's.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    fn sector(&mut self, whole: u32, n: u32) -> u32 {
        let asked = self.asked;
        self.asked += 1;
        let (newest, oldest) = (0, whole.saturating_sub(1));
        match self.style {
            Style::Mosaic => self.rng.below(n),
            Style::AllNew => newest,
            Style::AllOld => oldest,
            Style::Prefix if asked < self.turn => newest,
            Style::Prefix => oldest,
            Style::Suffix if asked < self.turn => oldest,
            Style::Suffix => newest,
            Style::OneHole if asked == self.turn => self.rng.below(n),
            Style::OneHole => newest,
            Style::Damage if n > whole => whole + self.rng.below(n - whole),
            Style::Damage => self.rng.below(n),
        }
    }
}

impl Chooser for Random {
    #[inline]
    fn choose(&mut self, what: What, options: NonZeroU32, _: &dyn Fn(u32) -> Label) -> u32 {
        let n = options.get();
        match what {
            What::Sector { whole, .. } => self.sector(whole, n),
            // A hazard of 1 in (left + 1) at each call makes the cut even over the life.
            What::CutHere { left, .. } => u32::from(self.rng.below(left.saturating_add(1)) == 0),
            _ => self.rng.below(n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        // Golden: Xoshiro256++ seeded by SplitMix64(42), as published by its authors.
        let mut rng = Rng::new(42);
        let first: Vec<u64> = (0..3).map(|_| rng.draw()).collect();
        assert_eq!(
            first,
            [15_021_278_609_987_233_951, 5_881_210_131_331_364_753, 18_149_643_915_985_481_100]
        );
        let mut rng = Rng::new(42);
        let ranged: Vec<u32> = (0..8).map(|_| rng.below(10)).collect();
        assert_eq!(ranged, [8, 3, 9, 7, 7, 5, 1, 6]);
    }

    #[test]
    fn a_style_that_is_off_is_never_drawn_and_each_that_is_on_is() {
        let mut random = Random::new(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            random.draw_style_of(0b010_0110);
            seen.insert(format!("{:?}", random.style));
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["AllNew", "AllOld", "OneHole"]);
    }

    #[test]
    fn every_option_is_reached_by_some_seed() {
        let mut seen = [false; 4];
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let what = What::Sector { cut: 1, lba: 0, whole: 2 };
            let n = NonZeroU32::new(4).unwrap();
            seen[random.choose(what, n, &Label::Index) as usize] = true;
        }
        assert_eq!(seen, [true; 4]);
    }
}
