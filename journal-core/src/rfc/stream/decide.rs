//! What recovery does next: a decision table.
//!
//! Method (after TigerBeetle's journal recovery): eleven yes-or-no conditions about the bytes at the
//! log's position, and patterns over them. The table of all 2048 inputs is built at compile time,
//! and the build fails unless exactly one pattern matches each. A condition a pattern does not name
//! does not matter to it; recovery leaves those it had no need to find out at `no`.
//!
//! | row | head | nothing | size | place | body | sum | fresh | and |
//! |---|---|---|---|---|---|---|---|---|
//! | Unreadable | no | | | | | | | |
//! | Nothing | yes | yes | | | | | | |
//! | BadSize | yes | no | no | | | | no | |
//! | BadPlace | yes | no | yes | no | | | no | |
//! | LostBody | yes | no | yes | yes | no | | | |
//! | BadSum | yes | no | yes | yes | yes | no | no | |
//! | Stale | yes | no | size, place or sum wrong | | | | yes | |
//! | AreaEnd | yes | no | yes | yes | yes | yes | | END in the last cluster |
//! | Jump | yes | no | yes | yes | yes | yes | | END |
//! | Pad | yes | no | yes | yes | yes | yes | | PAD or RECORD |
//! | Entry | yes | no | yes | yes | yes | yes | | HASH |
//! | Unknown | yes | no | yes | yes | yes | yes | | none of these types |
//!
//! Invariant: [`decide`] is a pure function and the only place that says what recovery does.
//!
//! What it is not: a parser. What the conditions are is found out by the walk and the dialect.

use crate::journal::End;

/// What recovery does at the log's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Row {
    /// Size and type cannot be read: torn, or lost.
    Unreadable,
    /// Never written: the clean end.
    Nothing,
    /// A size that no entry has.
    BadSize,
    /// An entry that does not belong where it lies.
    BadPlace,
    /// Size and type are there, the rest cannot be read.
    LostBody,
    /// The checksum does not match.
    BadSum,
    /// No entry of this generation, where nothing of this generation needs to have been written:
    /// what an older one left.
    Stale,
    /// The area ends here.
    AreaEnd,
    /// On to the next cluster.
    Jump,
    /// Filler, or a commit record: skipped.
    Pad,
    /// The log is committed up to here, and no further: the walk was told so, no table says it.
    Pointed,
    /// An entry: handed out.
    Entry,
    /// An entry of a type of the future: skipped by its size, and counted.
    Unknown,
}

impl Row {
    /// How the log ends at such a row, and what to call the damage if it is any; nothing for the
    /// rows that go on.
    pub const fn end(self) -> Option<(End, Option<&'static str>)> {
        Some(match self {
            Row::Unreadable => (End::Torn, Some("a readable sector")),
            Row::Nothing | Row::Stale => (End::Clean, None),
            Row::BadSize => (End::Torn, Some("an entry, found an impossible size")),
            Row::BadPlace => (End::Torn, Some("an entry that fits into its cluster")),
            Row::LostBody => (End::Torn, Some("a readable rest of an entry")),
            Row::BadSum => (End::Torn, Some("an entry, its checksum is wrong")),
            Row::AreaEnd => (End::AreaEnd, None),
            Row::Pointed => (End::Clean, None),
            Row::Jump | Row::Pad | Row::Entry | Row::Unknown => return None,
        })
    }
}

/// Answers to the conditions, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conditions(pub u16);

impl Conditions {
    /// No to everything.
    pub const NO: Conditions = Conditions(0);
    /// Size and type could be read.
    pub const HEAD: Conditions = Conditions(1);
    /// They are those of NONE.
    pub const NOTHING: Conditions = Conditions(1 << 1);
    /// An entry of that type can have that size.
    pub const SIZE: Conditions = Conditions(1 << 2);
    /// It leaves room for an END, or is an END that points at the next cluster.
    pub const PLACE: Conditions = Conditions(1 << 3);
    /// The rest of it could be read.
    pub const BODY: Conditions = Conditions(1 << 4);
    /// The checksum matches, if the dialect has one.
    pub const SUM: Conditions = Conditions(1 << 5);
    /// What stands here may be older than the generation: it begins with a sector or at the last
    /// byte of one, or where the newest tail slot ends.
    pub const FRESH: Conditions = Conditions(1 << 6);
    /// The type is END.
    pub const END: Conditions = Conditions(1 << 7);
    /// No cluster follows.
    pub const LAST: Conditions = Conditions(1 << 8);
    /// The type is PAD or RECORD.
    pub const PAD: Conditions = Conditions(1 << 9);
    /// The type is HASH.
    pub const HASH: Conditions = Conditions(1 << 10);
    const COUNT: u32 = 11;

    /// These and those.
    pub const fn and(self, more: Conditions) -> Conditions {
        Conditions(self.0 | more.0)
    }

    /// These, and those if `yes`.
    pub const fn and_if(self, yes: bool, more: Conditions) -> Conditions {
        if yes { self.and(more) } else { self }
    }
}

/// A line of the table: `yes` must all hold, `no` must not, the rest does not matter.
struct Pattern {
    yes: Conditions,
    no: Conditions,
    row: Row,
}

const fn line(yes: Conditions, no: Conditions, row: Row) -> Pattern {
    Pattern { yes, no, row }
}

const PATTERNS: [Pattern; 14] = {
    use Conditions as C;
    let sized = C::HEAD.and(C::SIZE);
    let placed = sized.and(C::PLACE);
    let read = placed.and(C::BODY);
    let good = read.and(C::SUM);
    let blank = C::NOTHING;
    [
        line(C::NO, C::HEAD, Row::Unreadable),
        line(C::HEAD.and(blank), C::NO, Row::Nothing),
        line(C::HEAD, blank.and(C::SIZE).and(C::FRESH), Row::BadSize),
        line(C::HEAD.and(C::FRESH), blank.and(C::SIZE), Row::Stale),
        line(sized, blank.and(C::PLACE).and(C::FRESH), Row::BadPlace),
        line(sized.and(C::FRESH), blank.and(C::PLACE), Row::Stale),
        line(placed, blank.and(C::BODY), Row::LostBody),
        line(read, blank.and(C::SUM).and(C::FRESH), Row::BadSum),
        line(read.and(C::FRESH), blank.and(C::SUM), Row::Stale),
        line(good.and(C::END).and(C::LAST), blank, Row::AreaEnd),
        line(good.and(C::END), blank.and(C::LAST), Row::Jump),
        line(good.and(C::PAD), blank.and(C::END), Row::Pad),
        line(good.and(C::HASH), blank.and(C::END).and(C::PAD), Row::Entry),
        line(good, blank.and(C::END).and(C::PAD).and(C::HASH), Row::Unknown),
    ]
};

const INPUTS: usize = 1 << Conditions::COUNT;

/// The only row that matches `input`.
///
/// # Panics
/// When none or several match, which the build finds out.
const fn look_up(input: u16) -> Row {
    let mut found = None;
    let mut index = 0;
    while index < PATTERNS.len() {
        let pattern = &PATTERNS[index];
        if input & pattern.yes.0 == pattern.yes.0 && input & pattern.no.0 == 0 {
            assert!(found.is_none(), "two rows match");
            found = Some(pattern.row);
        }
        index += 1;
    }
    match found {
        Some(row) => row,
        None => panic!("no row matches"),
    }
}

static TABLE: [Row; INPUTS] = {
    let mut table = [Row::Unreadable; INPUTS];
    let mut input = 0;
    while input < INPUTS {
        table[input] = look_up(input as u16);
        input += 1;
    }
    table
};

/// The row for these conditions.
pub(super) fn decide(conditions: Conditions) -> Row {
    TABLE[usize::from(conditions.0) % INPUTS]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_row_answers_each_of_all_inputs() {
        for input in 0..INPUTS as u16 {
            let matching = PATTERNS
                .iter()
                .filter(|p| input & p.yes.0 == p.yes.0 && input & p.no.0 == 0)
                .map(|p| p.row);
            assert!(matching.eq([decide(Conditions(input))]), "input {input:011b}");
        }
    }

    #[test]
    fn every_row_is_reached() {
        use Row::*;
        let all = [
            Unreadable, Nothing, BadSize, BadPlace, LostBody, BadSum, Stale, AreaEnd, Jump, Pad,
            Entry, Unknown,
        ];
        for row in all {
            assert!(TABLE.contains(&row), "{row:?}");
        }
    }

    #[test]
    fn nothing_is_handed_out_unless_everything_was_checked() {
        use Conditions as C;
        let checked = C::HEAD.and(C::SIZE).and(C::PLACE).and(C::BODY).and(C::SUM).0;
        for (input, row) in TABLE.iter().enumerate() {
            if row.end().is_none() {
                assert_eq!(input as u16 & checked, checked, "{row:?}");
            }
        }
    }
}
