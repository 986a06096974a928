//! Linear: which mixtures of contents have a given checksum, all of them.
//!
//! Method. A CRC is linear over bits: changing one sector of a range from one content to another
//! changes the CRC of the range by a number that depends on nothing else, and the changes of several
//! sectors are combined by exclusive or. SQLite's sum is linear over words mod 2^32 and a sum of bytes over
//! numbers mod 2^16, and their changes are added. So each content of each sector is one number, and the
//! mixtures wanted are the ways to take one number of each row that combine to a target. The rows are
//! split into two halves, the combinations of each written out, and those of the one looked up among
//! those of the other (meet in the middle): 2^20 mixtures cost two lists of 2^10.
//!
//! Invariant: every way is found, collisions of the checksum among them, and nothing else.
//!
//! What it is not: for every range. A half that is too long is refused; nor for hashes.

use journal_core::Checksum;

/// How changes of a checksum are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// By exclusive or.
    Bits,
    /// By adding each half of the number, mod 2^32.
    Words,
    /// By adding, mod 2^16.
    Halves,
}

impl Changes {
    /// Those of a checksum, if it is linear.
    #[must_use]
    pub const fn of(sum: Checksum) -> Option<Changes> {
        match sum {
            Checksum::Crc16 | Checksum::Crc32 | Checksum::Crc32c => Some(Changes::Bits),
            Checksum::ByteSum => Some(Changes::Halves),
            Checksum::SqliteLittle | Checksum::SqliteBig => Some(Changes::Words),
            _ => None,
        }
    }

    fn both(self, one: u64, other: u64) -> u64 {
        match self {
            Changes::Bits => one ^ other,
            Changes::Words => by_words(u32::wrapping_add, one, other),
            Changes::Halves => u64::from((one as u16).wrapping_add(other as u16)),
        }
    }

    /// What changes `from` to `to`.
    #[must_use]
    pub fn between(self, from: u64, to: u64) -> u64 {
        match self {
            Changes::Bits => from ^ to,
            Changes::Words => by_words(u32::wrapping_sub, to, from),
            Changes::Halves => u64::from((to as u16).wrapping_sub(from as u16)),
        }
    }
}

/// The same done with both halves of two numbers.
fn by_words(does: fn(u32, u32) -> u32, one: u64, other: u64) -> u64 {
    let halves = |n: u64| ((n >> 32) as u32, n as u32);
    let ((a, b), (c, d)) = (halves(one), halves(other));
    u64::from(does(a, c)) << 32 | u64::from(does(b, d))
}

/// Most combinations of a half.
const HALF_MAX: usize = 8192;

/// Most combinations of all rows.
pub const ALL_MAX: u64 = (HALF_MAX * HALF_MAX) as u64;

/// Most choices that are listed. Of the mixtures of a few sectors thousands have the same sum of bytes.
const FOUND_MAX: usize = 1 << 16;

/// Every choice of one number of each row that together change by `target`, by place in the row;
/// `None` if there are too many to look through, or too many of them.
#[must_use]
pub fn choices(changes: Changes, rows: &[Vec<u64>], target: u64) -> Option<Vec<Vec<u32>>> {
    let all = rows.iter().try_fold(1usize, |all, row| all.checked_mul(row.len()))?;
    if all as u64 > ALL_MAX {
        return None;
    }
    let (mut split, mut front) = (0, 1);
    while split < rows.len() && front * front < all {
        front *= rows[split].len();
        split += 1;
    }
    if front > HALF_MAX || all.checked_div(front).is_none_or(|back| back > HALF_MAX) {
        return None;
    }
    let front = combined(changes, &rows[..split]);
    let mut back: Vec<(u64, usize)> =
        combined(changes, &rows[split..]).into_iter().zip(0..).collect();
    back.sort_unstable();
    let mut found = Vec::new();
    for (number, value) in front.into_iter().enumerate() {
        let wanted = changes.between(value, target);
        let from = back.partition_point(|&(value, _)| value < wanted);
        for &(_, other) in back[from..].iter().take_while(|&&(value, _)| value == wanted) {
            let mut places = places(&rows[..split], number);
            places.extend(self::places(&rows[split..], other));
            if found.len() == FOUND_MAX {
                return None;
            }
            found.push(places);
        }
    }
    found.sort_unstable();
    Some(found)
}

/// All combinations of the rows, the last row turning fastest.
fn combined(changes: Changes, rows: &[Vec<u64>]) -> Vec<u64> {
    rows.iter().fold(vec![0], |sums, row| {
        let with = |&sum: &u64| row.iter().map(move |&value| changes.both(sum, value));
        sums.iter().flat_map(with).collect()
    })
}

/// The places in the rows that combination `number` takes.
fn places(rows: &[Vec<u64>], mut number: usize) -> Vec<u32> {
    let mut places: Vec<u32> = rows
        .iter()
        .rev()
        .map(|row| {
            let place = number % row.len();
            number /= row.len();
            place as u32
        })
        .collect();
    places.reverse();
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Rng;

    #[test]
    fn every_way_is_found_and_nothing_else() {
        let mut rng = Rng::new(1);
        for turn in 0..400 {
            let changes = [Changes::Bits, Changes::Words, Changes::Halves][turn % 3];
            // Near the ends of both words, so that they overflow.
            let number = |rng: &mut Rng| {
                let word = |rng: &mut Rng| u64::from(rng.below(4).wrapping_sub(2));
                word(rng) << 32 | word(rng)
            };
            let rows: Vec<Vec<u64>> = (0..1 + rng.below(6))
                .map(|_| (0..1 + rng.below(3)).map(|_| number(&mut rng)).collect())
                .collect();
            let target = changes.both(0, number(&mut rng));
            let all = combined(changes, &rows);
            let mut wanted: Vec<Vec<u32>> = (0..all.len())
                .filter(|&number| all[number] == target)
                .map(|number| places(&rows, number))
                .collect();
            wanted.sort_unstable();
            assert_eq!(choices(changes, &rows, target), Some(wanted));
        }
    }

    #[test]
    fn a_million_mixtures_are_looked_through_and_more_than_fit_are_refused() {
        let rows = |n: usize| -> Vec<Vec<u64>> { (0..n).map(|i| vec![0, 1 << i]).collect() };
        let choices = |n, target| choices(Changes::Bits, &rows(n), target);
        assert_eq!(choices(20, 0b101).map(|found| found.len()), Some(1));
        assert_eq!(choices(27, 0), None);
        // Of that many any two rows change nothing.
        let alike = vec![vec![0, 1 << 15]; 20];
        assert_eq!(super::choices(Changes::Halves, &alike, 0), None, "half a million are too many");
    }
}
