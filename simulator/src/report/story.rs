//! The story of a case: what happened, in the order it happened, as data.
//!
//! Method. The case is replayed once with a watcher. Operations are noted with the commands they
//! sent; at each recovery every sector that the lives wrote is classified by what the recovery
//! found there: compared with what was written, and named by the recorded decision.
//!
//! Invariant: a story follows from its case alone, and says nothing that was not seen in the run.
//!
//! What it is not: a picture (`picture.rs` draws it), or a search for a smaller case.

use std::collections::{BTreeMap, BTreeSet};

use journal_core::{DeviceError, Error, Lba, Survivors};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::atlas::Atlas;
use super::dump::{self, Dump};
use super::why::{self, Facts};
use crate::case::{Case, CaseError, Outcome};
use crate::choose::{Label, Torn, What};
use crate::disk::contract::{CacheOrder, Flush};
use crate::disk::{CallKind, CommandView, Disk};
use crate::oracle::{Judgement, Ledger, Obligation, Oracle};
use crate::run::Event;
use crate::workload::Op;

/// What happened in a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// The journal.
    pub journal: String,
    /// The device.
    pub device: String,
    /// The owed oracles that were violated.
    pub broken: Vec<Oracle>,
    /// What is wrong, in a few words.
    pub headline: String,
    /// Life by life.
    pub lives: Vec<LifeStory>,
    /// Why, as far as the facts say.
    pub why: String,
    /// Journals that hold where this one failed, if the teller knows.
    pub holds: Vec<String>,
}

/// One life, its cut and the recovery after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifeStory {
    /// What was done, as far as it had begun when the power went. A later life begins with the
    /// resume.
    pub steps: Vec<Step>,
    /// Whether the power went during the last step, not after it.
    pub cut_in_flight: bool,
    /// The sectors that the lives so far wrote or damaged, in order of address.
    pub sectors: Vec<SectorStory>,
    /// The bytes of the first sectors that the recovery did not find as written last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dumps: Vec<Dump>,
    /// What the recovery after the cut did; none if the case ended before it.
    pub recovery: Option<RecoveryStory>,
}

/// One thing the client did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Number of the operation over all lives; none for a resume.
    pub number: Option<u32>,
    /// What: `append`, `commit`, `checkpoint`, `end-group`, `resume`.
    pub does: String,
    /// Bytes of the payload, entries kept, or nothing.
    pub amount: Option<u32>,
    /// The entry's number over all lives, if it is an append that was taken.
    pub entry: Option<u32>,
    /// What the journal calls it.
    pub lsn: Option<u64>,
    /// Commands sent to the device.
    pub commands: Vec<CommandStory>,
    /// Flushes sent to the device.
    pub flushes: u32,
    /// Entries acknowledged when it returned, if it is a commit that returned.
    pub acknowledged: Vec<u32>,
    /// What went wrong, in the journal's words.
    pub failed: Option<String>,
    #[serde(skip)]
    calls: (u32, u32),
}

/// A write command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandStory {
    /// Its number in the run, as decisions name it.
    pub number: u32,
    /// First sector.
    pub lba: u64,
    /// Sectors.
    pub sectors: u32,
    /// Forced to the medium.
    pub fua: bool,
    /// Entries that the sectors held when it rewrote them.
    pub rewrites: Vec<u32>,
}

/// What recovery found in a sector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SectorStory {
    /// The sector.
    pub lba: u64,
    /// In a word.
    pub state: SectorState,
    /// The recorded decision, if there is one.
    pub decided: Option<String>,
    /// Entries of which something was found there last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<u32>,
}

/// What recovery found in a sector, in a word.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SectorState {
    /// What was written last.
    Newest,
    /// What it held before.
    Older,
    /// A mix of new and old.
    Torn,
    /// The medium cannot return it.
    Unreadable,
    /// Zeros that nobody wrote.
    Zeros,
    /// Ones or noise that nobody wrote.
    Garbage,
    /// A bit flipped at rest.
    Flipped,
    /// Never asked for: any content the contract allows.
    NotRead,
}

/// What a recovery did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryStory {
    /// Entries handed out, in order; none for bytes that are no entry of the run.
    pub shown: Vec<Option<u32>>,
    /// Entries that had to be shown.
    pub wanted: Vec<u32>,
    /// Entries that were begun and might be shown.
    pub allowed: Vec<u32>,
    /// What it said, where it failed or reported damage.
    pub said: Option<String>,
    /// Oracles that it violated, owed or not.
    pub violated: Vec<Oracle>,
}

/// Replays a case and tells its story.
///
/// # Errors
/// As [`Case::run`].
pub fn tell(case: &Case) -> Result<(Story, Outcome), CaseError> {
    let mut scribe = Scribe::new(case);
    let outcome = case.run(Some(&mut |disk, ledger, event| scribe.note(disk, ledger, event)))?;
    Ok((scribe.finish(&outcome), outcome))
}

/// Watches and writes down.
struct Scribe<'c> {
    case: &'c Case,
    lives: Vec<LifeStory>,
    starts: Vec<u32>,
    /// Calls that happened: ranges, the last number included.
    happened: Vec<(u32, u32)>,
    operations: u32,
    shown: Vec<Vec<u8>>,
    facts: Option<Facts>,
}

impl<'c> Scribe<'c> {
    fn new(case: &'c Case) -> Self {
        Scribe {
            case,
            lives: Vec::new(),
            starts: Vec::new(),
            happened: Vec::new(),
            operations: 0,
            shown: Vec::new(),
            facts: None,
        }
    }

    fn note(&mut self, disk: &Disk, ledger: &Ledger, event: Event<'_>) {
        match event {
            Event::LifeBegins(_) => self.begin(disk),
            Event::Does { op, outcome, calls } => self.step(ledger, op, outcome, calls),
            Event::Resumed(survivors, result) => self.resumed(disk, survivors, result),
            Event::Cut(at) => self.cut(disk, ledger, at),
            Event::Entry(payload) => self.shown.push(payload.to_vec()),
            Event::Opened { result, owed, judgement } => {
                let said = match result {
                    Err(said) => Some(said.to_owned()),
                    Ok(opened) => opened.damage.map(|damage| {
                        let proven = if damage.proven { ", proven" } else { "" };
                        format!("damage at byte {}: {}{proven}", damage.at_bytes, damage.what)
                    }),
                };
                self.recovered(disk, ledger, said, owed, judgement);
            }
        }
    }

    fn begin(&mut self, disk: &Disk) {
        self.starts.push(disk.calls());
        self.lives.push(LifeStory {
            steps: Vec::new(),
            cut_in_flight: false,
            sectors: Vec::new(),
            dumps: Vec::new(),
            recovery: None,
        });
    }

    fn push(&mut self, step: Step) {
        self.lives.last_mut().expect("a life has begun").steps.push(step);
    }

    fn step(
        &mut self,
        ledger: &Ledger,
        op: Op,
        outcome: Result<Option<u64>, &Error>,
        calls: (u32, u32),
    ) {
        let (does, amount) = match op {
            Op::Append(bytes) => ("append", Some(bytes)),
            Op::EndGroup => ("end-group", None),
            Op::Commit => ("commit", None),
            Op::Checkpoint(keep) => ("checkpoint", Some(keep)),
        };
        let power = matches!(outcome, Err(Error::Device(DeviceError::PowerCut)));
        let append = matches!(op, Op::Append(_));
        let entry = (append && (outcome.is_ok() || power))
            .then(|| (ledger.sent.len() as u32).saturating_sub(1));
        let acknowledged = match (op, &outcome) {
            (Op::Commit, Ok(_)) => ledger.log[..ledger.acked() as usize].to_vec(),
            _ => Vec::new(),
        };
        let number = Some(self.operations);
        self.operations += 1;
        self.push(Step {
            number,
            does: does.to_owned(),
            amount,
            entry,
            lsn: outcome.unwrap_or(None),
            commands: Vec::new(),
            flushes: 0,
            acknowledged,
            failed: outcome.err().filter(|_| !power).map(ToString::to_string),
            calls,
        });
    }

    fn resumed(&mut self, disk: &Disk, survivors: Survivors, result: Result<(), &Error>) {
        let start = *self.starts.last().expect("a life has begun");
        let power = matches!(result, Err(Error::Device(DeviceError::PowerCut)));
        let how = match survivors {
            Survivors::Carry => "resume, survivors carried",
            Survivors::Forget => "resume, survivors forgotten",
        };
        self.push(Step {
            number: None,
            does: how.to_owned(),
            amount: None,
            entry: None,
            lsn: None,
            commands: Vec::new(),
            flushes: 0,
            acknowledged: Vec::new(),
            failed: result.err().filter(|_| !power).map(ToString::to_string),
            calls: (start, disk.calls()),
        });
    }

    /// The power went: forgets what had not begun, and works out which command went where.
    fn cut(&mut self, disk: &Disk, ledger: &Ledger, at: u32) {
        let start = *self.starts.last().expect("a life has begun");
        let life = self.lives.len() as u32 - 1;
        // Later lives are told no number: the call in flight is the one whose cut was decided.
        let decided = self.case.decisions.iter().find_map(|decision| match decision.what {
            What::CutHere { life: of, call, .. }
                if of == life && decision.is == Label::Index(1) =>
            {
                Some(start + call)
            }
            _ => None,
        });
        let at = if life == 0 { at } else { decided.unwrap_or_else(|| disk.calls()) };
        let commands = disk.commands();
        let happened = |c: &CommandView| c.call >= start && c.call <= at;
        self.happened.push((start, at));
        let atlas = Atlas::draw(self.case, disk, ledger, &self.happened);
        let story = self.lives.last_mut().expect("a life has begun");
        story.steps.retain(|step| step.calls.0 <= at);
        for step in &mut story.steps {
            let inside = step.calls.0..step.calls.1;
            let mine = commands
                .iter()
                .enumerate()
                .filter(|(_, c)| inside.contains(&c.call) && happened(c));
            step.commands = mine
                .map(|(number, c)| CommandStory {
                    number: number as u32,
                    lba: c.lba.0,
                    sectors: c.sectors,
                    fua: c.fua,
                    rewrites: atlas.rewritten_by(number as u32),
                })
                .collect();
            let flush = |call: &u32| disk.call_kind(*call) == Some(CallKind::Flush);
            step.flushes = inside.clone().filter(|c| *c <= at).filter(flush).count() as u32;
            if inside.contains(&at) {
                step.acknowledged.clear();
                step.failed = None;
                story.cut_in_flight = true;
            }
        }
        // An operation that makes no call of its own stands before the cut, not in it; those after
        // the interrupted one never began.
        if story.cut_in_flight
            && let Some(hit) = story.steps.iter().position(|s| (s.calls.0..s.calls.1).contains(&at))
        {
            story.steps.truncate(hit + 1);
        }
    }

    fn recovered(
        &mut self,
        disk: &Disk,
        ledger: &Ledger,
        said: Option<String>,
        owed: Obligation,
        judgement: Judgement,
    ) {
        let shown = std::mem::take(&mut self.shown);
        let numbers: Vec<Option<u32>> =
            shown.iter().map(|payload| why::number_of(self.case, ledger, payload)).collect();
        let range = |from: u32, to: u32| -> Vec<u32> {
            let log = &ledger.log;
            (from..to).filter_map(|at| log.get(at as usize).copied()).collect()
        };
        let facts = Facts::gather(self.case, disk, ledger, &self.happened, &shown);
        let (sectors, dumps) = self.sectors(disk, &facts);
        let recovery = RecoveryStory {
            shown: numbers,
            wanted: range(owed.released, owed.acked),
            allowed: range(owed.released, owed.sent),
            said,
            violated: judgement.violated.iter().collect(),
        };
        self.facts = Some(facts);
        let story = self.lives.last_mut().expect("a life has begun");
        story.sectors = sectors;
        story.dumps = dumps;
        story.recovery = Some(recovery);
    }

    /// What the recovery found in each sector that the lives wrote, or that was damaged.
    fn sectors(&self, disk: &Disk, facts: &Facts) -> (Vec<SectorStory>, Vec<Dump>) {
        let cut = disk.cuts();
        let happened =
            |call: u32| self.happened.iter().any(|&(from, to)| (from..=to).contains(&call));
        let commands = disk.commands();
        let (start, at) = *self.happened.last().expect("a cut has happened");
        let contract = &self.case.contract;
        let flushes = contract.flush == Flush::Honoured && self.case.fault.is_none();
        let stable = |call: u32| {
            let flushed =
                || (call + 1..at).any(|later| disk.call_kind(later) == Some(CallKind::Flush));
            let through = contract.order == CacheOrder::WriteThrough;
            (start..at).contains(&call) && (through || (flushes && flushed()))
        };
        let mut newest: BTreeMap<u64, u32> = BTreeMap::new();
        let mut of_interest = BTreeSet::new();
        for (number, c) in commands.iter().enumerate() {
            let old = c.call < self.starts[0];
            if old || happened(c.call) {
                for lba in c.lba.0..c.lba.0 + u64::from(c.sectors) {
                    newest.insert(lba, number as u32);
                    if !old {
                        of_interest.insert(lba);
                    }
                }
            }
        }
        let decided: BTreeMap<u64, Label> = self
            .case
            .decisions
            .iter()
            .filter_map(|d| match d.what {
                What::Sector { cut: of, lba, .. } if of == cut => Some((lba, d.is)),
                _ => None,
            })
            .collect();
        let damaged =
            |label: &Label| !matches!(label, Label::Index(_) | Label::Old | Label::Write(_));
        of_interest.extend(decided.iter().filter(|(_, label)| damaged(label)).map(|(lba, _)| *lba));
        let last = |lba| newest.get(&lba).and_then(|&n| disk.written(n, Lba(lba)));
        let sectors: Vec<SectorStory> = of_interest
            .into_iter()
            .map(|lba| {
                let label = decided.get(&lba);
                let written = last(lba);
                let certain = newest.get(&lba).is_some_and(|&n| stable(commands[n as usize].call));
                let state = match (disk.peek(Lba(lba)), label) {
                    // Flushed before the cut: nothing was asked, and nothing was open.
                    (None, _) if certain => SectorState::Newest,
                    (None, _) => SectorState::NotRead,
                    (Some(Err(_)), _) => SectorState::Unreadable,
                    (_, Some(Label::Flip { .. } | Label::FlipTorn { .. })) => SectorState::Flipped,
                    (_, Some(Label::Torn { how, .. } | Label::TornOver { how, .. })) => match how {
                        Torn::Zeros => SectorState::Zeros,
                        Torn::Ones | Torn::Garbage(_) => SectorState::Garbage,
                        Torn::Stale => SectorState::Older,
                        _ => SectorState::Torn,
                    },
                    (Some(Ok(bytes)), _) if Some(bytes) == written => SectorState::Newest,
                    _ => SectorState::Older,
                };
                let decided = label.map(ToString::to_string);
                SectorStory { lba, state, decided, held: facts.held(lba) }
            })
            .collect();
        let dumps = dump::dumps(self.case, disk, &sectors, &last);
        (sectors, dumps)
    }

    fn finish(self, outcome: &Outcome) -> Story {
        let broken: Vec<Oracle> = outcome.broken().iter().collect();
        let first = broken.first().copied();
        let headline = why::headline(first, &self.lives);
        let why = why::why(first, self.case, &self.lives, self.facts.as_ref());
        Story {
            journal: self.case.journal.clone(),
            device: self.case.contract.name.clone(),
            broken,
            headline,
            lives: self.lives,
            why,
            holds: Vec::new(),
        }
    }
}
