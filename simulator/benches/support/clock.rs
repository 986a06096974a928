//! Processor time of this thread, where the system tells it; wall time elsewhere. On a shared machine
//! a wall clock measures the neighbours.

use std::time::Instant;

/// A moment.
pub enum Moment {
    /// Nanoseconds that this thread has run.
    Ran(u64),
    /// Of a wall clock.
    Wall(Instant),
}

fn ran() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Now.
pub fn now() -> Moment {
    ran().map_or_else(|| Moment::Wall(Instant::now()), Moment::Ran)
}

/// Seconds since then.
pub fn seconds_since(begun: &Moment) -> f64 {
    match begun {
        Moment::Ran(begun) => ran().unwrap_or(*begun).saturating_sub(*begun) as f64 / 1e9,
        Moment::Wall(begun) => begun.elapsed().as_secs_f64(),
    }
}
