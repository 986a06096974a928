//! Choosers: who answers when the disk asks.
//!
//! The one idea: everything that could have gone otherwise is one call, [`Chooser::choose`]. The
//! strategies (exhaustive, random, tape, replay) are the product; disk, runner and oracles are the
//! same under all of them.
//!
//! Invariant: a question has the same number of options whenever the same choices led to it. The
//! choosers that run a path again assert it, so a journal that is not deterministic is found.
//!
//! What it is not: a source of faults. A chooser picks among what the disk found possible.

mod big;
mod decision;
mod exhaustive;
mod random;
mod record;
mod replay;
mod tape;

use std::num::NonZeroU32;

pub use decision::{Decision, Label, Torn, What};
pub use exhaustive::{Exhaustive, Path};
pub use random::{Random, Rng, STYLE_COUNT, Style};
pub use record::Record;
pub use replay::Replay;
pub use tape::Tape;

/// Answers the disk's questions.
pub trait Chooser {
    /// Picks one of `options` answers to `what`. `label` names an answer, for choosers that go by
    /// names; it is called only when needed. Answer 0 is the undisturbed one: newest content, no
    /// cut.
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32;

    /// Nothing that a sector may hold agrees with the facts that the disk is held to: what was chosen
    /// before excludes them.
    fn nothing_agrees(&mut self) {}
}

impl<C: Chooser + ?Sized> Chooser for &mut C {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        (**self).choose(what, options, label)
    }

    fn nothing_agrees(&mut self) {
        (**self).nothing_agrees();
    }
}

/// Always answer 0: nothing goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Undisturbed;

impl Chooser for Undisturbed {
    fn choose(&mut self, _: What, _: NonZeroU32, _: &dyn Fn(u32) -> Label) -> u32 {
        0
    }
}

/// Asks a question whose answers are plain numbers.
pub fn pick(chooser: &mut dyn Chooser, what: What, options: u32) -> u32 {
    match NonZeroU32::new(options) {
        None => 0,
        Some(n) if n.get() == 1 => 0,
        Some(n) => chooser.choose(what, n, &Label::Index),
    }
}
