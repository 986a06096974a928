//! The flaws: each one deviation from a sound twin, with the real bug it stands for.
//!
//! The one idea: a flaw is a row. Its name, the base that can host it, what it does wrong and who
//! had it are data, so that a test can walk the list and demand for each a case that must trip.
//!
//! Invariant: a flaw changes one place of the code of its base, and that place names it.
//!
//! What it is not: a list of all that can go wrong. It is the list of what this harness is known
//! to see.

use super::Base;

/// A row: what a flaw is called, where it lives, what it does and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Name in the list of journals.
    pub name: &'static str,
    /// The base whose sound variant is the twin.
    pub base: Base,
    /// What it does wrong.
    pub does: &'static str,
    /// Where this was seen: a bug by its number, a tool that misses it, or `cheat`.
    pub seen: &'static str,
}

macro_rules! flaws {
    ($($flaw:ident, $base:ident, $name:literal, $does:literal, $seen:literal;)*) => {
        /// A deviation from a sound twin.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Flaw {
            $(#[doc = concat!($does, ". Seen: ", $seen, ".")] $flaw,)*
        }

        impl Flaw {
            /// All of them.
            pub const ALL: &[Flaw] = &[$(Flaw::$flaw),*];

            /// Its row.
            #[must_use]
            pub const fn about(self) -> About {
                match self {
                    $(Flaw::$flaw => About {
                        name: concat!("twin-", $name),
                        base: Base::$base,
                        does: $does,
                        seen: $seen,
                    },)*
                }
            }
        }
    };
}

flaws! {
    // Sync: missing, or in the wrong place.
    NeverSyncs, Log, "never-syncs",
        "never flushes",
        "redb's fuzzer has a sync_data that does nothing; moonpool-sim 0.8 passes it 50,000 times";
    SyncBeforeWrite, Log, "sync-before-write",
        "flushes, and then writes what it acknowledges",
        "etcd #14370";
    AckBeforeSync, Log, "ack-before-sync",
        "flushes at every second commit and acknowledges all of them",
        "RocksDB 7.6.0, 7.7.0, 9.3.0: a sync missing on some path";
    FirstCommitUnsynced, Log, "first-commit-unsynced",
        "does not flush the first commit of a generation",
        "fjall bfb3459, LevelDB 3c8be10: the new file is not synced";
    PointerBeforeData, Log, "pointer-before-data",
        "moves the header to the new area before the entries there are flushed",
        "FoundationDB f81eeea495, neon #7789";
    FreesEarly, Log, "frees-early",
        "discards the old area before the header that leaves it is durable",
        "LevelDB 8f18614, sled #851";
    FuaOnlyCommit, CommitRecord, "fua-only-commit",
        "writes the commit record with FUA over data that nobody flushed",
        "CrashMonkey takes FUA for a flush: 0 of 20,000 states show it";
    CommitWithData, CommitRecord, "commit-with-data",
        "writes the commit record in flight together with its data",
        "ext4 journal_async_commit without checksums";
    CommitRecordCached, CommitRecord, "commit-record-cached",
        "flushes the data but not the commit record",
        "yugabyte #3490";
    // Torn writes and checksums.
    TrailingMagic, Log, "trailing-magic",
        "takes a magic number at the end of a record for proof of what lies before it",
        "turmoil 0.7 tears prefixes only: 0 of 31,799 torn records seen";
    MiddleUnsummed, Log, "middle-unsummed",
        "sums the first and the last sector of a record and not those between",
        "ALICE splits an append in three and drops the failing results";
    LengthUnsummed, Log, "length-unsummed",
        "leaves the length out of the checksum, which covers whole sectors",
        "PostgreSQL bae868ca: garbage lengths";
    Crc16, Log, "crc16",
        "stores a 16-bit checksum",
        "any log with a short sum; WT-4147";
    ZeroRecordValid, Log, "zero-record-valid",
        "takes zeros for an empty record, since the sum of zeros is zero",
        "LevelDB #251";
    HugeLength, Log, "huge-length",
        "believes a length before anything vouches for it",
        "PostgreSQL bae868ca, WT-2356";
    LoopsOnZeros, Log, "loops-on-zeros",
        "moves on by the size it reads, also when that is nothing",
        "RFC V8, F8";
    PanicsOnTear, Log, "panics-on-tear",
        "takes a record that fails its checksum for a broken invariant",
        "etcd #5230: a torn record at a page boundary is fatal";
    PlaceholderFirst, Log, "placeholder-first",
        "reserves a place with a valid record of zeros and fills it before the flush",
        "CrashMonkey keeps only the newest version of a sector between two flushes";
    TailRewrite, Log, "tail-rewrite",
        "packs records, and so rewrites the sector that ends with acknowledged ones",
        "FoundationDB 57f55c1e99, RFC V8, F2";
    PadsToLogical, Log, "pads-to-logical",
        "pads to logical sectors, so that records share a physical one",
        "512e disks: a torn read-modify-write of the drive takes the neighbours along";
    // Headers.
    HeaderInPlace, Log, "header-in-place",
        "keeps one header and overwrites it",
        "bbolt #16596";
    SlotsInOneUnit, Log, "slots-in-one-unit",
        "keeps both header slots in one physical sector",
        "TigerBeetle #1987, 512e";
    SlotsTogether, Log, "slots-together",
        "writes both header slots in one call",
        "TigerBeetle #1987: all header sectors torn together";
    // Stale bytes.
    NoGeneration, Log, "no-generation",
        "does not say in a record which generation wrote it",
        "RocksDB 9.2.0, rocketmq #10017, camunda #6098";
    SequenceRestarts, Log, "sequence-restarts",
        "numbers generations from the last durable header, so that a lost one's number comes again",
        "Typhon #712";
    StaleTailAfterHole, Erase, "stale-tail-after-hole",
        "appends over a torn tail and leaves what lies behind it",
        "RFC V8, F4; SQLite WAL frames behind a tear";
    TruncateUnsynced, Erase, "truncate-unsynced",
        "cuts the tail and appends before the cut is flushed",
        "WT-1801, sled #851";
    AppendBehindTornTail, Erase, "append-behind-torn-tail",
        "appends behind a torn tail that recovery did not cut off",
        "cqlite #1390, fjall #308: the most frequent bug of 2025-26";
    ResealsTornTail, Erase, "reseals-torn-tail",
        "repairs a torn record by giving it a fresh checksum",
        "TigerBeetle #2653";
    // Recovery.
    ReplayPastHole, Log, "replay-past-hole",
        "goes on behind a record that is not there",
        "RocksDB #7252, pebble #864";
    ReplayInPlace, Log, "replay-in-place",
        "moves the survivors within the area that still is their only home",
        "sled #851; crash inside replay, which CrashMonkey does not make (#5)";
    ResetNotAtomic, Log, "reset-not-atomic",
        "forgets by erasing the area, sector by sector",
        "RFC V8, F5";
    DuplicateOnCarry, Log, "duplicate-on-carry",
        "carries the last survivor over twice",
        "BUGS.md: duplicate id in repair";
    DropsLast, Log, "drops-last",
        "takes the last good record for a torn one",
        "etcd #6515: off by one in repair";
    ShowsUncommitted, CommitRecord, "shows-uncommitted",
        "hands out entries whose commit record is missing",
        "memgraph #4528: a truncated file accepted";
    PoisonedByTear, Log, "poisoned-by-tear",
        "opens after a torn tail and then takes no more entries",
        "etcd #6515: cannot repair";
    Nondeterministic, Log, "nondeterministic",
        "reads in another order at every second open",
        "BUGS.md: nondeterministic recovery";
    OpenWrites, Log, "open-writes",
        "counts its mounts in the header while it opens",
        "BUGS.md: a crash inside recovery";
    // Damage at rest.
    SilentCorruption, Log, "silent-corruption",
        "ends at a corrupt record without looking for what lies behind it",
        "fjall #311, doltlite #1352, RocksDB #12918";
    UnreadableIsEnd, Log, "unreadable-is-end",
        "takes a sector that cannot be read for the end of the log",
        "PEERS.md: no peer makes a latent sector error";
    FalseAlarm, Log, "false-alarm",
        "calls every torn tail proven damage",
        "crashmonkey #144: about 600 false alarms";
    // Errors.
    RetriesFlush, Log, "retries-flush",
        "takes a second flush that succeeds for the first one",
        "fsyncgate, WT-4045";
    SwallowsWriteError, Log, "swallows-write-error",
        "does not look at what a write returns",
        "LevelDB fb644cb";
    ContinuesAfterNoSpace, Log, "continues-after-no-space",
        "reports a write that found no space and goes on behind the hole",
        "fjall #308, prometheus #13027, rocksdb #15193";
    // Cheats: journals that try to pass without doing the work.
    DoesNothing, Log, "does-nothing",
        "answers Ok and writes nothing",
        "cheat";
    AlwaysFull, Log, "always-full",
        "has never room",
        "cheat";
    FullForever, Log, "full-forever",
        "takes one entry, and then none, whatever is released",
        "cheat";
    OneEntryOnly, Log, "one-entry-only",
        "takes one entry in each generation",
        "cheat";
    Remembers, Log, "remembers",
        "keeps its entries in memory and shows them after the power cut",
        "cheat";
    AckLags, Log, "ack-lags",
        "acknowledges with each commit what the commit before made durable",
        "cheat";
    LsnStandsStill, Log, "lsn-stands-still",
        "gives every entry the same name",
        "cheat";
    RenamesSurvivors, Log, "renames-survivors",
        "gives survivors new names at each recovery, and none of them grow",
        "cheat";
    ForgetsAtCheckpoint, Log, "forgets-at-checkpoint",
        "forgets everything at any checkpoint",
        "cheat";
    HandsOutTwice, Log, "hands-out-twice",
        "hands every entry out twice",
        "cheat";
}

impl Flaw {
    /// The name in the list of journals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.about().name
    }

    /// The base that hosts it.
    #[must_use]
    pub const fn base(self) -> Base {
        self.about().base
    }
}
