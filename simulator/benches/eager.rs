//! What laziness buys: every image on the one hand, the tree of a proof on the other.
//!
//! Method. Entries pending in one commit, on a cache that persists any subset. Both sides run recovery
//! and all oracles, in one process, in turns; processor time, medians of the turns. Both must find the same outcomes, or
//! this fails. `tests/eager.rs` holds them to that on more devices, and is not timed.
//!
//! ```text
//! cargo bench -p simulator --bench eager          up to 12 pending entries
//! cargo bench -p simulator --bench eager -- 16    up to 16
//! ```

use journal_core::formats::Format;
use simulator::journals::{self, Row, Visitor};

#[path = "support/clock.rs"]
mod clock;
#[path = "support/eagerly.rs"]
mod eagerly;
use clock::{now, seconds_since};
use eagerly::{Outcomes, eagerly, lazily, pending};

const DEVICE: &str = "consumer-nvme-no-plp";
const TURNS: usize = 5;

/// Journals, and bytes of an entry: one for each block of V9, which has 8 of them in flight at most,
/// and about a sector of LevelDB's log.
const JOURNALS: [(&str, u32); 2] = [("v9-512", 240), ("leveldb", 505)];

/// A turn takes so long at least: clocks of processor time may tick in hundredths of a second.
const TURN_SECONDS: f64 = 0.1;

/// How long it takes, and what it finds.
fn timed(of: impl Fn() -> (u64, Outcomes)) -> (f64, u64, Outcomes) {
    let (begun, mut times) = (now(), 0.0);
    loop {
        let (states, outcomes) = of();
        times += 1.0;
        let seconds = seconds_since(&begun);
        if seconds >= TURN_SECONDS {
            return (seconds / times, states, outcomes);
        }
    }
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// `n` entries of so many bytes.
struct Both(u32, u32);

impl Visitor for Both {
    type Out = ();

    fn visit<J: Format>(self, _: Row, options: J::Options) {
        let Both(n, bytes) = self;
        let setup = pending(n, bytes, DEVICE);
        let (mut eager_seconds, mut lazy_seconds) = (Vec::new(), Vec::new());
        let (mut images, mut leaves) = (0, 0);
        for _ in 0..TURNS {
            let (seconds, states, eager) = timed(|| eagerly::<J>(&options, &setup));
            eager_seconds.push(seconds);
            images = states;
            let (seconds, states, lazy) = timed(|| lazily::<J>(&options, &setup));
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

fn main() {
    let most = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(12u32);
    for (name, bytes) in JOURNALS {
        println!("{name} on {DEVICE}, n entries of {bytes} B and one commit");
        println!(
            "{:>3} {:>12} {:>8} {:>12} {:>12} {:>10} {:>10}",
            "n", "images", "leaves", "eager s", "lazy s", "states", "time"
        );
        for n in [4, 8, 10, 12, 14, 16, 18].into_iter().filter(|&n| n <= most) {
            journals::visit(name, Both(n, bytes)).expect("a journal of the list");
        }
    }
}
