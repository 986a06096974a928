//! Ctrl-C: the first one asks for an end, the second one is the end. SIGTERM and SIGHUP, by which batch
//! systems and terminals ask, are the same.
//!
//! The one idea: a flag that long commands look at between pieces of work, so that what was found
//! so far is still reported.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use simulator::explore::Outside;

static STOP: AtomicBool = AtomicBool::new(false);

/// Leaves of the searches that were told to count them.
pub static LEAVES: AtomicU64 = AtomicU64::new(0);

/// Listens from now on. Where that cannot be (no signals, or another listener), Ctrl-C ends the
/// program at once, as it does by default.
pub fn listen() {
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(super::exit::Exit::Interrupted as i32);
        }
        super::screen::remark("\ninterrupted: finishing what was begun, once more to quit at once");
    });
}

/// Whether an end was asked for.
pub fn stopped() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// The same, for a search; its leaves are counted.
pub fn outside() -> Outside {
    Outside { stop: Some(&STOP), leaves: Some(&LEAVES) }
}
