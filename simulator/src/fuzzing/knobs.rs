//! Knobs: the structured front of a fuzz input.
//!
//! The one idea: every knob takes its bytes at the same place whatever the others say, so a
//! fuzzer can turn one and keep the rest. Zero bytes mean the kind end of every knob.
//!
//! Invariant: the contract is always valid; combinations that no device has are mended here.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::disk::contract::{CacheOrder, Contract, Flush, Fua, InnerTear, TearShape, TornContents};
use crate::disk::{Fault, FaultKind, Fill, presets};
use crate::run::Setup;
use crate::workload::{Sizes, Workload};

/// What the front of an input chooses.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// Which journal, modulo their number.
    pub journal: u8,
    /// The device.
    pub contract: Contract,
    /// What untouched sectors hold.
    pub fill: Fill,
    /// An operation that fails.
    pub fault: Option<Fault>,
    /// Bounds of the workload.
    pub sizes: Sizes,
}

impl Knobs {
    /// The setup of a run with this workload.
    pub fn setup(&self, device_bytes: u64, workload: Workload) -> Setup {
        Setup {
            contract: self.contract.clone(),
            device_bytes,
            fill: self.fill,
            workload,
            fault: self.fault,
        }
    }
}

impl<'a> Arbitrary<'a> for Knobs {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let journal = u.arbitrary()?;
        let fill = [Fill::Zeros, Fill::Ones, Fill::Noise][one_of(u, 3)?];
        let fault = fault(u)?;
        let sizes = Sizes {
            payload_max: [300, 60, 1200, 5000][one_of(u, 4)?],
            ops_max: [12, 4, 30][one_of(u, 3)?],
            ..Sizes::default()
        };
        let preset = one_of(u, 2 * presets::everyday().len())?;
        let contract = match presets::everyday().into_iter().nth(preset) {
            Some(preset) => preset.contract,
            None => contract(u)?,
        };
        let sizes = affordable(&contract, sizes);
        Ok(Knobs { journal, contract, fill, fault, sizes })
    }
}

/// Smaller workloads where what a cut leaves has many explanations at once: most inputs take a tenth
/// of a millisecond, and without this one in a hundred takes seconds, which is most of the time.
///
/// | a sector may read so because | bound |
/// |---|---|
/// | its command stopped there, or something damaged it; or its page was written back, or not, ever since the life began | one life, 4 operations |
/// | something damaged it; or it is at risk since the life began | two lives, 6 operations |
fn affordable(contract: &Contract, sizes: Sizes) -> Sizes {
    let damage =
        contract.damages_writes() || contract.damages_at_rest() || contract.store_bytes > 0;
    let unflushed = !contract.keeps_its_word();
    let shaped = contract.tear_shape != TearShape::Any;
    let pages = contract.page_bytes > contract.logical_bytes;
    let (lives_max, ops_max) = match (shaped && damage || pages && unflushed, damage || unflushed) {
        (true, _) => (1, 4),
        (_, true) => (2, 6),
        _ => return sizes,
    };
    let (lives_max, ops_max) = (sizes.lives_max.min(lives_max), sizes.ops_max.min(ops_max));
    Sizes { lives_max, ops_max, ..sizes }
}

/// An index below `n`, from one byte.
pub fn one_of(u: &mut Unstructured<'_>, n: usize) -> Result<usize> {
    Ok(usize::from(u.arbitrary::<u8>()?) % n)
}

/// One input in four lets an operation fail, among the first 64: few lives have more.
fn fault(u: &mut Unstructured<'_>) -> Result<Option<Fault>> {
    let kind = u.arbitrary::<u8>()? % 12;
    // Read in any case, so that the knobs behind stay where they are.
    let operation = u32::from(u.arbitrary::<u8>()? % 64);
    let kind = match kind {
        9 => FaultKind::Error,
        10 => FaultKind::ErrorButDone,
        11 => FaultKind::NoSpace,
        _ => return Ok(None),
    };
    Ok(Some(Fault { operation, kind }))
}

/// A device that nobody sells.
fn contract(u: &mut Unstructured<'_>) -> Result<Contract> {
    let logical = [512, 512, 512, 4096][one_of(u, 4)?];
    let granule = [logical / 2, logical / 4, 64, 8][one_of(u, 4)?];
    let bits = u.arbitrary::<u8>()?;
    let torn = TornContents {
        unreadable: bits & 1 != 0,
        zeros: bits & 2 != 0,
        ones: bits & 4 != 0,
        garbage: bits & 8 != 0,
        stale: bits & 16 != 0,
    };
    let mut contract = Contract {
        logical_bytes: logical,
        physical_bytes: [logical, 4096, 8192][one_of(u, 3)?].max(logical),
        atomic_bytes: [logical, logical, 4096, 16_384, u32::MAX][one_of(u, 5)?],
        page_bytes: [logical, logical, logical, 4096][one_of(u, 4)?],
        tear_shape: [TearShape::Any, TearShape::Prefix, TearShape::PrefixOrSuffix][one_of(u, 3)?],
        inner_tear: match one_of(u, 4)? {
            1 => InnerTear::Linear(granule),
            2 => InnerTear::Any(granule),
            _ => InnerTear::Never,
        },
        torn,
        damage_max: [0, 1, 1, 2][one_of(u, 4)?],
        neighbours: u.arbitrary::<u8>()? % 4 == 3,
        order: [
            CacheOrder::Any,
            CacheOrder::WriteThrough,
            CacheOrder::Prefix,
            CacheOrder::Window(2),
            CacheOrder::Window(8),
            CacheOrder::Epoch,
        ][one_of(u, 6)?],
        flush: [Flush::Honoured, Flush::Honoured, Flush::BarrierOnly, Flush::Ignored]
            [one_of(u, 4)?],
        fua: [Fua::Native, Fua::PostFlush, Fua::Ignored][one_of(u, 3)?],
        bit_flips: u32::from(u.arbitrary::<u8>()? % 8 == 7),
        latent_errors: u32::from(u.arbitrary::<u8>()? % 8 == 7),
        ..Contract::base("tape")
    };
    if contract.validate().is_err() {
        // Caches of whole pages go with little else.
        contract.page_bytes = contract.logical_bytes;
    }
    if contract.damage_max > 0 || contract.logical_bytes > 512 {
        // Thousands of bits, over each content: one kind of damage at a time will do.
        contract.bit_flips = 0;
    }
    // Read last, so that inputs from before mean what they meant.
    let later = u.arbitrary::<u8>()?;
    contract.rollback_max = u32::from(later % 8 == 7);
    contract.lost_writes_max = u32::from(later / 8 % 8 == 7);
    contract.late_calls = [0, 0, 0, 2][usize::from(later / 64)];
    let wide = u.arbitrary::<u8>()?;
    if contract.neighbours && wide % 8 == 7 {
        contract.domain_bytes = 16_384;
    }
    let lines = Contract { store_bytes: granule, ..contract.clone() };
    if wide / 8 % 8 == 7 && lines.validate().is_ok() {
        contract = lines;
    }
    assert_eq!(contract.validate(), Ok(()), "the knobs of a tape make a device");
    Ok(contract)
}
