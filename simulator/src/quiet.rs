//! Quiet panics: a journal that panics is a result, not a message on the terminal.
//!
//! The one idea: one process-wide hook that asks a thread-local flag whether this panic is expected
//! to be caught, and hands all others on.

use std::cell::Cell;
use std::sync::Once;

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

static INSTALL: Once = Once::new();

/// Runs `what` with panics of this thread kept off the terminal.
pub fn quietly<T>(what: impl FnOnce() -> T) -> T {
    INSTALL.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                before(info);
            }
        }));
    });
    let outer = EXPECTED.replace(true);
    let result = what();
    EXPECTED.set(outer);
    result
}
