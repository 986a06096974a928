//! What disk and enumerator once disagreed on, each told as a story: the trace, what the disk said,
//! and why that was wrong.
//!
//! Invariant: each of these failed before the fix that it came with.

use simulator::disk::contract::{CacheOrder, Contract, Flush};

use crate::told::{SECTOR, assert_images, base};

/// 1. Two sectors are written at address 1, on a device whose atomic unit is four sectors.
/// 2. The disk took them for atomic, since they lie within one aligned window of four.
/// 3. Hosts promise that for naturally aligned commands only (a power of two of sectors at a
///    multiple of its length), so a journal that leans on the window was called safe.
#[test]
fn a_command_that_is_not_naturally_aligned_is_not_atomic() {
    let contract = Contract { atomic_bytes: 4 * SECTOR, ..base() };
    assert_images(&contract, 4, "*ab@1", &[". . . .", ". a . .", ". . b .", ". a b ."]);
    assert_images(&contract, 4, "*ab@2", &[". . . .", ". . a b"]);
    // Three sectors are no power of two.
    let three = ["a . .", ". b .", ". . c", "a b .", "a . c", ". b c", "a b c", ". . ."];
    assert_images(&contract, 3, "*abc@0", &three);
}

/// 1. A barrier device (order `epoch`) has its flushes dropped, as the teeth control does it.
/// 2. `a` is written, flushed, and then `b`.
/// 3. The disk still kept the two apart, as if the flush had been a barrier: no crash state had `b`
///    without `a`, and a journal on this device could not fail its teeth control.
#[test]
fn an_ignored_flush_is_no_barrier_even_in_epoch_order() {
    let kept = Contract { order: CacheOrder::Epoch, flush: Flush::BarrierOnly, ..base() };
    assert_images(&kept, 2, "a@0 | flush | b@1", &[". .", "a .", "a b"]);
    assert_images(&kept.without_flush(), 2, "a@0 | flush | b@1", &[". .", "a .", "a b", ". b"]);
}
