//! What laziness buys: every image on the one hand, the tree of a proof on the other.
//!
//! Method. `n` entries pending in one commit, in blocks of a sector each (v9-512) and in blocks of
//! eight (v9-4096), on a cache that persists any subset. Both sides run recovery and all oracles, in
//! one process, in turns; medians of the turns. Both must find the same outcomes, or this fails.
//! `tests/eager.rs` holds them to that on more devices, and is not timed.
//!
//! ```text
//! cargo bench -p simulator --bench eager          4 to 14 pending entries
//! cargo bench -p simulator --bench eager -- 18    up to 18
//! ```

use std::time::Instant;

use journal_core::rfc::{RfcJournal, RfcOptions, Strategy};

#[path = "support/eagerly.rs"]
mod eagerly;
use eagerly::{Outcomes, eagerly, lazily, pending};

const DEVICE: &str = "consumer-nvme-no-plp";
/// One entry for each block of 512 bytes.
const BYTES: u32 = 400;
const TURNS: usize = 5;

fn timed(of: impl FnOnce() -> (u64, Outcomes)) -> (f64, u64, Outcomes) {
    let begun = Instant::now();
    let (states, outcomes) = of();
    (begun.elapsed().as_secs_f64(), states, outcomes)
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn main() {
    let most = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(14u32);
    let options = RfcOptions { strategy: Strategy::named("v9-512").expect("a rung") };
    println!("v9-512 on {DEVICE}, n entries of {BYTES} B pending, each in a block of its own");
    println!(
        "{:>3} {:>12} {:>8} {:>12} {:>12} {:>10} {:>10}",
        "n", "images", "leaves", "eager s", "lazy s", "states", "time"
    );
    for n in [4, 6, 8, 10, 12, 14, 16, 18, 20].into_iter().filter(|&n| n <= most) {
        let setup = pending(n, BYTES, DEVICE);
        let (mut eager_seconds, mut lazy_seconds) = (Vec::new(), Vec::new());
        let (mut images, mut leaves) = (0, 0);
        for _ in 0..TURNS {
            let (seconds, states, eager) = timed(|| eagerly::<RfcJournal>(&options, &setup));
            eager_seconds.push(seconds);
            images = states;
            let (seconds, states, lazy) = timed(|| lazily::<RfcJournal>(&options, &setup));
            lazy_seconds.push(seconds);
            leaves = states;
            assert_eq!(eager, lazy, "{n} pending: both must find the same");
        }
        let (eager, lazy) = (median(eager_seconds), median(lazy_seconds));
        println!(
            "{n:>3} {images:>12} {leaves:>8} {eager:>12.6} {lazy:>12.6} {:>9.0}x {:>9.0}x",
            images as f64 / leaves as f64,
            eager / lazy
        );
    }
}
