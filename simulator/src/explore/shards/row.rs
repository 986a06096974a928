//! What was found in a segment, as data.
//!
//! The one idea: a [`Stretch`] as plain values, so that one machine can tell another what it found.
//!
//! Invariant: what is read back is what was written. Numbers that no machine word holds are decimal
//! digits.
//!
//! What it is not: checked against the tree. Whoever puts segments together does that.

use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

use super::Searched;
use crate::choose::Path;
use crate::explore::prove::Explored;
use crate::explore::stretch::{Ended, Stretch};
use crate::oracle::{Evaluated, Oracle};
use crate::run::{Images, Reads};

/// More of anything is in no search. Sums over 2^22 segments, more than are taken, do not overflow.
const COUNT_MAX: u64 = 1 << 40;

/// What was found in a segment of a proof. A segment is leaves behind one another, in the order of the
/// proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SearchedRow {
    /// Its rank among the segments of the proof.
    pub segment: u32,
    /// Why it ended.
    pub ended: Ended,
    /// Leaves visited.
    pub leaves: u64,
    /// Recoveries run to their end.
    pub recoveries: u64,
    /// Leaves that violated each oracle, and how often each was evaluated, in the order of the oracles.
    pub violations: [u64; 9],
    /// See `violations`.
    pub evaluated: [u64; 9],
    /// The first leaf that violated an owed oracle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<FoundRow>,
    /// The first leaf that violated each oracle, owed or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firsts: Vec<FoundRow>,
    /// As `firsts`, of those that are not owed alone: what shards told that knew no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unowed: Vec<FoundRow>,
    /// For each power cut, images begun, covered and failing: whole numbers in decimal digits.
    pub images: Vec<[String; 3]>,
    /// Whether some images have several leaves, so that they cannot be counted.
    pub told_twice: bool,
    /// Whether some answer holds modulo collisions of a checksum.
    pub modulo_collisions: bool,
    /// The most bytes kept at a leaf, and needed for counting images.
    pub kept: (u64, u64),
    /// Whether recoveries read all that was at risk.
    pub reads: Reads,
    /// Resumes, and those that changed something.
    pub resumes: (u64, u64),
    /// The path of the last leaf: answers, each with how many options there were.
    pub last: Path,
}

/// A leaf that violates something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FoundRow {
    /// What it violates.
    pub broken: Vec<Oracle>,
    /// Its path.
    pub path: Path,
}

impl From<&Searched> for SearchedRow {
    fn from(searched: &Searched) -> SearchedRow {
        let Searched { segment, stretch, ended } = searched;
        // No shard ends by what is new in it.
        let Stretch { found, told_twice, kept, reads, resumes, last, news: _ } = stretch;
        let row = |broken: Vec<Oracle>, path: &Path| FoundRow { broken, path: path.clone() };
        let digits = |i: &Images| [&i.all, &i.covered, &i.failing].map(BigUint::to_string);
        SearchedRow {
            segment: *segment,
            ended: *ended,
            leaves: found.leaves,
            recoveries: found.recoveries,
            violations: found.violations,
            evaluated: found.evaluated.0,
            first: found.first.as_ref().map(|(broken, path)| row(broken.iter().collect(), path)),
            firsts: found.firsts.iter().map(|(oracle, path)| row(vec![*oracle], path)).collect(),
            unowed: Vec::new(),
            images: found.images.iter().map(digits).collect(),
            told_twice: *told_twice,
            modulo_collisions: found.modulo_collisions,
            kept: *kept,
            reads: *reads,
            resumes: *resumes,
            last: last.clone(),
        }
    }
}

impl SearchedRow {
    /// As it was found.
    ///
    /// # Errors
    /// Which number is none, or is none of a search.
    pub fn read(&self) -> Result<Searched, String> {
        let counts = [&self.violations[..], &self.evaluated[..], &[self.leaves, self.recoveries]];
        let pairs = [self.resumes.0, self.resumes.1, self.kept.0, self.kept.1];
        let mut counted = counts.into_iter().flatten().chain(&pairs).copied();
        if let Some(count) = counted.find(|&count| count > COUNT_MAX) {
            return Err(format!("expected counts of at most {COUNT_MAX}, found {count}"));
        }
        let number = |text: &String| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<BigUint>().ok().filter(|_| digits);
            number.ok_or_else(|| format!("images: expected a whole number, found `{text}`"))
        };
        let images = |[all, covered, failing]: &[String; 3]| {
            let (all, covered, failing) = (number(all)?, number(covered)?, number(failing)?);
            Ok(Images { all, covered, failing })
        };
        let found = |row: &FoundRow| (row.broken.iter().copied().collect(), row.path.clone());
        let firsts = self.firsts.iter().chain(&self.unowed).flat_map(|row| {
            row.broken.iter().map(|&oracle| (oracle, row.path.clone())).collect::<Vec<_>>()
        });
        let explored = Explored {
            leaves: self.leaves,
            recoveries: self.recoveries,
            violations: self.violations,
            evaluated: Evaluated(self.evaluated),
            first: self.first.as_ref().map(found),
            firsts: firsts.collect(),
            images: self.images.iter().map(images).collect::<Result<_, String>>()?,
            modulo_collisions: self.modulo_collisions,
            outgrown: self.ended == Ended::Outgrown,
            ..Explored::default()
        };
        let stretch = Stretch {
            found: explored,
            told_twice: self.told_twice,
            kept: self.kept,
            reads: self.reads,
            resumes: self.resumes,
            last: self.last.clone(),
            ..Stretch::default()
        };
        Ok(Searched { segment: self.segment, stretch, ended: self.ended })
    }
}
