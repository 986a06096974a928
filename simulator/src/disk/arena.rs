//! Contents: the bytes of sectors, each kept once and named by a number.
//!
//! The one idea: the disk keeps the ground truth, what was really written, and never copies or
//! destroys it; everything else (versions, options, decisions) is about numbers.
//!
//! A content may be one of many that differ in bits which flipped at rest (`flips.rs`). Such a content is
//! named as one, with its ways beside it; its bytes are those that it has where nothing flipped.
//!
//! Invariant: a content never changes while it is named. Contents of one command have consecutive
//! numbers and lie side by side, so a run of sectors can be lent as one slice.

use std::sync::Arc;

use super::flips::{self, Bits, Way};

/// The number of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(pub u32);

impl ContentId {
    /// All bytes zero.
    pub const ZEROS: ContentId = ContentId(0);
    /// All bytes 0xFF.
    pub const ONES: ContentId = ContentId(1);
    /// First of the fixed noise sectors.
    pub const NOISE: ContentId = ContentId(2);
    /// A sector that cannot be read. It has no bytes.
    pub const UNREADABLE: ContentId = ContentId(u32::MAX);
    /// In a denial: any content that none of the cuts left there, and that flipped bits made. It has no bytes.
    pub const FLIPPED: ContentId = ContentId(u32::MAX - 1);
}

/// How many noise sectors there are before they repeat.
pub const NOISE_SECTORS: u32 = 16;

/// The store of contents.
#[derive(Clone, Debug)]
pub struct Arena {
    bytes: Vec<u8>,
    /// Those of which some bits have flipped, in order.
    flipped: Vec<(ContentId, Arc<[Way]>)>,
    sector: usize,
    /// The sector size is a power of two; a shift is what the hot path can afford.
    shift: u32,
}

impl Arena {
    /// A store for sectors of so many bytes, with the fixed contents in it.
    #[must_use]
    pub fn new(sector: usize) -> Self {
        let mut bytes = vec![0; sector];
        bytes.resize(2 * sector, 0xff);
        let mut rng = crate::choose::Rng::new(0x6e6f_6973_6531);
        while bytes.len() < sector * (2 + NOISE_SECTORS as usize) {
            bytes.extend_from_slice(&rng.draw().to_le_bytes());
        }
        assert!(sector.is_power_of_two(), "the contract was validated");
        Arena { bytes, flipped: Vec::new(), sector, shift: sector.trailing_zeros() }
    }

    /// Contents kept so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() >> self.shift
    }

    /// Whether there is none; never true, the fixed contents are always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of all of them.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        let sets = self.flipped.iter().flat_map(|(_, ways)| ways.iter().flatten());
        (self.bytes.len() + sets.count() * self.sector / 8) as u64
    }

    /// Forgets all but the first `len` contents.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len * self.sector);
        while self.flipped.last().is_some_and(|(content, _)| content.0 as usize >= len) {
            self.flipped.pop();
        }
    }

    /// Bits of a sector.
    #[must_use]
    pub fn bits(&self) -> u32 {
        8 * self.sector as u32
    }

    /// The ways in which bits of a content may have flipped, if that is all that is known of it.
    #[inline]
    #[must_use]
    pub fn ways(&self, id: ContentId) -> Option<&Arc<[Way]>> {
        if self.flipped.is_empty() {
            return None;
        }
        let at = self.flipped.binary_search_by_key(&id, |&(content, _)| content).ok()?;
        Some(&self.flipped[at].1)
    }

    /// How many contents are known by this one.
    #[must_use]
    pub fn images(&self, id: ContentId) -> u128 {
        self.ways(id).map_or(1, |ways| flips::images_of(ways))
    }

    /// A content of which bits have flipped, in one of these ways over the bytes of another.
    pub fn flip(&mut self, from: ContentId, ways: Vec<Way>) -> ContentId {
        let id = self.derive(from, |_| ());
        self.flips(id, ways);
        id
    }

    /// Bits of the newest content have flipped, in one of these ways.
    fn flips(&mut self, newest: ContentId, mut ways: Vec<Way>) {
        if let [way] = &mut ways[..] {
            // What is known of the only way is a matter of bytes.
            let start = newest.0 as usize * self.sector;
            for bit in flips::take_sure(way) {
                flips::flip(&mut self.bytes[start..], bit);
            }
            if way.is_empty() {
                return;
            }
        }
        self.flipped.push((newest, ways.into()));
    }

    /// Keeps whole sectors; names the first.
    #[inline]
    pub fn push(&mut self, sectors: &[u8]) -> ContentId {
        let id = ContentId(self.len() as u32);
        self.bytes.extend_from_slice(sectors);
        id
    }

    /// A sector of this byte.
    pub fn of_byte(&mut self, byte: u8) -> ContentId {
        match byte {
            0 => ContentId::ZEROS,
            0xff => ContentId::ONES,
            _ => {
                let id = ContentId(self.len() as u32);
                self.bytes.resize(self.bytes.len() + self.sector, byte);
                id
            }
        }
    }

    /// The bytes of `count` consecutive contents.
    #[inline]
    #[must_use]
    pub fn in_a_row(&self, first: ContentId, count: usize) -> &[u8] {
        let start = (first.0 as usize) << self.shift;
        &self.bytes[start..start + (count << self.shift)]
    }

    /// The bytes of one content.
    #[inline]
    #[must_use]
    pub fn get(&self, id: ContentId) -> &[u8] {
        self.in_a_row(id, 1)
    }

    /// Whether a content reads as one of these.
    #[inline]
    #[must_use]
    pub fn is_among(&self, contents: &[ContentId], content: ContentId) -> bool {
        contents.iter().any(|&other| self.same(other, content))
    }

    /// Whether two contents read the same.
    #[inline]
    #[must_use]
    pub fn same(&self, a: ContentId, b: ContentId) -> bool {
        if a == b {
            return true;
        }
        // Those have no bytes.
        if a.max(b) >= ContentId::FLIPPED {
            return false;
        }
        self.get(a) == self.get(b) && self.ways(a) == self.ways(b)
    }

    /// Garbage made of a content: inverted, and turned by a bit. Inverted alone, garbage of garbage would be
    /// what was there at first.
    pub fn spoil(&mut self, from: ContentId) -> ContentId {
        let id = self.derive(from, |bytes| {
            bytes.iter_mut().for_each(|byte| *byte = !byte.rotate_left(1));
        });
        if let Some(ways) = self.ways(from) {
            let turned = flips::moved(self.bits(), ways, |bit| bit / 8 * 8 + (bit + 1) % 8);
            self.flips(id, turned);
        }
        id
    }

    /// A content with its bytes changed by `change`, as a new content, whatever may have flipped.
    pub fn derive(&mut self, from: ContentId, change: impl FnOnce(&mut [u8])) -> ContentId {
        let start = from.0 as usize * self.sector;
        let id = ContentId(self.len() as u32);
        self.bytes.extend_from_within(start..start + self.sector);
        let at = id.0 as usize * self.sector;
        change(&mut self.bytes[at..]);
        id
    }

    /// A mix: the granules whose bit is set in `new_granules` from `new`, the others from `old`.
    pub fn mix(
        &mut self,
        new: ContentId,
        old: ContentId,
        granule: usize,
        is_new: impl Fn(usize) -> bool,
    ) -> ContentId {
        let id = self.derive(old, |_| ());
        let (kept, mixed) = self.bytes.split_at_mut(id.0 as usize * self.sector);
        let start = new.0 as usize * self.sector;
        let new = &kept[start..start + self.sector];
        for (i, (to, from)) in mixed.chunks_mut(granule).zip(new.chunks(granule)).enumerate() {
            if is_new(i) {
                to.copy_from_slice(from);
            }
        }
        if let Some(ways) = self.ways(old) {
            let new = (0..self.sector / granule).filter(|&i| is_new(i));
            let new: Vec<_> = new.map(|i| (i * granule, (i + 1) * granule)).collect();
            let left = flips::without(self.bits(), ways, &Bits::of_bytes(self.bits(), &new));
            self.flips(id, left);
        }
        id
    }
}
