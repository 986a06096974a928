//! The verdict on what the recovery of a block journal saw.
//!
//! The one idea: a table, so that a test can walk all that may be seen.
//!
//! Invariant: exactly one row speaks for any input.
//!
//! What it is not: the walk. See `recover`.

use crate::journal::End;

/// What recovery saw, as far as the verdict depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Every block of the lap is good: there is no stop.
    pub area_end: bool,
    /// Blocks of a commit without its LAST block precede the stop.
    pub inside_commit: bool,
    /// The stop cannot be read.
    pub unreadable: bool,
    /// The stop says that it is the next block, and fails a check.
    pub claims: bool,
    /// A good block follows that does not prove anything about the stop.
    pub later: bool,
    /// A good block follows that was built when the stop had been flushed.
    pub proof: bool,
}

/// The verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Damage to acknowledged data.
    A,
    /// The lap is used up.
    B,
    /// The lap is used up inside a commit, which our writer never does.
    C,
    /// A commit that was being written.
    D,
    /// The next block cannot be read: torn, or damaged with nothing behind it to prove that.
    E,
    /// The next block is there in part.
    F,
    /// The next block is missing and one behind it is not: written out of order.
    G,
    /// Nothing of a next commit.
    H,
}

impl Conditions {
    /// The conditions as bits, the first one highest.
    const fn bits(self) -> u8 {
        let Conditions { area_end, inside_commit, unreadable, claims, later, proof } = self;
        (area_end as u8) << 5
            | (inside_commit as u8) << 4
            | (unreadable as u8) << 3
            | (claims as u8) << 2
            | (later as u8) << 1
            | proof as u8
    }
}

/// A row of the table.
pub struct Rule {
    /// The conditions that matter to it, as bits.
    mask: u8,
    /// What those must be.
    want: u8,
    /// The row's name.
    pub row: Row,
    /// How the log ended.
    pub end: End,
    /// What was found damaged, and whether that is proven.
    pub damage: Option<(&'static str, bool)>,
}

/// A row from a pattern: each condition required (1), excluded (0), or of no matter.
const fn rule(when: [u8; 6], row: Row, end: End, damage: Option<(&'static str, bool)>) -> Rule {
    let (mut mask, mut want, mut i) = (0, 0, 0);
    while i < when.len() {
        mask = mask << 1 | matches!(when[i], b'0' | b'1') as u8;
        want = want << 1 | matches!(when[i], b'1') as u8;
        i += 1;
    }
    Rule { mask, want, row, end, damage }
}

const LOST: Option<(&str, bool)> = Some(("a block that was flushed is not there", true));
const UNREAD: Option<(&str, bool)> = Some(("the next block cannot be read", false));

/// The table, conditions in the order of [`Conditions`]. Exactly one row fits any input.
pub const RULES: [Rule; 8] = [
    rule(*b"0....1", Row::A, End::Torn, LOST),
    rule(*b"10....", Row::B, End::AreaEnd, None),
    rule(*b"11....", Row::C, End::Torn, None),
    rule(*b"01...0", Row::D, End::Torn, None),
    rule(*b"001..0", Row::E, End::Torn, UNREAD),
    rule(*b"0001.0", Row::F, End::Torn, None),
    rule(*b"000010", Row::G, End::Torn, None),
    rule(*b"000000", Row::H, End::Clean, None),
];

impl Rule {
    /// Whether this row speaks for what was seen.
    #[must_use]
    pub const fn fits(&self, seen: Conditions) -> bool {
        seen.bits() & self.mask == self.want
    }
}

/// The row that speaks for what was seen.
#[must_use]
pub fn decide(seen: Conditions) -> &'static Rule {
    RULES.iter().find(|rule| rule.fits(seen)).expect("a test walks all inputs: one row fits each")
}
