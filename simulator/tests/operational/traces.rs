//! Traces, contracts and reader programs, drawn at random from a seed and printed for people.
//!
//! The one idea: small and crowded. Devices of a few sectors, commands that overlap, contents from
//! a small palette that also holds what torn sectors look like (zeros, ones, the fill), so that
//! different histories often give equal bytes and a wrong merge is seen.
//!
//! Invariant: everything follows from the seed.

use std::fmt;

use journal_core::{Checksum, Claim};
use simulator::choose::Rng;
use simulator::disk::Fill;
use simulator::disk::contract::{
    CacheOrder, Contract, DAMAGE_UNBOUNDED, Flush, Fua, InnerTear, TearShape, TornContents,
};

/// One write command: consecutive sectors.
#[derive(Clone, PartialEq, Eq)]
pub struct Cmd {
    pub lba: usize,
    pub data: Vec<Vec<u8>>,
    pub fua: bool,
}

/// One device call that changes something.
#[derive(Clone, PartialEq, Eq)]
pub enum Call {
    Write(Vec<Cmd>),
    Flush,
    Discard { lba: usize, sectors: usize },
}

/// What one life after a cut does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Actions of the program.
    pub steps: u32,
    /// The call (counted in this life) during which the power goes; beyond the last: after all.
    pub cut: u32,
    /// Reads every sector once, in some order, and does nothing else.
    pub full_read: bool,
}

/// A question for a checksum, over bytes `from..to` of some sectors, without a hole in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub lba: usize,
    pub sectors: usize,
    /// Bytes from the start of the first sector.
    pub from: usize,
    pub to: usize,
    /// Bytes between, taken as one byte instead.
    pub hole: Option<(usize, usize)>,
    pub sum: Checksum,
    pub expected: u64,
    /// What the sectors are claimed to come to, from `from` to the end of the last.
    pub claimed: u64,
    /// What is claimed is stored in the last bytes of the sectors.
    pub behind: bool,
}

impl Ask {
    /// What stands before everything that is summed, and in the hole.
    pub const GIVEN: &'static [u8] = &[7];

    /// The checksum from `from` on, if the sectors hold this.
    pub fn of_all(&self, content: &[u8]) -> u64 {
        self.sum.of(&[Ask::GIVEN, &content[self.from..]])
    }

    /// What a head may claim, with sectors of so many bytes.
    pub fn claim(&self, bytes: usize) -> Claim {
        let from = (self.lba * bytes + self.from) as u64;
        let to = ((self.lba + self.sectors) * bytes) as u64;
        if self.behind {
            let to = to - self.sum.bytes() as u64;
            return Claim::stored_behind(self.sum, &[Ask::GIVEN], from..to);
        }
        Claim::new(self.sum, self.claimed, &[Ask::GIVEN], from..to)
    }

    /// The checksum if the sectors hold this.
    pub fn of(&self, content: &[u8]) -> u64 {
        let (first, second) = self.hole.unwrap_or((self.to, self.to));
        self.sum.of(&[
            Ask::GIVEN,
            &content[self.from..first],
            Ask::GIVEN,
            &content[second..self.to],
        ])
    }
}

/// A reader: what it does in each life after the first cut. The last life is not cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub seed: u64,
    /// Whether the next action depends on what was read so far.
    pub adaptive: bool,
    pub lives: Vec<Plan>,
    /// What it may ask instead of reading; a program without any asks nothing.
    pub asks: Vec<Ask>,
}

/// A case: a device, the calls of its first life, where the power goes, and the reader after it.
#[derive(Clone, PartialEq, Eq)]
pub struct Case {
    pub contract: Contract,
    pub sectors: usize,
    pub fill: Fill,
    pub calls: Vec<Call>,
    pub cut: usize,
    pub program: Program,
}

/// A number made of several, well mixed.
pub fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9E37_79B9_7F4A_7C15, |hash, part| {
        let mut h = (hash ^ part).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        h ^= h >> 29;
        h = h.wrapping_mul(0x94D0_49BB_1331_11EB);
        h ^ (h >> 32)
    })
}

/// One of `all`.
pub fn one_of<T: Clone>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.below(all.len() as u32) as usize].clone()
}

/// The content of one sector from a palette in which equal contents are frequent.
pub fn content(draw: u64, bytes: usize) -> Vec<u8> {
    let last = |byte: u8| (0..bytes).map(|i| if i + 1 == bytes { byte } else { 0 }).collect();
    match draw % 10 {
        0 => vec![0; bytes],
        1 => vec![0xFF; bytes],
        // Granules that agree with zeros or ones in part: mixes that coincide.
        2 => (0..bytes).map(|i| if i < bytes / 2 { 0 } else { 0xFF }).collect(),
        3 => (0..bytes).map(|i| if i < bytes / 2 { 0xFF } else { 0 }).collect(),
        4 => vec![0xA5; bytes],
        5 => (0..bytes).map(|i| if i < bytes / 4 { 0xA5 } else { 0x5A }).collect(),
        // One or two flipped bits away from zeros.
        6 => last(1),
        7 => last(if draw >> 8 & 1 == 0 { 2 } else { 3 }),
        _ => (0..bytes as u64).map(|i| mix(&[draw >> 8 & 3, i]) as u8).collect(),
    }
}

/// One write command somewhere on the device.
pub fn command(draw: &mut dyn FnMut() -> u64, sectors: usize, bytes: usize, fua: bool) -> Cmd {
    let long = [1, 1, 1, 2, 2, 3, 4][(draw() % 7) as usize].min(sectors);
    let lba = (draw() % (sectors - long + 1) as u64) as usize;
    let data = (0..long).map(|_| content(draw(), bytes)).collect();
    Cmd { lba, data, fua }
}

/// The calls of a first life with about so many commands.
pub fn calls(rng: &mut Rng, commands: u32, sectors: usize, bytes: usize) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut left = commands;
    while left > 0 {
        match rng.below(9) {
            0 | 1 => calls.push(Call::Flush),
            2 => {
                let lba = rng.below(sectors as u32) as usize;
                let sectors = 1 + rng.below((sectors - lba).min(2) as u32) as usize;
                calls.push(Call::Discard { lba, sectors });
                left -= 1;
            }
            _ => {
                let n = (1 + rng.below(3) / 2 + rng.below(6) / 5).min(left);
                let commands = (0..n).map(|_| {
                    let fua = rng.below(4) == 0;
                    command(&mut || rng.draw(), sectors, bytes, fua)
                });
                calls.push(Call::Write(commands.collect()));
                left -= n;
            }
        }
    }
    calls
}

/// A contract with every knob drawn.
pub fn contract(rng: &mut Rng) -> Contract {
    let logical = one_of(rng, &[8u32, 8, 8, 16]);
    let granule = logical / one_of(rng, &[2u32, 2, 4]);
    let window = CacheOrder::Window(1 + rng.below(4));
    let any = CacheOrder::Any;
    let paged = rng.below(8) == 0;
    let mut contract = Contract {
        logical_bytes: logical,
        physical_bytes: logical * one_of(rng, &[1, 2, 2, 4]),
        atomic_bytes: one_of(rng, &[logical, logical, 2 * logical, 4 * logical, u32::MAX]),
        page_bytes: logical,
        tear_shape: one_of(
            rng,
            &[TearShape::Prefix, TearShape::PrefixOrSuffix, TearShape::Any, TearShape::Any],
        ),
        inner_tear: one_of(
            rng,
            &[
                InnerTear::Never,
                InnerTear::Never,
                InnerTear::Linear(granule),
                InnerTear::Any(granule),
            ],
        ),
        torn: torn(rng.below(16) & rng.below(16)),
        damage_max: one_of(rng, &[0, 0, 1, 1, 2, DAMAGE_UNBOUNDED]),
        neighbours: rng.below(3) == 0,
        order: one_of(
            rng,
            &[
                any,
                any,
                window,
                window,
                CacheOrder::Prefix,
                CacheOrder::Epoch,
                CacheOrder::WriteThrough,
            ],
        ),
        flush: one_of(rng, &[Flush::Honoured, Flush::BarrierOnly, Flush::Ignored]),
        fua: one_of(rng, &[Fua::Native, Fua::PostFlush, Fua::Ignored]),
        bit_flips: u32::from(rng.below(12) == 0),
        latent_errors: u32::from(rng.below(10) == 0),
        ..Contract::base("drawn")
    };
    later_knobs(rng, &mut contract);
    if paged {
        contract.page_bytes = logical * one_of(rng, &[2, 4]);
        contract.damage_max = 0;
        contract.atomic_bytes = logical;
        if contract.order != CacheOrder::WriteThrough {
            contract.order = any;
        }
        if contract.flush == Flush::BarrierOnly {
            contract.flush = Flush::Ignored;
        }
    }
    contract
}

/// Draws the knobs that most contracts leave alone.
fn later_knobs(rng: &mut Rng, contract: &mut Contract) {
    contract.rollback_max = [1, 1, 2, 0, 0, 0, 0, 0, 0, 0][rng.below(10) as usize];
    contract.lost_writes_max = [1, 1, 2, 0, 0, 0, 0, 0, 0, 0][rng.below(10) as usize];
    contract.late_calls = [1, 2, 4, 0, 0, 0, 0, 0, 0, 0][rng.below(10) as usize];
    contract.torn.stale = rng.below(8) == 0;
    if contract.neighbours && rng.below(4) == 0 {
        contract.domain_bytes = 4 * contract.logical_bytes;
    }
    if rng.below(8) == 0 {
        lines(rng, contract);
    }
}

/// Makes the sectors cache lines, and what does not go with that kind.
pub fn lines(rng: &mut Rng, contract: &mut Contract) {
    contract.store_bytes = contract.logical_bytes / one_of(rng, &[2, 4, 8]);
    (contract.damage_max, contract.atomic_bytes) = (0, contract.logical_bytes);
    (contract.tear_shape, contract.page_bytes) = (TearShape::Any, contract.logical_bytes);
    if contract.order != CacheOrder::WriteThrough {
        contract.order = CacheOrder::Any;
    }
    if contract.flush == Flush::BarrierOnly {
        contract.flush = Flush::Honoured;
    }
}

/// The torn contents of a bit mask.
pub fn torn(mask: u32) -> TornContents {
    TornContents {
        unreadable: mask & 1 != 0,
        zeros: mask & 2 != 0,
        ones: mask & 4 != 0,
        garbage: mask & 8 != 0,
        stale: mask & 16 != 0,
    }
}

/// A reader of `lives` lives.
pub fn program(rng: &mut Rng, lives: u32) -> Program {
    let plan = |rng: &mut Rng, last: bool| Plan {
        steps: if last { 3 + rng.below(4) } else { 1 + rng.below(5) },
        cut: rng.below(4),
        full_read: rng.below(if last { 2 } else { 6 }) == 0,
    };
    Program {
        seed: rng.draw(),
        adaptive: rng.below(4) != 0,
        lives: (1..=lives).map(|life| plan(rng, life == lives)).collect(),
        asks: Vec::new(),
    }
}

/// A case under a contract, or under one drawn with it. Of one life where bits flip, which has many images.
pub fn case(seed: u64, change: &dyn Fn(&mut Contract, &mut Rng)) -> Case {
    let lives = |contract: &Contract, rng: &mut Rng| match contract.bit_flips {
        0 => 1 + rng.below(3),
        _ => 1,
    };
    case_of(seed, change, &lives)
}

/// The same of as many lives as are drawn.
pub fn case_of(
    seed: u64,
    change: &dyn Fn(&mut Contract, &mut Rng),
    lives: &dyn Fn(&Contract, &mut Rng) -> u32,
) -> Case {
    let mut rng = Rng::new(seed);
    let mut contract = contract(&mut rng);
    change(&mut contract, &mut rng);
    let at_rest = contract.damages_at_rest();
    // Where one trace has many images, a small one: most must be small enough to write out.
    let heavy = contract.damage_max > 1 || contract.damage_bytes() > 2 * contract.logical_bytes;
    let (more_sectors, more_commands) = match (at_rest, heavy || contract.goes_back()) {
        (true, _) => (1, 3),
        (false, true) => (2, 4),
        (false, false) => (4, 5),
    };
    let sectors = 3 + rng.below(more_sectors) as usize;
    let commands = 1 + rng.below(more_commands);
    let calls = calls(&mut rng, commands, sectors, contract.logical_bytes as usize);
    let cut = match rng.below(3) {
        0 => rng.below(calls.len() as u32 + 1) as usize,
        1 => calls.len() - 1,
        _ => calls.len(),
    };
    let lives = lives(&contract, &mut rng);
    let program = program(&mut rng, lives);
    let fill = one_of(&mut rng, &[Fill::Zeros, Fill::Ones, Fill::Noise]);
    Case { contract, sectors, fill, calls, cut, program }
}

/// Bytes for people: names for the palette's plain ones, hexadecimal for the rest.
pub fn show(bytes: &[u8]) -> String {
    match bytes.first() {
        Some(0) if bytes.iter().all(|&b| b == 0) => "zeros".to_owned(),
        Some(0xFF) if bytes.iter().all(|&b| b == 0xFF) => "ones".to_owned(),
        _ => bytes.iter().map(|b| format!("{b:02x}")).collect(),
    }
}

impl fmt::Debug for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data: Vec<String> = self.data.iter().map(|d| show(d)).collect();
        write!(f, "@{} [{}]{}", self.lba, data.join(" "), if self.fua { " FUA" } else { "" })
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Write(commands) => write!(f, "write {commands:?}"),
            Call::Flush => write!(f, "flush"),
            Call::Discard { lba, sectors } => write!(f, "discard @{lba} {sectors} sectors"),
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.contract)?;
        writeln!(f, "{} sectors of {:?}", self.sectors, self.fill)?;
        for (i, call) in self.calls.iter().enumerate() {
            let cut = if i == self.cut { "  <- power cut" } else { "" };
            writeln!(f, "  call {i}: {call:?}{cut}")?;
        }
        if self.cut >= self.calls.len() {
            writeln!(f, "  power cut")?;
        }
        write!(f, "{:?}", self.program)
    }
}
