//! A witness: a case for what the tree found.
//!
//! The one idea: a leaf of the tree says of some sectors only what they did not hold, and a case
//! names what each sector held that is read. Whatever agrees with all that the tree knows fails as the tree
//! says, so the ordinary runs that agree are tried, the newest contents first, until one does.
//!
//! Invariant: the power goes where it went in the tree, and the disk, which is held to the facts of the leaf
//! (`disk/facts.rs`), offers nothing that contradicts it.
//!
//! What it is not: a search for failures. The first run tried is nearly always it; more are needed
//! where contents taken one by one do not go together: what a life took for a sector that the tree left
//! open may turn out to be something else in the next.

use std::num::NonZeroU32;

use crate::choose::{Chooser, Decision, Exhaustive, Label, What};

/// Cuts the power as in the tree, and goes through the rest.
#[derive(Debug)]
pub struct Witness {
    cuts: Vec<Decision>,
    rest: Exhaustive,
    /// What was chosen contradicts the facts.
    dead_end: bool,
}

impl Witness {
    /// The runs in which the power goes at these points.
    pub fn new(cuts: Vec<Decision>) -> Self {
        Witness { cuts, rest: Exhaustive::new(), dead_end: false }
    }

    /// Prepares the next run; false when there is none.
    pub fn next_leaf(&mut self) -> bool {
        self.dead_end = false;
        self.rest.next_leaf()
    }
}

impl Chooser for Witness {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        if self.dead_end {
            return 0;
        }
        match what {
            What::Sector { .. } | What::Why { .. } if options.get() > 1 => {
                self.rest.choose(what, options, &Label::Index)
            }
            What::Cut | What::CutHere { .. } => {
                let known = self.cuts.iter().find(|cut| cut.what.same_question(&what));
                let is = |i: &u32| known.is_some_and(|cut| label(*i) == cut.is);
                (0..options.get()).find(is).unwrap_or(0)
            }
            _ => 0,
        }
    }

    fn nothing_agrees(&mut self) {
        self.dead_end = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(witness: &mut Witness, lba: u64, options: u32) -> u32 {
        let what = What::Sector { cut: 1, lba, whole: 3 };
        witness.choose(what, NonZeroU32::new(options).unwrap(), &Label::Write)
    }

    #[test]
    fn the_power_goes_where_it_went_and_no_run_is_told_further_than_to_a_dead_end() {
        let mut witness = Witness::new(vec![Decision { what: What::Cut, is: Label::Index(2) }]);
        let mut seen = Vec::new();
        loop {
            let cut = witness.choose(What::Cut, NonZeroU32::new(4).unwrap(), &Label::Index);
            let first = ask(&mut witness, 8, 2);
            if first == 0 {
                witness.nothing_agrees();
            }
            seen.push([cut, first, ask(&mut witness, 9, 3)]);
            if !witness.next_leaf() {
                break;
            }
        }
        assert_eq!(seen, [[2, 0, 0], [2, 1, 0], [2, 1, 1], [2, 1, 2]]);
    }
}
