//! The read of a read-modify-write, of sectors that are written back as they are.
//!
//! The one idea: who rewrites a page for the sake of a few bytes puts back whatever else it holds, and need
//! not know it. So an open sector stays open: a *stand-in* is handed out, and where that is written back
//! nothing comes of it, since on the medium is the same whether the write got there or not. What an append copies
//! is then no question, where each sector that an earlier cut had ruined was one.
//!
//! A write that was under way may still ruin the sector, see `damage.rs`.
//!
//! Invariant: the images behind a later cut are those of a life that read the sectors and wrote them back.
//!
//! What it is not: for a life in which nothing is asked in classes; there all is read.

use std::ops::Range;

use journal_core::{DeviceError, Lba, Write};

use super::super::arena::ContentId;
use super::super::classes::Part;
use super::Live;

/// A stand-in begins with this, and its address.
const STAND_IN: u64 = 0x7b1d_3c5a_97e6_f081;

/// The words that stand for what a sector holds.
fn words(lba: u64) -> impl Iterator<Item = [u8; 8]> {
    let next = |word: &u64| Some(word.rotate_left(9).wrapping_mul(STAND_IN));
    std::iter::successors(Some(STAND_IN ^ lba), next).map(u64::to_le_bytes)
}

fn stands_for(lba: u64, sector: &[u8]) -> bool {
    sector.chunks(8).zip(words(lba)).all(|(bytes, word)| *bytes == word[..bytes.len()])
}

impl Live<'_> {
    /// See [`journal_core::BlockDevice::read_to_rewrite`].
    pub(super) fn read_for(
        &mut self,
        at: Lba,
        into: &mut [u8],
        overwrites: &Range<usize>,
    ) -> Result<bool, DeviceError> {
        let sectors = self.reading(at, into.len())?;
        if !self.disk.asks_classes {
            return self.gather(at.0, into).map(|()| true);
        }
        let lbas = at.0..at.0 + sectors;
        if !self.none_is_lost(lbas.clone())? {
            return Err(self.no_bytes(at.0));
        }
        let parts: Vec<Part> = lbas.clone().map(|lba| self.part(lba, Vec::new())).collect();
        self.can_be_read(&parts)?;
        let sector = self.disk.geometry.logical_bytes as usize;
        let mut all_is_known = true;
        for (lba, (number, to)) in lbas.zip(into.chunks_exact_mut(sector).enumerate()) {
            let (from, end) = (number * sector, (number + 1) * sector);
            if overwrites.start <= from && end <= overwrites.end {
                continue;
            }
            let stays = end <= overwrites.start || overwrites.end <= from;
            if stays && self.certain(lba).is_none() {
                to.chunks_mut(8)
                    .zip(words(lba))
                    .for_each(|(to, word)| to.copy_from_slice(&word[..to.len()]));
                (all_is_known, self.disk.stands_in) = (false, true);
                continue;
            }
            match self.content(lba) {
                ContentId::UNREADABLE => return Err(self.no_bytes(at.0)),
                content => to.copy_from_slice(self.disk.trace.arena.get(content)),
            }
        }
        Ok(all_is_known)
    }

    /// Puts the versions of a command, whose first sector has this content, of the sectors that are not written
    /// with their stand-ins.
    #[cold]
    pub(super) fn put_but_stand_ins(
        &mut self,
        write: &Write<'_>,
        (first, command, call): (ContentId, u32, u32),
    ) {
        let sector = self.disk.geometry.logical_bytes as usize;
        for (i, bytes) in (0..).zip(write.data.chunks_exact(sector)) {
            let lba = write.at.0 + u64::from(i);
            let content = match stands_for(lba, bytes) {
                false => Some(ContentId(first.0 + i)),
                true => self.certain(lba),
            };
            match content {
                Some(content) => self.put(lba, content, command, call),
                // It stays open, and has no version of this command.
                None => {
                    let command = &mut self.disk.trace.commands[command as usize];
                    (command.last, command.keeps) = (command.last - 1, true);
                }
            }
        }
    }
}
