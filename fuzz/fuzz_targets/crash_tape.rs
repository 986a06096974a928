//! A journal on a device through crashes, all of it from bytes: see `simulator::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| simulator::fuzzing::crash_tape(data));
