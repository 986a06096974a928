//! What a run of a campaign is about: drawn from its seed alone.
//!
//! Method: swarm testing (Groce et al., ISSTA 2012). A run that has everything in it is a run of
//! averages; one that leaves most of it out goes deep into the rest. So each run first draws which
//! features it has, and then draws only among those: a feature that is off consumes no draw.
//!
//! | drawn | from |
//! |---|---|
//! | journal | the named ones; in one run of four any point of the grid, if the plan has it |
//! | contract | the plan's; in one run of four such a one with one to four knobs turned, if the plan has it |
//! | workload | each feature of [`Features`] in three runs of four, and how long lives may be |
//! | styles | in one run of two all, as [`Random::draw_style`] weighs them; else a set |
//! | fault | in one run of two, one operation of the first life may fail |
//!
//! Invariant: every contract that comes out validates: a knob that does not go with the others is
//! turned back.
//!
//! What it is not: a distribution over real disks.

use super::Plan;
use crate::choose::{Random, Rng, STYLE_COUNT};
use crate::disk::contract::{
    CacheOrder, Contract, DAMAGE_UNBOUNDED, Flush, Fua, InnerTear, TearShape, TornContents,
};
use crate::disk::{Fault, FaultKind};
use crate::journals;
use crate::workload::{Features, Sizes};

use super::finding::{Design, RowKey};

/// What a run is about.
#[derive(Clone, Debug)]
pub(super) struct Drawn<'p> {
    /// The row that it counts for.
    pub row: RowKey,
    /// The journal's name.
    pub journal: &'p str,
    /// Of a point of the grid: what it is like.
    pub design: Design,
    /// The contract, or a varied one.
    pub contract: std::borrow::Cow<'p, Contract>,
    /// What the workload may have in it.
    pub features: Features,
    /// How large it may be.
    pub sizes: Sizes,
    /// The styles that are on; none for all.
    pub styles: Option<u8>,
    /// Whether an operation may fail.
    pub faults: bool,
}

/// Draws what a run is about; `None` if the plan has nothing to draw from.
pub(super) fn draw<'p>(plan: &'p Plan, random: &mut Random) -> Option<Drawn<'p>> {
    let rng = random.rng();
    let grid = plan.grid && (plan.journals.is_empty() || rng.below(4) == 0);
    let (row, journal, design) = if grid {
        let (spelling, strategy) = journals::point(rng.below(journals::points() as u32) as usize);
        (plan.journals.len(), spelling, Design::of(&strategy))
    } else {
        let place = rng.below(u32::try_from(plan.journals.len()).ok()?) as usize;
        (place, plan.journals.get(place)?.as_str(), Design::NAMED)
    };
    let place = rng.below(u32::try_from(plan.contracts.len()).ok()?) as usize;
    let mut contract = std::borrow::Cow::Borrowed(plan.contracts.get(place)?);
    let mut device = place;
    if plan.varied && rng.below(4) == 0 {
        device = plan.contracts.len();
        contract = std::borrow::Cow::Owned(vary(rng, &contract));
    }
    let on = |rng: &mut Rng| rng.below(4) != 0;
    let features = Features {
        lives: on(rng),
        same_again: on(rng),
        before: on(rng),
        groups: on(rng),
        checkpoints: on(rng),
        forget: on(rng),
    };
    // Short lives are cheap, and what breaks in them is easy to read.
    let ops_max = [plan.sizes.ops_max, plan.sizes.ops_max.div_ceil(3)][rng.below(2) as usize];
    let payload_max = [plan.sizes.payload_max, plan.sizes.payload_max.min(64)];
    let payload_max = payload_max[rng.below(2) as usize];
    let some = rng.below(2) == 0;
    let styles = some.then(|| 1 + rng.below((1 << STYLE_COUNT) - 1) as u8);
    let faults = rng.below(2) == 0;
    Some(Drawn {
        row: RowKey { journal: row as u16, device: device as u16 },
        journal,
        design,
        contract,
        features,
        sizes: Sizes { ops_max, payload_max, ..plan.sizes },
        styles,
        faults,
    })
}

/// Where faults are on, in one run of two an operation of the first life fails: one of the first
/// 2, 4 .. 64, since most lives are short and what fails early has more behind it.
pub(super) fn fault(rng: &mut Rng) -> Option<Fault> {
    if rng.below(2) != 0 {
        return None;
    }
    let kinds = [FaultKind::Error, FaultKind::ErrorButDone, FaultKind::NoSpace];
    let kind = kinds[rng.below(3) as usize];
    let operations = 2 << rng.below(6);
    Some(Fault { operation: rng.below(operations), kind })
}

/// What a varied contract is called.
pub const VARIED: &str = "varied";

/// The contract with one to four knobs turned.
fn vary(rng: &mut Rng, base: &Contract) -> Contract {
    let mut contract = Contract { name: VARIED.to_owned(), ..base.clone() };
    for _ in 0..=rng.below(4) {
        let before = contract.clone();
        turn(rng, &mut contract);
        if contract.validate().is_err() {
            contract = before;
        }
    }
    contract
}

/// Turns one knob.
fn turn(rng: &mut Rng, contract: &mut Contract) {
    let sector = contract.logical_bytes;
    match rng.below(13) {
        0 => {
            let bytes = [512, 4096][rng.below(2) as usize];
            let own = contract.atomic_bytes == sector;
            contract.logical_bytes = bytes;
            contract.physical_bytes = contract.physical_bytes.max(bytes);
            contract.page_bytes = contract.page_bytes.max(bytes);
            contract.atomic_bytes = if own { bytes } else { contract.atomic_bytes.max(bytes) };
        }
        1 => contract.physical_bytes = [sector, 4096][rng.below(2) as usize],
        2 => {
            let atomic = [sector, 2 * sector, 4096.max(sector), u32::MAX];
            contract.atomic_bytes = atomic[rng.below(4) as usize];
        }
        3 => contract.page_bytes = [sector, 4096.max(sector)][rng.below(2) as usize],
        4 => {
            let shapes = [TearShape::Prefix, TearShape::PrefixOrSuffix, TearShape::Any];
            contract.tear_shape = shapes[rng.below(3) as usize];
        }
        5 => {
            // Four granules at most: each mixture is an option of every sector that is read.
            let granule = sector >> (1 + rng.below(2));
            let inner = [InnerTear::Never, InnerTear::Linear(granule), InnerTear::Any(granule)];
            contract.inner_tear = inner[rng.below(3) as usize];
            contract.damage_max = contract.damage_max.max(1);
        }
        6 => {
            let set = rng.below(16);
            contract.torn = TornContents {
                unreadable: set & 1 != 0,
                zeros: set & 2 != 0,
                ones: set & 4 != 0,
                garbage: set & 8 != 0,
                ..TornContents::default()
            };
            contract.damage_max = contract.damage_max.max(1);
        }
        7 => contract.damage_max = [0, 1, 2, DAMAGE_UNBOUNDED][rng.below(4) as usize],
        8 => contract.neighbours = rng.below(2) == 0,
        9 => {
            let orders = [
                CacheOrder::WriteThrough,
                CacheOrder::Prefix,
                CacheOrder::Window(1 << rng.below(5)),
                CacheOrder::Epoch,
                CacheOrder::Any,
            ];
            // All are made before one is taken: the same draws, whichever it is.
            contract.order = orders[rng.below(5) as usize];
        }
        10 => {
            let flushes = [Flush::Honoured, Flush::BarrierOnly, Flush::Ignored];
            contract.flush = flushes[rng.below(3) as usize];
        }
        11 => contract.fua = [Fua::Native, Fua::PostFlush, Fua::Ignored][rng.below(3) as usize],
        _ => match rng.below(2) {
            0 => contract.bit_flips = rng.below(2),
            _ => contract.latent_errors = rng.below(2),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::presets;

    #[test]
    fn every_varied_contract_validates_and_every_knob_is_turned() {
        let mut rng = Rng::new(3);
        let presets: Vec<_> = presets::all().into_iter().map(|preset| preset.contract).collect();
        let mut turned = std::collections::BTreeSet::new();
        for number in 0..20_000 {
            let base = &presets[number % presets.len()];
            let contract = vary(&mut rng, base);
            assert_eq!(contract.validate(), Ok(()), "{contract:?}");
            let knobs = |c: &Contract| serde_json::to_value(c).unwrap();
            let (one, other) = (knobs(base), knobs(&contract));
            for (knob, value) in one.as_object().unwrap() {
                if other[knob] != *value {
                    turned.insert(knob.clone());
                }
            }
        }
        assert_eq!(turned.len(), 15, "{turned:?}");
    }
}
