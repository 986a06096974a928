//! Replay: a recorded failure, again, by name.
//!
//! The one idea: each question is looked up among the recorded decisions by what it asks, and the
//! option is found by its label. What was not recorded is answered 0: a case that was shrunk says
//! only what matters.
//!
//! Invariant: a recorded answer that is no longer among the options is a mismatch and is told; it
//! is never replaced in silence.

use std::num::NonZeroU32;

use super::{Chooser, Decision, Label, What};

/// Answers from recorded decisions.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    decisions: &'a [Decision],
    used: Vec<bool>,
    mismatch: Option<String>,
}

impl<'a> Replay<'a> {
    /// A replay of `decisions`.
    #[must_use]
    pub fn new(decisions: &'a [Decision]) -> Self {
        Replay { decisions, used: vec![false; decisions.len()], mismatch: None }
    }

    /// Why this case cannot be replayed, if it cannot: an answer that is not among the options, or
    /// a decision that was never asked for.
    #[must_use]
    pub fn mismatch(&self) -> Option<String> {
        if let Some(mismatch) = &self.mismatch {
            return Some(mismatch.clone());
        }
        let unused = self.used.iter().position(|used| !used)?;
        let Decision { what, is } = self.decisions[unused];
        Some(format!("the case decides `{what}` = `{is}`, which this run never asked"))
    }
}

impl Chooser for Replay<'_> {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let found = (0..self.decisions.len())
            .find(|&i| !self.used[i] && self.decisions[i].what.same_question(&what));
        let Some(at) = found else { return 0 };
        self.used[at] = true;
        let wanted = self.decisions[at].is;
        let answer = (0..options.get()).find(|&i| label(i) == wanted);
        answer.unwrap_or_else(|| {
            self.mismatch.get_or_insert_with(|| {
                let have: Vec<String> =
                    (0..options.get().min(16)).map(|i| label(i).to_string()).collect();
                format!("`{what}` = `{wanted}` is not possible here; possible: {}", have.join(", "))
            });
            0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTOR: What = What::Sector { cut: 1, lba: 5, whole: 2 };

    fn labels(i: u32) -> Label {
        [Label::Write(3), Label::Old][i as usize]
    }

    #[test]
    fn an_answer_is_found_by_its_name_wherever_it_stands() {
        let decisions = [Decision { what: SECTOR, is: Label::Old }];
        let mut replay = Replay::new(&decisions);
        assert_eq!(replay.choose(SECTOR, NonZeroU32::new(2).unwrap(), &labels), 1);
        assert_eq!(replay.mismatch(), None);
    }

    #[test]
    fn an_impossible_or_unasked_decision_is_a_mismatch() {
        let decisions = [Decision { what: SECTOR, is: Label::Write(9) }];
        let mut replay = Replay::new(&decisions);
        assert!(replay.mismatch().unwrap().contains("never asked"));
        replay.choose(SECTOR, NonZeroU32::new(2).unwrap(), &labels);
        assert!(replay.mismatch().unwrap().contains("not possible"));
    }
}
