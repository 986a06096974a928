//! The contract: what a device may do to data at a power cut, as data.
//!
//! The one idea: a device is described by what it is *allowed* to leave on the medium. Each knob
//! runs from kind to hostile; the product of the knobs orders contracts, and a journal that is
//! safe under a hostile contract is safe under every kinder one of the same geometry.
//!
//! Invariant: the meaning of every knob is fixed by this file, and a second implementation of it,
//! the operational enumerator of the tests, must give the same sets of images.
//!
//! What it is not: a probability, or a claim that a device of this class behaves so. Presets carry
//! their sources (see `presets.rs`).
//!
//! # Meaning
//!
//! A life's write commands are numbered by device call. At the power cut a command is *stable* (it
//! is on the medium), or *at risk*. Commands at risk are each `Lost`, `Full`, or in part persisted:
//!
//! 1. [`CacheOrder::WriteThrough`]: only the commands of the call in flight are at risk. Otherwise
//!    all commands since the last flush that completed and was honoured; a completed FUA write is
//!    stable under [`Fua::Native`]. Under [`Fua::PostFlush`] the flush covers the FUA commands and
//!    all calls before, and not the cached commands beside them in the same call: whether those had
//!    completed when it was issued, nobody knows (as a barrier it stands behind the whole call).
//! 2. A command of at most `atomic_bytes` that is naturally aligned (a power of two of sectors, at a
//!    multiple of its own length) is `Lost` or `Full`. Any other persists some of its sectors, as
//!    `tear_shape` says.
//! 3. `page_bytes` above the sector size: a volatile page cache; each page is persisted as it was
//!    after one of its writes at risk, or before them all, whole, pages independently of each other.
//!    A stable write is on the medium in its own sectors whatever the page. A device that writes
//!    through has no such cache, and its pages mean nothing.
//! 4. Order. Write calls are numbered; let `lo` be the lowest call with a command at risk that is
//!    not `Full`, and `hi` the highest call with one that is not `Lost`. `Prefix` demands
//!    `hi <= lo`; `Window(w)` demands `hi < lo + w`; `Epoch` (and a flush that is only a barrier)
//!    that no completed flush lies between `lo` and `hi`, where a flush that is ignored is none, and on
//!    a device that writes through a flush means nothing. Commands of one call are unordered.
//! 5. Damage strikes at the instant of the cut, after every write that persists. At most
//!    `damage_max` *domains* are struck, each by one command at risk that writes in it (outside of
//!    what stable writes superseded), and that is then neither `Full` nor `Lost` for rule 4. The
//!    domain is the sector, or with `neighbours` the physical sector, or the aligned `domain_bytes`
//!    where those are more. Each sector of a struck
//!    domain independently keeps a version that is legal by the other rules, the shape included, or
//!    takes one of the torn contents; one that the command itself writes (what stable writes
//!    superseded is a neighbour again) only if no later write to it persisted; and only such a one
//!    can be a mix, of the new content with a legal version below it, byte by byte; nothing mixes
//!    with an unreadable sector. An atomic command of several sectors strikes nothing. Under
//!    `tear_shape` prefix or suffix the command stopped in the domain or at an end of it, so it can
//!    strike the two domains on either side of its stop, and no more.
//! 6. Later writes to a sector win over earlier ones that also persisted (the order on one sector
//!    is kept, in the order of submission).
//! 7. At rest: in the life after a cut, up to `bit_flips` of the sectors it reads come back with one
//!    bit flipped and up to `latent_errors` of them are unreadable, stable or not. What was read so
//!    is from then on what the sector holds.
//! 8. A discard is a cached write of zeros.
//! 9. Late damage: a command of one of the last `late_calls` calls that completed is at risk,
//!    whatever made it stable: the medium was still at work on it. Calls are writes and flushes of
//!    this life; what was settled before it is out of reach.
//! 10. Stores: with `store_bytes` above 0 a sector is a cache line, and a write reaches it as stores
//!     of so many bytes in ascending order. The line is persisted as it was after one of its stores at
//!     risk, or before them all; lines are independent of each other. What lies below the stores of a
//!     write is the whole of the write at risk before it, or what was there before them all; with an
//!     unreadable line nothing mixes.
//! 11. What is stable may go back. Of the stable commands of this life up to `lost_writes_max` are
//!     *lost*: they never reached the medium, in none of their sectors (what a stable write
//!     superseded stays superseded all the same). Up to `rollback_max` sectors are *rolled back*: such
//!     a sector holds what it held before one of the stable commands that wrote it in this life and
//!     are not lost. That is what lies below the writes at risk and the damage of the other rules. So
//!     a lost write takes back one command wherever it wrote and leaves later ones; a rollback takes
//!     back one sector, and every later stable write to it. The two are counted apart.
//!
//! What is *stale* in rule 5: what the sector held when the life began, or what any command of this
//! life that was submitted before the one that struck wrote there, stable or not.
//!
//! Why these versions: a drive that loses a part of its mapping table shows the sector as of the
//! last table that it wrote, or as of any update after that (unserializable writes and metadata
//! corruption: Zheng et al., FAST 2013). It writes its table when it comes up, so what was there
//! when the life began is the oldest that can come back. A file system that finds an acknowledged
//! write missing (lost write: Bairavasundaram et al., FAST 2008) misses the command.

use journal_core::Geometry;
use serde::{Deserialize, Serialize};

/// In which order the volatile cache reaches the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CacheOrder {
    /// No volatile cache, or one that survives: completed is stable.
    WriteThrough,
    /// First in, first out.
    Prefix,
    /// At most so many write calls may overtake.
    Window(u32),
    /// Any order between two flushes, never across one.
    Epoch,
    /// Any subset.
    Any,
}

/// What a flush does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Flush {
    /// Writes completed before it are stable when it returns.
    Honoured,
    /// It orders, and makes nothing stable.
    BarrierOnly,
    /// It returns at once and does nothing.
    Ignored,
}

/// What forced unit access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Fua {
    /// The write is stable when it completes; nothing is said of other writes.
    Native,
    /// Carried out as the write and then a flush of what had completed, with whatever a flush does
    /// here.
    PostFlush,
    /// An ordinary cached write.
    Ignored,
}

/// Which sectors of a command may persist when it tears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TearShape {
    /// The first so many.
    Prefix,
    /// The first so many, or the last so many.
    PrefixOrSuffix,
    /// Any subset.
    Any,
}

/// How a sector tears inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum InnerTear {
    /// Sectors do not tear inside.
    Never,
    /// The first or the last so many granules are new, the rest old.
    Linear(u32),
    /// Any subset of granules is new. Where that is more than 256 mixes, representatives.
    Any(u32),
}

/// Contents that a damaged sector may take besides mixes: a set.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TornContents {
    /// It cannot be read.
    pub unreadable: bool,
    /// It reads as zeros.
    pub zeros: bool,
    /// It reads as 0xFF.
    pub ones: bool,
    /// It reads as anything; representatives: the new content, inverted and turned by a bit (where
    /// the command that did the damage has new content for the sector), and fixed noise.
    pub garbage: bool,
    /// It reads as something older of itself (see the meaning).
    #[serde(default, skip_serializing_if = "is_default")]
    pub stale: bool,
}

/// Knobs that came later are left out of files where they are off.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How much damage a cut may do.
pub const DAMAGE_UNBOUNDED: u32 = u32::MAX;

/// A device contract.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Name of the preset, or the user's own.
    pub name: String,
    /// Bytes of a logical sector.
    pub logical_bytes: u32,
    /// Bytes of a physical sector.
    pub physical_bytes: u32,
    /// Commands up to this many bytes, naturally aligned, persist whole or not at all; the logical
    /// sector size for none beyond the sector. `u32::MAX`: every command.
    pub atomic_bytes: u32,
    /// Bytes of a page of the volatile cache; the logical sector size for a cache of sectors.
    pub page_bytes: u32,
    /// How commands tear between sectors.
    pub tear_shape: TearShape,
    /// How sectors tear inside.
    pub inner_tear: InnerTear,
    /// What else a damaged sector may hold.
    pub torn: TornContents,
    /// Damaged domains per cut at most.
    pub damage_max: u32,
    /// Whether damage takes the whole physical sector along.
    pub neighbours: bool,
    /// The order of the volatile cache.
    pub order: CacheOrder,
    /// What a flush does.
    pub flush: Flush,
    /// What FUA does.
    pub fua: Fua,
    /// Sectors with one flipped bit per life, at most.
    pub bit_flips: u32,
    /// Sectors unreadable at rest per life, at most.
    pub latent_errors: u32,
    /// Bytes of a damage domain larger than the physical sector, such as an erase block; 0 for none.
    /// Goes with `neighbours`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub domain_bytes: u32,
    /// Completed calls before the cut whose writes are at risk whatever made them stable.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late_calls: u32,
    /// Bytes of a store, where a sector is a cache line that stores reach one after the other; 0 for
    /// none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub store_bytes: u32,
    /// Sectors per cut, at most, that hold something older than what was stable.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollback_max: u32,
    /// Stable commands per cut, at most, that never reached the medium.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lost_writes_max: u32,
}

impl Contract {
    /// A device of 512-byte sectors that keeps its word and tears between sectors only: the base
    /// that presets vary.
    #[must_use]
    pub fn base(name: &str) -> Contract {
        Contract {
            name: name.to_owned(),
            logical_bytes: 512,
            physical_bytes: 512,
            atomic_bytes: 512,
            page_bytes: 512,
            tear_shape: TearShape::Any,
            inner_tear: InnerTear::Never,
            torn: TornContents::default(),
            damage_max: 0,
            neighbours: false,
            order: CacheOrder::Any,
            flush: Flush::Honoured,
            fua: Fua::Native,
            bit_flips: 0,
            latent_errors: 0,
            domain_bytes: 0,
            late_calls: 0,
            store_bytes: 0,
            rollback_max: 0,
            lost_writes_max: 0,
        }
    }

    /// The same device with its flushes and FUA dropped: the teeth control. A journal that still
    /// passes was not measured.
    #[must_use]
    pub fn without_flush(&self) -> Contract {
        Contract {
            name: format!("{} (flushes dropped)", self.name),
            order: match self.order {
                CacheOrder::WriteThrough => CacheOrder::Any,
                other => other,
            },
            flush: Flush::Ignored,
            fua: Fua::Ignored,
            ..self.clone()
        }
    }

    /// The shape of a device of this class with so many bytes, rounded down to whole sectors.
    #[must_use]
    pub fn geometry(&self, bytes: u64) -> Geometry {
        Geometry {
            logical_bytes: self.logical_bytes,
            physical_bytes: self.physical_bytes,
            sectors: bytes / u64::from(self.logical_bytes),
        }
    }

    /// Whether a completed flush makes data stable.
    #[must_use]
    pub fn honours_flush(&self) -> bool {
        self.order == CacheOrder::WriteThrough || self.flush == Flush::Honoured
    }

    /// Whether what was stable may go back to something older (rule 11).
    #[must_use]
    pub fn goes_back(&self) -> bool {
        self.rollback_max > 0 || self.lost_writes_max > 0
    }

    /// Whether what a completed flush covered is there after a cut: the device honours flushes, and
    /// takes back nothing that it made stable.
    #[must_use]
    pub fn keeps_its_word(&self) -> bool {
        self.honours_flush() && !self.goes_back() && self.late_calls == 0
    }

    /// Bytes that one piece of damage may take along.
    #[must_use]
    pub fn damage_bytes(&self) -> u32 {
        match self.neighbours {
            true => self.physical_bytes.max(self.domain_bytes),
            false => self.logical_bytes,
        }
    }

    /// Whether data at rest may be damaged.
    #[must_use]
    pub fn damages_at_rest(&self) -> bool {
        self.bit_flips > 0 || self.latent_errors > 0
    }

    /// Whether a sector can be damaged by a write in progress at all.
    #[must_use]
    pub fn damages_writes(&self) -> bool {
        self.damage_max > 0
            && (self.inner_tear != InnerTear::Never || self.torn != TornContents::default())
    }

    /// Whether some contents are covered by representatives only, so that a proof must say so.
    #[must_use]
    pub fn uses_representatives(&self) -> bool {
        let many_mixes = match self.inner_tear {
            InnerTear::Any(granule) => self.logical_bytes / granule > MOSAIC_GRANULES_MAX,
            _ => false,
        };
        self.damage_max > 0 && (self.torn.garbage || many_mixes)
    }

    /// Checks that the values make a device.
    ///
    /// # Errors
    /// Says which knob, what was expected and what was found.
    pub fn validate(&self) -> Result<(), String> {
        let power = |what: &str, value: u32, min: u32| {
            if value.is_power_of_two() && value >= min {
                Ok(())
            } else {
                Err(format!("{what}: expected a power of two from {min} up, found {value}"))
            }
        };
        let sector = self.logical_bytes;
        power("logical_bytes", sector, 8)?;
        if sector > 65_536 {
            return Err(format!("logical_bytes: expected at most 65536, found {sector}"));
        }
        power("physical_bytes", self.physical_bytes, sector)?;
        if self.atomic_bytes != u32::MAX {
            power("atomic_bytes", self.atomic_bytes, sector)?;
        }
        power("page_bytes", self.page_bytes, sector)?;
        if let InnerTear::Linear(granule) | InnerTear::Any(granule) = self.inner_tear {
            power("inner_tear granule", granule, 1)?;
            if granule >= sector {
                return Err(format!(
                    "inner_tear granule: expected less than the sector of {sector} bytes, found {granule}"
                ));
            }
        }
        if self.domain_bytes > 0 {
            power("domain_bytes", self.domain_bytes, self.physical_bytes)?;
            if !self.neighbours {
                return Err("domain_bytes: expected 0 on a device without `neighbours`, found "
                    .to_owned()
                    + &self.domain_bytes.to_string());
            }
        }
        if self.store_bytes > 0 {
            power("store_bytes", self.store_bytes, 1)?;
            let free = matches!(self.order, CacheOrder::Any | CacheOrder::WriteThrough)
                && self.flush != Flush::BarrierOnly;
            let alone = self.damage_max == 0 && self.page_bytes == sector;
            if self.store_bytes >= sector {
                return Err(format!(
                    "store_bytes: expected less than the sector of {sector} bytes, found {}",
                    self.store_bytes
                ));
            }
            if !free || !alone || self.atomic_bytes > sector || self.tear_shape != TearShape::Any {
                return Err(
                    "store_bytes: lines of stores go with order `any`, tear shape `any`, no \
                            barrier, no damage, no pages and no atomic commands"
                        .to_owned(),
                );
            }
        }
        if self.order == CacheOrder::Window(0) {
            return Err("order window: expected at least 1, found 0".to_owned());
        }
        if self.page_bytes > sector {
            let free = matches!(self.order, CacheOrder::Any | CacheOrder::WriteThrough)
                && self.flush != Flush::BarrierOnly;
            if !free || self.damage_max > 0 || self.atomic_bytes > sector {
                return Err(
                    "page_bytes: a cache of whole pages goes with order `any`, no barrier, \
                            no damage and no atomic commands"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }
}

/// Mixes of more granules than this are covered by representatives.
pub const MOSAIC_GRANULES_MAX: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_values_are_refused_and_named() {
        let wrong = |change: &dyn Fn(&mut Contract), knob: &str| {
            let mut contract = Contract::base("x");
            change(&mut contract);
            let said = contract.validate().unwrap_err();
            assert!(said.contains(knob), "{said}");
        };
        assert_eq!(Contract::base("x").validate(), Ok(()));
        wrong(&|c| c.logical_bytes = 500, "logical_bytes");
        wrong(&|c| c.logical_bytes = 1 << 20, "logical_bytes");
        wrong(&|c| c.physical_bytes = 256, "physical_bytes");
        wrong(&|c| c.atomic_bytes = 1000, "atomic_bytes");
        wrong(&|c| c.inner_tear = InnerTear::Linear(512), "inner_tear");
        wrong(&|c| c.order = CacheOrder::Window(0), "window");
        wrong(&|c| c.domain_bytes = 4096, "domain_bytes");
        wrong(&|c| (c.domain_bytes, c.neighbours) = (256, true), "domain_bytes");
        wrong(&|c| c.store_bytes = 512, "store_bytes");
        wrong(&|c| (c.store_bytes, c.damage_max) = (8, 1), "store_bytes");
        wrong(
            &|c| {
                c.page_bytes = 4096;
                c.order = CacheOrder::Prefix;
            },
            "page_bytes",
        );
    }

    #[test]
    fn a_contract_survives_json() {
        let contract = Contract { order: CacheOrder::Window(8), ..Contract::base("x") };
        let json = serde_json::to_string(&contract).unwrap();
        assert_eq!(serde_json::from_str::<Contract>(&json).unwrap(), contract);
    }

    #[test]
    fn a_contract_that_does_not_use_the_later_knobs_is_written_without_them() {
        let json = serde_json::to_string(&Contract::base("x")).unwrap();
        for knob in
            ["domain_bytes", "late_calls", "store_bytes", "rollback", "lost_writes", "stale"]
        {
            assert!(!json.contains(knob), "{json}");
        }
    }
}
