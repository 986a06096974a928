//! Quiet panics: a journal that panics is a result, not a message on the terminal.
//!
//! The one idea: one process-wide hook that asks a thread-local flag whether this panic is expected
//! to be caught, and hands all others on.
//!
//! Invariant: a panic of the disk or of who answers it is never taken for one of the journal that asked:
//! it would be an entry in somebody else's account. It is told, and goes on.
//!
//! What it is not: a sandbox.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
    static OURS: Cell<bool> = const { Cell::new(false) };
}

static INSTALL: Once = Once::new();

/// Runs what may panic in foreign code with such panics kept off the terminal, and catches them; one of
/// our own goes on.
pub fn caught<T>(what: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    INSTALL.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let ours = info.location().is_some_and(|at| is_ours(at.file()));
            OURS.set(ours);
            if ours || !EXPECTED.get() {
                before(info);
            }
        }));
    });
    let outer = EXPECTED.replace(true);
    OURS.set(false);
    let result = catch_unwind(AssertUnwindSafe(what));
    EXPECTED.set(outer);
    result.map_err(|panic| if OURS.get() { resume_unwind(panic) } else { panic })
}

/// Whether a source file is of those that answer a journal.
fn is_ours(file: &str) -> bool {
    let folder = file!().trim_end_matches("quiet.rs");
    let inside = file.strip_prefix(folder).unwrap_or_default();
    inside.starts_with("disk") || inside.starts_with("choose")
}

/// Stops a journal that does not stop by itself.
pub fn stop(why: &str) -> ! {
    panic!("{why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Rng;

    #[test]
    fn a_panic_of_a_journal_is_caught_and_one_of_the_disk_goes_on() {
        assert!(is_ours(&file!().replace("quiet.rs", "disk/live/asking.rs")));
        assert!(!is_ours(file!()) && !is_ours("src/disk.rs") && !is_ours("/other/disk/mod.rs"));
        assert!(caught(|| panic!("of a journal")).is_err());
        assert!(caught(|| stop("of a journal that reads without end")).is_err());
        let no_such_number = || Rng::new(1).below_big(&0u32.into());
        let ours = || caught(no_such_number).map_err(|_| "taken for one of a journal");
        assert!(catch_unwind(ours).is_err(), "told, and goes on");
        assert_eq!(caught(|| 1).ok(), Some(1), "and all goes on");
    }
}
