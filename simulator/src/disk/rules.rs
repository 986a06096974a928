//! Rules: a contract made ready for use.
//!
//! The one idea: what the knobs mean for speed is worked out once. Most devices couple nothing, and
//! for those the disk keeps no worlds at all.
//!
//! What it is not: a second contract. Everything here follows from the contract alone.

use super::contract::{CacheOrder, Contract, Flush, Fua};
use super::trace::Command;
use super::undecided::{Coupling, coupling_of, flush_is_barrier};
use super::worlds::Budget;

/// The compiled contract.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What it was made from.
    pub contract: Contract,
    /// Whether the order of the cache couples sectors.
    pub ordered: bool,
    /// Whether sectors are independent of each other and undamaged: the fast path.
    pub independent: bool,
    /// Whether what is older than the newest stable version of a sector matters.
    pub looks_back: bool,
    /// Logical sectors of a damage domain.
    pub domain_sectors: u64,
    /// Logical sectors of a cache page.
    pub page_sectors: u64,
    /// Events per cut.
    pub budget: Budget,
    coupling: Coupling,
    atomic_sectors: u64,
}

impl Rules {
    /// Makes a valid contract ready.
    ///
    /// # Errors
    /// What [`Contract::validate`] says.
    pub fn new(contract: &Contract) -> Result<Rules, String> {
        contract.validate()?;
        let sector = u64::from(contract.logical_bytes);
        let page_sectors = u64::from(contract.page_bytes) / sector;
        let atomic_sectors = (u64::from(contract.atomic_bytes) / sector).max(1);
        let coupling = coupling_of(contract.tear_shape);
        let barrier = flush_is_barrier(contract.order, contract.flush);
        let ordered = contract.order != CacheOrder::WriteThrough
            && (barrier || matches!(contract.order, CacheOrder::Prefix | CacheOrder::Window(_)));
        Ok(Rules {
            ordered,
            looks_back: contract.goes_back() || contract.damages_writes() && contract.torn.stale,
            independent: !ordered
                && coupling == Coupling::Free
                && page_sectors == 1
                && atomic_sectors == 1
                && contract.store_bytes == 0
                && !contract.goes_back()
                && !contract.damages_writes()
                && !contract.damages_at_rest(),
            domain_sectors: u64::from(contract.damage_bytes()) / sector,
            page_sectors,
            budget: Budget {
                strikes: contract.damage_max,
                flips: contract.bit_flips,
                lost: contract.latent_errors,
                rollbacks: contract.rollback_max,
                absent: contract.lost_writes_max,
            },
            coupling,
            atomic_sectors,
            contract: contract.clone(),
        })
    }

    /// How the sectors of a command hang together.
    #[must_use]
    pub fn coupling(&self, c: &Command) -> Coupling {
        if self.page_sectors > 1 && self.contract.order != CacheOrder::WriteThrough {
            return Coupling::Page;
        }
        if c.sectors == 1 {
            return Coupling::Free;
        }
        let sectors = u64::from(c.sectors);
        let unlimited = self.contract.atomic_bytes == u32::MAX;
        let small = || {
            let naturally_aligned = sectors.is_power_of_two() && c.lba.is_multiple_of(sectors);
            sectors <= self.atomic_sectors && naturally_aligned
        };
        if unlimited || (self.atomic_sectors > 1 && small()) {
            return Coupling::Atomic;
        }
        self.coupling
    }

    /// The lowest drain at which a command of this write call may be on the medium.
    #[must_use]
    pub fn floor(&self, rank: u32, epoch_rank: u32) -> u32 {
        let by_order = match self.contract.order {
            CacheOrder::WriteThrough | CacheOrder::Any | CacheOrder::Epoch => 0,
            CacheOrder::Prefix => rank,
            CacheOrder::Window(w) => rank.saturating_sub(w - 1),
        };
        let barrier = flush_is_barrier(self.contract.order, self.contract.flush);
        if barrier { by_order.max(epoch_rank) } else { by_order }
    }

    /// What a completed flush makes stable: everything, or nothing.
    #[must_use]
    pub fn flush_makes_stable(&self) -> bool {
        self.contract.flush == Flush::Honoured
    }

    /// Whether a completed FUA write is stable by itself.
    #[must_use]
    pub fn fua_makes_stable(&self) -> bool {
        match self.contract.fua {
            Fua::Native => true,
            Fua::PostFlush => self.flush_makes_stable(),
            Fua::Ignored => false,
        }
    }

    /// What FUA is here.
    #[must_use]
    pub fn fua(&self) -> Fua {
        self.contract.fua
    }
}
