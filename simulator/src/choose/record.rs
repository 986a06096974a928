//! Record: listens to another chooser and writes down its decisions by name.
//!
//! The one idea: recording is a wrapper, so the search itself pays nothing for it; a failing leaf
//! is run once more under `Record` to get its case.

use std::num::NonZeroU32;

use super::{Chooser, Decision, Label, What};

/// The wrapper and what it heard.
#[derive(Debug)]
pub struct Record<C> {
    inner: C,
    /// Every decision with more than one option, in the order asked.
    pub decisions: Vec<Decision>,
}

impl<C: Chooser> Record<C> {
    /// Listens to `inner`.
    pub fn new(inner: C) -> Self {
        Record { inner, decisions: Vec::new() }
    }
}

impl<C: Chooser> Chooser for Record<C> {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let answer = self.inner.choose(what, options, label);
        self.decisions.push(Decision { what: what.named(), is: label(answer) });
        answer
    }

    fn nothing_agrees(&mut self) {
        self.inner.nothing_agrees();
    }
}
