//! Blame: what would have had to hold, found by experiment.
//!
//! Method. The case is cut down to the deviations that matter: each that can be set to "persisted"
//! without the failure going away is. What is left is asked about, one experiment after the other,
//! each a run of the same script with one thing changed:
//!
//! | asked | experiment | if the failure vanishes |
//! |---|---|---|
//! | does a failing operation matter? | it does not fail | nothing may be acknowledged after it |
//! | a write was lost: does another matter, that persisted? | the other is lost too | the first must be durable before the other |
//! | and if none does: does it matter that something was acknowledged? | the power goes one call earlier | it must be durable before that |
//! | a sector was damaged | it persisted instead (it matters, or it would be gone) | it must not be written then, or the damage must be borne |
//! | nothing deviates: is it for a write that was not sent yet? | the power goes later, after it; and one that persisted is lost | the first must be durable before the other |
//! | and if not: does the crash point matter? | the power goes after all calls | the state in between must be borne |
//!
//! Of an order of two writes it is asked besides whether it is *enough*: all crash states of the
//! script are visited, but for those in which the second persisted and the first did not.
//!
//! Invariant: a requirement is named only if its experiment made the failure vanish. The journal is
//! not looked into, so what is named is what the disk would have to do for this script, and there may
//! be other cures.
//!
//! What it is not: words. `report::requirement` has them.

use std::num::NonZeroU32;

use journal_core::Stepwise;
use journal_core::formats::Format;

use super::limited::{Background, Limited};
use crate::case::{Case, CaseError};
use crate::choose::{Chooser, Decision, Label, Replay, What};
use crate::disk::Fault;
use crate::journals::{self, Row, Visitor};
use crate::oracle::Oracle;
use crate::run::Run;

/// Leaves visited at most to find out whether an order is enough.
const LEAVES_MAX: u64 = 50_000;

/// What would have had to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// One write must be durable before another one is.
    Before {
        /// The write that was lost, and where.
        first: (u32, u64),
        /// The write that persisted, and where.
        then: (u32, u64),
        /// Crash states that were visited to find that this order is enough, for this script; none
        /// if it is not, or if there are too many.
        enough: Option<u64>,
    },
    /// The sectors of one write must persist together, or it must be seen that they did not.
    Together {
        /// The write.
        write: u32,
        /// The sector that was lost.
        lost: u64,
        /// The sector that persisted.
        kept: u64,
    },
    /// A write must be durable before what the client did last before the cut is done.
    BeforeDone {
        /// The write that was lost, and where.
        write: (u32, u64),
    },
    /// A write must persist.
    Persist {
        /// The write that was lost, and where.
        write: (u32, u64),
    },
    /// The damage of a sector by a write in progress.
    Damage {
        /// The write.
        by: u32,
        /// The sector.
        lba: u64,
        /// What became of it.
        label: Label,
    },
    /// The damage of a sector at rest.
    AtRest {
        /// The sector.
        lba: u64,
        /// What became of it.
        label: Label,
    },
    /// An operation fails.
    Failure(Fault),
    /// Nothing deviates; it takes a power cut at one place.
    InBetween,
    /// Nothing deviates, wherever the power is cut.
    Always,
}

/// Why a case breaks `oracle`: what would have had to hold. Empty if it does not break it.
///
/// # Errors
/// As [`Case::run`].
pub fn blame(case: &Case, oracle: Oracle) -> Result<Vec<Requirement>, CaseError> {
    case.run(None)?;
    let visited = journals::visit(&case.journal, Named { case, oracle });
    visited.ok_or_else(|| CaseError::UnknownJournal(case.journal.clone()))
}

struct Named<'c> {
    case: &'c Case,
    oracle: Oracle,
}

impl Visitor for Named<'_> {
    type Out = Vec<Requirement>;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Self::Out {
        let Some(mut bench) = Bench::<J>::new(self.case, &options, self.oracle) else {
            return Vec::new();
        };
        match bench.breaks(&self.case.decisions) {
            true => bench.requirements(self.case),
            false => Vec::new(),
        }
    }
}

/// A question that was asked along a path.
#[derive(Clone, Copy, Debug)]
struct Asked {
    what: What,
    answer: u32,
    is: Label,
    newest: Label,
    oldest: Label,
}

impl Asked {
    fn sector(&self) -> Option<u64> {
        match self.what {
            What::Sector { lba, .. } => Some(lba),
            _ => None,
        }
    }

    /// The write that would be there if everything had persisted, and is not.
    fn lost(&self) -> Option<u32> {
        match (self.newest, self.is) {
            (Label::Write(lost), Label::Write(_) | Label::Old) if self.answer > 0 => Some(lost),
            _ => None,
        }
    }

    /// The write that persisted, and need not have.
    fn kept(&self) -> Option<u32> {
        match self.is {
            Label::Write(kept) if self.answer == 0 && self.oldest != self.is => Some(kept),
            _ => None,
        }
    }
}

/// Listens to a chooser and keeps what was asked.
struct Listen<C> {
    inner: C,
    asked: Vec<Asked>,
}

impl<C: Chooser> Chooser for Listen<C> {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let answer = self.inner.choose(what, options, label);
        let last = Background::Oldest.calm(what).unwrap_or(0).min(options.get() - 1);
        let (is, newest, oldest) = (label(answer), label(0), label(last));
        self.asked.push(Asked { what, answer, is, newest, oldest });
        answer
    }
}

/// Where the experiments are made.
struct Bench<'o, J: Stepwise> {
    run: Run<'o, J>,
    options: &'o J::Options,
    oracle: Oracle,
}

impl<'o, J: Stepwise> Bench<'o, J> {
    fn new(case: &Case, options: &'o J::Options, oracle: Oracle) -> Option<Self> {
        let (mut run, journal) = Run::<J>::new(options, case.setup()).ok()?;
        run.record(journal, None);
        Some(Bench { run, options, oracle })
    }

    fn leaf<C: Chooser>(&mut self, chooser: &mut C) -> bool {
        let violated = self.run.leaf(chooser).violated.and(self.run.owed());
        violated.contains(self.oracle)
    }

    /// Whether these answers, as far as they are asked for and possible, break the oracle.
    fn breaks(&mut self, decisions: &[Decision]) -> bool {
        self.leaf(&mut Replay::new(decisions))
    }

    fn asked(&mut self, decisions: &[Decision]) -> Vec<Asked> {
        let mut listen = Listen { inner: Replay::new(decisions), asked: Vec::new() };
        self.leaf(&mut listen);
        listen.asked
    }

    /// The deviations that matter, and the crash points.
    fn essential(&mut self, decisions: &[Decision]) -> Vec<Decision> {
        let mut kept = decisions.to_vec();
        let mut at = kept.len();
        while at > 0 {
            at -= 1;
            if matches!(kept[at].what, What::Cut | What::CutHere { .. }) {
                continue;
            }
            let mut without = kept.clone();
            without.remove(at);
            if self.breaks(&without) {
                kept = without;
                at = kept.len();
            }
        }
        kept
    }

    fn requirements(&mut self, case: &Case) -> Vec<Requirement> {
        let mut all = Vec::new();
        if let Some(fault) = case.fault {
            let calm = Case { fault: None, ..case.clone() };
            let still = Bench::<J>::new(&calm, self.options, self.oracle)
                .is_some_and(|mut bench| bench.breaks(&case.decisions));
            all.extend((!still).then_some(Requirement::Failure(fault)));
        }
        let decisions = self.essential(&case.decisions);
        let asked = self.asked(&decisions);
        let mut deviates = false;
        for at in asked.iter().filter(|asked| asked.answer > 0) {
            let Some(lba) = at.sector() else { continue };
            deviates = true;
            match at.is {
                Label::Torn { write, .. } | Label::TornOver { write, .. } => {
                    all.push(Requirement::Damage { by: write, lba, label: at.is });
                }
                label @ (Label::Latent | Label::Flip { .. } | Label::FlipTorn { .. }) => {
                    all.push(Requirement::AtRest { lba, label });
                }
                _ => {
                    if let Some(write) = at.lost() {
                        self.about_lost((write, lba), &asked, &decisions, &mut all);
                    }
                }
            }
        }
        if !deviates && case.fault.is_none() {
            match self.breaks(&[]) {
                true => all.push(Requirement::Always),
                false => self.about_unsent(&asked, &decisions, &mut all),
            }
        }
        all
    }

    /// What a lost write had to come before.
    fn about_lost(
        &mut self,
        first: (u32, u64),
        asked: &[Asked],
        decisions: &[Decision],
        all: &mut Vec<Requirement>,
    ) {
        let before = all.len();
        for other in asked {
            let (Some(kept), Some(lba)) = (other.kept(), other.sector()) else { continue };
            let mut both = decisions.to_vec();
            both.push(Decision { what: other.what.named(), is: other.oldest });
            if lba == first.1 || self.breaks(&both) {
                continue;
            }
            all.push(match kept == first.0 {
                true => Requirement::Together { write: kept, lost: first.1, kept: lba },
                false => {
                    let enough = self.enough(first.0, kept);
                    Requirement::Before { first, then: (kept, lba), enough }
                }
            });
        }
        if all.len() == before {
            all.push(match self.breaks_a_call_earlier(decisions) {
                Some(false) => Requirement::BeforeDone { write: first },
                _ => Requirement::Persist { write: first },
            });
        }
    }

    /// Every write that was sent persisted, and yet it fails: whether a write that was not sent yet had
    /// to come before one that was.
    fn about_unsent(
        &mut self,
        asked: &[Asked],
        decisions: &[Decision],
        all: &mut Vec<Requirement>,
    ) {
        let before = all.len();
        if let Some(first) = self.next_cure(decisions) {
            for other in asked {
                let (Some(kept), Some(lba)) = (other.kept(), other.sector()) else { continue };
                let mut both = decisions.to_vec();
                both.push(Decision { what: other.what.named(), is: other.oldest });
                // What only writes over it again is no order that a device could keep.
                if lba != first.1 && !self.breaks(&both) {
                    let then = (kept, lba);
                    all.push(Requirement::Before { first, then, enough: None });
                }
            }
        }
        if all.len() == before {
            all.push(Requirement::InBetween);
        }
    }

    /// The write that makes the failure vanish when the first life goes on until it is sent, and the
    /// power goes after it.
    fn next_cure(&mut self, decisions: &[Decision]) -> Option<(u32, u64)> {
        let cut = decisions.iter().find(|d| d.what == What::Cut)?;
        let Label::Index(back) = cut.is else { return None };
        let calls = self.run.disk().calls();
        let mut later = decisions.to_vec();
        let at = later.iter().position(|d| d.what == What::Cut)?;
        let cure = (0..back).rev().find(|&back| {
            later[at].is = Label::Index(back);
            !self.breaks(&later)
        })?;
        let between = calls - back + 1..=calls - cure;
        let commands = self.run.disk().commands();
        let sent = commands.iter().enumerate().rev().find(|(_, c)| between.contains(&c.call));
        sent.map(|(number, command)| (number as u32, command.lba.0))
    }

    /// The same answers with the power cut of the first life one call earlier; none if there is no
    /// earlier call.
    fn breaks_a_call_earlier(&mut self, decisions: &[Decision]) -> Option<bool> {
        let cut = decisions.iter().find(|d| d.what == What::Cut).map_or(Label::Index(0), |d| d.is);
        let Label::Index(back) = cut else { return None };
        if back + 1 >= self.run.crash_points() {
            return None;
        }
        let mut earlier: Vec<Decision> =
            decisions.iter().copied().filter(|d| d.what != What::Cut).collect();
        earlier.push(Decision { what: What::Cut, is: Label::Index(back + 1) });
        Some(self.breaks(&earlier))
    }

    /// Visits all crash states but those in which `then` persisted and `first` did not: how many, if
    /// none of them breaks the oracle.
    fn enough(&mut self, first: u32, then: u32) -> Option<u64> {
        let mut limited = Limited::new(Background::Newest, u32::MAX);
        for leaves in 1..=LEAVES_MAX {
            limited.rewind();
            let mut listen = Listen { inner: &mut limited, asked: Vec::new() };
            let broken = self.leaf(&mut listen);
            let lost = listen.asked.iter().any(|asked| asked.lost() == Some(first));
            let kept = listen.asked.iter().any(|asked| asked.is == Label::Write(then));
            if broken && !(lost && kept) {
                return None;
            }
            if !limited.next_leaf() {
                return Some(leaves);
            }
        }
        None
    }
}
