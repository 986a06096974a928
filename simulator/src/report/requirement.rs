//! The requirement behind a failure, in words.
//!
//! The one idea: `shrink::blame` finds by experiment what would have had to hold, in numbers of
//! writes and sectors; the story knows which operation sent them and which entries lay there. Here
//! the two are put into a sentence each.
//!
//! Invariant: no sentence without an experiment behind it.
//!
//! What it is not: a search. The experiments are made elsewhere, and handed over.

use super::story::{CommandStory, Step, Story};
use super::text::{entries, grouped};
use crate::case::Case;
use crate::choose::{Label, Torn};
use crate::disk::FaultKind;
use crate::oracle::Oracle;
use crate::shrink::blame::Requirement;

/// The requirements of a case that breaks `oracle`, a sentence each.
#[must_use]
pub fn words(case: &Case, story: &Story, oracle: Oracle, all: &[Requirement]) -> Vec<String> {
    let scene = Scene { case, story, oracle };
    let mut said: Vec<String> = Vec::new();
    for requirement in all {
        let sentence = scene.say(requirement);
        if !said.contains(&sentence) {
            said.push(sentence);
        }
    }
    let stale = |r: &Requirement| match r {
        Requirement::Before { first, .. } => scene.sent(first.0).is_some(),
        _ => false,
    };
    if oracle == Oracle::NoResurrection && all.iter().any(stale) {
        said.push(
            "or else: what lies behind the place where a recovery stops must be made \
             unrecognisable before anything is appended there"
                .to_owned(),
        );
    }
    said
}

struct Scene<'s> {
    case: &'s Case,
    story: &'s Story,
    oracle: Oracle,
}

impl Scene<'_> {
    fn sent(&self, write: u32) -> Option<(&Step, &CommandStory)> {
        let steps = self.story.lives.iter().flat_map(|life| &life.steps);
        let mut sent = steps.flat_map(|step| step.commands.iter().map(move |c| (step, c)));
        sent.find(|(_, command)| command.number == write)
    }

    fn doing(step: &Step) -> String {
        match step.number {
            Some(number) => format!("op {number} ({})", step.does),
            None => "the resume".to_owned(),
        }
    }

    /// `write 7 (op 3, LBA 12)`.
    fn write(&self, (number, lba): (u32, u64)) -> String {
        match self.sent(number).map(|(step, _)| step.number) {
            Some(Some(op)) => format!("write {number} (op {op}, LBA {lba})"),
            Some(None) => format!("write {number} (the resume, LBA {lba})"),
            None => format!("write {number} (LBA {lba}, not sent when the power went)"),
        }
    }

    /// The acknowledged entries that lay in a sector.
    fn acknowledged_in(&self, lba: u64) -> Vec<u32> {
        let last = self.story.lives.iter().rev().find(|life| life.recovery.is_some());
        let Some((life, recovery)) = last.and_then(|l| Some((l, l.recovery.as_ref()?))) else {
            return Vec::new();
        };
        let held = life.sectors.iter().filter(|s| s.lba == lba).flat_map(|s| &s.held);
        held.copied().filter(|entry| recovery.wanted.contains(entry)).collect()
    }

    /// The last step that was done, or begun, before the first cut.
    fn last_done(&self) -> Option<&Step> {
        let life = self.story.lives.first()?;
        let done = life.steps.len().saturating_sub(usize::from(life.cut_in_flight));
        life.steps[..done].last()
    }

    fn say(&self, requirement: &Requirement) -> String {
        match *requirement {
            Requirement::Before { first, then, enough } => {
                let (a, b) = (self.write(first), self.write(then));
                let enough = match enough {
                    Some(leaves) => format!(
                        "; with this order alone none of the {} crash states of this script fails so",
                        grouped(leaves)
                    ),
                    None => String::new(),
                };
                format!("{a} must be durable before {b}{enough}")
            }
            Requirement::Together { write, lost, kept } => format!(
                "{} must persist with its LBA {kept} or not at all, or recovery must see that it \
                 did not",
                self.write((write, lost))
            ),
            Requirement::BeforeDone { write } => {
                let by = match self.last_done() {
                    Some(step) => format!("{} returns", Self::doing(step)),
                    None => "anything is acknowledged".to_owned(),
                };
                format!("{} must be durable before {by}", self.write(write))
            }
            Requirement::Persist { write } => format!("{} must be durable", self.write(write)),
            Requirement::Damage { by, lba, label } => self.damage(by, lba, label),
            Requirement::AtRest { lba, label } => self.at_rest(lba, label),
            Requirement::Failure(fault) => {
                let what = match fault.kind {
                    FaultKind::NoSpace => "finds no space",
                    _ => "fails",
                };
                format!(
                    "after device operation {} {what}, nothing may be acknowledged that rests on it",
                    fault.operation
                )
            }
            Requirement::InBetween => {
                let life = self.story.lives.iter().rev().find(|life| life.cut_in_flight);
                let step = life.and_then(|life| life.steps.last()).map(Self::doing);
                match step {
                    Some(step) => format!(
                        "recovery must bear a power cut during {step}, with every write so far \
                         durable: nothing has to be lost for this"
                    ),
                    None => {
                        "recovery must bear a power cut here, with every write so far durable: \
                             nothing has to be lost for this"
                            .to_owned()
                    }
                }
            }
            Requirement::Always => {
                let cut = match self.story.lives.iter().any(|life| life.recovery.is_some()) {
                    true => "the power cut after all is done",
                    false => "no power cut",
                };
                format!(
                    "no order of writes helps, and no device: it happens with every write durable \
                     and {cut}"
                )
            }
        }
    }

    fn damage(&self, by: u32, lba: u64, label: Label) -> String {
        let held = self.acknowledged_in(lba);
        let became = became(label);
        let sent = self.sent(by);
        let striker = sent.map_or("a write".to_owned(), |(step, _)| Self::doing(step));
        if let Some((_, command)) = sent
            && !(command.lba..command.lba + u64::from(command.sectors)).contains(&lba)
        {
            let holds = match held.is_empty() {
                true => "what must not be lost".to_owned(),
                false => format!("acknowledged entries ({})", entries(&held)),
            };
            return format!(
                "LBA {} must not be written (by {striker}) while LBA {lba}, in the same physical \
                 sector of {} bytes, holds {holds}",
                command.lba, self.case.contract.physical_bytes
            );
        }
        if !held.is_empty() {
            return format!(
                "LBA {lba} must not be rewritten (by {striker}) while it holds acknowledged entries \
                 ({})",
                entries(&held)
            );
        }
        match self.oracle {
            Oracle::Integrity | Oracle::Order | Oracle::Atomicity | Oracle::NoResurrection => {
                format!("LBA {lba}, {became} by {striker}, must not be taken for what was written")
            }
            Oracle::Honesty => {
                format!(
                    "LBA {lba}, {became} by {striker}, must be told from a loss, and a loss told"
                )
            }
            Oracle::Durability | Oracle::Idempotence => format!(
                "LBA {lba} must not be rewritten in place (by {striker}): without it what was \
                 acknowledged is not found"
            ),
            Oracle::Availability | Oracle::Afterlife => {
                format!("recovery must bear LBA {lba}, {became} by {striker}")
            }
        }
    }

    fn at_rest(&self, lba: u64, label: Label) -> String {
        let what = match label {
            Label::Flip { bit, .. } | Label::FlipTorn { bit, .. } => {
                format!("a flipped bit in byte {} of LBA {lba}", bit / 8)
            }
            _ => format!("that LBA {lba} cannot be read"),
        };
        match self.oracle {
            Oracle::Honesty => format!("{what} must be reported"),
            _ => format!("recovery must notice {what}: a checksum must cover it"),
        }
    }
}

fn became(label: Label) -> &'static str {
    match label {
        Label::Torn { how, .. } | Label::TornOver { how, .. } => match how {
            Torn::Unreadable => "made unreadable",
            Torn::Zeros => "turned to zeros",
            Torn::Ones | Torn::Garbage(_) => "turned to garbage",
            Torn::Prefix(_) | Torn::Suffix(_) | Torn::Mosaic(_) => "torn",
            Torn::Stale => "turned to something older of itself",
        },
        _ => "damaged",
    }
}
