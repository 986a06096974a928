//! A witness: a case for what the tree found.
//!
//! The one idea: a leaf of the tree says of some sectors only what they did not hold, and a case
//! names what each sector held that is read. Whatever fits all that the tree knows fails as the tree
//! says, so the ordinary leaves that fit are tried, the newest contents first, until one does.
//!
//! Invariant: what was decided in the tree is decided so in each leaf tried, and no content that was
//! denied in the tree is in any.
//!
//! What it is not: a search for failures. The first leaf tried is nearly always it; more are needed
//! where the device couples sectors, so that contents taken one by one do not go together.

use std::num::NonZeroU32;

use crate::choose::{Chooser, Decision, Exhaustive, Label, What};
use crate::disk::Denial;

/// Answers as the tree was answered, and goes through the rest.
#[derive(Debug)]
pub struct Witness {
    decisions: Vec<Decision>,
    used: Vec<bool>,
    /// Labels that sectors did not have, by cut and sector.
    denied: Vec<(u32, u64, Label)>,
    rest: Exhaustive,
    /// An answer of the tree is not possible: contents chosen before exclude it.
    dead_end: bool,
}

impl Witness {
    /// The leaves that fit these decisions and denials.
    pub fn new(decisions: Vec<Decision>, denied: &[Denial]) -> Self {
        let used = vec![false; decisions.len()];
        let denied = denied.iter().map(|d| (d.cut, d.lba, d.label)).collect();
        Witness { decisions, used, denied, rest: Exhaustive::new(), dead_end: false }
    }

    /// Prepares the next leaf; false when there is none.
    pub fn next_leaf(&mut self) -> bool {
        self.used.fill(false);
        self.dead_end = false;
        self.rest.next_leaf()
    }

    /// One of these answers, the first one first.
    fn turn(&mut self, what: What, answers: &[u32]) -> u32 {
        match NonZeroU32::new(answers.len() as u32) {
            None => {
                self.dead_end = true;
                0
            }
            Some(n) if n.get() == 1 => answers[0],
            Some(n) => answers[self.rest.choose(what, n, &Label::Index) as usize],
        }
    }
}

impl Chooser for Witness {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        if self.dead_end {
            return 0;
        }
        let all = 0..options.get();
        // What was decided for the tree may be certain here, for the crash point is known: the
        // oldest content has its writer's name then.
        let oldest = |i: u32| match what {
            What::Sector { whole, .. } => {
                i + 1 == whole && all.clone().all(|other| label(other) != Label::Old)
            }
            _ => false,
        };
        let is_called = |i: u32, name: Label| label(i) == name || (name == Label::Old && oldest(i));
        let known = (0..self.decisions.len())
            .find(|&i| !self.used[i] && self.decisions[i].what.same_question(&what));
        match (what, known) {
            // Their numbers follow from contents that were asked for, and may differ here.
            (What::Why { .. }, _) => self.turn(what, &all.clone().collect::<Vec<_>>()),
            (_, Some(known)) => {
                self.used[known] = true;
                let wanted = self.decisions[known].is;
                let mut answers: Vec<u32> = all.clone().filter(|&i| is_called(i, wanted)).collect();
                // The other way round: what lies below is a write's in the tree, and old here.
                if answers.is_empty() {
                    answers.extend(all.filter(|&i| label(i) == without_writer_below(wanted)));
                }
                self.turn(what, &answers)
            }
            (What::Sector { cut, lba, .. }, None) => {
                let here = self.denied.iter().filter(|denied| (denied.0, denied.1) == (cut, lba));
                let denied: Vec<Label> = here.map(|denied| denied.2).collect();
                let stays = |&i: &u32| !denied.iter().any(|&name| is_called(i, name));
                let answers: Vec<u32> = all.clone().filter(stays).collect();
                self.turn(what, &answers)
            }
            _ => 0,
        }
    }
}

/// What a content is called where the write that it was laid over is old.
fn without_writer_below(name: Label) -> Label {
    match name {
        Label::Write(_) => Label::Old,
        Label::Torn { write, how, .. } => Label::Torn { write, how, below: None },
        Label::Flip { bit, .. } => Label::Flip { of: None, bit },
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::arena::ContentId;

    fn ask(witness: &mut Witness, lba: u64) -> u32 {
        let what = What::Sector { cut: 1, lba, whole: 3 };
        witness.choose(what, NonZeroU32::new(3).unwrap(), &Label::Write)
    }

    #[test]
    fn what_is_known_is_kept_and_the_rest_is_gone_through() {
        let decisions =
            vec![Decision { what: What::Sector { cut: 1, lba: 7, whole: 0 }, is: Label::Write(2) }];
        let content = ContentId::ZEROS;
        let denied = [Denial { lba: 8, cut: 1, content, label: Label::Write(0) }];
        let mut witness = Witness::new(decisions, &denied);
        let mut seen = Vec::new();
        loop {
            seen.push([7, 8, 9].map(|lba| ask(&mut witness, lba)));
            if !witness.next_leaf() {
                break;
            }
        }
        assert_eq!(seen, [[2, 1, 0], [2, 1, 1], [2, 1, 2], [2, 2, 0], [2, 2, 1], [2, 2, 2]]);
    }
}
