//! A leaf of an image that was drawn.
//!
//! Method. The first cut's crash points that speak for others are listed once, with the images that
//! each may leave. A draw takes one of all these images, each with the same probability, and the ordinary
//! leaf is led through it: recovery reads what was drawn. In later lives the power goes at a call drawn
//! evenly over as many calls as the first life had, and the image after it is drawn evenly among those
//! that may follow there, given what was read before.
//!
//! Invariant: over the first cut the draws are uniform over its crash states, those that a proof counts.
//! Over several cuts they are draws of decision histories, and *not* uniform over them: a cut that may
//! leave few images is drawn as often as one beside it that may leave many.
//!
//! What it is not: a search. It draws; `explore/sample.rs` counts.

use std::num::NonZeroU32;

use journal_core::Stepwise;
use num_bigint::BigUint;

use super::{Leaf, Run, points};
use crate::choose::{Chooser, Decision, Label, Rng, What};
use crate::disk::{Drawable, Image};

/// The crash states of the first cut, to draw from.
#[derive(Clone, Debug)]
pub struct FirstCut {
    /// Of each crash point that speaks for others: how far it lies before the last one, its images, and
    /// how many they are.
    points: Vec<(u32, Drawable, BigUint)>,
    all: BigUint,
}

impl FirstCut {
    /// How many they are.
    #[must_use]
    pub fn all(&self) -> &BigUint {
        &self.all
    }

    fn draw(&mut self, rng: &mut Rng) -> (u32, Image) {
        let mut left = rng.below_big(&self.all);
        for (back, images, count) in &mut self.points {
            if left < *count {
                return (*back, images.draw(rng));
            }
            left -= &*count;
        }
        unreachable!("what was drawn is below the sum")
    }
}

/// Answers as drawn.
#[derive(Debug)]
struct Drawn<'r> {
    rng: &'r mut Rng,
    back: u32,
    image: Image,
    /// A content that was drawn was not among those offered: an explanation was asked for before, and
    /// another one than the image's was given.
    strayed: bool,
    decisions: Vec<Decision>,
}

impl Chooser for Drawn<'_> {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let answer = match what {
            What::Cut => self.back,
            What::CutHere { left, .. } => u32::from(self.rng.below(left.saturating_add(1)) == 0),
            What::Sector { lba, .. } => {
                let names = self.image.get(&lba).map_or(&[][..], Vec::as_slice);
                let drawn = (0..options.get()).find(|&i| names.contains(&label(i)));
                self.strayed |= drawn.is_none();
                drawn.unwrap_or(0)
            }
            _ => self.rng.below(options.get()),
        };
        self.decisions.push(Decision { what: what.named(), is: label(answer) });
        answer
    }
}

/// How often an image is tried again if its explanation was not met.
const TRIES_MAX: u32 = 64;

impl<J: Stepwise> Run<'_, J> {
    /// The crash states of the first cut; `None` where there is damage at rest.
    pub fn first_cut(&mut self) -> Option<FirstCut> {
        self.leave();
        let mut listed = Vec::new();
        points::list(&self.disk, &self.recorded, self.first_call, &mut listed);
        let (mut points, mut all) = (Vec::new(), BigUint::default());
        for point in listed {
            self.disk.cut(point.at);
            let drawable = self.disk.drawable();
            self.disk.rewind(&self.end);
            let mut drawable = drawable?;
            let images = drawable.images();
            all += &images;
            points.push((self.last_call - point.at, drawable, images));
        }
        Some(FirstCut { points, all })
    }

    /// Draws a leaf: what it found, and its decisions. `None` if no explanation of the drawn image was
    /// met, which is possible only where explanations are asked for.
    pub fn drawn_leaf(
        &mut self,
        first: &mut FirstCut,
        rng: &mut Rng,
    ) -> Option<(Leaf, Vec<Decision>)> {
        let (back, image) = first.draw(rng);
        for _ in 0..TRIES_MAX {
            let (image, decisions) = (image.clone(), Vec::new());
            let mut drawn = Drawn { rng, back, image, strayed: false, decisions };
            let leaf = self.leaf_cut(&mut drawn, None, &mut |drawn, disk| {
                drawn.image = disk.drawable().map_or_else(Image::new, |mut d| d.draw(drawn.rng));
            });
            if !drawn.strayed {
                return Some((leaf, drawn.decisions));
            }
        }
        None
    }
}
