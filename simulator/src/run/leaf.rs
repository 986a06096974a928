//! One leaf: cut, recover, judge, live on, as often as the case says.
//!
//! Method. Recovery is run in steps. What it does before it asks its first question is the same in
//! every leaf of a crash point, so it is kept when a second leaf comes by, and later leaves begin
//! there.
//!
//! Invariant: a leaf that begins in the middle asks the questions, and ends in the findings, that
//! it has when it begins at the beginning.
//!
//! What it is not: a search. See `tree.rs`.

use journal_core::{End, Error, Lsn, Opened, Recovery, Resume, Stepwise, Survivors};

use super::script::{Script, tell};
use super::{Event, Leaf, Run, Watch, entropy, guarded, reads_max};
use crate::choose::{Chooser, What, pick};
use crate::disk::{Disk, Live, Stamp};
use crate::oracle::{Judge, Judgement, Obligation, Oracle, OracleSet, Shown, SoFar};

/// A recovery on its way, and what was judged of it so far.
#[derive(Clone, Debug)]
pub(super) struct Opening<R> {
    pub recovery: R,
    pub judged: SoFar,
    pub names: Vec<Lsn>,
    pub shown: Shown,
    /// Reads that it may still make.
    pub reads_left: Option<u64>,
}

/// What can be said of a recovery whatever was owed.
#[derive(Clone, Debug)]
pub(super) struct Over {
    /// What it said: of the log, or why it could not open it.
    pub said: Result<Opened, String>,
    /// The oracles that it violated in any case.
    pub violated: OracleSet,
}

/// How the power may go while the journal lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// It is asked at each device call whether it goes.
    MayGo,
    /// It goes at some call, and it is left open at which.
    LeftOpen,
}

impl<J: Stepwise> Run<'_, J> {
    /// Runs one leaf: cuts, recovers, judges, for as many lives as the workload has.
    pub fn leaf(&mut self, chooser: &mut dyn Chooser) -> Leaf {
        self.leaf_watched(chooser, None)
    }

    /// As [`Run::leaf`], telling what happens.
    pub fn leaf_watched(&mut self, chooser: &mut dyn Chooser, watch: Option<Watch<'_>>) -> Leaf {
        self.leaf_cut(&mut { chooser }, watch, &mut |_, _| ())
    }

    /// As [`Run::leaf_watched`], showing the chooser the disk after each cut but the first.
    pub(super) fn leaf_cut<C: Chooser>(
        &mut self,
        chooser: &mut C,
        mut watch: Option<Watch<'_>>,
        at_cut: &mut dyn FnMut(&mut C, &mut Disk),
    ) -> Leaf {
        let mut leaf = Leaf { violated: self.recording_violated, ..Leaf::default() };
        self.evaluated.count(Oracle::Afterlife);
        if !leaf.violated.and(self.owed).is_empty() {
            return leaf;
        }
        self.leaves += 1;
        self.ledger.copy_from(&self.recorded);
        // Newest first: answer 0 is the crash after all calls.
        let back = pick(chooser, What::Cut, self.crash_points());
        let mut at = self.last_call - back;
        self.disk.cut(at);
        // The entries that an interrupted open and resume must show again.
        let mut shown: Option<Judgement> = None;
        let lives = self.setup.workload.lives.len();
        for life in 1..=lives {
            leaf.cuts += 1;
            if let Some(watch) = &mut watch {
                watch(&self.disk, &self.ledger, Event::Cut(at));
            }
            let obligation = self.ledger.obligation(at);
            let point = (life == 1).then_some(at);
            let owed = (obligation, shown);
            let (judgement, journal) = self.open(chooser, point, owed, &mut watch);
            leaf.recoveries += 1;
            leaf.last = judgement;
            leaf.violated = leaf.violated.or(judgement.violated);
            let Some(mut journal) = journal else { break };
            if life == lives || !judgement.violated.and(self.owed.or(OracleSet::UNTOLD)).is_empty()
            {
                break;
            }
            let (violated, resumed) = self.live_on(
                chooser,
                (life, Power::MayGo),
                &mut journal,
                owed,
                judgement,
                &mut watch,
            );
            leaf.violated = leaf.violated.or(violated);
            if !violated.and(self.owed).is_empty() {
                break;
            }
            shown = (!resumed).then_some(judgement);
            self.disk.cut_here();
            at_cut(chooser, &mut self.disk);
            at = u32::MAX;
        }
        self.disk.rewind(&self.end);
        leaf
    }

    /// Opens the journal and judges what it shows. In the first recovery `at` is the call at which
    /// the power went.
    fn open(
        &mut self,
        chooser: &mut dyn Chooser,
        at: Option<u32>,
        (obligation, shown): (Obligation, Option<Judgement>),
        watch: &mut Option<Watch<'_>>,
    ) -> (Judgement, Option<J>) {
        let began = self.disk.stamp();
        let point = at.filter(|_| watch.is_none()).map(|at| (at - self.first_call) as usize);
        let known = point.and_then(|point| self.certain.get(point)?.as_ref());
        // What a single leaf costs is not to be paid for the sake of others that never come.
        let learns = point.is_some() && known.is_none() && self.leaves > 1;
        let mut learned = None;
        self.names.clear();
        let (mut recovery, judged, mut entries, reads_left) = match known {
            Some(known) => {
                self.names.extend_from_slice(&known.names);
                (known.recovery.clone(), known.judged, known.shown.clone(), known.reads_left)
            }
            None => {
                let (judged, entries) = (SoFar::default(), Shown::default());
                (J::Recovery::begin(self.options), judged, entries, Some(reads_max(&self.disk)))
            }
        };
        let payloads = &self.setup.workload.payloads;
        let mut judge = Judge::going_on(&self.ledger, payloads, obligation, judged);
        let mut handed_out: Vec<Vec<u8>> = Vec::new();
        let keep = watch.is_some();
        self.disk.limit_reads(reads_left);
        let options = self.options;
        let (disk, names) = (&mut self.disk, &mut self.names);
        let opened = guarded(|| {
            loop {
                if learns && disk.stamp() == began {
                    let recovery = recovery.clone();
                    let judged = judge.so_far();
                    let shown = entries.clone();
                    let (names, reads_left) = (names.clone(), disk.reads_left());
                    learned = Some(Opening { recovery, judged, names, shown, reads_left });
                }
                let device = &mut Live::new(disk, chooser);
                let done = recovery.step(device, options, &mut |entry| {
                    judge.entry(entry.payload);
                    names.push(entry.lsn);
                    entries.note(judge.so_far(), entry.payload);
                    if keep {
                        handed_out.push(entry.payload.to_vec());
                    }
                });
                if let Some(opened) = done.transpose() {
                    return opened;
                }
            }
        });
        let judged = judge.so_far();
        if let Some(point) = point.filter(|_| learns) {
            self.certain.resize_with(self.certain.len().max(point + 1), || None);
            self.certain[point] = learned;
        }
        let (over, journal) = self.over(opened, began);
        let judgement = self.judged(judged, &entries, &over, (obligation, shown));
        if let Some(watch) = watch {
            for payload in &handed_out {
                watch(&self.disk, &self.ledger, Event::Entry(payload));
            }
            let result = over.said.as_ref().map_err(String::as_str);
            watch(&self.disk, &self.ledger, Event::Opened { result, owed: obligation, judgement });
        }
        (judgement, journal)
    }

    /// A recovery is over: what can be said of it whatever was owed, and the journal.
    pub(super) fn over(
        &mut self,
        opened: Result<Result<(J, Opened), Error>, String>,
        began: Stamp,
    ) -> (Over, Option<J>) {
        let mut violated = OracleSet::default();
        if self.disk.limit_reads(None) {
            violated.insert(Oracle::Availability);
        }
        // Names are the handle for checkpoints: an order of entries that names contradict is none.
        if !self.names.is_sorted_by(|a, b| a < b) {
            violated.insert(Oracle::Order);
        }
        // A recovery that only reads, and decides by what it reads, gives the same answer again;
        // one that writes does not.
        if self.disk.stamp().calls != began.calls {
            violated.insert(Oracle::Idempotence);
        }
        let (said, journal) = match opened {
            Ok(Ok((journal, opened))) => (Ok(opened), Some(journal)),
            Ok(Err(error)) => (Err(error.to_string()), None),
            Err(panic) => (Err(panic), None),
        };
        if said.is_err() {
            violated.insert(Oracle::Availability);
        }
        (Over { said, violated }, journal)
    }

    /// Where flush is not honoured: what is not the present log may be the one of an earlier life, and
    /// if it is neither, it is of several.
    #[cold]
    fn hold_against_earlier(&self, entries: &Shown, owed: Obligation, violated: &mut OracleSet) {
        let payloads = &self.setup.workload.payloads;
        let shown = entries.payloads(&self.ledger, payloads);
        if self.ledger.was_once(&shown, payloads, owed, self.promises.atomic_groups) {
            violated.remove(Oracle::Order);
            violated.remove(Oracle::Atomicity);
            violated.insert(Oracle::NoResurrection);
        } else if violated.contains(Oracle::NoResurrection) {
            violated.insert(Oracle::Order);
        }
    }

    /// What the judge says of a recovery that is over.
    pub(super) fn judged(
        &mut self,
        judged: SoFar,
        entries: &Shown,
        over: &Over,
        (owed, shown): (Obligation, Option<Judgement>),
    ) -> Judgement {
        const NOTHING: Opened = Opened { entries: 0, end: End::Clean, damage: None };
        let payloads = &self.setup.workload.payloads;
        let judge = Judge::going_on(&self.ledger, payloads, owed, judged);
        let opened = over.said.as_ref().unwrap_or(&NOTHING);
        let mut judgement = judge.finish(opened, &self.promises, &mut self.evaluated);
        if self.ledger.keeps_earlier()
            && !judgement.violated.and(OracleSet::OF_ANOTHER_LOG).is_empty()
        {
            self.hold_against_earlier(entries, owed, &mut judgement.violated);
        }
        judgement.violated = judgement.violated.or(over.violated);
        // A recovery that was interrupted in its resume must show the same again.
        self.evaluated.count(Oracle::Idempotence);
        let changed = shown.is_some_and(|before| {
            (before.first, before.end) != (judgement.first, judgement.end)
                && !(judgement.first >= judgement.end && owed.released >= before.end)
        });
        if changed {
            judgement.violated.insert(Oracle::Idempotence);
        }
        judgement
    }

    /// Resumes and works on until the power goes. Says what was violated and whether the resume
    /// was completed.
    pub(super) fn live_on(
        &mut self,
        chooser: &mut dyn Chooser,
        (life, power): (usize, Power),
        journal: &mut J,
        (obligation, _): (Obligation, Option<Judgement>),
        judgement: Judgement,
        watch: &mut Option<Watch<'_>>,
    ) -> (OracleSet, bool) {
        let plan = &self.setup.workload.lives[life];
        let mut violated = OracleSet::default();
        if let Some(watch) = watch {
            watch(&self.disk, &self.ledger, Event::LifeBegins(life as u32));
        }
        self.evaluated.count(Oracle::Afterlife);
        // Before the resume is done the client still has the old log; what may go by a checkpoint
        // that Forget is, may go from its first write on.
        self.ledger.reopened(obligation);
        if plan.resume == Survivors::Forget {
            self.ledger.release_begins(judgement.end, 0);
        }
        let how = Resume { survivors: plan.resume, entropy: entropy(2 + life as u32) };
        let expected = self.calls_per_life + 4;
        if power == Power::LeftOpen {
            self.disk.leave_open_from(Some(self.disk.calls()));
        }
        let asks = (power == Power::MayGo).then_some(expected);
        let before = self.disk.calls();
        let disk = &mut self.disk;
        let resumed = guarded(|| journal.resume(&mut Live::asking(disk, chooser, asks), how));
        let resumed = match resumed {
            Ok(result) => result,
            Err(panic) => Err(Error::Other(panic)),
        };
        self.resumes.0 += 1;
        self.resumes.1 += u64::from(self.disk.calls() > before);
        if let Some(watch) = watch {
            let result = resumed.as_ref().copied();
            watch(&self.disk, &self.ledger, Event::Resumed(plan.resume, result));
        }
        // Where the power was left open, what comes next holds only if it did not go before.
        if self.disk.is_dead() || Live::asking(&mut self.disk, chooser, asks).went_before() {
            return (violated, false);
        }
        if resumed.is_err() {
            violated.insert(Oracle::Availability);
            return (violated, false);
        }
        match plan.resume {
            Survivors::Carry => {
                self.ledger.recovered(judgement.first, judgement.end, obligation.released);
                self.ledger.renamed(&self.names);
            }
            Survivors::Forget => self.ledger.forgotten(),
        }
        let setup = &self.setup;
        let mut script = Script::new(&setup.workload, &mut self.ledger);
        for &op in &plan.ops {
            let before = self.disk.calls();
            let disk = &mut self.disk;
            let outcome =
                guarded(|| script.step(journal, &mut Live::asking(disk, chooser, asks), op));
            let outcome = outcome.unwrap_or_else(|panic| Err(Error::Other(panic)));
            tell(watch, (&self.disk, script.ledger), (op, before), &outcome);
            if self.disk.is_dead() {
                break;
            }
            match outcome {
                Ok(()) => {}
                Err(Error::Full { .. }) if !script.ledger.log.is_empty() => {}
                Err(_) => {
                    if !Live::asking(&mut self.disk, chooser, asks).went_before() {
                        violated.insert(Oracle::Afterlife);
                    }
                    break;
                }
            }
        }
        (violated, true)
    }
}
