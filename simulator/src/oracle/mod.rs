//! The oracles: what must hold after a crash.
//!
//! The one idea: an oracle sees calls and returns. What was appended, what was acknowledged, what a
//! recovery handed out is all it needs; it never looks at a sector, so it cannot be fooled by a
//! format and forces no read.
//!
//! Invariant: every oracle counts how often it was evaluated. A verdict in which an oracle that is
//! owed was never evaluated is hollow, and says so.
//!
//! What it is not: a model of the journal. The reference is a list.

mod earlier;
mod judge;
mod ledger;
mod shown;

use serde::{Deserialize, Serialize};

pub use judge::{Evaluated, Judge, Judgement, SoFar};
pub use ledger::{Ledger, Obligation, Sent};
pub use shown::Shown;

use crate::disk::contract::Contract;
use journal_core::Promises;

/// The nine claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Oracle {
    /// Acknowledged entries survive.
    Durability,
    /// What is recovered is a contiguous range, in order, from the first entry still needed.
    Order,
    /// Each recovered entry equals what was appended there; nothing is invented.
    Integrity,
    /// A group is recovered whole or not at all.
    Atomicity,
    /// What a completed recovery did not show never comes back.
    NoResurrection,
    /// Opening again gives the same.
    Idempotence,
    /// Open and resume succeed, in bounded time, whatever the contract leaves on the disk.
    Availability,
    /// After recovery the journal works again.
    Afterlife,
    /// Damage to acknowledged entries is reported, where something later proves it.
    Honesty,
}

impl Oracle {
    /// All, in the order of reports.
    pub const ALL: [Oracle; 9] = [
        Oracle::Durability,
        Oracle::Order,
        Oracle::Integrity,
        Oracle::Atomicity,
        Oracle::NoResurrection,
        Oracle::Idempotence,
        Oracle::Availability,
        Oracle::Afterlife,
        Oracle::Honesty,
    ];

    /// The name used in code, on the command line, in JSON and in docs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Oracle::Durability => "durability",
            Oracle::Order => "order",
            Oracle::Integrity => "integrity",
            Oracle::Atomicity => "atomicity",
            Oracle::NoResurrection => "no-resurrection",
            Oracle::Idempotence => "idempotence",
            Oracle::Availability => "availability",
            Oracle::Afterlife => "afterlife",
            Oracle::Honesty => "honesty",
        }
    }

    /// One letter, for a matrix.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Oracle::Durability => 'D',
            Oracle::Order => 'O',
            Oracle::Integrity => 'I',
            Oracle::Atomicity => 'A',
            Oracle::NoResurrection => 'R',
            Oracle::Idempotence => 'S',
            Oracle::Availability => 'V',
            Oracle::Afterlife => 'L',
            Oracle::Honesty => 'H',
        }
    }

    /// The claim, in a sentence.
    #[must_use]
    pub const fn claim(self) -> &'static str {
        match self {
            Oracle::Durability => "every acknowledged entry is recovered",
            Oracle::Order => {
                "the recovered entries are a contiguous range in order, from the first entry that no checkpoint released"
            }
            Oracle::Integrity => {
                "each recovered entry is byte for byte what was appended there; nothing is invented"
            }
            Oracle::Atomicity => "a group of entries is recovered whole or not at all",
            Oracle::NoResurrection => {
                "an entry that a completed recovery did not show never comes back"
            }
            Oracle::Idempotence => {
                "opening again, also after a crash inside resume, shows the same entries"
            }
            Oracle::Availability => {
                "open and resume succeed in bounded reads, without panic, on every state the contract allows"
            }
            Oracle::Afterlife => {
                "after recovery the journal appends, commits and checkpoints again"
            }
            Oracle::Honesty => {
                "damage to acknowledged entries is reported where something later proves it, and never without cause"
            }
        }
    }

    /// Whether the claim is owed under a contract by a journal with these promises; if not, why.
    ///
    /// # Errors
    /// The reason why it is not owed.
    pub fn owed(self, contract: &Contract, promises: &Promises) -> Result<(), &'static str> {
        let flush = || match (contract.honours_flush(), contract.keeps_its_word()) {
            (false, _) => Err("the device does not honour flush"),
            (true, false) => Err("the device may take back what a flush made stable"),
            (true, true) => Ok(()),
        };
        let at_rest = || match contract.damages_at_rest() {
            true => Err("data at rest may be damaged"),
            false => Ok(()),
        };
        match self {
            Oracle::Durability => flush().and_then(|()| at_rest()),
            Oracle::Order | Oracle::Integrity => Ok(()),
            Oracle::Atomicity if promises.atomic_groups => Ok(()),
            Oracle::Atomicity => Err("the journal has no atomic groups"),
            Oracle::NoResurrection => flush(),
            Oracle::Idempotence => flush().and_then(|()| at_rest()),
            Oracle::Availability => at_rest(),
            Oracle::Afterlife => flush().and_then(|()| at_rest()),
            Oracle::Honesty if !promises.honesty => Err("the journal does not promise to report"),
            Oracle::Honesty => flush(),
        }
    }
}

/// A set of oracles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OracleSet(u16);

impl OracleSet {
    /// The oracles after whose violation the ledger no longer knows what the journal holds: an
    /// entry that is in no list, or out of its place. What such a journal shows in a later life
    /// cannot be judged, owed or not, so the leaf ends there.
    pub const UNTOLD: OracleSet = OracleSet(
        1 << Oracle::Order as u16
            | 1 << Oracle::Integrity as u16
            | 1 << Oracle::NoResurrection as u16,
    );

    /// The oracles that the log of an earlier life violates when it is held against the present one.
    pub const OF_ANOTHER_LOG: OracleSet = OracleSet(
        1 << Oracle::Order as u16
            | 1 << Oracle::Atomicity as u16
            | 1 << Oracle::NoResurrection as u16,
    );

    /// Takes one out.
    pub fn remove(&mut self, oracle: Oracle) {
        self.0 &= !(1 << oracle as u16);
    }

    /// Adds one.
    #[inline]
    pub fn insert(&mut self, oracle: Oracle) {
        self.0 |= 1 << oracle as u16;
    }

    /// Whether one is in it.
    #[inline]
    #[must_use]
    pub fn contains(self, oracle: Oracle) -> bool {
        self.0 >> oracle as u16 & 1 == 1
    }

    /// What is in both.
    #[inline]
    #[must_use]
    pub fn and(self, other: OracleSet) -> OracleSet {
        OracleSet(self.0 & other.0)
    }

    /// What is in either.
    #[inline]
    #[must_use]
    pub fn or(self, other: OracleSet) -> OracleSet {
        OracleSet(self.0 | other.0)
    }

    /// Whether it is empty.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members, in the order of reports.
    pub fn iter(self) -> impl Iterator<Item = Oracle> {
        Oracle::ALL.into_iter().filter(move |&oracle| self.contains(oracle))
    }

    /// The oracles owed under a contract by a journal with these promises.
    #[must_use]
    pub fn owed(contract: &Contract, promises: &Promises) -> OracleSet {
        let mut set = OracleSet::default();
        for oracle in Oracle::ALL {
            if oracle.owed(contract, promises).is_ok() {
                set.insert(oracle);
            }
        }
        set
    }
}

impl FromIterator<Oracle> for OracleSet {
    fn from_iter<I: IntoIterator<Item = Oracle>>(all: I) -> Self {
        let mut set = OracleSet::default();
        all.into_iter().for_each(|oracle| set.insert(oracle));
        set
    }
}
