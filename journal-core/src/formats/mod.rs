//! Journals that people run, byte-compatible: one file or folder each.
//!
//! The one idea: a registry of rows. Whoever wants to do something with every format (list them,
//! explore them, decode an image) writes a [`FormatVisitor`] once and meets each as a type, since a
//! journal is not an object: its options differ from format to format.
//!
//! To add a format: its own file, a `pub mod` line, and a row below. (The `pub mod` stands outside
//! of the macro because rustfmt does not look for modules inside of one.)
//!
//! Invariant: names are unique; a name, once published, stays.
//!
//! What it is not: the RFC family, whose variants are points of a grid and list themselves.

use core::fmt::Debug;

use crate::inspect::Inspect;
use crate::steps::Stepwise;

pub mod leveldb;
pub mod page_cache;
pub mod sqlite_wal;
mod state;

/// What a format offers beyond being a journal: its images can be told, it says how it recovers in
/// steps, it can be copied at a crash point, and both it and its options can go to another thread.
pub trait Format:
    Stepwise<Options: Clone + Debug + Send + Sync + 'static> + Inspect + Clone + Send + 'static
{
}

impl<J> Format for J where
    J: Stepwise<Options: Clone + Debug + Send + Sync + 'static> + Inspect + Clone + Send + 'static
{
}

/// Something to be done with formats, one after the other.
pub trait FormatVisitor {
    /// Called with each format: its name on the command line and in reports, a line about it, and
    /// the options that this row stands for.
    fn visit<J: Format>(
        &mut self,
        name: &'static str,
        description: &'static str,
        options: J::Options,
    );
}

macro_rules! formats {
    ($($name:literal: $journal:ty, $options:expr, $description:literal;)*) => {
        /// The names of all formats, in the order of [`each`].
        pub const NAMES: &[&str] = &[$($name),*];

        /// Visits every format.
        pub fn each(visitor: &mut impl FormatVisitor) {
            $(visitor.visit::<$journal>($name, $description, $options);)*
        }

        /// Visits the format of that name. False if there is none.
        pub fn named(name: &str, visitor: &mut impl FormatVisitor) -> bool {
            match name {
                $($name => visitor.visit::<$journal>($name, $description, $options),)*
                _ => return false,
            }
            true
        }
    };
}

formats! {
    "leveldb": leveldb::LevelDb, leveldb::Options { reuse_logs: false },
        "LevelDB log: CRC per record, tail page rewritten, a new file at each open";
    "leveldb-reuse": leveldb::LevelDb, leveldb::Options { reuse_logs: true },
        "LevelDB log with reuse_logs: appends behind whatever the last crash left";
    "sqlite-wal": sqlite_wal::SqliteWal, sqlite_wal::Options { page_bytes: 512 },
        "SQLite WAL, psow, synchronous=FULL: chained sums, salts, commit frames; 512-byte pages";
    "sqlite-wal-4096": sqlite_wal::SqliteWal, sqlite_wal::Options { page_bytes: 4096 },
        "SQLite WAL as above with 4096-byte pages, SQLite's default";
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Seen(alloc::vec::Vec<&'static str>);

    impl FormatVisitor for Seen {
        fn visit<J: Format>(&mut self, name: &'static str, _: &'static str, _: J::Options) {
            self.0.push(name);
        }
    }

    #[test]
    fn every_row_is_visited_once_and_found_by_its_name() {
        let mut seen = Seen(alloc::vec::Vec::new());
        each(&mut seen);
        assert_eq!(seen.0, NAMES);
        for name in NAMES {
            let mut seen = Seen(alloc::vec::Vec::new());
            assert!(named(name, &mut seen));
            assert_eq!(seen.0, [*name]);
        }
        assert!(!named("no such format", &mut seen));
    }
}
