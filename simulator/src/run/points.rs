//! Crash points, as far as they differ.
//!
//! The one idea: between two crash points that follow each other nothing may change but that more
//! was written. If nothing became stable between them and the same is owed at both, then whatever
//! the first may leave on the medium the second may leave too, and must be answered for alike: the
//! second speaks for both. A [`Point`] is a run of crash points of which the last speaks for all.
//!
//! Invariant: the points of a life are in order and cover it; of two points in a row, something
//! became stable or something else is owed between them.
//!
//! What it is not: a sample. A proof over the points is a proof over all crash points.

use crate::disk::Disk;
use crate::oracle::{Ledger, Obligation};

/// Crash points in a row, of which the last speaks for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The first of them.
    pub first: u32,
    /// The last of them: during which device call, or the number of calls for "after all".
    pub at: u32,
    /// What is owed there.
    pub owed: Obligation,
}

impl Point {
    /// Whether the one that speaks for the others is one of `from..=until`.
    pub fn is_within(&self, from: u32, until: u32) -> bool {
        from <= self.at && self.at <= until
    }
}

/// Lists the points of the disk's present life, from crash point `from` to now. The disk must be
/// sealed.
pub fn list(disk: &Disk, ledger: &Ledger, from: u32, into: &mut Vec<Point>) {
    into.clear();
    let end = disk.calls();
    let (mut first, mut owed) = (from, ledger.obligation(from));
    while first <= end {
        let event = disk.next_event(first).map_or(end, |event| event.min(end));
        let (mut at, mut next) = (first, owed);
        // Up to the event, or to where something else is owed.
        while at < event && next == owed {
            match ledger.next_change(at) {
                Some(change) if change <= event => {
                    at = change;
                    next = ledger.obligation(change);
                }
                _ => at = event,
            }
        }
        if next != owed {
            at -= 1;
        } else if at < end {
            next = ledger.obligation(at + 1);
        }
        into.push(Point { first, at, owed });
        (first, owed) = (at + 1, next);
    }
}

#[cfg(test)]
mod tests {
    use journal_core::{BlockDevice, Lba};

    use super::*;
    use crate::choose::Undisturbed;
    use crate::disk::{Fill, Live, presets};

    /// Two cached writes, a flush, one more write.
    fn disk(device: &str) -> Disk {
        let contract = presets::named(device).unwrap();
        let mut disk = Disk::new(&contract, 1 << 16, Fill::Zeros).unwrap();
        let sector = vec![7; contract.logical_bytes as usize];
        let mut calm = Undisturbed;
        let device = &mut Live::new(&mut disk, &mut calm);
        device.write_one(Lba(1), &sector).unwrap();
        device.write_one(Lba(2), &sector).unwrap();
        device.flush().unwrap();
        device.write_one(Lba(3), &sector).unwrap();
        disk.seal();
        disk
    }

    fn points(device: &str) -> Vec<(u32, u32)> {
        let mut points = Vec::new();
        list(&disk(device), &Ledger::default(), 0, &mut points);
        points.iter().map(|point| (point.first, point.at)).collect()
    }

    #[test]
    fn where_a_cache_forgets_a_flush_ends_a_point() {
        assert_eq!(points("consumer-nvme-no-plp"), [(0, 2), (3, 4)]);
    }

    #[test]
    fn where_completed_is_stable_every_write_ends_a_point() {
        assert_eq!(points("enterprise-nvme-plp"), [(0, 0), (1, 1), (2, 3), (4, 4)]);
    }

    #[test]
    fn where_flushes_are_ignored_the_end_speaks_for_all() {
        assert_eq!(points("virtio-cache-unsafe"), [(0, 4)]);
    }
}
