//! Contents: the bytes of sectors, each kept once and named by a number.
//!
//! The one idea: the disk keeps the ground truth, what was really written, and never copies or
//! destroys it; everything else (versions, options, decisions) is about numbers.
//!
//! Invariant: a content never changes while it is named. Contents of one command have consecutive
//! numbers and lie side by side, so a run of sectors can be lent as one slice.

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
}

/// How many noise sectors there are before they repeat.
pub const NOISE_SECTORS: u32 = 16;

/// The store of contents.
#[derive(Clone, Debug)]
pub struct Arena {
    bytes: Vec<u8>,
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
        Arena { bytes, sector, shift: sector.trailing_zeros() }
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
        self.bytes.len() as u64
    }

    /// Forgets all but the first `len` contents.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len * self.sector);
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
        if a == ContentId::UNREADABLE || b == ContentId::UNREADABLE {
            return false;
        }
        self.get(a) == self.get(b)
    }

    /// A content with its bytes changed by `change`, as a new content.
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
        id
    }
}
