//! Passed: which mixtures of contents pass a checksum, found before.
//!
//! The one idea: contents never change, so of the same contents the same mixtures pass. A search asks
//! for the same range in thousands of leaves, with the same few contents still possible in each sector.
//!
//! Invariant: an answer is given from memory only if everything that it follows from is the same: the
//! checksum, what is expected, the given bytes, and by number the contents of each sector that may be
//! read, and which of their bytes. Nothing is hashed into a key.
//!
//! What it is not: for answers that are exact but for collisions. Those follow from what was once
//! written, too.

use journal_core::Checksum;
use journal_core::checksum::stored;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::arena::{Arena, ContentId};
use super::classes::{Choice, Part};
use super::linear::Changes;

/// More than so many words of questions are not remembered: then all is forgotten.
const WORDS_MAX: usize = 1 << 16;

/// Most given bytes of a question that is remembered.
const GIVEN_MAX: usize = 64;

/// What was taken for granted of checksums, that none of their collisions came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collisions {
    /// Something was, so what was found is true but for collisions.
    pub excluded: bool,
    /// Contents that pass a checksum were looked for among those once written, and not among all: what was
    /// found follows from how the disk came to be, and not from its crash state alone.
    pub by_history: bool,
}

/// No part has such a number.
const STORED: u64 = 1 << 63;

/// Questions, and what passes.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    known: FxHashMap<Box<[u64]>, Known>,
    words: usize,
    /// The contents that must be kept for all of them: so many.
    needs: u32,
    key: Vec<u64>,
}

#[derive(Clone, Debug)]
struct Known {
    passing: Vec<Choice>,
    needs: u32,
}

/// A part of what is summed: bytes at hand, or bytes of a sector.
pub enum Segment<'p> {
    Given(&'p [u8]),
    Of {
        part: usize,
        from: usize,
        to: usize,
    },
    /// The checksum, or a part of it, is stored in these.
    Stored {
        part: usize,
        from: usize,
        to: usize,
    },
}

/// What segments sum to; where the checksum is stored in some of them, how far that is from it.
#[must_use]
pub fn summed(
    arena: &Arena,
    sum: Checksum,
    segments: &[Segment<'_>],
    contents: &[ContentId],
) -> u64 {
    let mut running = sum.begin();
    let mut trailer: SmallVec<[u8; 8]> = SmallVec::new();
    for segment in segments {
        match *segment {
            Segment::Given(bytes) => running.update(bytes),
            Segment::Of { part, from, to } => {
                running.update(&arena.get(contents[part])[from..to]);
            }
            Segment::Stored { part, from, to } => {
                trailer.extend_from_slice(&arena.get(contents[part])[from..to]);
            }
        }
    }
    match &trailer[..] {
        [] => running.finish(),
        // As changes are combined, so that these are linear, too.
        _ => Changes::of(sum).unwrap_or(Changes::Bits).between(stored(&trailer), running.finish()),
    }
}

impl Passed {
    /// The mixtures that pass, if that is known.
    pub fn of(
        &mut self,
        (sum, expected): (Checksum, u64),
        segments: &[Segment<'_>],
        parts: &[Part],
    ) -> Option<Vec<Choice>> {
        let key = &mut self.key;
        key.clear();
        // How many there are, so that no segment is taken for a part.
        key.extend([sum as u64, expected, segments.len() as u64]);
        for segment in segments {
            match *segment {
                Segment::Given(bytes) if bytes.len() > GIVEN_MAX => {
                    key.clear();
                    return None;
                }
                Segment::Given(bytes) => {
                    key.extend([u64::MAX, bytes.len() as u64]);
                    key.extend(bytes.chunks(8).map(|chunk| {
                        chunk.iter().fold(0, |word, &byte| word << 8 | u64::from(byte))
                    }));
                }
                Segment::Of { part, from, to } => {
                    key.extend([part as u64, (from as u64) << 32 | to as u64]);
                }
                Segment::Stored { part, from, to } => {
                    key.extend([STORED | part as u64, (from as u64) << 32 | to as u64]);
                }
            }
        }
        for part in parts {
            key.push(part.classes.len() as u64);
            key.extend(
                (0..part.classes.len()).map(|class| u64::from(part.content(class as u32).0)),
            );
        }
        self.known.get(&key[..]).map(|known| known.passing.clone())
    }

    /// Remembers what passes of the question that was asked last.
    pub fn remember(&mut self, parts: &[Part], passing: &[Choice]) {
        if self.key.is_empty() {
            return;
        }
        if self.words + self.key.len() > WORDS_MAX {
            (self.known, self.words, self.needs) = Default::default();
        }
        let contents = parts
            .iter()
            .flat_map(|part| (0..part.classes.len()).map(|class| part.content(class as u32).0));
        let needs = contents.max().map_or(0, |content| content + 1);
        self.needs = self.needs.max(needs);
        self.words += self.key.len();
        self.known.insert(self.key[..].into(), Known { passing: passing.to_vec(), needs });
    }

    /// Forgets what was said of contents from number `len` on: the numbers will be given again.
    pub fn truncate(&mut self, len: u32) {
        if self.needs <= len {
            return;
        }
        self.known.retain(|_, known| known.needs <= len);
        self.words = self.known.keys().map(|key| key.len()).sum();
        self.needs = self.known.values().map(|known| known.needs).max().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::arena::{Arena, ContentId};
    use crate::disk::classes::Admitted;

    fn part(arena: &Arena, contents: &[ContentId], covered: (usize, usize)) -> Part {
        let option = |&content| Admitted::of(content, (0, 0));
        let options = contents.iter().map(option).collect();
        Part::new(arena, (0, true), options, vec![covered])
    }

    #[test]
    fn an_answer_is_remembered_for_the_same_question_only_and_as_long_as_its_contents_last() {
        let mut arena = Arena::new(64);
        let made = arena.push(&[7; 64]);
        let old = [ContentId::NOISE, ContentId(3)];
        let (parts, new) =
            ([part(&arena, &old, (0, 64))], [part(&arena, &[made, old[0]], (0, 64))]);
        let sum = (Checksum::Crc32c, 5);
        let whole = |given| [Segment::Given(given), Segment::Of { part: 0, from: 0, to: 64 }];
        let mut passed = Passed::default();
        for (parts, passes) in [(&parts, vec![vec![1]]), (&new, vec![])] {
            assert_eq!(passed.of(sum, &whole(b"head"), parts), None);
            passed.remember(parts, &passes);
            assert_eq!(passed.of(sum, &whole(b"head"), parts), Some(passes));
        }
        let half = [part(&arena, &old, (0, 32))];
        let half_of = [Segment::Given(b"head"), Segment::Of { part: 0, from: 0, to: 32 }];
        assert_eq!(passed.of(sum, &half_of, &half), None, "other bytes");
        assert_eq!(passed.of((Checksum::Crc32c, 6), &whole(b"head"), &parts), None);
        assert_eq!(passed.of((Checksum::Crc32, 5), &whole(b"head"), &parts), None);
        assert_eq!(passed.of(sum, &whole(b"heat"), &parts), None);
        assert_eq!(passed.of(sum, &whole(b"head\0"), &parts), None);
        passed.truncate(made.0);
        assert_eq!(passed.of(sum, &whole(b"head"), &new), None, "its number is given again");
        assert_eq!(passed.of(sum, &whole(b"head"), &parts), Some(vec![vec![1]]));
        let long = [0; GIVEN_MAX + 1];
        assert_eq!(passed.of(sum, &whole(&long), &parts), None);
        passed.remember(&parts, &[]);
        assert_eq!(passed.of(sum, &whole(&long), &parts), None, "not remembered");
    }
}
