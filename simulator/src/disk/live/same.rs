//! The same byte over many sectors: recorded in a word, and told in a word.
//!
//! Method. A command of `write_same` is a command like any other, but its sectors share one version
//! (`newest.rs`) wherever that says all there is to say:
//!
//! - while the disk is being prepared and nothing is cut, as a journal is formatted: whatever they held;
//! - later, under a contract that couples nothing, where every sector holds that byte already. Such a
//!   write leaves nothing open: each content that a cut may leave there reads the same.
//!
//! Everywhere else each sector has a version of its own, as with an ordinary write.
//!
//! Invariant: the calls, commands, questions, answers and numbers of images are those of the ordinary
//! writes that it stands for, and what is said to be known is what reading would find, asking nothing.
//!
//! What it is not: faster where a cut may leave an erased sector as it was. There the sectors count.

use journal_core::{DeviceError, Lba, Span};

use super::super::arena::ContentId;
use super::super::{Disk, FaultKind};
use super::Live;
use super::recording::Sectors;

impl Disk {
    /// From now on until [`Disk::settle`] the power is not cut: a journal is being made.
    pub fn prepare(&mut self) {
        self.prepares = true;
    }
}

impl Live<'_> {
    /// See [`journal_core::BlockDevice::write_same`].
    pub(super) fn write_spans(&mut self, byte: u8, spans: &[Span]) -> Result<(), DeviceError> {
        for span in spans {
            self.disk.geometry.run(span.at, span.sectors)?;
            assert!(u32::try_from(span.sectors).is_ok(), "a command of fewer than 2^32 sectors");
        }
        let Some(first) = spans.first() else { return Ok(()) };
        let fails = self.operation()?;
        match fails {
            Some(FaultKind::Error) => return Err(DeviceError::Io(first.at)),
            Some(FaultKind::NoSpace) => return Err(DeviceError::NoSpace(first.at)),
            Some(FaultKind::ErrorButDone) | None => {}
        }
        let of = self.begin_writes();
        let content = self.disk.trace.arena.of_byte(byte);
        for &Span { at, sectors } in spans {
            let end = at.0 + sectors;
            let command =
                self.command(Sectors { at, count: sectors, same: true }, content, false, of);
            let disk = &mut *self.disk;
            let at_rest = disk.prepares;
            if at_rest || disk.rules.independent && disk.trace.holds(at.0, end, content) {
                disk.traffic.sectors_rewritten += disk.trace.count(at.0, end);
                disk.trace.put_run(command, of.0);
                disk.trace.commands[command as usize].last = disk.trace.versions.len() as u32 - 1;
            } else {
                (at.0..end).for_each(|lba| self.put(lba, content, command, of.0));
            }
        }
        self.may_go()?;
        match fails {
            Some(_) => Err(DeviceError::Io(first.at)),
            None => Ok(()),
        }
    }

    /// How many of these sectors, up to the first of which it is not known, hold nothing but `byte`, and
    /// would be found to without a question.
    ///
    /// A sector with versions of its own is not known, nor one that damage next to it may reach. For the
    /// others, while no contract couples them, everything since the disk was settled has the same
    /// content; all that reading one may then ask is whether the power went before it was written once
    /// more or after.
    pub(super) fn known(&mut self, at: u64, sectors: u64, byte: u8) -> u64 {
        let disk = &*self.disk;
        let content = match byte {
            0 => ContentId::ZEROS,
            0xff => ContentId::ONES,
            _ => return 0,
        };
        let in_range = disk.geometry.run(Lba(at), sectors).is_ok();
        if !in_range || disk.dead || disk.rules.contract.damages_at_rest() {
            return 0;
        }
        let trace = &disk.trace;
        // Together with the whole of their domains.
        let domain = disk.rules.domain_sectors.max(disk.rules.page_sectors);
        let (first, last) = (at / domain * domain, (at + sectors).next_multiple_of(domain));
        let own = trace.with_own(first, last).map(|lba| lba / domain * domain).min();
        let mut end = own.map_or(at + sectors, |own| own.clamp(at, at + sectors));
        let open =
            trace.cuts.last().map(|cut| cut.from + 1..=cut.at).filter(|open| !open.is_empty());
        for run in open.iter().flat_map(|_| trace.runs()) {
            let written = run.versions(at, end).find(|&(_, version)| {
                let is_of = |call| open.as_ref().is_some_and(|open| open.contains(&call));
                version < trace.life_version && is_of(trace.versions[version as usize].call)
            });
            end = written.map_or(end, |(lba, _)| lba);
        }
        while end > at && !trace.holds(at, end, content) {
            end = at + (end - at) / 2;
        }
        end - at
    }
}
